//! Every setting of a durable consumer that is compared with the catalogue, and what it takes to change it on a server.
//!
//! What a server changes and what it refuses is in its sources: `checkNewConsumerConfig` in server/consumer.go.
//! `tests/tests/bus/provision/fields.rs` tries every line of the table on one.

use serde::Serialize;

use super::format;
use super::found::FoundConsumer;

/// One setting.
#[derive(Debug)]
pub struct Field<S: 'static> {
    /// Its name in `eventsmith.toml`.
    pub name: &'static str,
    /// The value as text: values whose texts are equal are equal.
    pub text: fn(&S) -> String,
    /// What it takes to get from what was found, the first, to what is wanted.
    pub effect: fn(&S, &S) -> FieldEffect,
    /// The oldest server that knows what is wanted, if not all do.
    pub needs: fn(&S) -> Option<(u8, u8)>,
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
pub type FieldEffect = (Effect, Option<String>);

/// The settings of a durable consumer. Where it begins is no setting of one that exists.
pub const CONSUMER: &[Field<FoundConsumer>] = &[
    Field {
        name: "filters",
        text: |consumer| format::subjects(&consumer.settings.filters),
        effect: |_, _| warn(true, "what it has passed already is not delivered under new filters"),
        needs: any_server,
    },
    Field {
        name: "ack_wait",
        text: |consumer| format::duration(consumer.settings.ack_wait),
        effect: update,
        needs: any_server,
    },
    Field {
        name: "max_ack_pending",
        text: |consumer| {
            let max = Some(consumer.settings.max_ack_pending).filter(|max| *max < usize::MAX);
            format::limit(max, |max| max.to_string())
        },
        effect: update,
        needs: any_server,
    },
    Field {
        name: "max_deliver",
        text: |consumer| format::limit(consumer.settings.max_deliver, |max| max.to_string()),
        effect: update,
        needs: any_server,
    },
    Field {
        name: "ordered",
        text: |consumer| match consumer.priority.as_str() {
            "" => consumer.settings.ordered.to_string(),
            other => other.to_owned(),
        },
        effect: |_, _| warn(true, "instances that run stop with an error: start them again"),
        needs: |consumer| consumer.settings.ordered.then_some((2, 11)),
    },
    Field {
        name: "deliver_subject",
        text: |consumer| match consumer.deliver_subject.as_str() {
            "" => "none, it is pulled from".to_owned(),
            subject => subject.to_owned(),
        },
        effect: recreate,
        needs: any_server,
    },
    Field { name: "ack_policy", text: |consumer| consumer.ack_policy.clone(), effect: recreate, needs: any_server },
    Field {
        name: "backoff",
        text: |consumer| match consumer.backoff.as_slice() {
            [] => "none".to_owned(),
            delays => delays.iter().copied().map(format::duration).collect::<Vec<_>>().join(", "),
        },
        effect: update,
        needs: any_server,
    },
    Field {
        name: "headers_only",
        text: |consumer| consumer.headers_only.to_string(),
        effect: update,
        needs: any_server,
    },
    Field {
        name: "inactive_threshold",
        text: |consumer| {
            let threshold = Some(consumer.inactive_threshold).filter(|threshold| !threshold.is_zero());
            threshold.map_or_else(|| "never".to_owned(), format::duration)
        },
        effect: update,
        needs: any_server,
    },
];

/// Any server knows the setting.
pub fn any_server<S>(_: &S) -> Option<(u8, u8)> {
    None
}

/// The server changes the setting in place.
pub fn update<S>(_: &S, _: &S) -> FieldEffect {
    (Effect::Update, None)
}

/// The consumer is deleted, and created again where it was.
pub fn recreate<S>(_: &S, _: &S) -> FieldEffect {
    (Effect::Recreate, None)
}

/// The server changes the setting in place, which deserves a warning if that holds.
pub fn warn(holds: bool, warning: &str) -> FieldEffect {
    (Effect::Update, holds.then(|| warning.to_owned()))
}
