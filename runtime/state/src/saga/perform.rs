//! What a runner does with one message of a saga: it makes a request, or takes in a time-out, an event or an operator's wish.

use std::time::Duration;

use eventsmith_bus::request::RequestOptions;
use eventsmith_bus::transport::{Headers, Message};
use eventsmith_event::envelope::Envelope;
use eventsmith_event::event::State;
use uuid::Uuid;

use super::advance::{Advance, Operator, Reaction, Turn, Unfit};
use super::asking::{Answer, Asking};
use super::choice::SagaRetry;
use super::definition::Saga;
use super::error::SagaError;
use super::instance::{InputData, InputKind, Versioned};
use super::options::StartOptions;
use super::room::content;
use super::step::Kind;
use super::store::{Found, Store};
use super::subjects::{Key, Leaf};
use crate::command::event_id;

/// How often a turn is decided again that others were quicker than.
const MOST_ATTEMPTS: u32 = 32;
/// What tells the ids of requests from those of events.
const REQUEST: &str = "request";

/// The id under which the request of a command of a saga's instance is made, however often: what follows from it names it as its cause.
pub fn request_id(saga: &str, instance: &str, command: u64) -> Uuid {
    event_id(saga, instance, REQUEST, command)
}

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
    /// Its number in the stream.
    pub(crate) sequence: u64,
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
        let Found { key, instance, circumstances, .. } = self.store.load_behind(&key.id, self.sequence).await?;
        let key = &key;
        let waiting = instance.waiting.clone().filter(|waiting| waiting.command == command);
        let Some(waiting) = waiting else { return Ok(Handled::Done) };
        self.check(key, &Advance::of(self.saga, instance), None)?;
        let found = self.saga.steps.iter().find(|step| step.plan.name == waiting.step);
        let step = found.ok_or_else(|| self.misfit(key, &format!("its step {} is not here", waiting.step)))?;
        let (asks, retry): (&dyn Asking<S>, &SagaRetry) = match (&step.kind, &step.plan.undo) {
            (_, Some(undo)) if waiting.is_undo => (&**undo, &step.plan.undo_retry),
            (Kind::Asks(asks), _) if !waiting.is_undo => (&**asks, &step.plan.retry),
            (_, None) if waiting.is_undo => {
                let reason = format!("its step {} is to be undone, and has no compensation here", waiting.step);
                return Err(self.misfit(key, &reason));
            }
            _ => {
                let reason = format!("its step {} makes a request, and makes none here", waiting.step);
                return Err(self.misfit(key, &reason));
            }
        };
        let (request_type, known) = asks.request_type();
        if let Ok((Envelope { event_type, version, .. }, _)) = Envelope::read(&self.message.payload) {
            if event_type != request_type {
                let reason = format!("its step {} asks for {event_type}, and for {request_type} here", waiting.step);
                return Err(self.misfit(key, &reason));
            }
            if version > known {
                let reason = format!("the request {request_type} is of version {version}, and {known} is known here");
                return Err(self.store.newer(&key.id, reason));
            }
        }
        // Deliveries also count what never got so far.
        let attempt = waiting.attempts + 1;
        let (reaction, cause) = match self.ask(key, command, asks, retry.patience, &circumstances).await {
            (Answer::Replied(change), id) => (Reaction::Replied(change), id),
            (Answer::Refused { decide, text }, id) => (Reaction::Refused(decide, text), id),
            (Answer::Unanswered { reason, may_be_done, is_final: false }, id) if !retry.is_last(attempt) => {
                let (saga, instance, step) = (self.saga.name, &key.id, step.plan.name);
                tracing::info!(saga, id = instance, step, reason, "a request of a saga is made again");
                if retry.max_attempts.is_none() {
                    return Ok(Handled::Again(retry.delay(self.deliveries)));
                }
                let told = self.turn(key, Some(id), |advance| advance.ask_again(command, &reason, may_be_done)).await?;
                return Ok(if told == Handled::Done { Handled::Again(retry.delay(attempt)) } else { told });
            }
            (Answer::Unanswered { reason, may_be_done, .. }, id) => {
                // What came of deliveries before may not be noted.
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
        circumstances: &StartOptions,
    ) -> (Answer<S>, String) {
        let id = request_id(&key.saga, &key.id, command);
        let (envelope, data) = match Envelope::read(&self.message.payload) {
            Ok(read) => read,
            Err(error) => {
                let reason = format!("the request that was appended cannot be read: {error}");
                return (Answer::Unanswered { reason, may_be_done: false, is_final: true }, id.to_string());
            }
        };
        let trace = self.store.bus.present_trace(&Headers::default());
        let options = RequestOptions {
            id: Some(id),
            timeout: Some(patience),
            correlation_id: circumstances.correlation_id.clone(),
            causation_id: Some(envelope.id),
            metadata: circumstances.metadata.clone(),
            traceparent: trace.traceparent.or_else(|| circumstances.traceparent.clone()),
            tracestate: trace.tracestate.or_else(|| circumstances.tracestate.clone()),
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
        let InputData { kind, by, detail, seen, event_type, event } = input;
        let id = self.message_id();
        let received = event_type.as_deref().zip(event.as_ref());
        let decide = |advance: Advance<'_, S>| {
            let operator = Operator { by: by.clone(), detail: detail.clone(), seen };
            advance.take_in(id.as_deref(), |advance| match kind {
                InputKind::Event => received.and_then(|(event_type, event)| advance.receive(event_type, event)),
                InputKind::Retry => advance.retry(operator),
                InputKind::Cancel => advance.cancel(operator),
            })
        };
        self.turn_with(key, id.clone(), received, decide).await
    }

    async fn turn(
        &self,
        key: &Key,
        cause: Option<String>,
        decide: impl Fn(Advance<'_, S>) -> Option<Turn>,
    ) -> Result<Handled, SagaError> {
        self.turn_with(key, cause, None, decide).await
    }

    /// Decides a turn and appends it, once more where others were quicker, and with less in it where it is too large.
    async fn turn_with(
        &self,
        key: &Key,
        cause: Option<String>,
        event: Option<(&str, &Versioned)>,
        decide: impl Fn(Advance<'_, S>) -> Option<Turn>,
    ) -> Result<Handled, SagaError> {
        let mut unfit = None;
        for _ in 0..MOST_ATTEMPTS {
            let found = self.store.load_behind(&key.id, self.sequence).await?;
            let Found { end, key, instance, mut circumstances } = found;
            let before = content(&instance);
            let advance = Advance::of(self.saga, instance).without(unfit.clone());
            self.check(&key, &advance, event)?;
            let Some(turn) = decide(advance) else { return Ok(Handled::Done) };
            circumstances.causation_id.clone_from(&cause);
            let appended = match self.store.check_room(&key, before, &turn) {
                Ok(()) => self.store.append((&key, end), &turn, &circumstances).await,
                Err(error) => Err(error),
            };
            match appended {
                Ok(true) => return Ok(Handled::Done),
                Ok(false) => {}
                Err(error) => {
                    let next = match &unfit {
                        None => Unfit::Forward,
                        Some((Unfit::Forward, _)) => Unfit::Backward,
                        Some((Unfit::Backward, _)) => return Err(error),
                    };
                    let Some(reason) = error.too_large() else { return Err(error) };
                    tracing::warn!(
                        saga = self.saga.name,
                        id = key.id,
                        reason,
                        "a saga is compensated, as it cannot be stored how it goes on"
                    );
                    unfit = Some((next, reason));
                }
            }
        }
        Err(self.store.conflict(&key.id, MOST_ATTEMPTS))
    }

    /// Whether the definition is the one that the instance began with, and knows the schemas that it goes on with.
    fn check(&self, key: &Key, advance: &Advance<'_, S>, event: Option<(&str, &Versioned)>) -> Result<(), SagaError> {
        let version = self.saga.version;
        if key.version != version {
            return Err(self.store.damaged(&key.id, format!("it has events of another version than {version}")));
        }
        if let Some(newer) = advance.newer(event) {
            return Err(self.store.newer(&key.id, newer));
        }
        advance.misfit().map_or(Ok(()), |misfit| Err(self.misfit(key, &misfit)))
    }

    /// The definition is not the one that the instance goes on with: another program may have it.
    fn misfit(&self, key: &Key, misfit: &str) -> SagaError {
        let reason = format!("{} did not begin with these steps: {misfit}; raise the version", key.id);
        SagaError::Definition { saga: self.saga.name.to_owned(), version: self.saga.version, reason }
    }

    fn message_id(&self) -> Option<String> {
        Envelope::read(&self.message.payload).ok().map(|(envelope, _)| envelope.id)
    }
}
