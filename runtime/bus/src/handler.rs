//! What a handler returns, and what it is given.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{fmt, iter};

use bytes::Bytes;
use eventsmith_event::clip::head;
use eventsmith_event::envelope::Envelope;
use eventsmith_event::event::{Event, Request};
use eventsmith_event::wire::Wire;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::bus::Bus;
use crate::observe::TraceContext;
use crate::publish::{PublishError, PublishOptions, Published};
use crate::request::{RequestError, RequestOptions};
use crate::transport::{Acker, Headers, Message};

/// An event as a handler receives it: the payload, to which it derefs, and the circumstances.
///
/// ```
/// use eventsmith::{Event, HandlerError, Received};
///
/// /// Publishes an answer that carries on the correlation of the event.
/// async fn answered<Asked: Event, Answer: Event>(event: Received<Asked>, answer: Answer) -> Result<(), HandlerError> {
///     println!("{} in attempt {}", event.envelope().id, event.attempt());
///     event.publish(&answer).await?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Received<E> {
    /// In one piece of memory of its own, as it is moved from future to future on its way to the handler.
    event: Box<E>,
    context: Arc<Context>,
}

/// What a received event has beside its payload.
#[derive(Debug)]
pub(crate) struct Context {
    /// What the headers say, or the envelope where there are none.
    pub(crate) event_type: &'static str,
    pub(crate) subject: Cow<'static, str>,
    pub(crate) version: u32,
    pub(crate) envelope: OnceLock<Envelope>,
    pub(crate) raw: Bytes,
    pub(crate) trace: Trace,
    pub(crate) bus: Bus,
    pub(crate) origin: Origin,
}

/// How it came.
#[derive(Debug)]
pub(crate) enum Origin {
    /// From a stream.
    Delivered(Delivered),
    /// From somebody who waits for an answer.
    Asked(Asked),
    /// As it passed by.
    Heard,
    /// From a stream that is read in its order.
    Projected(Place),
}

/// Where an event that a projection reads lies.
///
/// ```
/// use eventsmith::{Event, Received};
///
/// fn tell<E: Event>(event: &Received<E>) {
///     if let Some(place) = event.place() {
///         println!("message {} of {}, stored at {}", place.sequence, place.stream, place.stored);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// Its number in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    is_replay: bool,
}

impl Place {
    #[doc(hidden)]
    pub fn new(stream: Arc<str>, sequence: u64, stored: Timestamp) -> Self {
        Self { stream, sequence, stored, is_replay: false }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn replayed(self, is_replay: bool) -> Self {
        Self { is_replay, ..self }
    }
}

/// An event of a stream.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) attempt: u64,
    pub(crate) replay_of: Option<String>,
    pub(crate) sequence: u64,
    pub(crate) deliveries: u64,
    pub(crate) acker: Arc<dyn Acker>,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Until when the answer is of use.
    pub(crate) deadline: Instant,
    /// How it begins, where its answer is kept: known once it is claimed, before the handler begins.
    pub(crate) begins: Option<Arc<OnceLock<Begins>>>,
}

/// How a request begins whose answer is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begins {
    /// Until when the handler may work.
    pub(crate) latest: Instant,
    /// Whether it may have been begun before.
    pub(crate) was_begun: bool,
}

impl Asked {
    fn begins(&self) -> Option<&Begins> {
        self.begins.as_ref()?.get()
    }
}

/// The trace that a message belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    parent: Option<String>,
    state: Option<String>,
}

impl Trace {
    /// A trace context that can be passed on; one that cannot is no reason to fail what follows.
    pub(crate) fn new(parent: Option<&str>, state: Option<&str>) -> Self {
        let Some(parent) = parent else { return Self::default() };
        let [parent, state] = [Some(parent), state].map(|text| text.map(ToOwned::to_owned));
        let TraceContext { traceparent, tracestate, .. } =
            TraceContext { traceparent: parent, tracestate: state, baggage: None }.passable();
        Self { state: tracestate.filter(|_| traceparent.is_some()), parent: traceparent }
    }

    pub(crate) fn of(headers: &Headers) -> Self {
        Self::new(headers.get(Headers::TRACEPARENT), headers.get(Headers::TRACESTATE))
    }
}

/// The envelope of a message, read now where it is not in the body alone, and later where it is.
pub(crate) fn envelope_cell(message: &Message, wire: Wire, (event_type, version): (&str, u32)) -> OnceLock<Envelope> {
    if wire == Wire::Plain {
        return OnceLock::new();
    }
    match message.envelope() {
        Ok((mut envelope, _)) => {
            event_type.clone_into(&mut envelope.event_type);
            envelope.version = version;
            OnceLock::from(envelope.on(&message.subject))
        }
        Err(_) => OnceLock::new(),
    }
}

impl<E> Received<E> {
    pub(crate) fn new(event: E, context: Context) -> Self {
        Self { event: Box::new(event), context: Arc::new(context) }
    }

    /// The envelope the event came in.
    pub fn envelope(&self) -> &Envelope {
        // Most handlers never ask, so its texts are copied for those that do.
        let Context { event_type, version, raw, .. } = &*self.context;
        self.context.envelope.get_or_init(|| Envelope::reread(raw, event_type, *version))
    }

    /// The subject that the event came on. The server let its publisher write there; what [`Envelope::subject`] and
    /// [`Envelope::source`] say, the publisher was free to write. For an event with a subject template it tells the values
    /// of the template. A replayed event comes on its own subject.
    pub fn subject(&self) -> &str {
        &self.context.subject
    }

    /// The message as it was stored, envelope and all.
    pub fn raw(&self) -> &Bytes {
        &self.context.raw
    }

    /// The bus that the event came over.
    pub fn bus(&self) -> &Bus {
        &self.context.bus
    }

    /// The payload alone.
    pub fn into_event(self) -> E {
        *self.event
    }

    /// Options for an event that is made in answer to this one: its correlation (or, as the first of a chain, its id)
    /// goes on, its id is the causation, and the trace goes on too: from the span in which this is called, where an observer of the bus makes some.
    pub fn follow_up(&self) -> PublishOptions {
        let envelope = self.envelope();
        let Trace { parent, state } = self.context.trace.clone();
        let (traceparent, tracestate) = match self.bus().observers().context(TraceContext::default()) {
            TraceContext { traceparent: Some(present), tracestate, .. } => (Some(present), tracestate),
            TraceContext { .. } => (parent, state),
        };
        PublishOptions {
            correlation_id: Some(envelope.correlation_id.as_ref().unwrap_or(&envelope.id).clone()),
            causation_id: Some(envelope.id.clone()),
            traceparent,
            tracestate,
            ..PublishOptions::default()
        }
    }

    /// Asks a service in answer to this, with its correlation and causation. In the handler of a request, no longer than somebody
    /// waits for its own answer.
    ///
    /// # Errors
    /// As [`Bus::request`].
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Reply, RequestError<R::Error>> {
        let PublishOptions { correlation_id, causation_id, traceparent, tracestate, .. } = self.follow_up();
        let timeout = self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let options = RequestOptions {
            correlation_id,
            causation_id,
            traceparent,
            tracestate,
            timeout,
            ..RequestOptions::default()
        };
        self.bus().request_with(request, options).await
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.context.origin {
            Origin::Asked(asked) => Some(asked.begins().map_or(asked.deadline, |begins| begins.latest)),
            Origin::Delivered(_) | Origin::Heard | Origin::Projected(_) => None,
        }
    }

    /// Publishes an event in answer to this one, with its [`follow_up`](Self::follow_up) options.
    ///
    /// A handler that runs again publishes again, under a new id. Where that matters, give it an id that the incoming
    /// one decides: `event.bus().publish_with(&answer, PublishOptions { id, ..event.follow_up() })`.
    ///
    /// # Errors
    /// As [`Bus::publish`].
    pub async fn publish<F: Event>(&self, event: &F) -> Result<Published, PublishError> {
        self.bus().publish_with(event, self.follow_up()).await
    }
}

/// What only events have. A live event has no attempts and no lease: it came once, and nobody else minds.
impl<E: Event> Received<E> {
    /// An event as a projection reads it.
    #[doc(hidden)]
    pub fn projected(event: E, message: &Message, version: u32, place: Place, bus: &Bus) -> Self {
        let wire = message.headers.of_wire().wire();
        let context = Context {
            event_type: E::TYPE,
            subject: message.subject.clone(),
            version,
            envelope: envelope_cell(message, wire, (E::TYPE, version)),
            raw: message.payload.clone(),
            trace: Trace::of(&message.headers),
            bus: bus.clone(),
            origin: Origin::Projected(place),
        };
        Self::new(event, context)
    }

    /// Whether history runs: a projection makes its read model of events that were stored before it first began, or makes it anew beside
    /// the one that serves. What others notice, such as a mail, is then held back. Never in the handler of a consumer.
    pub fn is_replay(&self) -> bool {
        self.place().is_some_and(|place| place.is_replay)
    }

    /// Where the event lies, if a projection reads it.
    pub fn place(&self) -> Option<&Place> {
        match &self.context.origin {
            Origin::Projected(place) => Some(place),
            Origin::Delivered(_) | Origin::Asked(_) | Origin::Heard => None,
        }
    }

    /// Which attempt this is, counted from 1. An attempt is a run of the handler that began: an event that was delivered
    /// and not run, because its service stopped or lost its connection, has not been tried. Of a run that ended the process
    /// nobody knows, unless it was the last; it is counted if that leaves the event another attempt.
    pub fn attempt(&self) -> u64 {
        self.delivered().map_or(1, |delivered| delivered.attempt)
    }

    /// Orders this run among all that may do the same work: the number of the event in its stream, and of the delivery. A run
    /// whose lease has ended may still have a request on its way while another instance has the event. Let what it writes to
    /// keep the greatest token of each key, or of each event, and refuse a smaller one.
    ///
    /// Tokens of different streams do not compare, nor those of a stream that was deleted and made again.
    ///
    /// ```
    /// use eventsmith::{Event, HandlerError, Received};
    ///
    /// /// Does with one statement: `UPDATE .. SET .., token = $token WHERE key = $key AND token < $token`.
    /// async fn stored<E: Event>(event: Received<E>) -> Result<(), HandlerError> {
    ///     let (sequence, delivery) = event.fencing_token();
    ///     assert!((sequence, delivery) < (sequence, delivery + 1), "a later delivery of the same event");
    ///     assert!((sequence, delivery) < (sequence + 1, 1), "a later event");
    ///     Ok(())
    /// }
    /// ```
    pub fn fencing_token(&self) -> (u64, u64) {
        self.delivered().map_or((0, 0), |delivered| (delivered.sequence, delivered.deliveries))
    }

    /// Whether nobody else can have the event. Where this says no, the server was not heard for almost `ack_wait`: the
    /// handler is dropped at its next `.await`, and the event is left to whoever gets it. Only a handler that blocks, or
    /// works elsewhere, has to ask.
    pub fn has_lease(&self) -> bool {
        self.delivered().is_none_or(|delivered| delivered.acker.lease().is_held(Instant::now()))
    }

    /// The dead letter that this event was replayed from, `STREAM:SEQUENCE`, if it was.
    pub fn replay_of(&self) -> Option<&str> {
        self.delivered()?.replay_of.as_deref()
    }

    fn delivered(&self) -> Option<&Delivered> {
        match &self.context.origin {
            Origin::Delivered(delivered) => Some(delivered),
            Origin::Asked(_) | Origin::Heard | Origin::Projected(_) => None,
        }
    }
}

/// What only requests have.
impl<R: Request> Received<R> {
    /// For how long somebody waits for the answer. After that the handler is dropped at its next `.await`.
    pub fn time_left(&self) -> Duration {
        self.deadline().map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether a service that was lost may have begun this request before, and done a part of it or all. Only for a command whose
    /// schema says `"x-request": {"idempotent": .., "when_lost": "rerun"}`.
    pub fn was_begun(&self) -> bool {
        match &self.context.origin {
            Origin::Asked(asked) => asked.begins().is_some_and(|begins| begins.was_begun),
            _ => false,
        }
    }

    /// The payload alone.
    pub fn into_request(self) -> R {
        *self.event
    }
}

impl<E> Deref for Received<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

/// How many causes of an error are displayed at most: an error may be its own cause.
const MOST_CAUSES: usize = 32;
/// The longest text of an error or of a cause, in characters: more than a dead letter keeps, and as much as a line of a log
/// should have.
pub(crate) const LONGEST_TEXT: usize = 4_000;

/// Why a handler did not handle an event, and whether trying again may help.
///
/// Every error becomes one with `?`, and then means: try again. Like `anyhow::Error` it is no `std::error::Error` itself.
///
/// ```
/// use eventsmith::HandlerError;
///
/// fn amount(text: &str) -> Result<u64, HandlerError> {
///     if text.is_empty() {
///         return Err(HandlerError::reject("an order without an amount"));
///     }
///     Ok(text.parse()?)
/// }
/// assert!(amount("").unwrap_err().is_reject());
/// assert!(!amount("x").unwrap_err().is_reject());
/// ```
pub struct HandlerError {
    pub(crate) advice: Advice,
    pub(crate) source: BoxError,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What to do about a failed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    Retry,
    RetryAfter(Duration),
    Reject,
}

impl HandlerError {
    /// It may go better next time: the event is redelivered, after a delay that grows with each attempt.
    pub fn retry(source: impl Into<BoxError>) -> Self {
        Self { advice: Advice::Retry, source: source.into() }
    }

    /// It will not go better before this much time has passed, for example because another service said so.
    pub fn retry_after(delay: Duration, source: impl Into<BoxError>) -> Self {
        Self { advice: Advice::RetryAfter(delay), source: source.into() }
    }

    /// It will never go better: the event itself is at fault.
    pub fn reject(source: impl Into<BoxError>) -> Self {
        Self { advice: Advice::Reject, source: source.into() }
    }

    /// Whether the event was rejected for good.
    pub fn is_reject(&self) -> bool {
        self.advice == Advice::Reject
    }

    /// What went wrong.
    pub fn source(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.source
    }
}

impl<T: Into<BoxError>> From<T> for HandlerError {
    fn from(source: T) -> Self {
        Self::retry(source)
    }
}

impl fmt::Display for HandlerError {
    /// The error with all its causes, as a log needs it; without those that the text above them repeats already.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = head(LONGEST_TEXT, &self.source);
        f.write_str(&text)?;
        for error in iter::successors(self.source.source(), |error| (*error).source()).take(MOST_CAUSES) {
            let below = head(LONGEST_TEXT, error);
            if !text.contains(&below) {
                write!(f, ": {below}")?;
                text = below;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.advice)
    }
}
