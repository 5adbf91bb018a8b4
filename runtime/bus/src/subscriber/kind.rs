//! From a message to a live event of its type.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsmith_event::clip::clip;
use eventsmith_event::envelope::{BorrowedEnvelope, EnvelopeError, parse_version};
use eventsmith_event::event::Event;
use eventsmith_event::filter;
use eventsmith_event::invalid::DecodeError;
use eventsmith_event::wire::Wire;

use super::error::LiveError;
use crate::bus::Bus;
use crate::consumer::confine::panic_text;
use crate::handler::{Context, Origin, Received, Trace, envelope_cell};
use crate::observe::{self, Incoming, MessageType, Occurrence, Relation, SpanOf};
use crate::transport::{Headers, Message};

/// One type of event that is wanted.
pub(super) struct LiveKind<T> {
    event_type: &'static str,
    /// The newest version that is known.
    newest: u32,
    pub(super) subject: &'static str,
    wire: Wire,
    /// Decodes the payload, and makes of it what the reader wants.
    decode: Decode<T>,
}

type Decode<T> = Box<dyn Fn(Context, &[u8]) -> Result<T, DecodeError> + Send + Sync>;

impl<T> fmt::Debug for LiveKind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.event_type, self.subject)
    }
}

impl<T> LiveKind<T> {
    pub(super) fn new<E: Event>(wrap: impl Fn(Received<E>) -> T + Send + Sync + 'static) -> Self {
        let decode =
            move |context: Context, data: &[u8]| Ok(wrap(Received::new(E::decode(context.version, data)?, context)));
        Self { event_type: E::TYPE, newest: E::VERSION, subject: E::SUBJECT, wire: E::WIRE, decode: Box::new(decode) }
    }

    fn message_type(&self, version: u32) -> MessageType {
        let version = if version <= self.newest { version } else { 0 };
        MessageType { name: self.event_type, version, template: self.subject }
    }

    fn decode(&self, opened: &Opened<'_>, message: &Message, bus: &Bus) -> Result<T, String> {
        let context = || Context {
            event_type: self.event_type,
            subject: message.subject.clone(),
            version: opened.version,
            envelope: envelope_cell(message, opened.wire, (self.event_type, opened.version)),
            raw: message.payload.clone(),
            trace: Trace::of(&message.headers),
            bus: bus.clone(),
            origin: Origin::Heard,
        };
        // Decoding runs the user's code, too: upcasts.
        let decoded = |data| match catch_unwind(AssertUnwindSafe(|| (self.decode)(context(), data))) {
            Ok(decoded) => decoded.map_err(|error| error.to_string()),
            Err(panic) => Err(format!("decoding it panicked: {}", panic_text(panic))),
        };
        match decoded(opened.data) {
            Err(_) if !opened.is_complete => {
                let envelope = message.borrowed_envelope_completely().map_err(|error| error.to_string())?;
                decoded(envelope.data.as_bytes())
            }
            decoded => decoded,
        }
    }
}

/// A message taken apart. The headers say of which type it is, or the envelope where there are none.
struct Opened<'a> {
    event_type: Cow<'a, str>,
    version: u32,
    data: &'a [u8],
    is_complete: bool,
    wire: Wire,
}

impl<'a> Opened<'a> {
    fn of(message: &'a Message) -> Result<Self, String> {
        let in_words = |error: EnvelopeError| error.to_string();
        let BorrowedEnvelope { event_type, version, data, is_complete, wire } =
            message.borrowed_envelope().map_err(in_words)?;
        let version = match message.headers.get(Headers::VERSION) {
            Some(text) => parse_version(text)
                .ok_or_else(|| clip(format!("the header {} is {text:?}, no version", Headers::VERSION)))?,
            None => version,
        };
        let event_type = message.headers.get(Headers::TYPE).map_or(event_type, Cow::Borrowed);
        Ok(Self { event_type, version, data: data.as_bytes(), is_complete, wire })
    }
}

/// The event that a message is; nothing if it is one that nobody asked for.
pub(super) fn read<T>(kinds: &[LiveKind<T>], message: &Message, bus: &Bus) -> Option<Result<T, LiveError>> {
    let mut of = MessageType::OTHER;
    let read = Opened::of(message).and_then(|opened| {
        let Some(kind) = kinds.iter().find(|kind| kind.event_type == opened.event_type) else {
            // The wildcard of a template lets through subjects of other types, whose own they are by the names.
            let before = message.subject.strip_suffix(&*opened.event_type);
            let is_named = before.is_some_and(|before| before.ends_with('.'));
            let wrong = || clip(format!("it says that it is {:?}, which is not wanted there", opened.event_type));
            return if is_named { Ok(None) } else { Err(wrong()) };
        };
        of = kind.message_type(opened.version);
        // The subject is what the server's permissions guard.
        if kind.subject != message.subject && !filter::covers(kind.subject, &message.subject) {
            return Err(format!("it says that it is {}, which belongs on {}", kind.event_type, kind.subject));
        }
        if let Some(reason) = kind.wire.refuses(kind.event_type, opened.wire) {
            return Err(reason);
        }
        kind.decode(&opened, message, bus).map(Some)
    });
    match read {
        Ok(event) => event.map(|event| {
            tell(bus, message, of, None);
            Ok(event)
        }),
        Err(reason) => {
            tell(bus, message, of, Some("undecodable"));
            let (subject, raw) = (message.subject.clone(), message.payload.clone());
            Some(Err(LiveError::Undecodable { subject, reason, raw }))
        }
    }
}

/// Tells observers of a live event that came to a reader, with a span that is linked to whoever published it.
fn tell(bus: &Bus, live: &Message, message: MessageType, error: Option<&'static str>) {
    let observers = bus.observers();
    if !observers.is_listening() {
        return;
    }
    let headers = &live.headers;
    let of = SpanOf { operation: "receive", operation_type: "receive", kind: "client", message, group: None };
    let span = observers.open(of, &Incoming { headers, relation: Relation::Aside });
    span.record("messaging.destination.name", &*live.subject);
    span.record("messaging.message.id", headers.get(Headers::ID));
    if let Some(error) = error {
        observe::failed(&span, error);
    }
    observers.tell(&Occurrence::LiveReceived { message, error });
}
