//! What has to change, before anything does.

use eventsmith_bus::settings::fields::Effect;
use eventsmith_bus::settings::{ConsumerSettings, StreamSettings};
use serde::Serialize;

/// What has to change on a server so that it is as a [`Topology`](crate::topology::Topology) says, from [`BusAdmin::plan`](crate::BusAdmin::plan).
///
/// `Display` shows it as a difference for people: `+` is created, `~` updated, `-+` recreated, `!` refused. As JSON it
/// holds the same, and what is as it should be.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// One for each stream and consumer, streams first.
    pub changes: Vec<Change>,
    /// What will not work although all of it can be done.
    pub warnings: Vec<String>,
}

/// What becomes of one stream or consumer.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The stream.
    pub stream: String,
    /// The consumer of that stream; `None` where it is about the stream itself.
    pub consumer: Option<String>,
    /// What becomes of it.
    pub action: Action,
    /// The settings that differ; all of them where it is created.
    pub fields: Vec<FieldChange>,
    /// Warnings and reasons that are about more than one setting.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) wanted: Wanted,
}

/// What is to be done with a stream or a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// It is as it should be.
    Keep,
    /// It does not exist and is created.
    Create,
    /// It is changed in place.
    Update,
    /// A consumer is deleted, and created where it was.
    Recreate,
    /// It cannot become what is wanted; then nothing of the plan is done.
    Refuse,
}

/// What becomes of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldChange {
    /// The setting.
    pub field: &'static str,
    /// What it is; `None` where nothing exists yet.
    pub from: Option<String>,
    /// What it is to be.
    pub to: String,
    /// What that takes.
    pub effect: Effect,
    /// What to know about it: a warning, or why it is refused.
    pub note: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Stream(StreamSettings),
    Consumer(ConsumerSettings),
}

impl Plan {
    /// Whether everything is as it should be.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Keep)
    }

    /// Whether something in it cannot be done, so that nothing of it will be.
    pub fn is_refused(&self) -> bool {
        self.changes.iter().any(|change| change.action == Action::Refuse)
    }
}

impl Change {
    /// What it is about, for people.
    pub(super) fn about(&self) -> String {
        match &self.consumer {
            Some(consumer) => format!("the consumer {consumer} of {}", self.stream),
            None => format!("the stream {}", self.stream),
        }
    }

    pub(super) fn refuse(&mut self, reason: impl Into<String>) {
        self.action = Action::Refuse;
        self.notes.push(reason.into());
    }
}
