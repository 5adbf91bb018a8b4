//! What a runner does with one message of a saga: it makes a request, or takes in a time-out, an event or an operator's wish.

use std::time::Duration;

use eventsmith_bus::request::RequestOptions;
use eventsmith_bus::transport::Message;
use eventsmith_event::envelope::Envelope;
use eventsmith_event::event::State;

use super::advance::{Advance, Operator, Reaction, Turn};
use super::asking::{Answer, Asking};
use super::choice::SagaRetry;
use super::definition::Saga;
use super::error::SagaError;
use super::instance::{InputData, InputKind};
use super::step::Kind;
use super::store::{Found, Store};
use super::subjects::{Key, Leaf};
use crate::command::event_id;

/// How often a turn is decided again that others were quicker than.
const MOST_ATTEMPTS: u32 = 32;
/// What tells the ids of requests from those of events.
const REQUEST: &str = "request";

/// What becomes of the message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    /// It is done with.
    Done,
    /// The same again after a while.
    Again(Duration),
}

/// One message, whose delivery is the nth.
pub(crate) struct Job<'a, S> {
    pub(crate) saga: &'a Saga<S>,
    pub(crate) store: &'a Store,
    pub(crate) message: &'a Message,
    pub(crate) deliveries: u64,
}

impl<S: State> Job<'_, S> {
    pub(crate) async fn perform(&self) -> Result<Handled, SagaError> {
        let Some((key, leaf)) = self.store.home.parse(&self.message.subject) else { return Ok(Handled::Done) };
        if key.saga != self.saga.name || key.version != self.saga.version {
            return Ok(Handled::Done);
        }
        match leaf {
            Leaf::Command(command) => self.command(&key, command).await,
            Leaf::Timeout(command) => {
                self.turn(&key, self.message_id(), |advance| advance.react(command, &Reaction::TimedOut)).await
            }
            Leaf::Input(_) => self.input(&key).await,
            Leaf::Event(_) | Leaf::Timer(_) => Ok(Handled::Done),
        }
    }

    /// Makes the request of a command, if it is still waited for, and takes in the answer.
    async fn command(&self, key: &Key, command: u64) -> Result<Handled, SagaError> {
        let Some(found) = self.store.load(&key.id).await? else { return Ok(Handled::Done) };
        let waiting = found.instance.waiting.clone().filter(|waiting| waiting.command == command);
        let Some(waiting) = waiting else { return Ok(Handled::Done) };
        self.check(&found)?;
        let Some(step) = self.saga.steps.iter().find(|step| step.plan.name == waiting.step) else {
            return Ok(Handled::Done);
        };
        let (asks, retry): (&dyn Asking<S>, &SagaRetry) = match (&step.kind, &step.plan.undo) {
            (_, Some(undo)) if waiting.is_undo => (&**undo, &step.plan.undo_retry),
            (Kind::Asks(asks), _) if !waiting.is_undo => (&**asks, &step.plan.retry),
            _ => return Ok(Handled::Done),
        };
        let (reaction, cause) = match self.ask(key, command, asks, retry.patience, &found).await {
            (Answer::Replied(change), id) => (Reaction::Replied(change), id),
            (Answer::Refused { decide, text }, id) => (Reaction::Refused(decide, text), id),
            (Answer::Unanswered { reason, is_final: false, .. }, _) if !retry.is_last(self.deliveries) => {
                let (saga, id, step, attempt) = (self.saga.name, &key.id, step.plan.name, self.deliveries);
                tracing::info!(saga, id, step, attempt, reason, "a request of a saga is made again");
                return Ok(Handled::Again(retry.delay(self.deliveries)));
            }
            (Answer::Unanswered { reason, may_be_done, .. }, id) => {
                // What came of the attempts before is not known here.
                let may_be_done = may_be_done || self.deliveries > 1;
                (Reaction::Unanswered { reason, may_be_done }, id)
            }
        };
        self.turn(key, Some(cause), |advance| advance.react(command, &reaction)).await
    }

    async fn ask(
        &self,
        key: &Key,
        command: u64,
        asks: &dyn Asking<S>,
        patience: Duration,
        found: &Found,
    ) -> (Answer<S>, String) {
        let id = event_id(&key.saga, &key.id, REQUEST, command);
        let (envelope, data) = match Envelope::read(&self.message.payload) {
            Ok(read) => read,
            Err(error) => {
                let reason = format!("the request that was appended cannot be read: {error}");
                return (Answer::Unanswered { reason, may_be_done: false, is_final: true }, id.to_string());
            }
        };
        let circumstances = &found.circumstances;
        let options = RequestOptions {
            id: Some(id),
            timeout: Some(patience),
            correlation_id: circumstances.correlation_id.clone(),
            causation_id: Some(envelope.id),
            metadata: circumstances.metadata.clone(),
            traceparent: circumstances.traceparent.clone(),
        };
        let intent = (envelope.version, data.get().as_bytes());
        (asks.ask(&self.store.bus, intent, options).await, id.to_string())
    }

    /// Takes in what comes from outside.
    async fn input(&self, key: &Key) -> Result<Handled, SagaError> {
        let read = Envelope::read(&self.message.payload).ok();
        let Some(input) = read.and_then(|(_, data)| serde_json::from_str::<InputData>(data.get()).ok()) else {
            tracing::warn!(saga = self.saga.name, subject = %self.message.subject, "passed over what no saga was told by us");
            return Ok(Handled::Done);
        };
        let InputData { kind, by, detail, event_type, event } = input;
        self.turn(key, self.message_id(), |advance| {
            let operator = Operator { by: by.clone(), detail: detail.clone() };
            match kind {
                InputKind::Event => advance.receive(event_type.as_deref()?, event.as_ref()?),
                InputKind::Retry => advance.retry(operator),
                InputKind::Cancel => advance.cancel(operator),
            }
        })
        .await
    }

    /// Decides a turn and appends it, and once more where others were quicker.
    async fn turn(
        &self,
        key: &Key,
        cause: Option<String>,
        decide: impl Fn(Advance<'_, S>) -> Option<Turn>,
    ) -> Result<Handled, SagaError> {
        for _ in 0..MOST_ATTEMPTS {
            let Some(found) = self.store.load(&key.id).await? else { return Ok(Handled::Done) };
            self.check(&found)?;
            let Found { end, key, instance, mut circumstances } = found;
            let Some(turn) = decide(Advance::of(self.saga, instance)) else { return Ok(Handled::Done) };
            circumstances.causation_id.clone_from(&cause);
            if self.store.append((&key, end), &turn, &circumstances).await? {
                return Ok(Handled::Done);
            }
        }
        Err(self.store.conflict(&key.id, MOST_ATTEMPTS))
    }

    /// Whether the definition is the one that the instance began with.
    fn check(&self, found: &Found) -> Result<(), SagaError> {
        let (saga, version) = (self.saga.name, self.saga.version);
        if found.key.version != version {
            return Err(self.store.damaged(&found.key.id, format!("it has events of another version than {version}")));
        }
        Advance::of(self.saga, found.instance.clone()).misfit().map_or(Ok(()), |misfit| {
            let reason = format!("{} did not begin with these steps: {misfit}; raise the version", found.key.id);
            Err(SagaError::Definition { saga: saga.to_owned(), version, reason })
        })
    }

    fn message_id(&self) -> Option<String> {
        Envelope::read(&self.message.payload).ok().map(|(envelope, _)| envelope.id)
    }
}
