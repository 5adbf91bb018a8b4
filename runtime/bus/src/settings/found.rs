//! Streams and consumers as a server has them.

use std::time::Duration;

use eventsmith_event::stream::DeliverFrom;
use jiff::Timestamp;

use super::{ConsumerSettings, StreamSettings};

/// A stream as it was found.
#[derive(Debug, Clone)]
pub struct FoundStream {
    /// The settings that a catalogue speaks of.
    pub settings: StreamSettings,
    /// Whether it stores messages without acknowledging them, so that no publisher learns of it.
    pub no_ack: bool,
    /// How many messages of each subject it keeps, where somebody has limited it; in a bucket that is its history.
    pub max_per_subject: Option<u64>,
    /// Whether it is closed for ever, to messages and to changes.
    pub sealed: bool,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// The number of its first message.
    pub first_sequence: u64,
    /// The number of the last message that it ever stored.
    pub last_sequence: u64,
}

/// A consumer as it was found: beside the settings that a catalogue speaks of, those that no consumer of ours has.
#[derive(Debug, Clone)]
pub struct FoundConsumer {
    /// The settings that a catalogue speaks of.
    pub settings: ConsumerSettings,
    /// When it was created, where that is known.
    pub created: Option<Timestamp>,
    /// What it asks for to be acknowledged: `explicit` for ours.
    pub ack_policy: String,
    /// Where a push consumer sends; empty for one that is pulled from.
    pub deliver_subject: String,
    /// Delays of redelivery that the server computes; empty for ours, which compute them on the client.
    pub backoff: Vec<Duration>,
    /// Whether it delivers headers without payloads.
    pub headers_only: bool,
    /// After how long without a reader the server deletes it, with its place in the stream; zero for never.
    pub inactive_threshold: Duration,
    /// How it serves several readers, where that is neither our way to serve one at a time nor the usual one.
    pub priority: String,
    /// How far it is.
    pub progress: Progress,
}

/// How far a consumer is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Messages that were not delivered yet.
    pub lag: u64,
    /// Messages that are delivered and not acknowledged, without those that the server no longer delivers.
    pub ack_pending: u64,
    /// Messages that were delivered more than once and never acknowledged, with those that the server no longer delivers.
    pub redelivered: u64,
    /// Pull requests that wait for messages.
    pub waiting: u64,
    /// How many deliveries there were, those that were repeated included.
    pub deliveries: u64,
    /// The sequence in the stream of the last message that was delivered.
    pub delivered: u64,
    /// Everything up to this sequence in the stream is done with.
    pub ack_floor: u64,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether one of several readers has it to itself at the moment.
    pub pinned: bool,
}

impl FoundStream {
    /// An empty stream that is just what the settings say.
    pub fn exactly(settings: StreamSettings) -> Self {
        Self {
            settings,
            no_ack: false,
            max_per_subject: None,
            sealed: false,
            messages: 0,
            bytes: 0,
            first_sequence: 1,
            last_sequence: 0,
        }
    }
}

impl FoundConsumer {
    /// A consumer that is just what the settings say.
    pub fn exactly(settings: ConsumerSettings) -> Self {
        Self {
            settings,
            created: None,
            ack_policy: "explicit".to_owned(),
            deliver_subject: String::new(),
            backoff: Vec::new(),
            headers_only: false,
            inactive_threshold: Duration::ZERO,
            priority: String::new(),
            progress: Progress::default(),
        }
    }

    /// Where a consumer has to begin that takes its place, so that nothing is skipped that it has not settled.
    pub fn resume(&self) -> DeliverFrom {
        match (self.progress.ack_floor, self.settings.deliver, self.created) {
            // Older servers (seen with 2.11) do not report where one began that has settled nothing yet.
            (0, DeliverFrom::New, Some(created)) => DeliverFrom::Time(created),
            (0, DeliverFrom::New, None) => DeliverFrom::All,
            (0, began, _) => began,
            (floor, ..) => DeliverFrom::Sequence(floor + 1),
        }
    }
}
