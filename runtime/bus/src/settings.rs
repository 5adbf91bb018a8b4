//! The settings of streams and durable consumers that a catalogue speaks of: what they are, and how they are compared.

pub mod fields;
pub mod format;
mod found;
mod sagas;

use std::time::Duration;

use eventsmith_event::filter;
use eventsmith_event::stream::{BucketDescriptor, DeliverFrom, Discard, Retention, Storage, StreamDescriptor};
use serde::{Serialize, Serializer};

pub use found::{FoundConsumer, FoundStream, Progress};
pub use sagas::{SAGAS, saga_consumers, saga_root};

/// The token below the root of all subjects under which dead letters are published.
pub const DEAD_LETTERS: &str = "dlq";

/// The settings of a stream that a catalogue speaks of, wanted or found. All others are none of our business.
///
/// As JSON durations are texts, such as `30d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamSettings {
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The subjects it captures, with wildcards.
    pub subjects: Vec<String>,
    /// Where messages are kept.
    pub storage: Storage,
    /// When messages are dropped.
    pub retention: Retention,
    /// Messages older than this are dropped.
    #[serde(serialize_with = "as_text")]
    pub max_age: Option<Duration>,
    /// The limit of bytes.
    pub max_bytes: Option<u64>,
    /// The limit of messages.
    pub max_messages: Option<u64>,
    /// On how many servers each message is stored.
    pub replicas: usize,
    /// For how long message ids are remembered.
    #[serde(serialize_with = "as_text")]
    pub duplicate_window: Duration,
    /// What happens at the limits of bytes and count.
    pub discard: Discard,
    /// Whether batches can be published atomically into it.
    pub atomic: bool,
    /// Whether events can be published into it in bulk, by fast batches.
    pub bulk: bool,
    /// Whether it holds histories of aggregates, so that nobody may delete, purge or roll up.
    pub aggregates: bool,
    /// Whether messages may be scheduled in it, as the time-outs of sagas are.
    pub schedules: bool,
    /// What makes it a key-value bucket; nothing if it is none.
    pub bucket: Option<BucketSettings>,
}

/// What a stream has that is a key-value bucket, beside what every bucket has. (NATS ADR-8.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketSettings {
    /// How many values of each key it keeps.
    pub history: u64,
    /// How many bytes one message of it has at most.
    pub max_value_bytes: Option<u32>,
    /// For how long a marker stands where the time of a key ended; only with this have keys times of their own.
    #[serde(serialize_with = "as_text")]
    pub marker_ttl: Option<Duration>,
    /// What a bucket must be allowed, and what nobody may do with it, as far as it is otherwise: nothing for a good one.
    pub defects: Vec<String>,
}

/// The stream of a bucket, and the beginning of the subjects of its keys.
pub fn bucket_stream(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// The bucket in which a service keeps its answers to idempotent commands.
pub fn replies_bucket(service: &str) -> String {
    format!("REPLIES_{service}")
}

/// The subject of a key of a bucket, or of keys that have a pattern.
pub fn bucket_subject(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}

impl StreamSettings {
    /// Whether all dead letters of a catalogue come here: it captures `ROOT.dlq.>`.
    #[doc(hidden)]
    pub fn holds_dead_letters(&self) -> bool {
        let is_below = |subject: &String| {
            let token = subject.strip_suffix(".>").and_then(|above| above.strip_suffix(DEAD_LETTERS));
            token.is_some_and(|root| root.ends_with('.'))
        };
        self.subjects.iter().any(is_below)
    }
}

impl From<&StreamDescriptor> for StreamSettings {
    fn from(stream: &StreamDescriptor) -> Self {
        Self {
            name: stream.name.to_owned(),
            description: stream.description.to_owned(),
            subjects: stream.subjects.iter().map(ToString::to_string).collect(),
            storage: stream.storage,
            retention: stream.retention,
            max_age: stream.max_age,
            max_bytes: stream.max_bytes,
            max_messages: stream.max_messages,
            replicas: usize::from(stream.replicas),
            duplicate_window: stream.duplicate_window,
            discard: stream.discard,
            atomic: stream.atomic || stream.aggregates || !stream.sagas.is_empty(),
            bulk: stream.bulk,
            aggregates: stream.aggregates,
            schedules: !stream.sagas.is_empty(),
            bucket: None,
        }
    }
}

/// For how long a server remembers ids where nobody says so.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

impl From<&BucketDescriptor> for StreamSettings {
    fn from(bucket: &BucketDescriptor) -> Self {
        let settings = BucketSettings {
            history: u64::from(bucket.history),
            max_value_bytes: bucket.max_value_bytes,
            marker_ttl: bucket.marker_ttl,
            defects: Vec::new(),
        };
        Self {
            description: bucket.description.to_owned(),
            storage: bucket.storage,
            max_bytes: bucket.max_bytes,
            replicas: usize::from(bucket.replicas),
            ..Self::of_bucket(bucket.name, bucket.ttl, settings)
        }
    }
}

impl StreamSettings {
    /// The stream of a bucket whose values go after a time, or never: on disk, on one server, without a limit of bytes.
    pub fn of_bucket(name: &str, ttl: Option<Duration>, bucket: BucketSettings) -> Self {
        Self {
            name: bucket_stream(name),
            description: String::new(),
            subjects: vec![bucket_subject(name, ">")],
            storage: Storage::File,
            retention: Retention::Limits,
            max_age: ttl,
            max_bytes: None,
            max_messages: None,
            replicas: 1,
            // No longer than messages live.
            duplicate_window: ttl.map_or(DUPLICATE_WINDOW, |ttl| ttl.min(DUPLICATE_WINDOW)),
            // A full bucket forgets no key for another.
            discard: Discard::New,
            atomic: false,
            bulk: false,
            aggregates: false,
            schedules: false,
            bucket: Some(bucket),
        }
    }

    /// The stream of the bucket in which a service keeps its answers to idempotent commands: the last of each request, for a time, or
    /// for ever.
    pub fn of_replies(service: &str, ttl: Option<Duration>) -> Self {
        let settings = BucketSettings { history: 1, max_value_bytes: None, marker_ttl: None, defects: Vec::new() };
        let description = format!("Answers of {service} to idempotent commands");
        Self { description, ..Self::of_bucket(&replies_bucket(service), ttl, settings) }
    }
}

/// The settings of a durable consumer that a catalogue speaks of, wanted or found.
///
/// As JSON durations are texts, such as `15s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerSettings {
    /// The stream that it reads.
    pub stream: String,
    /// Its durable name, that of the service.
    pub name: String,
    /// The subjects that it reads; none covers another.
    pub filters: Vec<String>,
    /// Where it begins if it does not exist yet.
    pub deliver: DeliverFrom,
    /// After this long without an in-progress ack a message is redelivered.
    #[serde(serialize_with = "as_text")]
    pub ack_wait: Duration,
    /// How many messages may be delivered and not acknowledged, over all who read from the consumer.
    pub max_ack_pending: usize,
    /// After this many deliveries the server delivers a message no more; `None` for never.
    pub max_deliver: Option<u64>,
    /// Whether one reader at a time is served, so that it can keep the order of keys.
    pub ordered: bool,
}

impl ConsumerSettings {
    /// Whether every message of a stream is for the consumer, and none goes because it was acknowledged: then each that is dropped before
    /// it was delivered is one that the consumer missed.
    pub fn takes_all(&self, subjects: &[String], retention: Retention) -> bool {
        retention == Retention::Limits && filter::beyond(subjects, &self.filters).is_empty()
    }
}

/// Writes a duration, or `null` for none.
fn as_text<S: Serializer, D: Copy + Into<Option<Duration>>>(duration: &D, serializer: S) -> Result<S::Ok, S::Error> {
    (*duration).into().map(format::duration).serialize(serializer)
}

/// Whether a stream or a durable consumer may be called so: a name is one token of subjects and a folder on the server's disk.
pub fn is_legal_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}
