//! Sagas as those see them who start them, look at them, and help them on.

use std::fmt;
use std::sync::Arc;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::environment;
use eventsmith_event::clip::clip;
use eventsmith_event::event::State;
use eventsmith_event::stream::StreamDescriptor;

use super::advance::begin;
use super::definition::Saga;
use super::error::SagaError;
use super::history::{self, SagaHistory, SagaSummary};
use super::inlet::WAITS_FOR_START;
use super::instance::{InputData, InputKind, Instance, SagaStatus, Seen};
use super::misses::Misses;
use super::options::StartOptions;
use super::step::Signal;
use super::store::{Found, Store, check_server};
use super::subjects::{Home, Key, is_legal_id};

/// How often the consumer of events tries one, unless it is told otherwise.
const MOST_ATTEMPTS: u64 = 10;

/// The sagas of a catalogue over a bus: to be started, looked at, and helped on. Cheap to clone.
/// [`runner`](super::runner) runs them.
///
/// ```
/// use eventsmith::catalogue::StreamDescriptor;
/// use eventsmith::state::{Saga, SagaError, Sagas};
/// use eventsmith::{Bus, State};
///
/// /// `streams` are the generated `STREAMS`.
/// async fn begin<S: State>(
///     bus: &Bus,
///     streams: &[StreamDescriptor],
///     transfer: &Saga<S>,
///     state: &S,
/// ) -> Result<(), SagaError> {
///     let started = Sagas::of(bus, streams).start(transfer, "t-1", state).await?;
///     println!("{}", if started.is_new { "it begins" } else { "it began before" });
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Sagas {
    bus: Bus,
    streams: Arc<[SagaStream]>,
    misses: Misses,
}

/// A stream and the sagas that lie in it, as `eventsmith.toml` says.
///
/// ```
/// use eventsmith::catalogue::StreamDescriptor;
/// use eventsmith::state::SagaStream;
///
/// const SAGAS: StreamDescriptor = StreamDescriptor::new("RULES_SAGAS", &["rules.saga.>"]).sagas(&["checkout"]);
/// assert_eq!(SagaStream::from(&SAGAS).sagas, ["checkout"]);
/// ```
#[derive(Debug, Clone)]
pub struct SagaStream {
    /// The name of the stream.
    pub name: String,
    /// The subjects that it captures.
    pub subjects: Vec<String>,
    /// The names of the sagas.
    pub sagas: Vec<String>,
}

/// What came of starting a saga.
///
/// ```
/// use eventsmith::state::Started;
///
/// fn tell(started: &Started) {
///     println!("{}", if started.is_new { "it begins" } else { "it began before" });
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// Whether it began now. Otherwise there was one of this id already, with whatever state and version.
    pub is_new: bool,
}

impl fmt::Debug for Sagas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sagas").field("bus", &self.bus).field("streams", &self.streams).finish()
    }
}

impl From<&StreamDescriptor> for SagaStream {
    fn from(stream: &StreamDescriptor) -> Self {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        Self { name: stream.name.to_owned(), subjects: texts(stream.subjects), sagas: texts(stream.sagas) }
    }
}

impl Sagas {
    /// The sagas in the streams of a catalogue, the generated `STREAMS`. Nothing is asked of the server yet.
    pub fn of(bus: &Bus, streams: &[StreamDescriptor]) -> Self {
        Self::in_streams(bus, streams.iter().map(SagaStream::from).collect())
    }

    /// The sagas in streams that are known otherwise.
    pub fn in_streams(bus: &Bus, streams: Vec<SagaStream>) -> Self {
        Self { bus: bus.clone(), streams: streams.into(), misses: Misses::default() }
    }

    /// The names of all sagas, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.streams.iter().flat_map(|stream| &stream.sagas).map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Starts an instance of a saga under an id, which is one token of subjects. If there is one of this id, nothing happens.
    ///
    /// It takes nats-server 2.12.1.
    ///
    /// # Errors
    /// [`SagaError`]; only with [`SagaError::Append`] it may have begun all the same: start it again.
    pub async fn start<S: State>(&self, saga: &Saga<S>, id: &str, state: &S) -> Result<Started, SagaError> {
        self.start_with(saga, id, state, StartOptions::default()).await
    }

    /// [`start`](Self::start) with a correlation, or other circumstances.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with<S: State>(
        &self,
        saga: &Saga<S>,
        id: &str,
        state: &S,
        options: StartOptions,
    ) -> Result<Started, SagaError> {
        saga.check()?;
        let store = self.store(saga.name)?;
        if !is_legal_id(id) {
            return Err(SagaError::Id { id: clip(id.to_owned()) });
        }
        check_server(self.bus.transport())?;
        let invalid = |invalid| SagaError::InvalidState { saga: saga.name.to_owned(), invalid: Box::new(invalid) };
        let turn = begin(saga, state).map_err(invalid)?;
        let key = Key { saga: saga.name.to_owned(), id: id.to_owned(), version: saga.version };
        let correlation_id = options.correlation_id.clone().or_else(|| Some(format!("{}.{id}", saga.name)));
        let circumstances = StartOptions { correlation_id, ..options };
        if turn.timer.is_some() {
            // What the server says of its time, beside: a time-out is due by its clock. Without an answer that of this machine is used.
            drop(self.bus.transport().extent(&store.home.stream).await);
        }
        store.check_room(&key, 0, &turn)?;
        match store.append((&key, 0), &turn, &circumstances).await? {
            true => Ok(Started { is_new: true }),
            // Somebody began it, or whatever is there is no saga.
            false => store.find(id).await.map(|_| Started { is_new: false }),
        }
    }

    /// Where an instance stands, if it began.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn status(&self, saga: &str, id: &str) -> Result<Option<SagaStatus>, SagaError> {
        Ok(self.store(saga)?.load(id).await?.map(|found| found.instance.status))
    }

    /// Waits until an instance has ended, also one that has not begun yet, and returns how. It waits without a bound.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn ended(&self, saga: &str, id: &str) -> Result<SagaStatus, SagaError> {
        history::end(&self.store(saga)?, id).await
    }

    /// The state of an instance, if it began.
    ///
    /// # Errors
    /// [`SagaError::Damaged`] when it is no state of this type; [`SagaError`] otherwise.
    pub async fn state<S: State>(&self, saga: &Saga<S>, id: &str) -> Result<Option<S>, SagaError> {
        let store = self.store(saga.name)?;
        let Some(Found { instance, .. }) = store.load(id).await? else { return Ok(None) };
        let state = S::decode(instance.state.version, instance.state.data.get().as_bytes());
        state.map(Some).map_err(|error| store.damaged(id, format!("its state cannot be read: {error}")))
    }

    /// All instances of a saga, those that changed last at the end. It reads the last event of each kind of each, without payloads.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn list(&self, saga: &str) -> Result<Vec<SagaSummary>, SagaError> {
        history::list(&self.store(saga)?).await
    }

    /// An instance with all that happened to it.
    ///
    /// # Errors
    /// [`SagaError::NotFound`] if it did not begin; [`SagaError`] otherwise.
    pub async fn history(&self, saga: &str, id: &str) -> Result<SagaHistory, SagaError> {
        history::history(&self.store(saga)?, id).await
    }

    /// Lets an instance that is stuck try again to undo its step; a runner does it. `by` says who wants it.
    ///
    /// # Errors
    /// [`SagaError::WrongStatus`] unless it is stuck; [`SagaError`] otherwise.
    pub async fn retry(&self, saga: &str, id: &str, by: &str) -> Result<(), SagaError> {
        self.operate((saga, id), (InputKind::Retry, by, None), ("stuck", "retried"), |status| {
            status == SagaStatus::Stuck
        })
        .await
    }

    /// Ends an instance; a runner does it. One that runs is compensated, and what it asks for at the moment is undone, too. One that is stuck
    /// passes over the step that cannot be undone, which is the operator's from then on, and undoes those before it. `by` says who wants it.
    /// It holds for the instance as it is now: what runs now and is stuck by the time it is cancelled stays stuck.
    ///
    /// # Errors
    /// [`SagaError::WrongStatus`] unless it runs or is stuck; [`SagaError`] otherwise.
    pub async fn cancel(&self, saga: &str, id: &str, by: &str, reason: &str) -> Result<(), SagaError> {
        self.operate((saga, id), (InputKind::Cancel, by, Some(reason)), ("running or stuck", "cancelled"), |status| {
            matches!(status, SagaStatus::Running | SagaStatus::Stuck)
        })
        .await
    }

    /// Removes an instance that has ended from its stream, and says how many messages that were: none, where there is no such instance or it
    /// has not ended. Its id is free again then: what would start it once more, such as an event that is delivered again, starts it.
    ///
    /// # Errors
    /// [`SagaError::Damaged`], as nobody knows whether such an instance has ended; [`SagaError`] otherwise.
    pub async fn purge(&self, saga: &str, id: &str) -> Result<u64, SagaError> {
        self.store(saga)?.purge(id).await
    }

    /// How many instances of a saga have not ended that began with another version than these.
    ///
    /// # Errors
    /// [`SagaError`].
    pub async fn left_alone(&self, saga: &str, versions: &[u32]) -> Result<u64, SagaError> {
        let about = || format!("the sagas {saga} cannot be counted");
        let left = self.store(saga)?.left_alone(versions).await;
        left.map_err(|error| SagaError::Unavailable { about: about(), reason: error.0 })
    }

    async fn operate(
        &self,
        (saga, id): (&str, &str),
        (kind, by, detail): (InputKind, &str, Option<&str>),
        (wanted, action): (&'static str, &'static str),
        fits: impl Fn(SagaStatus) -> bool,
    ) -> Result<(), SagaError> {
        let store = self.store(saga)?;
        let detail = detail.map(|detail| clip(detail.to_owned()));
        let by = clip(by.to_owned());
        let input = |found: &Found| {
            let Instance { status, number, .. } = found.instance;
            if !fits(status) {
                let (saga, id) = (saga.to_owned(), id.to_owned());
                return Err(SagaError::WrongStatus { saga, id, status, wanted, action });
            }
            let (by, detail, seen) = (Some(by.clone()), detail.clone(), Some(Seen { status, number }));
            Ok(Some(InputData { kind, by, detail, seen, event_type: None, event: None }))
        };
        let cause = environment::new_id().to_string();
        store.tell(id, (&cause, StartOptions::default()), input).await.map(drop)
    }

    /// Takes in an event for an instance. What no instance waits for is of no use; an instance that an event starts may be
    /// about to begin.
    ///
    /// # Errors
    /// [`SagaError::NotFound`] when the event is to be tried again.
    pub(crate) async fn signal(&self, saga: &str, signal: Signal, is_started_by_events: bool) -> Result<(), SagaError> {
        let Signal { id, event_type, event, options, attempt } = signal;
        let miss = format!("{saga} {id} {event_type} {}", options.causation_id.as_deref().unwrap_or_default());
        let store = self.store(saga)?;
        let cause = format!("{event_type} {}", options.causation_id.as_deref().unwrap_or_default());
        let input = |found: &Found| {
            Ok((found.instance.status == SagaStatus::Running).then(|| InputData {
                kind: InputKind::Event,
                by: None,
                detail: None,
                seen: None,
                event_type: Some(event_type.to_owned()),
                event: Some(event.clone()),
            }))
        };
        match store.tell(&id, (&cause, options), input).await {
            Ok(true) => {
                self.misses.forget(&miss);
                Ok(())
            }
            // Attempts that failed of something else do not count; but the last one must not make a dead letter of it.
            Err(error @ SagaError::NotFound { .. })
                if is_started_by_events
                    && attempt < MOST_ATTEMPTS
                    && self.misses.count(miss.clone()) <= WAITS_FOR_START.len() as u64 =>
            {
                Err(error)
            }
            Ok(false) | Err(SagaError::NotFound { .. } | SagaError::Id { .. }) => {
                self.misses.forget(&miss);
                tracing::debug!(saga, id, event_type, "no instance waits for the event");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Where a saga lies.
    pub(crate) fn store(&self, saga: &str) -> Result<Store, SagaError> {
        let no_stream = || SagaError::NoStream { saga: clip(saga.to_owned()) };
        let holds = |stream: &&SagaStream| stream.sagas.iter().any(|name| name == saga);
        let stream = self.streams.iter().find(holds).ok_or_else(no_stream)?;
        let home = Home::of(&stream.name, stream.subjects.iter().map(String::as_str), saga).ok_or_else(no_stream)?;
        Ok(Store { bus: self.bus.clone(), home: Arc::new(home), saga: saga.into() })
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }
}
