//! From a message to the handler of its type, and from what that returns to an answer.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use eventsmith_event::envelope::{BorrowedEnvelope, Envelope, EnvelopeError, parse_version};
use eventsmith_event::event::{Idempotent, Kind, Reply, Request};
use eventsmith_event::filter;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tower::{Service, ServiceExt};

use super::answer::{Answer, Outcome};
use super::refusal::{Parts, Refusal};
use crate::bus::Bus;
use crate::consumer::confine::{in_words, panic_text};
use crate::environment;
use crate::handler::{Asked, Context, Origin, Received, Trace};
use crate::request::protocol;
use crate::transport::{Headers, LiveMessage, Message};

/// What is common to all requests of one type.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) kind: Kind,
    pub(super) event_type: &'static str,
    pub(super) version: u32,
    pub(super) subject: &'static str,
    /// The schemas of the request, its reply and its refusals.
    pub(super) schemas: [&'static str; 3],
    pub(super) idempotent: Option<Idempotent>,
    call: Call,
}

/// Decodes the payload, which it does not keep, and returns the handler's work.
type Call = Arc<dyn Fn(Context, &[u8]) -> Result<PendingAnswer, Answer> + Send + Sync>;

/// A handler at work; its panics are an answer, too.
pub(super) type PendingAnswer = BoxFuture<'static, Answer>;

/// A message taken apart.
pub(super) struct Opened<'a> {
    version: u32,
    pub(super) data: &'a [u8],
    /// Whether all of the message was looked at, and `data` is the payload for sure.
    is_complete: bool,
    /// Whether there is no envelope around the payload.
    is_bare: bool,
    trace: Trace,
}

impl<'a> Opened<'a> {
    /// Takes apart what is meant for a route. A message without our headers whose body is no envelope is the payload alone, of the
    /// newest version: so whoever knows nothing of us asks.
    pub(super) fn of(message: &'a Message, route: &Route) -> Result<Self, Answer> {
        Self::read(message, route, BorrowedEnvelope::read(&message.payload))
    }

    fn read(
        message: &'a Message,
        route: &Route,
        envelope: Result<BorrowedEnvelope<'a>, EnvelopeError>,
    ) -> Result<Self, Answer> {
        let (headers, payload) = (&message.headers, &message.payload);
        let trace = Trace::of(headers);
        let wire = headers.of_wire().wire();
        if wire.is_cloud_event() {
            let text =
                format!("the message is {}, and requests are answered on the plain wire alone", wire.described());
            return Err(Answer::error(Outcome::Invalid, protocol::INVALID, text));
        }
        let named = (headers.get(Headers::TYPE), headers.get(Headers::VERSION));
        let unknown = |text: String| Answer::error(Outcome::Invalid, protocol::UNKNOWN, text);
        let is_bare = envelope.is_err();
        let (event_type, version, data, is_complete) = match envelope {
            Ok(BorrowedEnvelope { event_type, version, data, is_complete, .. }) => {
                (event_type, version, data.as_bytes(), is_complete)
            }
            Err(_) if named == (None, None) => (Cow::Borrowed(route.event_type), route.version, &payload[..], true),
            Err(error) => return Err(Answer::error(Outcome::Invalid, protocol::INVALID, error)),
        };
        let event_type = named.0.map_or(event_type, Cow::Borrowed);
        if event_type != route.event_type {
            return Err(unknown(format!(
                "{} is answered here, and this says that it is another type",
                route.event_type
            )));
        }
        let version = match named.1 {
            None => version,
            Some(text) => {
                parse_version(text).ok_or_else(|| unknown(format!("the header {} is no version", Headers::VERSION)))?
            }
        };
        Ok(Self { version, data, is_complete, is_bare, trace })
    }
}

impl Route {
    pub(super) fn new<R, S>(service: S) -> Self
    where
        R: Request,
        S: Service<Received<R>, Response = R::Reply> + Clone + Send + 'static,
        S::Error: Into<Refusal<R::Error>> + Send,
        S::Future: Send + 'static,
    {
        // A service need not be `Sync`; it is only ever cloned here.
        let service = Arc::new(Mutex::new(service));
        let call = move |context: Context, data: &[u8]| {
            let request = R::decode(context.version, data).map_err(|error| Answer::undecodable(&error))?;
            let (service, received) = (Arc::clone(&service), Received::new(request, context));
            // All that is the user's is in here, so that none of its panics gets out.
            let work = async move {
                let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match service.oneshot(received).await {
                    Ok(reply) => replied(&reply, Answer::reply),
                    Err(error) => match error.into().into_parts() {
                        Parts::Refused(reason) => replied(&reason, Answer::refused),
                        Parts::Failed { error, is_passing: true, retry_after } => {
                            Answer::unavailable(retry_after, in_words(error))
                        }
                        Parts::Failed { error, .. } => Answer::failed(in_words(error)),
                    },
                }
            };
            let caught = AssertUnwindSafe(work).catch_unwind();
            Ok(caught.map(|ended| ended.unwrap_or_else(panicked)).boxed())
        };
        Self {
            kind: R::KIND,
            event_type: R::TYPE,
            version: R::VERSION,
            subject: R::SUBJECT,
            schemas: [R::SCHEMA, R::Reply::SCHEMA, R::Error::SCHEMA],
            idempotent: R::IDEMPOTENT,
            call: Arc::new(call),
        }
    }

    /// Whether a request on this subject is for this route.
    pub(super) fn is_for(&self, subject: &str) -> bool {
        self.subject == subject || filter::covers(self.subject, subject)
    }

    /// The id of a request, by which its answer is kept; nothing for one that has none.
    pub(super) fn id_of(message: &Message) -> Option<String> {
        match message.headers.get(Headers::ID).filter(|id| !id.is_empty()) {
            Some(id) => Some(id.to_owned()),
            None => Envelope::read(&message.payload).ok().map(|(envelope, _)| envelope.id),
        }
    }

    /// The envelope of a request that came without. Its id is that of the message, where it has one, so that a handler can tell one
    /// request from another.
    fn envelope_of(&self, live: &LiveMessage, version: u32) -> Envelope {
        let id = live.message.headers.get(Headers::ID).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| environment::new_id().to_string(), ToOwned::to_owned);
        Envelope::bare(id, self.event_type, version, &live.message.subject, environment::now().into())
    }

    /// Begins to handle a request.
    pub(super) fn call(
        &self,
        opened: Opened<'_>,
        live: &LiveMessage,
        asked: &Asked,
        bus: &Bus,
    ) -> Result<PendingAnswer, Answer> {
        let is_complete = opened.is_complete;
        match self.call_with(opened, live, asked, bus) {
            Err(answer) if answer.outcome == Outcome::Invalid && !is_complete => {
                let envelope = BorrowedEnvelope::read_completely(&live.message.payload);
                self.call_with(Opened::read(&live.message, self, envelope)?, live, asked, bus)
            }
            called => called,
        }
    }

    fn call_with(
        &self,
        opened: Opened<'_>,
        live: &LiveMessage,
        asked: &Asked,
        bus: &Bus,
    ) -> Result<PendingAnswer, Answer> {
        let envelope =
            if opened.is_bare { OnceLock::from(self.envelope_of(live, opened.version)) } else { OnceLock::new() };
        let context = Context {
            event_type: self.event_type,
            subject: match &live.message.subject {
                subject if *subject == self.subject => Cow::Borrowed(self.subject),
                subject => subject.clone(),
            },
            version: opened.version,
            envelope,
            raw: live.message.payload.clone(),
            trace: opened.trace.clone(),
            bus: bus.clone(),
            origin: Origin::Asked(asked.clone()),
        };
        // Decoding runs the user's code, too: upcasts.
        catch_unwind(AssertUnwindSafe(|| (self.call)(context, opened.data)))
            .unwrap_or_else(|panic| Err(panicked(panic)))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.event_type, self.subject)
    }
}

/// The answer that carries a payload, which must be valid: nobody could read it otherwise.
fn replied<T: Reply + Serialize>(payload: &T, answer: impl FnOnce(Vec<u8>) -> Answer) -> Answer {
    if let Err(invalid) = payload.validate() {
        return Answer::failed(format!("what the handler returned is invalid: {invalid}")).masking(&invalid).cut_off();
    }
    match serde_json::to_vec(payload) {
        Ok(payload) => answer(payload),
        Err(error) => Answer::failed(format!("what the handler returned cannot be written as JSON: {error}")).cut_off(),
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Answer {
    Answer::failed(format!("the handler panicked: {}", panic_text(panic))).cut_off()
}
