//! Streams and consumers as a server has them.

use std::time::Duration;

use jiff::Timestamp;

use crate::DeliverFrom;
use crate::topology::{ConsumerSettings, StreamSettings};

/// A stream as it was found.
#[derive(Debug, Clone)]
pub(crate) struct FoundStream {
    pub(crate) settings: StreamSettings,
    /// Whether it is closed for ever, to messages and to changes.
    pub(crate) sealed: bool,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) first_sequence: u64,
    pub(crate) last_sequence: u64,
}

/// A consumer as it was found: beside the settings that a catalogue speaks of, those that no consumer of ours has.
#[derive(Debug, Clone)]
pub(crate) struct FoundConsumer {
    pub(crate) settings: ConsumerSettings,
    /// When it was created, where that is known.
    pub(crate) created: Option<Timestamp>,
    /// What it asks for to be acknowledged: `explicit` for ours.
    pub(crate) ack_policy: String,
    /// Where a push consumer sends; empty for one that is pulled from.
    pub(crate) deliver_subject: String,
    /// Delays of redelivery that the server computes; empty for ours, which compute them on the client.
    pub(crate) backoff: Vec<Duration>,
    /// Whether it delivers headers without payloads.
    pub(crate) headers_only: bool,
    /// After how long without a reader the server deletes it, with its place in the stream; zero for never.
    pub(crate) inactive_threshold: Duration,
    /// How it serves several readers, where that is neither our way to serve one at a time nor the usual one.
    pub(crate) priority: String,
    pub(crate) progress: Progress,
}

/// How far a consumer is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Messages that were not delivered yet.
    pub(crate) lag: u64,
    /// Messages that are delivered and not acknowledged, those aside that were given up.
    pub(crate) ack_pending: u64,
    /// Messages that were delivered more than once and never acknowledged, those included that were given up.
    pub(crate) redelivered: u64,
    /// Pull requests that wait for messages.
    pub(crate) waiting: u64,
    /// How many deliveries there were, those that were repeated included.
    pub(crate) deliveries: u64,
    /// The sequence in the stream of the last message that was delivered.
    pub(crate) delivered: u64,
    /// Everything up to this sequence in the stream is done with.
    pub(crate) ack_floor: u64,
    /// Whether it is paused.
    pub(crate) paused: bool,
    /// Whether one of several readers has it to itself at the moment.
    pub(crate) pinned: bool,
}

impl FoundConsumer {
    /// A consumer that is just what the settings say.
    pub(crate) fn exactly(settings: ConsumerSettings) -> Self {
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
    pub(crate) fn resume(&self) -> DeliverFrom {
        match (self.progress.ack_floor, self.settings.deliver, self.created) {
            // Older servers (seen with 2.11) do not tell where one began that has settled nothing yet.
            (0, DeliverFrom::New, Some(created)) => DeliverFrom::Time(created),
            (0, DeliverFrom::New, None) => DeliverFrom::All,
            (0, began, _) => began,
            (floor, ..) => DeliverFrom::Sequence(floor + 1),
        }
    }
}
