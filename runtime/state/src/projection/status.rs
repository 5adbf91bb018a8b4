//! What a projection says of itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Skipped};
use super::generation::Generation;

/// What a projection says of one read model that it makes.
///
/// ```
/// use eventsmith::state::ProjectionStatus;
///
/// fn tell(status: &ProjectionStatus) {
///     println!("{} {}: {}, {} events behind", status.name, status.generation, status.phase, status.behind());
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProjectionStatus {
    /// The name of the projection.
    pub name: String,
    /// Which of its read models.
    pub generation: Generation,
    /// What is going on.
    pub phase: Phase,
    /// How far it is in each stream.
    pub streams: BTreeMap<String, StreamProgress>,
    /// How many events were projected.
    pub projected: u64,
    /// How many messages were left out, as nobody can read them or the program rejects them.
    pub skipped: u64,
    /// The last of these.
    pub last_skipped: Option<Skipped>,
    /// How many side effects were left out, as the program rejects them or the event is not in the read model.
    #[serde(default)]
    pub skipped_effects: u64,
    /// How far the side effects are, where it serves and the program has some.
    #[serde(default)]
    pub effects: Option<EffectsProgress>,
    /// What keeps it from going on, or has stopped it.
    pub error: Option<String>,
    /// The instance that says so.
    pub instance: String,
    /// When it said so, by the clock of the stream that keeps it; nothing for what is going on in this process.
    #[serde(skip)]
    pub updated: Option<Timestamp>,
}

/// What is going on with a read model.
///
/// ```
/// assert_eq!(eventsmith::state::Phase::Rebuilding.to_string(), "rebuilding");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Another instance projects; this one takes over should that fall silent.
    Waiting,
    /// It is built, and does not serve yet.
    Rebuilding,
    /// It serves and is kept up to date.
    Running,
    /// It is kept up to date, but another one, of a later revision, serves.
    Superseded,
    /// An error stopped it; see [`ProjectionStatus::error`].
    Failed,
    /// Its program was stopped.
    Stopped,
}

/// How far a read model is in one stream.
///
/// ```
/// use eventsmith::state::StreamProgress;
///
/// fn is_current(progress: &StreamProgress) -> bool {
///     progress.behind() == 0
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamProgress {
    /// Everything up to this number is projected, or is none of its events.
    pub position: u64,
    /// The number of the last message on the subjects that it reads; 0 if there is none.
    pub end: u64,
    /// When the last event that it projected was stored.
    pub time: Option<Timestamp>,
    /// The subject with wildcards that is read.
    #[serde(default)]
    pub filter: String,
}

/// How far the side effects of a projection are.
///
/// ```
/// use eventsmith::state::EffectsProgress;
///
/// fn is_held_up(effects: &EffectsProgress) -> bool {
///     effects.error.is_some()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EffectsProgress {
    /// Up to which number of each stream they are done, or left out.
    pub streams: BTreeMap<String, u64>,
    /// How many were done.
    pub done: u64,
    /// How many were left out, as the program rejects them or the event is not in the read model.
    pub skipped: u64,
    /// What keeps the next one from being done, while it is tried again.
    pub error: Option<String>,
}

impl StreamProgress {
    /// How many events are still to be projected, at most: numbers between position and end are counted, and messages of other kinds have
    /// some of them. 0 says that it is up to date.
    pub fn behind(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }
}

impl ProjectionStatus {
    pub(crate) fn new(name: &str, generation: Generation, instance: &str) -> Self {
        Self {
            name: name.to_owned(),
            generation,
            phase: Phase::Waiting,
            streams: BTreeMap::new(),
            projected: 0,
            skipped: 0,
            last_skipped: None,
            skipped_effects: 0,
            effects: None,
            error: None,
            instance: instance.to_owned(),
            updated: None,
        }
    }

    /// How many events are still to be projected at most, over all streams.
    pub fn behind(&self) -> u64 {
        self.streams.values().map(StreamProgress::behind).sum()
    }

    /// How many events the side effects are behind the read model at most, over all streams; 0 where there are none.
    pub fn effects_behind(&self) -> u64 {
        let Some(effects) = &self.effects else { return 0 };
        let behind = |(stream, at): (&String, &u64)| {
            self.streams.get(stream).map_or(0, |progress| progress.position.min(progress.end).saturating_sub(*at))
        };
        effects.streams.iter().map(behind).sum()
    }

    /// Takes over what a checkpoint says.
    pub(crate) fn at(&mut self, checkpoint: &Checkpoint) {
        for (stream, position) in &checkpoint.streams {
            let progress = self.streams.entry(stream.clone()).or_default();
            progress.position = position.sequence;
            progress.time = position.time;
        }
        (self.projected, self.skipped) = (checkpoint.projected, checkpoint.skipped);
        self.last_skipped.clone_from(&checkpoint.last_skipped);
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Rebuilding => "rebuilding",
            Self::Running => "running",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}
