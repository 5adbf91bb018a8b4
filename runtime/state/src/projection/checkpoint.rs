//! How far a read model is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a read model is in each of its streams, and what it left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(crate) streams: BTreeMap<String, StreamPosition>,
    /// How many events were projected.
    pub(crate) projected: u64,
    /// How many messages were left out, as nobody can read them or the program rejects them.
    pub(crate) skipped: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_skipped: Option<Skipped>,
    /// What was left out of it and side effects have not passed yet, by stream; nothing where there are no side effects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) left_out: BTreeMap<String, BTreeSet<u64>>,
    /// Where the documents are that it stands for, if they are kept apart from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) written_to: Option<WrittenTo>,
}

/// The bucket that a read model was written to, as it was then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WrittenTo {
    /// When it was created, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<Timestamp>,
    /// The last revision of a document of the read model that was written or read.
    pub(crate) revision: u64,
}

/// How far it is in one stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamPosition {
    /// Everything up to this number is projected, or is none of its events.
    pub(crate) sequence: u64,
    /// When the last event was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<Timestamp>,
    /// When the stream was created, where that is known: one that was made anew counts from 1 again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<Timestamp>,
}

/// A message that a projection left out.
///
/// ```
/// use eventsmith::state::Skipped;
///
/// fn tell(skipped: &Skipped) {
///     println!("message {} of {} ({}): {}", skipped.sequence, skipped.stream, skipped.subject, skipped.reason);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skipped {
    /// The stream, which still holds it.
    pub stream: String,
    /// Its number there.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Why it was left out.
    pub reason: String,
}

/// How many messages that were left out of a stream are remembered for side effects which are behind: 1,000 numbers are some 10 KB.
const MOST_LEFT_OUT: usize = 1_000;

impl Checkpoint {
    /// Notes that a message was left out, for side effects.
    pub(crate) fn leave_out(&mut self, stream: &str, sequence: u64) {
        let of_stream = self.left_out.entry(stream.to_owned()).or_default();
        of_stream.insert(sequence);
        if of_stream.len() > MOST_LEFT_OUT {
            of_stream.pop_first();
        }
    }

    /// Forgets what was left out and side effects have passed; all of it, where there are none.
    pub(crate) fn forget_left_out(&mut self, passed: Option<&BTreeMap<String, u64>>) {
        self.left_out.retain(|stream, sequences| {
            let passed = passed.map(|passed| passed.get(stream).copied().unwrap_or_default());
            sequences.retain(|sequence| passed.is_some_and(|passed| *sequence > passed));
            !sequences.is_empty()
        });
    }

    pub(crate) fn sequence(&self, stream: &str) -> u64 {
        self.streams.get(stream).map_or(0, |position| position.sequence)
    }

    /// The text that stands for it: equal texts are equal checkpoints.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
