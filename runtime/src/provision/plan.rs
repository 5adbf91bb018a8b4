//! What has to change, told before anything does.

use serde::Serialize;

use super::ProvisionError;
use super::fields::{self, Effect, Field};
use super::found::{FoundConsumer, FoundStream};
use crate::filter;
use crate::topology::{ConsumerSettings, StreamSettings, Topology, is_legal_name};
use crate::transport::Transport;
use crate::{DeliverFrom, Retention};

/// What has to change on a server so that it is as a [`Topology`] says, from [`Bus::plan`](crate::Bus::plan).
///
/// `Display` shows it as a difference for people: `+` is created, `~` updated, `-+` recreated, `!` refused. As JSON it
/// holds the same, and what is as it should be.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// One for each stream and consumer, streams first.
    pub changes: Vec<Change>,
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
    /// What it is about, in words.
    pub(super) fn about(&self) -> String {
        match &self.consumer {
            Some(consumer) => format!("the consumer {consumer} of {}", self.stream),
            None => format!("the stream {}", self.stream),
        }
    }

    fn refuse(&mut self, reason: impl Into<String>) {
        self.action = Action::Refuse;
        self.notes.push(reason.into());
    }
}

impl Transport {
    /// Compares a topology with what the server has.
    pub(crate) async fn plan(&self, topology: &Topology) -> Result<Plan, ProvisionError> {
        let mut changes = Vec::new();
        for wanted in &topology.streams {
            changes.push(self.plan_stream(wanted, topology).await?);
        }
        for wanted in &topology.consumers {
            changes.push(self.plan_consumer(wanted, topology).await?);
        }
        Ok(Plan { changes })
    }

    async fn plan_stream(&self, wanted: &StreamSettings, topology: &Topology) -> Result<Change, ProvisionError> {
        let mut change = Change {
            stream: wanted.name.clone(),
            consumer: None,
            action: Action::Keep,
            fields: Vec::new(),
            notes: Vec::new(),
            wanted: Wanted::Stream(wanted.clone()),
        };
        let failed = |failure| ProvisionError::new(format!("the stream {}", wanted.name), failure);
        if !is_legal_name(&wanted.name) {
            change.refuse(ILLEGAL);
            return Ok(change);
        }
        let found = self.stream(&wanted.name).await.map_err(failed)?;
        self.compare(&mut change, fields::STREAM, found.as_ref().map(|found| &found.settings), wanted);
        if change.action == Action::Keep {
            return Ok(change);
        }
        if found.is_some_and(|found| found.sealed) {
            change.refuse("it is sealed, and nothing about it can change any more");
        }
        if wanted.max_age.is_some_and(|age| age < wanted.duplicate_window) {
            change.refuse("ids cannot be remembered for longer than messages: max_age is less than duplicate_window");
        }
        // What another stream of the topology captures today does not matter: it is about to change.
        let others = topology.streams.iter().filter(|other| other.name != wanted.name);
        for subject in &wanted.subjects {
            let overlaps =
                |other: &&StreamSettings| other.subjects.iter().any(|theirs| filter::overlap(theirs, subject));
            let planned = others.clone().filter(overlaps).map(|other| other.name.clone());
            let mut standing = self.streams_of(subject).await.map_err(|error| failed(error.into()))?;
            standing.retain(|name| topology.streams.iter().all(|planned| planned.name != *name));
            for other in planned.chain(standing) {
                change.refuse(format!("its subject {subject} overlaps with those of the stream {other}"));
            }
        }
        Ok(change)
    }

    async fn plan_consumer(&self, wanted: &ConsumerSettings, topology: &Topology) -> Result<Change, ProvisionError> {
        let mut change = Change {
            stream: wanted.stream.clone(),
            consumer: Some(wanted.name.clone()),
            action: Action::Keep,
            fields: Vec::new(),
            notes: Vec::new(),
            wanted: Wanted::Consumer(wanted.clone()),
        };
        let about = change.about();
        let failed = |failure| ProvisionError::new(about.clone(), failure);
        if !is_legal_name(&wanted.name) {
            change.refuse(ILLEGAL);
            return Ok(change);
        }
        let stream = self.stream(&wanted.stream).await.map_err(failed)?;
        let exists = stream.is_some();
        let planned = topology.streams.iter().find(|stream| stream.name == wanted.stream).cloned();
        let Some(stream) = planned.or(stream.map(|FoundStream { settings, .. }| settings)) else {
            change.refuse(format!("there is no stream {}", wanted.stream));
            return Ok(change);
        };
        let found = if exists { self.consumer(&wanted.stream, &wanted.name).await.map_err(failed)? } else { None };
        let exact = FoundConsumer::exactly(wanted.clone());
        self.compare(&mut change, fields::CONSUMER, found.as_ref(), &exact);
        match (change.action, stream.retention, found) {
            (Action::Create, Retention::WorkQueue, _) if wanted.deliver != DeliverFrom::All => {
                change.refuse("a work queue is read from its beginning: deliver must be \"all\"");
            }
            (Action::Recreate, Retention::Interest, _) => change.refuse(format!(
                "it would have to be deleted, and with it the messages that {} keeps for it: let it finish and delete it, \
                 or use another name",
                stream.name
            )),
            (Action::Recreate, _, Some(found)) => {
                let (floor, delivered) = (found.progress.ack_floor, found.progress.delivered);
                let again = match delivered > floor {
                    true => format!("what was delivered up to {delivered} comes again"),
                    false => "nothing comes again".to_owned(),
                };
                change.notes.push(match floor {
                    0 => format!("it begins again where it began, as nothing is acknowledged: {again}"),
                    _ => format!("it goes on after sequence {floor}: {again}"),
                });
            }
            // It is said once and never again.
            (Action::Create, _, _) => change.notes.push(match wanted.deliver {
                DeliverFrom::All => "it begins with the first message that the stream holds".to_owned(),
                DeliverFrom::New => "it begins with what is published from now on".to_owned(),
                DeliverFrom::Sequence(sequence) => format!("it begins at sequence {sequence}"),
                DeliverFrom::Time(time) => format!("it begins with what was stored at {time} or later"),
            }),
            _ => {}
        }
        Ok(change)
    }

    /// Notes every setting that differs, and what it takes to change them all.
    fn compare<S>(&self, change: &mut Change, fields: &[Field<S>], found: Option<&S>, wanted: &S) {
        if found.is_none() {
            change.action = Action::Create;
        }
        for field in fields {
            let (from, to) = (found.map(field.words), (field.words)(wanted));
            if from.as_ref() == Some(&to) {
                continue;
            }
            let (mut effect, mut note) = found.map_or((Effect::Update, None), |found| (field.verdict)(found, wanted));
            if let Some((major, minor)) = (field.needs)(wanted).filter(|&(major, minor)| !self.supports(major, minor)) {
                let version = self.version();
                effect = Effect::Refuse;
                note = Some(format!("it needs nats-server {major}.{minor} or later, and this is {version}"));
            }
            if matches!(to.as_str(), "" | "0" | "0s" | "0B") {
                // Nor would it ever be found to be what is wanted.
                effect = Effect::Refuse;
                note =
                    Some("a server takes nothing and 0 for its default; leave it out, or say what is meant".to_owned());
            }
            change.action = match (change.action, effect) {
                (Action::Refuse, _) | (_, Effect::Refuse) => Action::Refuse,
                (Action::Create, _) => Action::Create,
                (Action::Recreate, _) | (_, Effect::Recreate) => Action::Recreate,
                _ => Action::Update,
            };
            change.fields.push(FieldChange { field: field.name, from, to, effect, note });
        }
    }
}

const ILLEGAL: &str = "the name is not legal; use letters, digits, '-' and '_' only";
