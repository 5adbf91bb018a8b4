//! Every setting of a stream that is compared with the catalogue, and what it takes to change it on a server.
//!
//! What a server changes and what it refuses is in its sources: `configUpdateCheck` in server/stream.go.
//! `tests/tests/bus/provision/fields.rs` tries every line of the table on one.

use eventsmith_bus::settings::fields::{Effect, Field, FieldEffect, any_server, update, warn};
use eventsmith_bus::settings::{BucketSettings, FoundStream, format};
use eventsmith_event::stream::{Discard, Retention};
use serde::Serialize;

/// The settings of a stream. None is ever recreated: messages would be lost.
pub(crate) const STREAM: &[Field<FoundStream>] = &[
    Field {
        name: "description",
        text: |stream| format!("{:?}", stream.settings.description),
        effect: update,
        needs: any_server,
    },
    Field {
        name: "subjects",
        text: |stream| format::subjects(&stream.settings.subjects),
        effect: |found, wanted| {
            let gone: Vec<String> = found
                .settings
                .subjects
                .iter()
                .filter(|subject| !wanted.settings.subjects.contains(subject))
                .cloned()
                .collect();
            let note = || format!("what is published to {} is captured no more", format::subjects(&gone));
            (Effect::Update, (!gone.is_empty()).then(note))
        },
        needs: any_server,
    },
    Field {
        name: "storage",
        text: |stream| name_of(&stream.settings.storage),
        effect: |_, _| refuse("messages of a stream, or of a bucket, cannot move; use a new one under another name"),
        needs: any_server,
    },
    Field {
        name: "retention",
        text: |stream| name_of(&stream.settings.retention),
        effect: |found, wanted| match (found.settings.retention, wanted.settings.retention) {
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
        text: |stream| match stream.settings.bucket {
            None => format::limit(stream.settings.max_age, format::duration),
            Some(_) => format::NOT_APPLICABLE.to_owned(),
        },
        effect: |found, wanted| {
            warn(lower(found.settings.max_age, wanted.settings.max_age), "older messages are dropped")
        },
        needs: any_server,
    },
    Field {
        name: "ttl",
        text: |stream| bucket(stream, |_| format::limit(stream.settings.max_age, format::duration)),
        effect: |found, wanted| {
            warn(lower(found.settings.max_age, wanted.settings.max_age), "values that were put earlier are dropped")
        },
        needs: any_server,
    },
    Field {
        name: "max_bytes",
        text: |stream| format::limit(stream.settings.max_bytes, format::bytes),
        effect: |found, wanted| at_the_limit(lower(found.settings.max_bytes, wanted.settings.max_bytes), wanted),
        needs: any_server,
    },
    Field {
        name: "max_messages",
        text: |stream| format::limit(stream.settings.max_messages, |max| max.to_string()),
        effect: |found, wanted| at_the_limit(lower(found.settings.max_messages, wanted.settings.max_messages), wanted),
        needs: any_server,
    },
    Field { name: "replicas", text: |stream| stream.settings.replicas.to_string(), effect: update, needs: any_server },
    Field {
        name: "duplicate_window",
        text: |stream| format::duration(stream.settings.duplicate_window),
        effect: update,
        needs: any_server,
    },
    Field { name: "discard", text: |stream| name_of(&stream.settings.discard), effect: update, needs: any_server },
    Field {
        name: "atomic",
        text: |stream| stream.settings.atomic.to_string(),
        effect: update,
        needs: |stream| stream.settings.atomic.then_some((2, 12)),
    },
    Field {
        name: "max_messages_per_subject",
        text: |stream| match stream.settings.bucket {
            None => format::limit(stream.max_per_subject, |max| max.to_string()),
            Some(_) => format::NOT_APPLICABLE.to_owned(),
        },
        effect: |_, wanted| {
            let warning =
                "events beyond it are dropped already: `eventsmith aggregates check` names histories that lack some";
            warn(wanted.settings.aggregates, warning)
        },
        needs: any_server,
    },
    Field { name: "no_ack", text: |stream| stream.no_ack.to_string(), effect: update, needs: any_server },
    Field {
        name: "bulk",
        text: |stream| stream.settings.bulk.to_string(),
        effect: update,
        needs: |stream| stream.settings.bulk.then_some((2, 14)),
    },
    Field {
        name: "aggregates",
        text: |stream| match stream.settings.aggregates {
            true => "nothing is deleted, purged or rolled up".to_owned(),
            false => "not protected".to_owned(),
        },
        effect: |_, _| (Effect::Update, Some("no server takes it back".to_owned())),
        needs: any_server,
    },
    Field {
        name: "schedules",
        text: |stream| stream.settings.schedules.to_string(),
        effect: |_, wanted| match wanted.settings.schedules {
            true => (Effect::Update, Some("no server takes it back".to_owned())),
            false => refuse("no server forbids schedules where they were allowed; use another stream"),
        },
        needs: any_server,
    },
    Field {
        name: "history",
        text: |stream| {
            let history = |bucket: &BucketSettings| Some(bucket.history).filter(|history| *history != u64::MAX);
            bucket(stream, |bucket| format::limit(history(bucket), |history| history.to_string()))
        },
        effect: |found, wanted| {
            let history = |stream: &FoundStream| stream.settings.bucket.as_ref().map(|bucket| bucket.history);
            warn(lower(history(found), history(wanted)), "older values of each key beyond it are dropped")
        },
        needs: any_server,
    },
    Field {
        name: "max_value_bytes",
        text: |stream| bucket(stream, |bucket| format::limit(bucket.max_value_bytes.map(u64::from), format::bytes)),
        effect: update,
        needs: any_server,
    },
    Field {
        name: "marker_ttl",
        text: |stream| bucket(stream, |bucket| bucket.marker_ttl.map_or_else(|| "none".to_owned(), format::duration)),
        effect: |_, wanted| match wanted.settings.bucket.as_ref().is_some_and(|bucket| bucket.marker_ttl.is_none()) {
            true => refuse(
                "a bucket whose keys may have times of their own cannot be made to forbid them; keep marker_ttl, or use another bucket",
            ),
            false => (Effect::Update, None),
        },
        needs: |stream| stream.settings.bucket.as_ref().and_then(|bucket| bucket.marker_ttl).map(|_| (2, 11)),
    },
    Field {
        name: "key_value",
        text: |stream| {
            bucket(stream, |bucket| match bucket.defects.as_slice() {
                [] => "as buckets are".to_owned(),
                defects => defects.join(", "),
            })
        },
        effect: |found, wanted| match (&found.settings.bucket, &wanted.settings.bucket) {
            (Some(_), Some(_)) => (Effect::Update, None),
            _ => refuse("a stream becomes no bucket, and a bucket no stream; use another name"),
        },
        needs: any_server,
    },
];

/// What a bucket has; nothing is said of it where a stream is none.
fn bucket(stream: &FoundStream, text: impl FnOnce(&BucketSettings) -> String) -> String {
    stream.settings.bucket.as_ref().map_or_else(|| format::NOT_APPLICABLE.to_owned(), text)
}

fn refuse(reason: &str) -> FieldEffect {
    (Effect::Refuse, Some(reason.to_owned()))
}

fn at_the_limit(is_lower: bool, wanted: &FoundStream) -> FieldEffect {
    let warning = match wanted.settings.discard {
        Discard::Old => "the oldest messages beyond it are dropped",
        Discard::New => "new messages are refused until there is room",
        other => return refuse(&format!("discard has a value that is unknown here: {other:?}")),
    };
    warn(is_lower, warning)
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
