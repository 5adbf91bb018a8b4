//! Observing: what a bus tells of what happens, to whoever listens.
//!
//! A bus without observers pays for none: each place where something could be told asks first whether anybody listens, which is one
//! look at an empty slot. Observers are given what happened as it happens, in the task to which it happens, never in the thread that
//! keeps the connection and renews the leases.

mod component;
mod occurrence;
mod spans;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::Span;

use crate::transport::Headers;

pub use component::{Component, ComponentKind, ComponentState, Figure, FigureKind, StateCell};
pub use occurrence::{MessageType, Occurrence, RunOutcome};
pub use spans::{SpanOf, failed, span};

/// The longest `traceparent` that is passed on, in bytes: the present version has 55, and later ones may have more.
const LONGEST_PARENT: usize = 256;
/// The longest trace state and the longest baggage that are passed on, in bytes: what the specifications of W3C ask for at least.
const LONGEST_STATE: usize = 512;
const LONGEST_BAGGAGE: usize = 8_192;

/// Listens to what happens on a bus: telemetry is one, and the tests of a service may have another. All methods have defaults.
///
/// Methods are called where things happen, between an event and its acknowledgement, so they must be quick and must not block: count,
/// note, or send through a channel. A panic is caught and logged, and changes nothing for the event.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use eventsmith::Bus;
/// use eventsmith::observe::{Observer, Occurrence};
///
/// /// Counts what was dead-lettered.
/// #[derive(Default)]
/// struct DeadLetters(AtomicU64);
///
/// impl Observer for DeadLetters {
///     fn observe(&self, occurrence: &Occurrence<'_>) {
///         if let Occurrence::DeadLettered { .. } = occurrence {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let counter = Arc::new(DeadLetters::default());
/// let bus = Bus::in_memory().observed_by(counter.clone());
/// # drop(bus);
/// assert_eq!(counter.0.load(Ordering::Relaxed), 0);
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, occurrence: &Occurrence<'_>) {
        let _ = occurrence;
    }

    /// There is something that works for long and can be asked how it fares: a connection, a consumer, a service, a projection, a
    /// runner of sagas. Called when it is made, before it runs.
    fn meet(&self, component: &Arc<dyn Component>) {
        let _ = component;
    }

    /// A message came, and the span of what is done about it is about to be made, in this thread. [`incoming`](Self::incoming) follows
    /// at once. Whoever decides which spans are made of all knows by this what the next one is about.
    fn arriving(&self, message: &Incoming<'_>) {
        let _ = message;
    }

    /// A message came, and this is the span of what is done about it, not entered yet. An observer that knows more of spans than
    /// `tracing` does says here what it continues, or is linked to. A span that nobody wants is disabled.
    fn incoming(&self, span: &Span, message: &Incoming<'_>) {
        let _ = (span, message);
    }

    /// A message is about to be sent from within a span: what its headers say of the trace. What stands there is what the caller gave.
    fn outgoing(&self, span: &Span, context: &mut TraceContext) {
        let _ = (span, context);
    }
}

/// A message that came, as far as it matters to its trace.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// All headers of the message.
    pub headers: &'a Headers,
    /// How what is done about it stands to its trace.
    pub relation: Relation,
}

/// How what is done about a message stands to the trace of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relation {
    /// The message is delivered to the consumer for the first time and was not replayed, or is a request: its trace goes on.
    First,
    /// It was delivered before, or was replayed.
    Later,
    /// Somebody looks at it whose own trace goes on: it is a live event, or a dead letter that is replayed.
    Aside,
}

impl Relation {
    /// That of a delivery to a consumer.
    pub fn of_delivery(deliveries: u64, headers: &Headers) -> Self {
        let is_first = deliveries <= 1 && headers.get(Headers::REPLAY_OF).is_none();
        if is_first { Self::First } else { Self::Later }
    }
}

/// The W3C trace context of a message, as its headers have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// The header `traceparent`.
    pub traceparent: Option<String>,
    /// The header `tracestate`.
    pub tracestate: Option<String>,
    /// The header `baggage`.
    pub baggage: Option<String>,
}

impl TraceContext {
    /// What headers say, as far as it can be passed on.
    pub fn of(headers: &Headers) -> Self {
        let get = |name| headers.get(name).map(ToOwned::to_owned);
        let [traceparent, tracestate, baggage] = [Headers::TRACEPARENT, Headers::TRACESTATE, Headers::BAGGAGE].map(get);
        Self { traceparent, tracestate, baggage }.passable()
    }

    /// Without what no header may hold.
    pub(crate) fn passable(self) -> Self {
        let is_line =
            |text: &String, longest| text.len() <= longest && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        Self {
            traceparent: self
                .traceparent
                .filter(|text| text.len() <= LONGEST_PARENT && text.bytes().all(|byte| byte.is_ascii_graphic())),
            tracestate: self.tracestate.filter(|text| is_line(text, LONGEST_STATE)),
            baggage: self.baggage.filter(|text| is_line(text, LONGEST_BAGGAGE)),
        }
    }

    /// Adds the headers to those of a message.
    pub(crate) fn write(self, headers: &mut Headers) {
        let Self { traceparent, tracestate, baggage } = self;
        let all = [(Headers::TRACEPARENT, traceparent), (Headers::TRACESTATE, tracestate), (Headers::BAGGAGE, baggage)];
        for (name, value) in all {
            if let Some(value) = value {
                headers.push(name, value);
            }
        }
    }
}

/// Whoever listens to a bus; nobody, as a rule.
#[derive(Clone, Default)]
pub struct Observers(Option<Arc<[Arc<dyn Observer>]>>);

impl Observers {
    /// The same, and one more.
    #[must_use]
    pub fn and(&self, observer: Arc<dyn Observer>) -> Self {
        let known = self.0.iter().flat_map(|known| known.iter().cloned());
        Self(Some(known.chain([observer]).collect()))
    }

    /// Whether anybody listens: asked before anything is looked up for them.
    pub fn is_listening(&self) -> bool {
        self.0.is_some()
    }

    /// Tells all of them what happened.
    pub fn tell(&self, occurrence: &Occurrence<'_>) {
        self.each(|observer| observer.observe(occurrence));
    }

    /// Tells all of them what there is.
    pub fn introduce(&self, component: &Arc<dyn Component>) {
        self.each(|observer| observer.meet(component));
    }

    /// The span of what is done about a message that came, which they connect to it; none where nobody listens.
    pub fn open(&self, of: SpanOf<'_>, message: &Incoming<'_>) -> Span {
        if !self.is_listening() {
            return Span::none();
        }
        self.each(|observer| observer.arriving(message));
        let span = spans::span(of);
        self.each(|observer| observer.incoming(&span, message));
        span
    }

    /// Lets them link a span to one more message that it is about.
    pub fn link(&self, span: &Span, headers: &Headers) {
        if !span.is_disabled() {
            self.each(|observer| observer.incoming(span, &Incoming { headers, relation: Relation::Aside }));
        }
    }

    /// What the headers of a message say of its trace that is sent from within the present span.
    pub(crate) fn context(&self, mut given: TraceContext) -> TraceContext {
        if self.is_listening() {
            let span = Span::current();
            self.each(|observer| observer.outgoing(&span, &mut given));
        }
        given.passable()
    }

    fn each(&self, mut tell: impl FnMut(&dyn Observer)) {
        for observer in self.0.iter().flat_map(|observers| observers.iter()) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| tell(&**observer))) {
                // What a panic carries may panic as well where it is dropped; what that carries is left alone.
                if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(panic))) {
                    std::mem::forget(again);
                }
                tracing::error!("an observer of the bus panicked; what it was told goes on without it");
            }
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.as_ref().map_or(0, |observers| observers.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Noted(Mutex<u32>);

    impl Observer for Noted {
        fn observe(&self, _: &Occurrence<'_>) {
            *self.0.lock().unwrap() += 1;
        }

        fn outgoing(&self, _: &Span, context: &mut TraceContext) {
            context.tracestate = Some("a=1\r\nNats-Rollup: all".to_owned());
            context.baggage = Some("user=ada".to_owned());
        }
    }

    struct Panics;

    impl Observer for Panics {
        fn observe(&self, _: &Occurrence<'_>) {
            panic!("an observer at fault");
        }
    }

    #[test]
    fn the_panic_of_one_observer_keeps_nothing_from_the_others() {
        let noted = Arc::new(Noted::default());
        let observers = Observers::default().and(Arc::new(Panics)).and(noted.clone());

        observers.tell(&Occurrence::LeaseLost { consumer: "c", stream: "S", sequence: 1 });

        assert_eq!(*noted.0.lock().unwrap(), 1);
    }

    #[test]
    fn a_context_that_would_fill_the_headers_of_what_follows_is_not_passed_on() {
        let mut headers = Headers::default();
        headers.push(Headers::TRACEPARENT, "0".repeat(257));

        assert_eq!(TraceContext::of(&headers), TraceContext::default());
    }

    #[test]
    fn what_no_header_may_hold_is_not_sent() {
        let observers = Observers::default().and(Arc::new(Noted::default()));

        let sent = observers.context(TraceContext::default());

        assert_eq!((sent.tracestate, sent.baggage), (None, Some("user=ada".to_owned())));
    }
}
