//! From a delivered message to the handler of its type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventsmith_event::clip::clip;
use eventsmith_event::envelope::{BorrowedEnvelope, EnvelopeError, parse_version};
use eventsmith_event::event::Event;
use eventsmith_event::filter;
use eventsmith_event::invalid::DecodeError;
use eventsmith_event::subject::scalar_text;
use eventsmith_event::wire::Wire;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt};

use super::breaker::Breaker;
use super::config::{ConsumerConfig, HandlerConfig, Order};
use super::confine::{discard, in_words, panicked};
use super::queue::{Key, Routing};
use super::routing_headers::RoutingHeaders;
use super::settle::HandlerOutcome;
use super::type_name::is_type_name;
use super::{ConsumeError, RetryPolicy};
use crate::bus::Bus;
use crate::environment::watch;
use crate::handler::{Context, Delivered, HandlerError, Origin, Received, Trace, envelope_cell};
use crate::observe::MessageType;
use crate::transport::{Delivery, Headers, Message, Transport};

/// The place of the handler for a delivery, and what the delivery holds; or why it goes to no handler, with the place of the one that
/// it is for, if it is for one.
pub(super) type Found<'a> = Result<(usize, OpenedMessage<'a>), (Option<usize>, HandlerOutcome)>;

/// All handlers of a consumer.
#[derive(Debug, Clone, Default)]
pub(super) struct Routes(Vec<Route>);

/// What is common to all events of one type.
#[derive(Clone)]
pub(super) struct Route {
    event_type: &'static str,
    /// The newest version that is known.
    newest: u32,
    subject: &'static str,
    wire: Wire,
    /// The part of the subject before the kind, under which the dead letters are, too.
    root: &'static str,
    /// The schema file, for messages, if it names no key.
    keyless: Option<String>,
    order: Order,
    key: fn(u32, &[u8]) -> Result<Option<String>, DecodeError>,
    call: Call,
    pub(super) retry: RetryPolicy,
    pub(super) timeout: Duration,
    pub(super) breaker: Option<Arc<Breaker>>,
}

/// Decodes the payload, which it does not keep, and returns the handler's work.
type Call = Arc<dyn Fn(Context, &[u8]) -> Result<PendingHandler, HandlerOutcome> + Send + Sync>;

/// A handler at work; its panics are an outcome, too.
pub(super) type PendingHandler = BoxFuture<'static, HandlerOutcome>;

impl Routes {
    pub(super) fn push(&mut self, route: Route) {
        self.0.push(route);
    }

    /// Gives every handler its retry policy, its timeout and its breaker. Returns the breakers. After `max_deliver` deliveries the
    /// server delivers an event no more, where that is ours to say.
    pub(super) fn configure(
        &mut self,
        config: &ConsumerConfig,
        max_deliver: Option<u64>,
        changed: &watch::Sender<()>,
    ) -> Result<Vec<Arc<Breaker>>, ConsumeError> {
        for (index, &Route { event_type, .. }) in self.0.iter().enumerate() {
            if self.0[..index].iter().any(|other| other.event_type == event_type) {
                return Err(ConsumeError::TwoHandlers { event_type });
            }
        }
        if let Some((setting, reason)) = config.senseless() {
            return Err(wrong(setting, reason));
        }
        if let Some(name) = config.handlers.keys().find(|name| !self.0.iter().any(|route| route.event_type == *name)) {
            return Err(wrong(format!("handlers.{name}"), "no handler is for this type of event; mend the name"));
        }
        let named = |(name, breaker): (&String, &_)| {
            (name.clone(), Arc::new(Breaker::new(name.clone(), Clone::clone(breaker), changed.clone())))
        };
        let dependencies: BTreeMap<String, Arc<Breaker>> = config.breakers.iter().map(named).collect();
        let mut breakers: Vec<_> = dependencies.values().cloned().collect();
        for route in &mut self.0 {
            let HandlerConfig { timeout, retry, breaker, order } =
                config.handlers.get(route.event_type).cloned().unwrap_or_default();
            route.timeout = timeout.unwrap_or(config.timeout);
            route.retry = retry.unwrap_or_else(|| config.retry.clone());
            let attempts = route.retry.max_attempts;
            let reason = match max_deliver {
                _ if attempts == 0 => Some("it must be 1 at least, or nothing is ever handled"),
                Some(most) if attempts >= most => Some("it must be less than max_deliver, so that the service decides"),
                _ => None,
            };
            if let Some(reason) = reason {
                return Err(wrong(format!("max_attempts of {}", route.event_type), reason));
            }
            route.order = order.unwrap_or(config.order);
            route.check_order(config.order)?;
            route.breaker = match (breaker, &config.breaker) {
                (Some(name), _) => Some(dependencies.get(&name).cloned().ok_or_else(|| {
                    let setting = format!("handlers.{}.breaker", route.event_type);
                    wrong(setting, &format!("there is no {name:?} among the breakers; declare it there"))
                })?),
                (None, Some(own)) => {
                    let own = Arc::new(Breaker::new(route.event_type.to_owned(), own.clone(), changed.clone()));
                    breakers.push(Arc::clone(&own));
                    Some(own)
                }
                (None, None) => None,
            };
        }
        Ok(breakers)
    }

    /// The streams that hold events of these handlers, each with the subjects that matter in it.
    pub(super) async fn by_stream(
        &self,
        transport: &dyn Transport,
    ) -> Result<BTreeMap<String, Vec<String>>, ConsumeError> {
        let mut streams = BTreeMap::<String, Vec<String>>::new();
        for &Route { event_type, subject, .. } in &self.0 {
            let found = transport.streams_of(subject).await.map_err(|error| ConsumeError::Unavailable {
                about: format!("the streams that capture {subject}"),
                reason: error.0,
            })?;
            if found.is_empty() {
                return Err(ConsumeError::NoStream { event_type, subject });
            }
            for stream in found {
                streams.entry(stream).or_default().push(subject.to_owned());
            }
        }
        for filters in streams.values_mut() {
            *filters = filter::without_covered(std::mem::take(filters));
        }
        Ok(streams)
    }

    /// The roots of the subjects, each once, under which the dead letters go: one for each catalogue.
    pub(super) fn roots(&self) -> Vec<&'static str> {
        let mut roots = Vec::new();
        for route in &self.0 {
            if !roots.contains(&route.root) {
                roots.push(route.root);
            }
        }
        roots
    }

    /// The root of the catalogue that a subject is of; nothing if no handler is for an event of that catalogue.
    pub(super) fn root_of(&self, subject: &str) -> Option<&'static str> {
        let is_below = |root: &&str| subject.strip_prefix(*root).is_some_and(|rest| rest.starts_with('.'));
        self.0.iter().map(|route| route.root).filter(is_below).max_by_key(|root| root.len())
    }

    /// Whether there are handlers whose events are tried only once.
    pub(super) fn has_single_attempts(&self) -> bool {
        self.0.iter().any(|route| route.retry.max_attempts <= 1)
    }

    /// The most attempts that any handler gives an event.
    pub(super) fn max_attempts(&self) -> u64 {
        self.0.iter().map(|route| route.retry.max_attempts).max().unwrap_or_default()
    }

    /// Finds the handler for a delivery.
    pub(super) fn find<'a>(&self, delivery: &'a Delivery, service: &str) -> Found<'a> {
        let headers = RoutingHeaders::of(&delivery.message.headers);
        let is_meant = headers.only.is_none_or(|only| only == service);
        let found = OpenedMessage::of(headers, &delivery.message).and_then(|opened| {
            match self.0.iter().position(|route| route.event_type == opened.event_type) {
                Some(index) => self.0[index].check(&opened, &delivery.message.subject).map(|()| (index, opened)),
                None => {
                    let unhandled = self.unhandled(&opened.event_type, &delivery.message.subject);
                    Err(opened.unless_undecodable(&delivery.message, unhandled))
                }
            }
        });
        match found {
            Ok((index, _)) if !is_meant => Err((Some(index), HandlerOutcome::NotMeant)),
            Err(_) if !is_meant => Err((None, HandlerOutcome::NotMeant)),
            found => found.map_err(|outcome| (None, outcome)),
        }
    }

    /// What a message is, for observers.
    pub(super) fn message_type(&self, message: &Message) -> MessageType {
        let RoutingHeaders { event_type, version, wire, .. } = RoutingHeaders::of(&message.headers);
        let envelope = || BorrowedEnvelope::of_message(&wire, &message.payload).ok();
        let route = match event_type {
            Some(event_type) => self.0.iter().find(|route| route.event_type == event_type),
            None => envelope().and_then(|envelope| self.0.iter().find(|route| route.event_type == envelope.event_type)),
        };
        let Some(route) = route else { return MessageType::OTHER };
        let version = version.map_or_else(|| envelope().map(|envelope| envelope.version), parse_version);
        route.message_type(version)
    }

    /// The same, of a message that was looked at already.
    pub(super) fn type_of_found(&self, found: &Found<'_>, message: &Message) -> MessageType {
        match found {
            Ok((index, opened)) => self.0[*index].message_type(Some(opened.version)),
            Err(_) => self.message_type(message),
        }
    }

    /// How an event ends whose type no handler here is for. Only what another version of the service may handle waits for one.
    fn unhandled(&self, event_type: &str, subject: &str) -> HandlerOutcome {
        if !is_type_name(event_type) {
            return HandlerOutcome::Undecodable(clip(format!(
                "it says that it is {event_type:?}, which is no type of event"
            )));
        }
        // A template may let through subjects of other types, whose own they are by the names.
        let owns = |route: &&Route| {
            let is_named = subject.strip_suffix(event_type).is_some_and(|before| before.ends_with('.'));
            route.subject == subject || filter::covers(route.subject, subject) && !is_named
        };
        match self.0.iter().find(owns) {
            Some(Route { event_type: own, .. }) => HandlerOutcome::WrongSubject(clip(format!(
                "it says that it is {event_type}, and was published to {subject}, which belongs to {own}"
            ))),
            None => HandlerOutcome::Unrouted(event_type.to_owned()),
        }
    }

    /// Where a delivery belongs: its handler, and the key whose order it has to keep.
    pub(super) fn routing(&self, delivery: &Delivery, service: &str) -> Routing {
        let (index, opened) = match self.find(delivery, service) {
            Ok(found) => found,
            Err((route, _)) => return Routing { route, key: None },
        };
        let key = |data| (self.0[index].key)(opened.version, data);
        let key = match self.0[index].order {
            Order::None => None,
            Order::Key => match key(opened.data) {
                Ok(key) => key,
                Err(_) => {
                    opened.complete_payload(&delivery.message).ok().flatten().and_then(|data| key(data).ok().flatten())
                }
            },
        };
        Routing { route: Some(index), key: key.map(Key::from) }
    }
}

impl Index<usize> for Routes {
    type Output = Route;

    fn index(&self, index: usize) -> &Route {
        &self.0[index]
    }
}

/// A message taken apart. The headers say of which type it is, or the envelope where a producer that knows nothing of us
/// set none.
pub(super) struct OpenedMessage<'a> {
    event_type: Cow<'a, str>,
    version: u32,
    data: &'a [u8],
    is_complete: bool,
    wire: Wire,
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
    replay_of: Option<&'a str>,
}

impl<'a> OpenedMessage<'a> {
    fn of(headers: RoutingHeaders<'a>, message: &'a Message) -> Result<Self, HandlerOutcome> {
        let BorrowedEnvelope { event_type, version, data, is_complete, wire } =
            BorrowedEnvelope::of_message(&headers.wire, &message.payload).map_err(no_envelope)?;
        let version = match headers.version {
            Some(version) => parse_version(version).ok_or_else(|| {
                HandlerOutcome::Undecodable(clip(format!("the header {} is {version:?}, no version", Headers::VERSION)))
            })?,
            None => version,
        };
        let event_type = headers.event_type.map_or(event_type, Cow::Borrowed);
        let RoutingHeaders { traceparent, tracestate, replay_of, .. } = headers;
        Ok(Self { event_type, version, data: data.as_bytes(), is_complete, wire, traceparent, tracestate, replay_of })
    }

    /// What the payload is for sure, if it was not known yet.
    fn complete_payload<'m>(&self, message: &'m Message) -> Result<Option<&'m [u8]>, HandlerOutcome> {
        if self.is_complete {
            return Ok(None);
        }
        message.borrowed_envelope_completely().map(|envelope| Some(envelope.data.as_bytes())).map_err(no_envelope)
    }

    /// That it ends like this without its payload having been looked at, unless it has none.
    pub(super) fn unless_undecodable(&self, message: &Message, outcome: HandlerOutcome) -> HandlerOutcome {
        self.complete_payload(message).err().unwrap_or(outcome)
    }
}

impl Route {
    pub(super) fn new<E, S>(service: S) -> Self
    where
        E: Event,
        S: Service<Received<E>, Response = ()> + Clone + Send + 'static,
        S::Error: Into<HandlerError> + Send,
        S::Future: Send + 'static,
    {
        // A service need not be `Sync`; it is only ever cloned here.
        let service = Arc::new(Mutex::new(service));
        let call = move |context: Context, data: &[u8]| {
            let event = E::decode(context.version, data).map_err(undecodable)?;
            let (service, received) = (Arc::clone(&service), Received::new(event, context));
            // All that is the user's is in here, so that none of its panics gets out.
            let work = async move {
                let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match service.oneshot(received).await {
                    Ok(()) => HandlerOutcome::Handled,
                    Err(error) => HandlerOutcome::Failed(in_words(error.into())),
                }
            };
            let caught = AssertUnwindSafe(work).catch_unwind();
            Ok(caught.map(|ended| ended.unwrap_or_else(panicked)).boxed())
        };
        let key = |version, data: &[u8]| {
            let payload_key = || E::KEY.and_then(|pointer| key_at(pointer, data));
            // The event is dropped in here, too, which may run code of the user's.
            let decoded = catch_unwind(AssertUnwindSafe(|| E::decode(version, data).map(|event| event.key())));
            match decoded {
                // What panics does so again when the event is handled, where it is an outcome.
                Err(panic) => {
                    discard(panic);
                    Ok(payload_key())
                }
                // It waits for a later attempt, and those behind it with the same key wait too.
                Ok(Err(error @ DecodeError::UnknownVersion { .. })) if is_newer(&error) => {
                    payload_key().map(Some).ok_or(error)
                }
                Ok(key) => key,
            }
        };
        let (retry, timeout) = (RetryPolicy::default(), Duration::MAX);
        let root = root(E::SUBJECT, E::KIND.as_str());
        let (event_type, newest, subject, wire) = (E::TYPE, E::VERSION, E::SUBJECT, E::WIRE);
        let schema = || format!("{}/{}.v{}.json", E::KIND, E::TYPE.replace('.', "/"), E::VERSION);
        let keyless = E::KEY.is_none().then(schema);
        let (order, call, breaker) = (Order::None, Arc::new(call), None);
        Self { event_type, newest, subject, wire, root, keyless, order, key, call, retry, timeout, breaker }
    }

    /// What an event of this type is, for observers, and of this version where it is known here.
    fn message_type(&self, version: Option<u32>) -> MessageType {
        let version = version.filter(|version| *version <= self.newest).unwrap_or_default();
        MessageType { name: self.event_type, version, template: self.subject }
    }

    /// Whether the events can be ordered as they are to be.
    fn check_order(&self, of_consumer: Order) -> Result<(), ConsumeError> {
        match (self.order, of_consumer, &self.keyless) {
            (Order::Key, Order::None, _) => {
                let setting = format!("handlers.{}.order", self.event_type);
                Err(wrong(setting, "the consumer itself is not ordered by key; set order = \"key\" at the top"))
            }
            (Order::Key, Order::Key, Some(schema)) => {
                Err(ConsumeError::NoKey { event_type: self.event_type, schema: schema.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a message is an event of this type by its subject and by the way it is written.
    fn check(&self, opened: &OpenedMessage<'_>, subject: &str) -> Result<(), HandlerOutcome> {
        self.check_subject(subject)?;
        self.wire
            .refuses(self.event_type, opened.wire)
            .map_or(Ok(()), |reason| Err(HandlerOutcome::Undecodable(reason)))
    }

    /// Whether events of this type belong on a subject. The subject is what the server's permissions guard; headers and
    /// envelope say what the publisher likes.
    fn check_subject(&self, subject: &str) -> Result<(), HandlerOutcome> {
        if self.subject == subject || filter::covers(self.subject, subject) {
            return Ok(());
        }
        let Self { event_type, subject: own, .. } = self;
        Err(HandlerOutcome::WrongSubject(format!(
            "it says that it is {event_type}, which belongs on {own}, and was published to {subject}"
        )))
    }

    /// Begins to handle an event.
    pub(super) fn call(
        &self,
        opened: OpenedMessage<'_>,
        delivery: &Delivery,
        attempt: u64,
        bus: &Bus,
    ) -> Result<PendingHandler, HandlerOutcome> {
        let context = || Context {
            event_type: self.event_type,
            // Most subjects are no templates, and need no copy.
            subject: match &delivery.message.subject {
                subject if *subject == self.subject => Cow::Borrowed(self.subject),
                subject => subject.clone(),
            },
            version: opened.version,
            envelope: envelope_cell(&delivery.message, opened.wire, (self.event_type, opened.version)),
            raw: delivery.message.payload.clone(),
            trace: Trace::new(opened.traceparent, opened.tracestate),
            bus: bus.clone(),
            origin: Origin::Delivered(Delivered {
                attempt,
                replay_of: opened.replay_of.map(ToOwned::to_owned),
                sequence: delivery.sequence,
                deliveries: delivery.deliveries,
                acker: Arc::clone(&delivery.acker),
            }),
        };
        let called = |data| {
            // Decoding runs the user's code, too: upcasts.
            catch_unwind(AssertUnwindSafe(|| (self.call)(context(), data))).unwrap_or_else(|panic| Err(panicked(panic)))
        };
        match called(opened.data) {
            Err(outcome @ HandlerOutcome::Panicked(_)) => Err(outcome),
            Err(outcome) => match opened.complete_payload(&delivery.message)? {
                Some(data) => called(data),
                None => Err(outcome),
            },
            called => called,
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.event_type, self.subject)
    }
}

fn no_envelope(error: EnvelopeError) -> HandlerOutcome {
    HandlerOutcome::Undecodable(error.to_string())
}

fn undecodable(error: DecodeError) -> HandlerOutcome {
    let reason = error.to_string();
    match error {
        _ if is_newer(&error) => HandlerOutcome::TooNew(reason),
        DecodeError::UnknownVersion { .. } => HandlerOutcome::TooOld(reason),
        _ => HandlerOutcome::Undecodable(reason),
    }
}

/// Whether an event is of a version that is not known here yet.
fn is_newer(error: &DecodeError) -> bool {
    matches!(error, DecodeError::UnknownVersion { version, newest, .. } if version > newest)
}

/// The key in a payload of a version that is not known here.
fn key_at(pointer: &str, data: &[u8]) -> Option<String> {
    let data: serde_json::Value = serde_json::from_slice(data).ok()?;
    scalar_text(data.pointer(pointer)?)
}

/// The part of a subject before the token of its kind; the first token of a subject that has been given without one.
fn root(subject: &'static str, kind: &str) -> &'static str {
    let before = subject.match_indices(kind).find_map(|(at, _)| {
        let after = &subject[at + kind.len()..];
        subject[..at].strip_suffix('.').filter(|_| after.starts_with('.'))
    });
    before.or_else(|| subject.split('.').next()).unwrap_or(subject)
}

fn wrong(setting: String, reason: &str) -> ConsumeError {
    ConsumeError::Config { setting, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_what_stands_before_the_kind() {
        assert_eq!(root("rules.domain.rule.created", "domain"), "rules");
        assert_eq!(root("eu.rules.domain.domain.created", "domain"), "eu.rules");
        assert_eq!(root("subdomain.domain.x", "domain"), "subdomain");
        assert_eq!(root("orders.created.*", "domain"), "orders");
    }
}
