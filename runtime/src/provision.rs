//! Bringing streams to what the catalogue says: which settings differ, and which of them may change.

mod durable;
mod fields;
mod found;
mod words;

use crate::Retention;
use crate::topology::StreamSettings;

pub(crate) use found::{FoundConsumer, FoundStream, Progress};

/// The names of the settings that differ between an existing stream and what is wanted of it; none if it is as it
/// should be.
///
/// Fails at a setting that no server changes on a stream that exists: messages would have to move.
/// (nats-server, server/stream.go: `configUpdateCheck`.)
pub(crate) fn differences(
    existing: &StreamSettings,
    wanted: &StreamSettings,
) -> Result<Vec<&'static str>, ProvisionError> {
    let refuse = |setting, found: &dyn std::fmt::Debug, wished: &dyn std::fmt::Debug| {
        Err(ProvisionError::Refused {
            stream: wanted.name.clone(),
            setting,
            reason: format!("it is {found:?} and should be {wished:?}, which no stream that exists can become"),
        })
    };
    if existing.storage != wanted.storage {
        return refuse("storage", &existing.storage, &wanted.storage);
    }
    let work_queue = |settings: &StreamSettings| settings.retention == Retention::WorkQueue;
    if work_queue(existing) != work_queue(wanted) {
        return refuse("retention", &existing.retention, &wanted.retention);
    }
    let sorted = |settings: &StreamSettings| {
        let mut subjects = settings.subjects.clone();
        subjects.sort_unstable();
        subjects
    };
    let differs = [
        ("description", existing.description != wanted.description),
        ("subjects", sorted(existing) != sorted(wanted)),
        ("retention", existing.retention != wanted.retention),
        ("max_age", existing.max_age != wanted.max_age),
        ("max_bytes", existing.max_bytes != wanted.max_bytes),
        ("max_messages", existing.max_messages != wanted.max_messages),
        ("replicas", existing.replicas != wanted.replicas),
        ("duplicate_window", existing.duplicate_window != wanted.duplicate_window),
        ("discard", existing.discard != wanted.discard),
        ("atomic", existing.atomic != wanted.atomic),
    ];
    Ok(differs.into_iter().filter_map(|(setting, differs)| differs.then_some(setting)).collect())
}

/// Why a stream is not as the catalogue wants it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// A setting cannot be changed on a stream that exists.
    #[error(
        "the stream {stream} cannot be updated: {setting}: {reason}; publish to a new stream under another name instead"
    )]
    Refused {
        /// The name of the stream.
        stream: String,
        /// The setting that stands in the way.
        setting: &'static str,
        /// What it is and what it should be.
        reason: String,
    },
    /// The server refused to create or update the stream.
    #[error("the server refused the stream {stream}: {reason} (code {code})")]
    Server {
        /// The name of the stream.
        stream: String,
        /// The server's error code.
        code: u64,
        /// The server's words.
        reason: String,
    },
    /// The server did not answer.
    #[error(
        "the server did not answer about the stream {stream}: {reason}; is JetStream enabled, and may this user use it?"
    )]
    Unavailable {
        /// The name of the stream.
        stream: String,
        /// What went wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Discard, Storage};

    fn settings() -> StreamSettings {
        StreamSettings {
            name: "EVENTS".to_owned(),
            description: "all".to_owned(),
            subjects: vec!["a.>".to_owned(), "b.>".to_owned()],
            storage: Storage::File,
            retention: Retention::Limits,
            max_age: Some(Duration::from_secs(60)),
            max_bytes: None,
            max_messages: None,
            replicas: 1,
            duplicate_window: Duration::from_secs(60),
            discard: Discard::Old,
            atomic: false,
        }
    }

    #[test]
    fn the_order_of_subjects_is_no_difference() {
        let mut wanted = settings();
        wanted.subjects.reverse();

        assert!(differences(&settings(), &wanted).unwrap().is_empty());
    }

    #[test]
    fn differences_are_named() {
        let wanted = StreamSettings { max_bytes: Some(1), retention: Retention::Interest, ..settings() };

        assert_eq!(differences(&settings(), &wanted).unwrap(), ["retention", "max_bytes"]);
    }

    #[test]
    fn what_no_stream_can_become_is_refused_with_its_name() {
        let memory = StreamSettings { storage: Storage::Memory, ..settings() };
        let queue = StreamSettings { retention: Retention::WorkQueue, ..settings() };

        for (wanted, setting) in [(memory, "storage"), (queue, "retention")] {
            let text = differences(&settings(), &wanted).unwrap_err().to_string();
            assert!(text.contains("EVENTS") && text.contains(setting), "{text}");
        }
    }
}
