//! Reading where an instance stands, and appending what happened to it.

use std::sync::Arc;
use std::time::Duration;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::observe::{Occurrence, TraceContext};
use eventsmith_bus::publish::{PublishError, PublishOptions};
use eventsmith_bus::transport::{Headers, MessageSelector, StreamMessage, Transport, Unavailable};
use eventsmith_event::clip::clip;
use eventsmith_event::envelope::Envelope;
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::advance::{Due, Turn};
use super::definition::LONGEST;
use super::error::SagaError;
use super::instance::{InputData, Instance, LastEvent, SagaEventKind, TimeoutData};
use super::options::StartOptions;
use super::subjects::{Home, Key, Leaf, is_legal_id};
use crate::command::event_id;

/// Where the event stands among those of its instance, from 1.
pub(crate) const NUMBER: &str = "Eventsmith-Number";
/// Where the instance stands after the event.
pub(crate) const STATUS: &str = "Eventsmith-Saga-Status";
/// What it waits for then, or is stuck with.
pub(crate) const STEP: &str = "Eventsmith-Saga-Step";
/// The types of what is appended beside requests.
const EVENT: &str = "saga.event";
const TIMEOUT: &str = "saga.timeout";
const INPUT: &str = "saga.input";
/// The server's codes for subjects that end elsewhere than expected, and for a batch with an id that the stream remembers.
const OVERTAKEN: [u64; 2] = [10071, 10201];
/// How a saga ends, by its last event.
const ENDS: [SagaEventKind; 3] = [SagaEventKind::Completed, SagaEventKind::Compensated, SagaEventKind::Failed];
/// How often an instance is read that does not add up, while nobody appends to it.
const LOOKS: u32 = 5;
/// How often it is read at most, while others go on appending.
const MOST_LOOKS: u32 = 50;
/// How long to wait before the next look, longer each time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// How often somebody tries to append who others are quicker than.
const MOST_ATTEMPTS: u32 = 32;

/// The saga of one name over a bus. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) bus: Bus,
    pub(crate) home: Arc<Home>,
    pub(crate) saga: Arc<str>,
}

/// An instance as it is.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The sequence of the last message on its subjects.
    pub(crate) end: u64,
    pub(crate) key: Key,
    pub(crate) instance: Instance,
    /// Under which circumstances it goes on.
    pub(crate) circumstances: StartOptions,
}

impl Store {
    /// An instance as its last event says, if it began.
    pub(crate) async fn load(&self, id: &str) -> Result<Option<Found>, SagaError> {
        match self.look(id).await? {
            Some((_, Some(damage))) => Err(self.damaged(id, damage)),
            found => Ok(found.map(|(found, _)| found)),
        }
    }

    /// [`load`](Self::load), also of one whose events are not those that its last one counts: beside it what is wrong.
    pub(crate) async fn look(&self, id: &str) -> Result<Option<(Found, Option<String>)>, SagaError> {
        if !is_legal_id(id) {
            return Err(SagaError::Id { id: clip(id.to_owned()) });
        }
        let (all, events) = (self.home.all(&self.saga, id), self.home.events(&self.saga, id));
        let (mut reason, mut looked) = (String::new(), None);
        let (mut before, mut look) = (None, 0);
        for _ in 0..MOST_LOOKS {
            let Some(last) = self.message(id, MessageSelector::LastOf(&all)).await? else { return Ok(None) };
            let end = last.sequence;
            // Of one that goes on, what was counted may just be later than what was read.
            look = if before == Some(end) { look + 1 } else { 1 };
            before = Some(end);
            if look > LOOKS {
                break;
            }
            let is_event = matches!(self.home.parse(&last.message.subject), Some((_, Leaf::Event(_))));
            let event = if is_event { Some(last) } else { self.message(id, MessageSelector::LastOf(&events)).await? };
            let Some(event) = event else {
                // Whoever published that is no runner.
                reason = format!("message {end} is on its subjects, and no event");
                sleep(BETWEEN_LOOKS * look).await;
                continue;
            };
            let found = self.read(id, end, &event).map_err(|reason| self.damaged(id, reason))?;
            let count = self.bus.transport().count(&self.home.stream, &events).await;
            let count = count.map_err(|error| self.unavailable(id, error.0))?;
            if count == found.instance.number {
                return Ok(Some((found, None)));
            }
            // Perhaps somebody appended between the two, or two servers have answered, one of which is behind.
            let number = found.instance.number;
            reason = miscounted(number, count);
            looked = Some(found);
            sleep(BETWEEN_LOOKS * look).await;
        }
        match looked {
            _ if look <= LOOKS => {
                let reason = format!("others append to it faster than it can be read: {reason}");
                Err(self.unavailable(id, Unavailable(reason.into()).0))
            }
            Some(found) => Ok(Some((found, Some(reason)))),
            None => Err(self.damaged(id, reason)),
        }
    }

    /// An instance as it is after a message of it: what answers may be behind, and what it says then is not to be acted upon.
    pub(crate) async fn load_behind(&self, id: &str, sequence: u64) -> Result<Found, SagaError> {
        for look in 0..LOOKS {
            if look > 0 {
                sleep(BETWEEN_LOOKS * look).await;
            }
            if let Some(found) = self.load(id).await?.filter(|found| found.end >= sequence) {
                return Ok(found);
            }
        }
        let reason = format!("the server that answers does not have message {sequence} yet, which was delivered");
        Err(self.unavailable(id, Unavailable(reason.into()).0))
    }

    /// [`load`](Self::load), where it must be there.
    pub(crate) async fn find(&self, id: &str) -> Result<Found, SagaError> {
        self.load(id).await?.ok_or_else(|| self.not_found(id))
    }

    fn read(&self, id: &str, end: u64, event: &StreamMessage) -> Result<Found, String> {
        let sequence = event.sequence;
        let parsed = self.home.parse(&event.message.subject);
        let (key, _) = parsed.ok_or_else(|| format!("message {sequence} has a subject that is none of a saga"))?;
        let no_event = |reason: String| clip(format!("message {sequence} is no event of a saga: {reason}"));
        let (envelope, data) = Envelope::read(&event.message.payload).map_err(|error| no_event(error.to_string()))?;
        let data: LastEvent = serde_json::from_str(data.get()).map_err(|error| no_event(error.to_string()))?;
        let instance = data.instance.ok_or_else(|| no_event("it is the last one, and has no instance".to_owned()))?;
        if key.saga != *self.saga || key.id != id {
            return Err(no_event(format!("it is of {} {}", key.saga, key.id)));
        }
        let circumstances = StartOptions {
            correlation_id: envelope.correlation_id,
            causation_id: None,
            metadata: envelope.metadata,
            traceparent: event.message.headers.get(Headers::TRACEPARENT).map(ToOwned::to_owned),
            tracestate: event.message.headers.get(Headers::TRACESTATE).map(ToOwned::to_owned),
        };
        Ok(Found { end, key, instance, circumstances })
    }

    /// Stores what happened, and what follows from it, all or nothing. `false` if others appended since the end.
    pub(crate) async fn append(
        &self,
        (key, end): (&Key, u64),
        turn: &Turn,
        circumstances: &StartOptions,
    ) -> Result<bool, SagaError> {
        let mut batch = self.bus.append_behind(&self.home.all(&key.saga, &key.id), end);
        // What a step leads to belongs to the span of the step, where there is one; otherwise to what the saga came of.
        let present = self.bus.present_trace(&Headers::default());
        let trace = TraceContext {
            traceparent: present.traceparent.or_else(|| circumstances.traceparent.clone()),
            tracestate: present.tracestate.or_else(|| circumstances.tracestate.clone()),
            baggage: None,
        };
        let options = || PublishOptions {
            id: None,
            correlation_id: circumstances.correlation_id.clone(),
            causation_id: circumstances.causation_id.clone(),
            metadata: circumstances.metadata.clone(),
            traceparent: trace.traceparent.clone(),
            tracestate: trace.tracestate.clone(),
            expect: None,
        };
        let failed = |source| self.not_appended(&key.id, source);
        for (event, number) in turn.events.iter().zip(turn.first..) {
            let mut headers = vec![(NUMBER, number.to_string())];
            if let Some(instance) = &event.instance {
                headers.push((STATUS, instance.status.as_str().to_owned()));
                let waits = instance.waiting.as_ref().map(|waiting| &waiting.step);
                headers.extend(
                    waits.or(instance.stuck.as_ref().map(|stuck| &stuck.step)).map(|step| (STEP, step.clone())),
                );
            }
            if let Some(command) = turn.cancelled.filter(|_| number == turn.first) {
                headers.push((Headers::SCHEDULER, self.home.subject(key, Leaf::Timer(command))));
                headers.push((Headers::SCHEDULE_NEXT, Headers::SCHEDULE_PURGE.to_owned()));
            }
            let subject = self.home.subject(key, Leaf::Event(event.happening.kind.as_str()));
            batch.push_payload((EVENT, key.version), subject, event, options(), headers).map_err(failed)?;
        }
        if let Some(intent) = &turn.intent {
            let subject = self.home.subject(key, Leaf::Command(intent.command));
            batch.push_payload(intent.request_type, subject, &intent.data, options(), Vec::new()).map_err(failed)?;
        }
        if let Some(timer) = &turn.timer {
            let subject = self.home.subject(key, Leaf::Timer(timer.command));
            let now = self.bus.transport().time();
            let after = |time: Duration| {
                let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
                now.checked_add(time).unwrap_or(Timestamp::MAX)
            };
            let due = match timer.due {
                Due::After(time) => after(time),
                // What was long ago a server takes for the far future.
                Due::At(time) => time.clamp(now, after(LONGEST)),
            };
            let headers = vec![
                (Headers::SCHEDULE, format!("@at {due}")),
                (Headers::SCHEDULE_TARGET, self.home.subject(key, Leaf::Timeout(timer.command))),
            ];
            let data = TimeoutData { step: timer.step.clone(), command: timer.command };
            batch.push_payload((TIMEOUT, key.version), subject, &data, options(), headers).map_err(failed)?;
        }
        match self.bus.append(&batch).await {
            Ok(_) => {
                self.tell_turn(key, turn);
                Ok(true)
            }
            Err(error) if is_overtaken(&error) => Ok(false),
            Err(source) => Err(failed(source)),
        }
    }

    /// Tells observers what was appended.
    fn tell_turn(&self, key: &Key, turn: &Turn) {
        let observers = self.bus.observers();
        if observers.is_listening() {
            for event in &turn.events {
                observers.tell(&Occurrence::SagaTurned {
                    saga: &key.saga,
                    version: key.version,
                    happened: event.happening.kind.as_str(),
                    status: event.instance.as_ref().map(|instance| instance.status.as_str()),
                });
            }
        }
    }

    /// Tells an instance what comes from outside, once under an id of what it comes of. `Ok(false)` if nothing is to be said to the instance
    /// as it is.
    pub(crate) async fn tell(
        &self,
        id: &str,
        (cause, options): (&str, StartOptions),
        input: impl Fn(&Found) -> Result<Option<InputData>, SagaError>,
    ) -> Result<bool, SagaError> {
        for _ in 0..MOST_ATTEMPTS {
            let found = self.find(id).await?;
            let Some(input) = input(&found)? else { return Ok(false) };
            let mut batch = self.bus.append_behind(&self.home.all(&self.saga, id), found.end);
            let options = PublishOptions {
                id: Some(event_id(&self.saga, id, cause, 0)),
                // The instance's own, so that all of it is found together.
                correlation_id: found.circumstances.correlation_id,
                causation_id: options.causation_id.clone(),
                metadata: options.metadata.clone(),
                traceparent: options.traceparent.clone(),
                tracestate: options.tracestate.clone(),
                expect: None,
            };
            let subject = self.home.subject(&found.key, Leaf::Input(input.kind.as_str()));
            let pushed = batch.push_payload((INPUT, found.key.version), subject, &input, options, Vec::new());
            pushed.map_err(|source| self.not_appended(id, source))?;
            match self.bus.append(&batch).await {
                Ok(_) => return Ok(true),
                Err(error) if is_overtaken(&error) => {}
                Err(source) => return Err(self.not_appended(id, source)),
            }
        }
        Err(self.conflict(id, MOST_ATTEMPTS))
    }

    /// How many instances are open that began with another version than these.
    pub(crate) async fn left_alone(&self, versions: &[u32]) -> Result<u64, Unavailable> {
        let mut left = self.open_instances(None).await?;
        for version in versions {
            left = left.saturating_sub(self.open_instances(Some(*version)).await?);
        }
        Ok(left)
    }

    async fn open_instances(&self, version: Option<u32>) -> Result<u64, Unavailable> {
        let count = async |kind: SagaEventKind| {
            let subject = self.home.events_of_kind(&self.saga, version, kind.as_str());
            self.bus.transport().count(&self.home.stream, &subject).await
        };
        let mut ended = 0;
        for kind in ENDS {
            ended += count(kind).await?;
        }
        Ok(count(SagaEventKind::Started).await?.saturating_sub(ended))
    }

    /// Removes all of an instance that has ended, and says how many messages that were; nothing of one that goes on.
    pub(crate) async fn purge(&self, id: &str) -> Result<u64, SagaError> {
        let Some(Found { end, instance, .. }) = self.load(id).await? else { return Ok(0) };
        if !instance.status.is_ended() {
            return Ok(0);
        }
        let purged = self.bus.transport().purge(&self.home.stream, &self.home.all(&self.saga, id), end).await;
        purged.map_err(|failure| SagaError::Unavailable {
            about: format!("the saga {} {id} cannot be purged", self.saga),
            reason: Unavailable::from(failure).0,
        })
    }

    pub(crate) fn conflict(&self, id: &str, attempts: u32) -> SagaError {
        SagaError::Conflict { saga: self.saga.to_string(), id: id.to_owned(), attempts }
    }

    pub(crate) fn not_found(&self, id: &str) -> SagaError {
        SagaError::NotFound { saga: self.saga.to_string(), id: id.to_owned() }
    }

    pub(crate) fn newer(&self, id: &str, reason: String) -> SagaError {
        SagaError::Newer { saga: self.saga.to_string(), id: id.to_owned(), reason }
    }

    pub(crate) fn damaged(&self, id: &str, reason: String) -> SagaError {
        let stream = self.home.stream.clone();
        SagaError::Damaged { saga: self.saga.to_string(), id: id.to_owned(), stream, reason }
    }

    async fn message(&self, id: &str, select: MessageSelector<'_>) -> Result<Option<StreamMessage>, SagaError> {
        let found = self.bus.transport().message(&self.home.stream, select).await;
        found.map_err(|error| self.unavailable(id, error.0))
    }

    fn unavailable(&self, id: &str, reason: Cause) -> SagaError {
        SagaError::Unavailable { about: format!("the saga {} {id} cannot be read", self.saga), reason }
    }

    pub(super) fn not_appended(&self, id: &str, source: PublishError) -> SagaError {
        SagaError::Append { saga: self.saga.to_string(), id: id.to_owned(), source: Box::new(source) }
    }
}

/// What is wrong with an instance whose last event does not count those before it.
pub(crate) fn miscounted(number: u64, count: u64) -> String {
    format!("its last event is number {number}, and it has {count}: one is missing, or there twice")
}

/// Whether somebody else was quicker.
fn is_overtaken(error: &PublishError) -> bool {
    match error {
        PublishError::WrongSequence { .. } => true,
        PublishError::Refused { code: Some(code), .. } => OVERTAKEN.contains(code),
        _ => false,
    }
}

/// Whether the server can keep what sagas append.
pub(crate) fn check_server(transport: &dyn Transport) -> Result<(), SagaError> {
    transport.without_schedules().map_or(Ok(()), |server| Err(SagaError::SchedulesUnsupported { server }))
}
