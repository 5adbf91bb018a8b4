//! Every setting that is held against the catalogue, and what can become of it on a server: one table for each kind.
//!
//! What a server changes and what it refuses is in its sources: `configUpdateCheck` in server/stream.go and
//! `checkNewConsumerConfig` in server/consumer.go. `tests/tests/bus/provision/fields.rs` tries every line of both tables on one.

use serde::Serialize;

use super::found::FoundConsumer;
use super::words;
use crate::Retention;
use crate::topology::StreamSettings;

/// One setting.
pub(crate) struct Field<S: 'static> {
    pub(crate) name: &'static str,
    /// The value in words: values that are written alike are alike.
    pub(crate) words: fn(&S) -> String,
    /// What it takes to get from what was found, the first, to what is wanted.
    pub(crate) verdict: fn(&S, &S) -> Verdict,
    /// The oldest server that knows what is wanted, if not all do.
    pub(crate) needs: fn(&S) -> Option<(u8, u8)>,
}

/// What it takes to change a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The server changes it in place.
    Update,
    /// The consumer is deleted, and created again where it was.
    Recreate,
    /// It cannot be done without losing something, or not at all.
    Refuse,
}

/// What it takes, and what to know about it: a warning, or the reason of a refusal.
pub(crate) type Verdict = (Effect, Option<String>);

/// The settings of a stream. None is ever recreated: messages would be lost.
pub(crate) const STREAM: &[Field<StreamSettings>] = &[
    Field {
        name: "description",
        words: |stream| format!("{:?}", stream.description),
        verdict: update,
        needs: any_server,
    },
    Field {
        name: "subjects",
        words: |stream| words::subjects(&stream.subjects),
        verdict: |found, wanted| {
            let gone: Vec<String> =
                found.subjects.iter().filter(|subject| !wanted.subjects.contains(subject)).cloned().collect();
            let note = || format!("what is published to {} is captured no more", words::subjects(&gone));
            (Effect::Update, (!gone.is_empty()).then(note))
        },
        needs: any_server,
    },
    Field {
        name: "storage",
        words: |stream| name_of(&stream.storage),
        verdict: |_, _| refuse("messages of a stream cannot move; publish to a new stream under another name"),
        needs: any_server,
    },
    Field {
        name: "retention",
        words: |stream| name_of(&stream.retention),
        verdict: |found, wanted| match (found.retention, wanted.retention) {
            (Retention::WorkQueue, _) | (_, Retention::WorkQueue) => {
                refuse("no server turns a stream into a work queue or back; publish to a new stream under another name")
            }
            (_, Retention::Interest) => {
                warn(true, "what all its consumers have acknowledged, or none is for, is dropped")
            }
            _ => (Effect::Update, None),
        },
        needs: any_server,
    },
    Field {
        name: "max_age",
        words: |stream| words::limit(stream.max_age, words::duration),
        verdict: |found, wanted| warn(lower(found.max_age, wanted.max_age), "older messages are dropped"),
        needs: any_server,
    },
    Field {
        name: "max_bytes",
        words: |stream| words::limit(stream.max_bytes, words::bytes),
        verdict: |found, wanted| at_the_limit(lower(found.max_bytes, wanted.max_bytes), wanted),
        needs: any_server,
    },
    Field {
        name: "max_messages",
        words: |stream| words::limit(stream.max_messages, |max| max.to_string()),
        verdict: |found, wanted| at_the_limit(lower(found.max_messages, wanted.max_messages), wanted),
        needs: any_server,
    },
    Field { name: "replicas", words: |stream| stream.replicas.to_string(), verdict: update, needs: any_server },
    Field {
        name: "duplicate_window",
        words: |stream| words::duration(stream.duplicate_window),
        verdict: update,
        needs: any_server,
    },
    Field { name: "discard", words: |stream| name_of(&stream.discard), verdict: update, needs: any_server },
    Field {
        name: "atomic",
        words: |stream| stream.atomic.to_string(),
        verdict: update,
        needs: |stream| stream.atomic.then_some((2, 12)),
    },
];

/// The settings of a durable consumer. Where it begins is no setting of one that exists.
pub(crate) const CONSUMER: &[Field<FoundConsumer>] = &[
    Field {
        name: "filters",
        words: |consumer| words::subjects(&consumer.settings.filters),
        verdict: |_, _| warn(true, "what it has passed already under new filters does not come back"),
        needs: any_server,
    },
    Field {
        name: "ack_wait",
        words: |consumer| words::duration(consumer.settings.ack_wait),
        verdict: update,
        needs: any_server,
    },
    Field {
        name: "max_ack_pending",
        words: |consumer| {
            let max = Some(consumer.settings.max_ack_pending).filter(|max| *max < usize::MAX);
            words::limit(max, |max| max.to_string())
        },
        verdict: update,
        needs: any_server,
    },
    Field {
        name: "max_deliver",
        words: |consumer| words::limit(consumer.settings.max_deliver, |max| max.to_string()),
        verdict: update,
        needs: any_server,
    },
    Field {
        name: "ordered",
        words: |consumer| match consumer.priority.as_str() {
            "" => consumer.settings.ordered.to_string(),
            other => other.to_owned(),
        },
        verdict: |_, _| warn(true, "instances that run stop with an error: start them again"),
        needs: |consumer| consumer.settings.ordered.then_some((2, 11)),
    },
    Field {
        name: "deliver_subject",
        words: |consumer| match consumer.deliver_subject.as_str() {
            "" => "none, it is pulled from".to_owned(),
            subject => subject.to_owned(),
        },
        verdict: recreate,
        needs: any_server,
    },
    Field { name: "ack_policy", words: |consumer| consumer.ack_policy.clone(), verdict: recreate, needs: any_server },
    Field {
        name: "backoff",
        words: |consumer| match consumer.backoff.as_slice() {
            [] => "none".to_owned(),
            delays => delays.iter().copied().map(words::duration).collect::<Vec<_>>().join(", "),
        },
        verdict: update,
        needs: any_server,
    },
    Field {
        name: "headers_only",
        words: |consumer| consumer.headers_only.to_string(),
        verdict: update,
        needs: any_server,
    },
    Field {
        name: "inactive_threshold",
        words: |consumer| {
            let threshold = Some(consumer.inactive_threshold).filter(|threshold| !threshold.is_zero());
            threshold.map_or_else(|| "never".to_owned(), words::duration)
        },
        verdict: update,
        needs: any_server,
    },
];

fn any_server<S>(_: &S) -> Option<(u8, u8)> {
    None
}

fn update<S>(_: &S, _: &S) -> Verdict {
    (Effect::Update, None)
}

fn recreate<S>(_: &S, _: &S) -> Verdict {
    (Effect::Recreate, None)
}

fn refuse(reason: &str) -> Verdict {
    (Effect::Refuse, Some(reason.to_owned()))
}

fn warn(holds: bool, warning: &str) -> Verdict {
    (Effect::Update, holds.then(|| warning.to_owned()))
}

fn at_the_limit(is_lower: bool, wanted: &StreamSettings) -> Verdict {
    warn(
        is_lower,
        match wanted.discard {
            crate::Discard::Old => "the oldest messages beyond it are dropped",
            crate::Discard::New => "new messages are refused until there is room",
        },
    )
}

/// Whether a limit gets lower; none is the highest.
fn lower<T: PartialOrd>(found: Option<T>, wanted: Option<T>) -> bool {
    match (found, wanted) {
        (Some(found), Some(wanted)) => wanted < found,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

/// The name of a value as eventsmith.toml has it.
fn name_of(value: &impl Serialize) -> String {
    // Only enums without content come here, and those are texts.
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
