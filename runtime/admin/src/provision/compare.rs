//! Compares what a server should hold with what it holds.

use std::time::Duration;

use eventsmith_bus::settings::fields::{CONSUMER, Effect, Field};
use eventsmith_bus::settings::{
    ConsumerSettings, FoundConsumer, FoundStream, Progress, StreamSettings, format, is_legal_name,
};
use eventsmith_bus::transport::{MessageSelector, ServerFailure};
use eventsmith_event::filter;
use eventsmith_event::stream::{DeliverFrom, Retention};
use tokio::time::sleep;

use super::error::ProvisionError;
use super::plan::{Action, Change, FieldChange, Plan, Wanted};
use super::stream_fields::STREAM;
use crate::server::Server;
use crate::topology::Topology;

impl Server {
    /// Compares a topology with what the server has.
    pub(crate) async fn plan(&self, topology: &Topology) -> Result<Plan, ProvisionError> {
        let mut changes = Vec::new();
        for wanted in &topology.streams {
            changes.push(self.plan_stream(wanted, topology).await?);
        }
        for wanted in &topology.consumers {
            changes.push(self.plan_consumer(wanted, topology).await?);
        }
        let failed = |failure| ProvisionError::new("the streams of dead letters".to_owned(), failure);
        let warnings = self.uncaptured_letters(topology).await.map_err(failed)?;
        Ok(Plan { changes, warnings })
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
        let mut found = self.stream(&wanted.name).await.map_err(failed)?;
        if let Some(found) = &mut found {
            // That nobody may delete or purge, no server takes back, and it harms no other stream.
            found.settings.aggregates &= wanted.aggregates;
        }
        self.compare(&mut change, STREAM, found.as_ref(), &FoundStream::exactly(wanted.clone()));
        if change.action == Action::Keep {
            return Ok(change);
        }
        if let Some(version) = self.without_schedules().filter(|_| wanted.schedules) {
            change.refuse(format!("the time-outs of sagas need nats-server 2.12.1 or later, and this is {version}"));
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
            let mut standing = self.streams_of(subject).await.map_err(failed)?;
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
        self.compare(&mut change, CONSUMER, found.as_ref(), &exact);
        if let Some(found) = &found
            && let Some(reason) = self.cut_off(found, wanted).await.map_err(failed)?
        {
            change.refuse(reason);
        }
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
                let redelivered = match delivered > floor {
                    true => format!("what was delivered up to {delivered} is redelivered"),
                    false => "nothing is redelivered".to_owned(),
                };
                change.notes.push(match floor {
                    0 => format!("it begins again where it began, as nothing is acknowledged: {redelivered}"),
                    _ => format!("it goes on after sequence {floor}: {redelivered}"),
                });
            }
            // It is said once and never again.
            (Action::Create, _, _) => {
                let begins = match wanted.deliver {
                DeliverFrom::All => "it begins with the first message that the stream holds".to_owned(),
                DeliverFrom::New => "it begins with what is published from now on".to_owned(),
                DeliverFrom::Sequence(sequence) => format!("it begins at sequence {sequence}"),
                DeliverFrom::Time(time) => format!("it begins with what was stored at {time} or later"),
                    other => {
                        change.refuse(format!("deliver has a value that is unknown here: {other:?}"));
                        return Ok(change);
                    }
                };
                change.notes.push(begins);
            }
            _ => {}
        }
        Ok(change)
    }

    /// Why a consumer cannot get these filters: an event waits that they no longer let through, and would never be delivered.
    pub(super) async fn cut_off(
        &self,
        found: &FoundConsumer,
        wanted: &ConsumerSettings,
    ) -> Result<Option<String>, ServerFailure> {
        let (FoundConsumer { settings, progress, .. }, ConsumerSettings { stream, name, .. }) = (found, wanted);
        let has_waiting = |progress: &Progress| progress.lag + progress.ack_pending > 0;
        for filter in filter::beyond(&settings.filters, &wanted.filters) {
            let mut from = progress.ack_floor + 1;
            // What one filter lets through, several narrower ones may, too; then one event after the other is looked at.
            for _ in 0..LOOKS {
                let next = MessageSelector::NextOf { subject: filter, from };
                let Some(waiting) = self.transport().message(stream, next).await? else { break };
                let (subject, sequence) = (waiting.message.subject, waiting.sequence);
                from = sequence + 1;
                if !wanted.filters.iter().any(|wanted| filter::covers(wanted, &subject)) {
                    // A message that was stored a moment ago is not counted yet; one that was passed over never is.
                    if !has_waiting(progress) {
                        sleep(UNTIL_COUNTED).await;
                        let again = self.transport().consumer(stream, name).await?;
                        if again.is_none_or(|again| !has_waiting(&again.progress)) {
                            return Ok(None);
                        }
                    }
                    return Ok(Some(format!(
                        "as far as the server tells, events wait for {name} that it would never get, such as {sequence} on {subject}: let a version of \
                         the service handle them that has a handler, or delete the consumer"
                    )));
                }
            }
        }
        Ok(None)
    }

    /// Notes every setting that differs, and what it takes to change them all.
    fn compare<S>(&self, change: &mut Change, fields: &[Field<S>], found: Option<&S>, wanted: &S) {
        if found.is_none() {
            change.action = Action::Create;
        }
        for field in fields {
            let (from, to) = (found.map(field.text), (field.text)(wanted));
            if from.as_deref().unwrap_or(format::NOT_APPLICABLE) == to {
                continue;
            }
            let (mut effect, mut note) = found.map_or((Effect::Update, None), |found| (field.effect)(found, wanted));
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

/// How many events of one filter are looked at.
const LOOKS: usize = 1_000;
/// How long a server may take to count a stored message as one that waits for a consumer.
const UNTIL_COUNTED: Duration = Duration::from_millis(500);

const ILLEGAL: &str = "the name is not legal; use letters, digits, '-' and '_' only";
