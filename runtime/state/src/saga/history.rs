//! What an instance of a saga went through, for people.

use std::collections::BTreeMap;

use eventsmith_bus::transport::{Follow, FollowStart, Followed, ServerFailure, StreamMessage, Unavailable};
use eventsmith_event::clip::clip;
use eventsmith_event::envelope::Envelope;
use jiff::Timestamp;

use super::error::SagaError;
use super::instance::{EventData, InputData, InputKind, Instance, SagaEventKind, SagaStatus, StepOutcome};
use super::store::{NUMBER, STATUS, STEP, Store, miscounted};
use super::subjects::{Home, Leaf, is_legal_id};

/// One instance of a saga in a list.
///
/// ```
/// use eventsmith::state::{SagaStatus, SagaSummary};
///
/// fn is_for_an_operator(saga: &SagaSummary) -> bool {
///     saga.status == SagaStatus::Stuck
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SagaSummary {
    /// The name of the saga.
    pub saga: String,
    /// The id of the instance.
    pub id: String,
    /// The version that it began with.
    pub version: u32,
    /// Where it stands.
    pub status: SagaStatus,
    /// The step that it waits for, or is stuck with.
    pub step: Option<String>,
    /// When its last event was stored.
    pub changed: Timestamp,
    /// What is wrong with its events, if something is: then nothing goes on with it.
    pub damage: Option<String>,
}

/// An instance of a saga, and all that happened to it.
///
/// ```
/// use eventsmith::state::SagaHistory;
///
/// fn tell(history: &SagaHistory) {
///     for event in &history.events {
///         println!("{} {:?} {}", event.stored, event.kind, event.step.as_deref().unwrap_or_default());
///     }
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SagaHistory {
    /// What a list would say.
    pub summary: SagaSummary,
    /// What all its messages and requests have in common.
    pub correlation_id: Option<String>,
    /// Why it does not complete, if it does not.
    pub reason: Option<String>,
    /// What is wrong with its events, if something is: then nothing goes on with it.
    pub damage: Option<String>,
    /// Its steps as far as it came, in their order, and what became of them.
    pub steps: Vec<(String, StepOutcome)>,
    /// Its state, as JSON.
    pub state: String,
    /// What happened, in order.
    pub events: Vec<SagaEvent>,
    /// What it asks others for, in order. A request that was made again stands here once more only if an operator let it.
    pub commands: Vec<SagaCommand>,
    /// Which time-outs came, in order. One that was cancelled is not among them.
    pub timeouts: Vec<SagaTimeout>,
    /// What came from outside, in order.
    pub inputs: Vec<SagaInput>,
}

/// One thing that happened to a saga.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SagaEvent {
    /// Its number within the instance, from 1.
    pub number: u64,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// What kind of thing.
    pub kind: SagaEventKind,
    /// The step that it is about.
    pub step: Option<String>,
    /// The command that it is about.
    pub command: Option<u64>,
    /// Why, in words.
    pub detail: Option<String>,
    /// Which operator did it, where one did.
    pub by: Option<String>,
}

/// A request of a saga.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SagaCommand {
    /// Its number within the instance.
    pub command: u64,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it was stored; it is made after that.
    pub stored: Timestamp,
    /// The type of the request.
    pub request_type: String,
    /// The version of its schema.
    pub version: u32,
}

/// A time-out of a saga that came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SagaTimeout {
    /// The number of the command whose time was over.
    pub command: u64,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it came.
    pub stored: Timestamp,
}

/// What came from outside.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SagaInput {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it came.
    pub stored: Timestamp,
    /// What it is, in words: `the event payment.captured`.
    pub what: String,
    /// Which operator, where one did it.
    pub by: Option<String>,
}

/// What a list knows of an instance while the events of all are read.
#[derive(Default)]
struct Listed {
    /// How many events it has.
    count: u64,
    /// The number of the last one, and its sequence in the stream.
    last: (u64, u64),
    summary: Option<SagaSummary>,
}

/// The instances of a saga, in the order of their last events.
pub(crate) async fn list(store: &Store) -> Result<Vec<SagaSummary>, SagaError> {
    let subject = store.home.events(&store.saga, "*");
    let mut found: BTreeMap<String, Listed> = BTreeMap::new();
    let mut take = |message: StreamMessage| {
        let headers = &message.message.headers;
        let Some((key, _)) = store.home.parse(&message.message.subject) else { return };
        let listed = found.entry(key.id.clone()).or_default();
        let number = headers.get(NUMBER).and_then(|number| number.parse().ok());
        listed.count += 1;
        listed.last = (number.unwrap_or(listed.last.0), message.sequence);
        // Only the last event of a batch says where the instance stands.
        if let Some(status) = status_of(&message) {
            let step = headers.get(STEP).map(ToOwned::to_owned);
            let (saga, id, version) = (key.saga, key.id, key.version);
            listed.summary =
                Some(SagaSummary { saga, id, version, status, step, changed: message.stored, damage: None });
        }
    };
    let wanted = Follow { stream: store.home.stream.clone(), subject, start: FollowStart::All, headers_only: true };
    read_all(store, &wanted, &mut take).await?;
    let mut all: Vec<(u64, SagaSummary)> = Vec::with_capacity(found.len());
    for Listed { count, last: (number, sequence), summary } in found.into_values() {
        // Without one nobody knows what that is: no runner published it.
        let Some(summary) = summary else { continue };
        let damage = (count != number).then(|| miscounted(number, count));
        all.push((sequence, SagaSummary { damage, ..summary }));
    }
    all.sort_by_key(|(sequence, _)| *sequence);
    Ok(all.into_iter().map(|(_, summary)| summary).collect())
}

/// An instance with all that happened to it.
pub(crate) async fn history(store: &Store, id: &str) -> Result<SagaHistory, SagaError> {
    let (found, damage) = store.look(id).await?.ok_or_else(|| store.not_found(id))?;
    let Instance { status, steps, waiting, stuck, reason, state, .. } = found.instance;
    let step = waiting.map(|waiting| waiting.step).or(stuck.map(|stuck| stuck.step));
    let (saga, id, version) = (found.key.saga, found.key.id, found.key.version);
    let mut history = SagaHistory {
        summary: SagaSummary {
            saga,
            id,
            version,
            status,
            step,
            changed: Timestamp::UNIX_EPOCH,
            damage: damage.clone(),
        },
        correlation_id: found.circumstances.correlation_id,
        reason,
        damage,
        steps: steps.into_iter().map(|record| (record.step, record.outcome)).collect(),
        state: state.data.get().to_owned(),
        events: Vec::new(),
        commands: Vec::new(),
        timeouts: Vec::new(),
        inputs: Vec::new(),
    };
    let subject = store.home.all(&store.saga, &history.summary.id);
    let wanted = Follow { stream: store.home.stream.clone(), subject, start: FollowStart::All, headers_only: false };
    let mut take = |message: StreamMessage| history.take(&store.home, &message);
    read_all(store, &wanted, &mut take).await?;
    if let Some(last) = history.events.last() {
        history.summary.changed = last.stored;
    }
    Ok(history)
}

/// Waits until an instance has ended.
pub(crate) async fn end(store: &Store, id: &str) -> Result<SagaStatus, SagaError> {
    if !is_legal_id(id) {
        return Err(SagaError::Id { id: clip(id.to_owned()) });
    }
    let subject = store.home.events(&store.saga, id);
    let wanted = Follow { stream: store.home.stream.clone(), subject, start: FollowStart::All, headers_only: true };
    let mut follower = store.bus.transport().follow(&wanted).await.map_err(|failure| unavailable(store, failure))?;
    loop {
        let followed = follower.next().await.map_err(|failure| unavailable(store, failure))?;
        let Followed::Message(message) = followed else { continue };
        let status = status_of(&message);
        if let Some(status) = status.filter(|status| status.is_ended()) {
            return Ok(status);
        }
    }
}

/// Where an instance stands after an event: only the last of a batch says it.
fn status_of(message: &StreamMessage) -> Option<SagaStatus> {
    let text = message.message.headers.get(STATUS)?;
    SagaStatus::ALL.into_iter().find(|status| status.as_str() == text)
}

fn unavailable(store: &Store, failure: ServerFailure) -> SagaError {
    let about = format!("the sagas {} in {} cannot be read", store.saga, store.home.stream);
    SagaError::Unavailable { about, reason: Unavailable::from(failure).0 }
}

impl SagaHistory {
    /// Takes in a message. What cannot be read is none of the saga's doing.
    fn take(&mut self, home: &Home, message: &StreamMessage) {
        let (sequence, stored) = (message.sequence, message.stored);
        let Some((_, leaf)) = home.parse(&message.message.subject) else { return };
        let Ok((envelope, data)) = Envelope::read(&message.message.payload) else { return };
        match leaf {
            Leaf::Event(_) => {
                let Ok(EventData { happening, .. }) = serde_json::from_str(data.get()) else { return };
                self.events.push(SagaEvent {
                    number: self.events.len() as u64 + 1,
                    sequence,
                    stored,
                    kind: happening.kind,
                    step: happening.step,
                    command: happening.command,
                    detail: happening.detail,
                    by: happening.by,
                });
            }
            Leaf::Command(command) => {
                let (request_type, version) = (envelope.event_type, envelope.version);
                self.commands.push(SagaCommand { command, sequence, stored, request_type, version });
            }
            Leaf::Timeout(command) => self.timeouts.push(SagaTimeout { command, sequence, stored }),
            Leaf::Input(_) => {
                let Ok(InputData { kind, by, event_type, .. }) = serde_json::from_str(data.get()) else { return };
                let what = match kind {
                    InputKind::Event => format!("the event {}", event_type.unwrap_or_default()),
                    InputKind::Retry => "an operator's retry".to_owned(),
                    InputKind::Cancel => "an operator's cancel".to_owned(),
                };
                self.inputs.push(SagaInput { sequence, stored, what, by });
            }
            // It waits yet.
            Leaf::Timer(_) => {}
        }
    }
}

/// All messages that there are.
async fn read_all(
    store: &Store,
    wanted: &Follow,
    take: &mut (dyn FnMut(StreamMessage) + Send),
) -> Result<(), SagaError> {
    let unavailable = |failure| unavailable(store, failure);
    let mut follower = store.bus.transport().follow(wanted).await.map_err(unavailable)?;
    while let Followed::Message(message) = follower.next().await.map_err(unavailable)? {
        take(message);
    }
    Ok(())
}
