//! What a server should hold: streams and durable consumers, with every setting that a catalogue speaks of.

use std::time::Duration;

use serde::Serialize;

use crate::{DeliverFrom, Discard, Retention, Storage, StreamDescriptor};

/// The settings of a stream that a catalogue speaks of, wanted or found. All others are none of our business.
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
    pub max_age: Option<Duration>,
    /// The limit of bytes.
    pub max_bytes: Option<u64>,
    /// The limit of messages.
    pub max_messages: Option<u64>,
    /// On how many servers each message is stored.
    pub replicas: usize,
    /// For how long message ids are remembered.
    pub duplicate_window: Duration,
    /// What happens at the limits of bytes and count.
    pub discard: Discard,
    /// Whether batches can be published atomically into it.
    pub atomic: bool,
}

impl StreamSettings {
    /// The settings of a descriptor, with another number of replicas if one is given.
    pub(crate) fn of(stream: &StreamDescriptor, replicas: Option<u8>) -> Self {
        Self {
            name: stream.name.to_owned(),
            description: stream.description.to_owned(),
            subjects: stream.subjects.iter().map(ToString::to_string).collect(),
            storage: stream.storage,
            retention: stream.retention,
            max_age: stream.max_age,
            max_bytes: stream.max_bytes,
            max_messages: stream.max_messages,
            replicas: usize::from(replicas.unwrap_or(stream.replicas)),
            duplicate_window: stream.duplicate_window,
            discard: stream.discard,
            atomic: stream.atomic,
        }
    }
}

/// The settings of a durable consumer that a catalogue speaks of, wanted or found.
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
    /// After this long without a sign of life a message is delivered again.
    pub ack_wait: Duration,
    /// How many messages may be delivered and not acknowledged, over all who read from the consumer.
    pub max_ack_pending: usize,
    /// After this many deliveries the server gives up on a message; `None` for never.
    pub max_deliver: Option<u64>,
    /// Whether one reader at a time is served, so that it can keep the order of keys.
    pub ordered: bool,
}
