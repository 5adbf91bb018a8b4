//! An instance of a saga, as its last event says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Where an instance of a saga stands.
///
/// ```
/// use eventsmith::state::SagaStatus;
///
/// assert!(SagaStatus::Compensated.is_ended() && !SagaStatus::Stuck.is_ended());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SagaStatus {
    /// Its steps are done one after the other.
    Running,
    /// Its steps are undone, the last first.
    Compensating,
    /// A step cannot be undone; an operator has to look at it.
    Stuck,
    /// All its steps are done.
    Completed,
    /// What it had done is undone.
    Compensated,
    /// It ended without being undone, as its definition says.
    Failed,
}

impl SagaStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Compensating, Self::Stuck, Self::Completed, Self::Compensated, Self::Failed];

    /// Whether nothing follows.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Compensated | Self::Failed)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Stuck => "stuck",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for SagaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of a step.
///
/// ```
/// use eventsmith::state::StepOutcome;
///
/// assert_eq!(StepOutcome::Undone.to_string(), "undone");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It is done.
    Done,
    /// It was refused: nothing was done.
    Refused,
    /// It was not needed.
    Skipped,
    /// Nothing was done.
    NotDone,
    /// It may be done or not: nobody answered.
    Uncertain,
    /// It was done, or may have been, and is undone.
    Undone,
    /// It was done, and nothing undoes it.
    Kept,
    /// An operator took it upon them.
    PassedOver,
}

impl StepOutcome {
    /// Whether there may be something to undo.
    pub(crate) const fn is_to_undo(self) -> bool {
        matches!(self, Self::Done | Self::Uncertain)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
            Self::NotDone => "not done",
            Self::Uncertain => "uncertain",
            Self::Undone => "undone",
            Self::Kept => "kept",
            Self::PassedOver => "passed over",
        }
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happens to a saga, by its kind: the last token of its subject.
///
/// ```
/// use eventsmith::state::SagaEventKind;
///
/// // Who wants to hear of every saga that is stuck subscribes to `ROOT.saga.*.*.*.event.stuck`.
/// assert_eq!(SagaEventKind::Stuck.as_str(), "stuck");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SagaEventKind {
    /// It began.
    Started,
    /// A step is done.
    Done,
    /// A step was not needed.
    Skipped,
    /// A step was refused.
    Refused,
    /// Nobody answered a step in all its attempts, or it could not be asked for.
    Unanswered,
    /// The time of a step is over.
    TimedOut,
    /// An event came before its step.
    Received,
    /// An operator ended it.
    Cancelled,
    /// From here on steps are undone.
    Compensating,
    /// A step is undone.
    Undone,
    /// A step cannot be undone.
    Stuck,
    /// A request is made again, as nobody answered.
    AskedAgain,
    /// An operator lets it try again.
    Retried,
    /// An operator took it upon them to undo a step.
    PassedOver,
    /// The end: all is done.
    Completed,
    /// The end: all is undone.
    Compensated,
    /// The end: it is left as it is.
    Failed,
}

impl SagaEventKind {
    /// The word for it, which is a token of subjects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::TimedOut => "timed_out",
            Self::Received => "received",
            Self::Cancelled => "cancelled",
            Self::Compensating => "compensating",
            Self::Undone => "undone",
            Self::Stuck => "stuck",
            Self::AskedAgain => "asked_again",
            Self::Retried => "retried",
            Self::PassedOver => "passed_over",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Failed => "failed",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Happening {
    pub(crate) kind: SagaEventKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// The command that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<u64>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// Who did it, where it was an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// The payload of an event of a saga. The last one of each batch has the instance.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventData {
    pub(crate) happening: Happening,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<Instance>,
}

/// What a runner reads of an event: what kinds of things happen may grow.
#[derive(Debug, Deserialize)]
pub(crate) struct LastEvent {
    #[serde(default)]
    pub(crate) instance: Option<Instance>,
}

/// All that a runner needs to go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    /// The number of its last event, from 1.
    pub(crate) number: u64,
    pub(crate) status: SagaStatus,
    /// What became of its steps, in their order, as far as it came.
    pub(crate) steps: Vec<StepRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<Waiting>,
    /// What it is stuck with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stuck: Option<StuckWith>,
    /// The number of the last command.
    pub(crate) commands: u64,
    /// Why it does not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) state: Versioned,
    /// Events that came before their steps, by type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) early: BTreeMap<String, Versioned>,
    /// The ids of the inputs that it took in last, so that one that is delivered again changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) inputs: Vec<String>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    pub(crate) step: String,
    pub(crate) outcome: StepOutcome,
}

/// What an instance waits for: the answer to a request, or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// The number of the command, also of what is not asked for but waited for.
    pub(crate) command: u64,
    pub(crate) step: String,
    pub(crate) is_undo: bool,
    /// Whether there is a time-out to be cancelled.
    pub(crate) has_timer: bool,
    /// The type of the request or the event; nothing where its time is waited for.
    pub(crate) of: String,
    /// How many attempts at the request nobody answered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) attempts: u64,
    /// Whether the request may have been done under this id before it is waited for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_uncertain: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The step that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StuckWith {
    pub(crate) step: String,
    /// The command whose id is used again, as it may be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<u64>,
}

/// A document or an event, and the version of its schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Versioned {
    pub(crate) version: u32,
    pub(crate) data: Box<RawValue>,
}

/// The payload of a time-out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TimeoutData {
    pub(crate) step: String,
    pub(crate) command: u64,
}

/// The payload of what comes from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InputData {
    pub(crate) kind: InputKind,
    /// Who, where it is an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// Why, where it is an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// Where the operator saw the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Seen>,
    /// The type of the event, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Versioned>,
}

/// Where an operator saw an instance, so that nothing else is done with it than they meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) status: SagaStatus,
    /// The number of its last event.
    pub(crate) number: u64,
}

/// What comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InputKind {
    Event,
    Retry,
    Cancel,
}

impl InputKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
        }
    }
}
