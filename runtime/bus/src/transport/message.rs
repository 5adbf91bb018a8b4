//! What a transport carries and keeps.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use eventsmith_event::envelope::{BorrowedEnvelope, Envelope, EnvelopeError, WireHeaders};
use eventsmith_event::stream::Retention;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

/// The longest subject that is published to, in bytes. A server closes the connection of a client that sends a longer line than its
/// `max_control_line`, 4,096 bytes by default; the place for the answer and two sizes are on that line, too.
pub const LONGEST_SUBJECT: usize = 4_000;

/// What is published: also what is stored and delivered.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it is published to.
    pub subject: Cow<'static, str>,
    /// Its headers.
    pub headers: Headers,
    /// What it carries.
    pub payload: Bytes,
}

impl Message {
    /// The same message, but it is refused where it would be stored: only a duplicate is acknowledged.
    pub fn unless_new(&self) -> Self {
        let mut message = self.clone();
        const EXPECT: [&str; 3] =
            [Headers::EXPECTED_LAST, Headers::EXPECTED_LAST_OF_SUBJECT, Headers::EXPECTED_SUBJECT];
        let expects = |name: &str| EXPECT.contains(&name);
        message.headers.own.retain(|(name, _)| !expects(name));
        message.headers.push(Headers::EXPECTED_LAST_ID, "none");
        message
    }
}

impl Message {
    /// The same message, which says until when somebody waits for its answer.
    pub fn with_timeout(&self, latest: Instant) -> Self {
        let mut message = self.clone();
        message.headers.push(Headers::TIMEOUT, milliseconds(latest.saturating_duration_since(Instant::now())));
        message
    }

    /// Its envelope and its payload, whichever way it is written.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is neither an envelope nor a CloudEvent that can be read.
    pub fn envelope(&self) -> Result<(Envelope, &RawValue), EnvelopeError> {
        Envelope::of_message(&self.headers.of_wire(), &self.payload)
    }

    /// The same without a copy of its texts. See [`BorrowedEnvelope::read`].
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is neither an envelope nor a CloudEvent that can be read.
    pub fn borrowed_envelope(&self) -> Result<BorrowedEnvelope<'_>, EnvelopeError> {
        BorrowedEnvelope::of_message(&self.headers.of_wire(), &self.payload)
    }

    /// The same, and the whole message is parsed.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is neither an envelope nor a CloudEvent that can be read.
    pub fn borrowed_envelope_completely(&self) -> Result<BorrowedEnvelope<'_>, EnvelopeError> {
        BorrowedEnvelope::of_message_completely(&self.headers.of_wire(), &self.payload)
    }
}

/// A time in milliseconds, rounded up, as a header has it.
pub fn milliseconds(duration: Duration) -> String {
    duration.as_micros().div_ceil(1_000).to_string()
}

/// Which message of a stream.
#[derive(Debug, Clone, Copy)]
pub enum MessageSelector<'a> {
    /// The one with this number.
    Sequence(u64),
    /// The last on a subject, which may have wildcards.
    LastOf(&'a str),
    /// The first on a subject, which may have wildcards, with this number or a later one.
    NextOf {
        /// The subject.
        subject: &'a str,
        /// The number.
        from: u64,
    },
}

/// A message as a stream keeps it.
#[derive(Debug, Clone)]
pub struct StreamMessage {
    /// Its number in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// The message.
    pub message: Message,
}

/// Where a stream begins and ends, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamExtent {
    /// The number of its first message; of the next one, if there is none.
    pub first: u64,
    /// The number of the last message that it ever stored.
    pub last: u64,
    /// The subjects that it captures, with wildcards.
    pub subjects: Vec<String>,
    /// When it drops messages.
    pub retention: Retention,
    /// When it was created, where that is known.
    pub created: Option<Timestamp>,
    /// Messages older than this are dropped.
    pub max_age: Option<Duration>,
    /// On how many servers each message is stored.
    pub replicas: usize,
    /// For how long ids are remembered.
    pub duplicate_window: Duration,
    /// For how long a marker stands where the time of a message ended, if messages may have times of their own.
    pub marker_ttl: Option<Duration>,
}

impl MalformedBlock {
    /// Why the message cannot be consumed, for people.
    pub fn explanation(&self) -> String {
        format!("no client can read {}: {}", self.part, self.defect)
    }
}

/// Headers: those that came with a message, those that it shares with others, then those that were set, in order. Names are
/// compared as NATS does, with regard to case.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    received: Option<Arc<dyn ReceivedHeaders>>,
    shared: Option<Arc<SharedHeaders>>,
    own: Vec<SetHeader>,
    malformed: Option<Arc<MalformedBlock>>,
}

/// Name and value of a header that was set.
pub type SetHeader = (Cow<'static, str>, String);

/// The block of headers of a message that no client can read, as the stream keeps it.
#[derive(Debug, Clone)]
pub struct MalformedBlock {
    /// The block, byte for byte.
    pub block: Bytes,
    /// What cannot be read: `its headers` or `its subject`.
    pub part: &'static str,
    /// What is wrong with that, as a part of a sentence.
    pub defect: &'static str,
}

/// Headers that all messages of a kind have, and what a transport has made of them.
#[derive(Debug, Default)]
pub struct SharedHeaders {
    all: Vec<(&'static str, Cow<'static, str>)>,
    prepared: OnceLock<Box<dyn Prepared>>,
}

/// What a transport makes of headers.
trait Prepared: Any + Debug + Send + Sync {}

impl<T: Any + Debug + Send + Sync> Prepared for T {}

impl SharedHeaders {
    /// Headers with these names and values.
    pub fn new(all: Vec<(&'static str, Cow<'static, str>)>) -> Self {
        Self { all, prepared: OnceLock::new() }
    }

    /// Each name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.all.iter().map(|(name, value)| (*name, &**value))
    }

    /// What a transport makes of these headers, which it does once; `None` if it was another type that was made.
    pub fn prepared<T: Any + Debug + Send + Sync>(&self, prepare: impl FnOnce(&Self) -> T) -> Option<&T> {
        let prepared: &dyn Any = &**self.prepared.get_or_init(|| Box::new(prepare(self)));
        prepared.downcast_ref()
    }
}

/// Headers as a transport received them. They are not copied, since most are never read.
pub trait ReceivedHeaders: Debug + Send + Sync {
    /// Calls a function with each name and value.
    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a str, &'a str));
}

impl Headers {
    /// Identifies a message within the duplicate window.
    pub const ID: &'static str = "Nats-Msg-Id";
    /// The type of the event.
    pub const TYPE: &'static str = "Eventsmith-Type";
    /// The version of its schema.
    pub const VERSION: &'static str = "Eventsmith-Version";
    /// The correlation of its envelope, so that whoever reads headers alone finds what belongs together.
    pub const CORRELATION: &'static str = "Eventsmith-Correlation";
    /// The causation of its envelope: the id of the message that it follows from.
    pub const CAUSATION: &'static str = "Eventsmith-Causation";
    /// The media type of the payload.
    pub const CONTENT_TYPE: &'static str = "Content-Type";
    /// Of a replayed event: the dead letter that it comes from, `STREAM:SEQUENCE`.
    pub const REPLAY_OF: &'static str = "Eventsmith-Replay-Of";
    /// Of an event that was replayed for one consumer: its name. All others acknowledge it unhandled.
    pub const ONLY: &'static str = "Eventsmith-Only";
    /// Of a request: for how many milliseconds from its sending on somebody waits for the answer.
    pub const TIMEOUT: &'static str = "Eventsmith-Timeout";
    /// The W3C trace context.
    pub const TRACEPARENT: &'static str = "traceparent";
    /// What the vendors of tracing systems add to the W3C trace context.
    pub const TRACESTATE: &'static str = "tracestate";
    /// The W3C baggage: what is carried along with a trace, by choice.
    pub const BAGGAGE: &'static str = "baggage";
    /// Makes the stream refuse the message unless the last one on its subject has this number; 0 for none.
    pub const EXPECTED_LAST_OF_SUBJECT: &'static str = "Nats-Expected-Last-Subject-Sequence";
    /// What [`EXPECTED_LAST_OF_SUBJECT`](Self::EXPECTED_LAST_OF_SUBJECT) is about, where that is not the subject of the message: a
    /// subject that may have wildcards. nats-server 2.11 and later; 2.10 does not look at it.
    pub const EXPECTED_SUBJECT: &'static str = "Nats-Expected-Last-Subject-Sequence-Subject";
    /// Makes the stream refuse the message unless its last one has this number.
    pub const EXPECTED_LAST: &'static str = "Nats-Expected-Last-Sequence";
    /// What a message of a key-value bucket does to its key, where it is no value: `DEL` or `PURGE`. (NATS ADR-8.)
    pub const KV_OPERATION: &'static str = "KV-Operation";
    /// Why the server itself stored a message without a payload: `MaxAge`, `Remove` or `Purge`. (NATS ADR-43.)
    pub const MARKER_REASON: &'static str = "Nats-Marker-Reason";
    /// Drops what was stored before: with `sub` on the same subject.
    pub const ROLLUP: &'static str = "Nats-Rollup";
    /// For how many seconds the stream keeps the message, where that is not what its settings say.
    pub const TTL: &'static str = "Nats-TTL";
    /// Makes the stream refuse the message unless its last one has this id.
    pub const EXPECTED_LAST_ID: &'static str = "Nats-Expected-Last-Msg-Id";

    /// When a stream is to store the message under its [target](Self::SCHEDULE_TARGET), `@at` and a time; until then it lies under its
    /// own subject, and a later one there replaces it. (NATS ADR-51.)
    pub const SCHEDULE: &'static str = "Nats-Schedule";
    /// Where a scheduled message is stored when it is due: a subject of the same stream.
    pub const SCHEDULE_TARGET: &'static str = "Nats-Schedule-Target";
    /// The subject of the schedule that a message comes of, or puts an end to.
    pub const SCHEDULER: &'static str = "Nats-Scheduler";
    /// What becomes of the [schedule](Self::SCHEDULER) once the message is stored: [`SCHEDULE_PURGE`](Self::SCHEDULE_PURGE).
    pub const SCHEDULE_NEXT: &'static str = "Nats-Schedule-Next";
    /// The value of [`SCHEDULE_NEXT`](Self::SCHEDULE_NEXT) that takes a schedule back.
    pub const SCHEDULE_PURGE: &'static str = "purge";

    /// Of a reply that is an error: why, in words. (NATS ADR-32.)
    pub const SERVICE_ERROR: &'static str = "Nats-Service-Error";
    /// Of a reply that is an error: why, as a number. (NATS ADR-32.)
    pub const SERVICE_ERROR_CODE: &'static str = "Nats-Service-Error-Code";

    /// Headers as they were received.
    pub fn received(headers: impl ReceivedHeaders + 'static) -> Self {
        Self { received: Some(Arc::new(headers)), ..Self::default() }
    }

    /// Headers that other messages have as well.
    pub fn shared(shared: Arc<SharedHeaders>) -> Self {
        Self { shared: Some(shared), ..Self::default() }
    }

    /// The headers that other messages have as well, and those that were set; `None` where any were received.
    pub fn sent(&self) -> Option<(&Arc<SharedHeaders>, &[SetHeader])> {
        Some((self.shared.as_ref().filter(|_| self.received.is_none())?, &self.own))
    }

    /// The same headers, which are all that can be read of this block.
    pub fn with_malformed(self, block: MalformedBlock) -> Self {
        Self { malformed: Some(Arc::new(block)), ..self }
    }

    /// The block that these headers were read from, if no client can read the message.
    pub fn malformed(&self) -> Option<&MalformedBlock> {
        self.malformed.as_deref()
    }

    /// The code and the text of a reply that is an error. What has no code that is a number is a failure, 500. (NATS ADR-32.)
    pub fn service_error(&self) -> Option<(u16, Option<&str>)> {
        let (code, text) = (self.get(Self::SERVICE_ERROR_CODE), self.get(Self::SERVICE_ERROR));
        let number = code.and_then(|code| code.trim().parse().ok()).unwrap_or(500);
        (code.is_some() || text.is_some()).then_some((number, text))
    }

    /// Adds a header behind those that are there.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.own.push((name.into(), value.into()));
    }

    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut first = None;
        self.visit(|found, value| {
            if first.is_none() && found == name {
                first = Some(value);
            }
        });
        first
    }

    /// Those that say how the message is written.
    pub fn of_wire(&self) -> WireHeaders<'_> {
        let mut noted = WireHeaders::default();
        self.visit(|name, value| noted.note(name, value));
        noted
    }

    /// Calls a function with each name and value, in order.
    pub fn visit<'a>(&'a self, mut visit: impl FnMut(&'a str, &'a str)) {
        if let Some(received) = &self.received {
            received.visit(&mut visit);
        }
        if let Some(shared) = &self.shared {
            shared.iter().for_each(|(name, value)| visit(name, value));
        }
        for (name, value) in &self.own {
            visit(name, value);
        }
    }

    /// Each name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut all = Vec::with_capacity(self.own.len());
        self.visit(|name, value| all.push((name, value)));
        all.into_iter()
    }

    /// A name that is ours and needs no copy, if this is one.
    pub fn static_name(&self, index: usize) -> Option<&'static str> {
        match self.own.get(index) {
            Some((Cow::Borrowed(name), _)) if self.received.is_none() && self.shared.is_none() => Some(name),
            _ => None,
        }
    }

    /// How many bytes they are on the wire: `NATS/1.0`, a line for each, an empty line.
    pub fn size(&self) -> usize {
        let mut size = 12;
        self.visit(|name, value| size += name.len() + value.len() + 4);
        size
    }
}
