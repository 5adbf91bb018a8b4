//! Loading aggregates, and executing commands on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::environment::random;
use eventsmith_event::aggregate::AggregateEvents;
use eventsmith_event::clip::clip;
use jiff::Timestamp;
use tokio::time::sleep;
use uuid::Uuid;

use crate::aggregate::Aggregate;
use crate::append::{ExecuteOptions, Outcome, append};
use crate::chain::{Broken, Chain, Known, Tail};
use crate::command::{self, Commands};
use crate::error::{ExecuteError, StateError};
use crate::history::{History, Point};
use crate::loaded::{apply, decode, take_in};
use crate::pauses::Pauses;
use crate::record::Record;
use crate::snapshot::{Found, Snapshot, Snapshots};

pub use crate::loaded::Loaded;

/// After so many conflicts in a row the stream is looked for again: its events may lie elsewhere by now.
const FORGET_AFTER: u32 = 8;
/// The longest pause before a command is decided again, after others appended.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Aggregates, whose histories lie in the streams of a bus. Cheap to clone.
///
/// ```
/// use eventsmith::Bus;
/// use eventsmith::state::{Aggregate, Aggregates, ExecuteError, StateError};
///
/// /// Appends what a command decides, and returns how many events the aggregate has by then.
/// async fn execute<A: Aggregate>(
///     bus: &Bus,
///     id: &str,
///     command: impl Fn(&A) -> Result<Vec<A::Event>, String>,
/// ) -> Result<u64, ExecuteError<String>> {
///     let executed = Aggregates::of(bus).execute(id, |aggregate: &A| command(aggregate)).await?;
///     Ok(executed.state.number)
/// }
/// ```
#[derive(Clone)]
pub struct Aggregates {
    bus: Bus,
    /// The streams that hold them, by the wildcard of the aggregate.
    streams: Arc<Mutex<BTreeMap<&'static str, String>>>,
    /// The buckets of snapshots that are left alone for a while.
    pauses: Pauses,
}

impl fmt::Debug for Aggregates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aggregates").field(&self.bus).finish()
    }
}

/// What became of a command.
///
/// ```
/// use eventsmith::state::{Aggregate, Executed};
///
/// fn tell<A: Aggregate>(executed: &Executed<A>) {
///     println!("{} events, {} by now", executed.events.len(), executed.state.number);
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Executed<A: Aggregate> {
    /// The aggregate right after the events of the command, whatever came later.
    pub state: Loaded<A>,
    /// The events that the command made; none if it decided that nothing happens.
    pub events: Vec<A::Event>,
    /// The id of the command.
    pub command_id: String,
    /// Whether the events were found in the history, under the id of the command: it was executed before, or elsewhere at the same time,
    /// or the acknowledgement of its own events was lost.
    pub is_repeated: bool,
}

/// An aggregate at the end of its history, and what is known of that.
struct Current<A: Aggregate> {
    state: Loaded<A>,
    /// The sequence of the last message on its subjects.
    end: u64,
    passed: u64,
    /// When the last event was stored, where that is known.
    stored: Option<Timestamp>,
    commands: Commands,
    kept: Option<Kept<A>>,
}

/// What is known of the snapshots of an aggregate.
struct Kept<A> {
    snapshots: Snapshots<A>,
    hash: String,
    /// The number of the event that the last one was made after; 0 without one.
    number: u64,
    /// The revision in the bucket.
    revision: u64,
}

/// Where reading a history ends.
#[derive(Debug, Clone, Copy)]
enum Until<'a> {
    /// At its end.
    End,
    /// Behind the events of a command, if it has some.
    Command {
        id: &'a str,
        /// Whether it must have some, as far as the server knows.
        is_stored: bool,
    },
}

/// Where reading a history ended.
enum Reached<A: Aggregate> {
    End(Current<A>),
    Command(Executed<A>),
}

impl Aggregates {
    /// Aggregates in the streams of a bus. Nothing is asked of the server yet.
    pub fn of(bus: &Bus) -> Self {
        Self { bus: bus.clone(), streams: Arc::default(), pauses: Pauses::default() }
    }

    /// An aggregate as its events have made it; as `Default` has it where there are none.
    ///
    /// It takes three requests and one for each event, or for each one behind the last [snapshot](Aggregate::snapshots), however long
    /// the stream is.
    ///
    /// # Errors
    /// [`StateError::Gap`] and [`StateError::Double`] where the history is not what was appended; [`StateError`] otherwise. Messages on
    /// the subjects that were not appended, whatever they are, are passed over and logged.
    pub async fn load<A: Aggregate>(&self, id: &str) -> Result<Loaded<A>, StateError> {
        match self.read::<A>(id, Until::End).await? {
            Reached::Command(executed) => Ok(executed.state),
            Reached::End(current) => {
                self.keep(id, &current).await;
                Ok(current.state)
            }
        }
    }

    /// Loads an aggregate, lets a command decide which events happen to it, and stores them, all or none.
    ///
    /// Where others append meanwhile, it is loaded again and the command decides again, several times. It takes nats-server 2.12.1 (2.11
    /// for one event at a time).
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] with what the command returned; [`ExecuteError::State`] otherwise. Only with
    /// [`StateError::Append`] the events may be stored all the same.
    pub async fn execute<A: Aggregate, E>(
        &self,
        id: &str,
        decide: impl FnMut(&A) -> Result<Vec<A::Event>, E>,
    ) -> Result<Executed<A>, ExecuteError<E>> {
        self.execute_with(id, ExecuteOptions::default(), decide).await
    }

    /// [`execute`](Self::execute) under an id of the command's own, which is stored with its events: executed again, however much later,
    /// it decides and appends nothing and has the same result.
    ///
    /// Where a snapshot stands before a command, its id is known if it was among the last 256 before the snapshot. A command that made
    /// no events, or was refused, leaves nothing behind, and is decided anew.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn execute_with<A: Aggregate, E>(
        &self,
        id: &str,
        options: ExecuteOptions,
        mut decide: impl FnMut(&A) -> Result<Vec<A::Event>, E>,
    ) -> Result<Executed<A>, ExecuteError<E>> {
        let command_id = options.command_id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        command::check(&command_id)?;
        let filter = filter::<A>(id)?;
        for attempt in 1..=options.max_attempts.max(1) {
            let until = Until::Command { id: &command_id, is_stored: false };
            let mut current = match self.read::<A>(id, until).await? {
                Reached::Command(executed) => return Ok(executed),
                Reached::End(current) => current,
            };
            let events = decide(&current.state.aggregate).map_err(ExecuteError::Refused)?;
            if events.is_empty() {
                return Ok(Executed { state: current.state, events, command_id, is_repeated: false });
            }
            let Loaded { number, sequence, .. } = current.state;
            let known = Known { number, sequence, passed: current.passed, stored: current.stored };
            // What cannot be applied must not be stored: nobody could load it any more.
            for event in &events {
                apply(id, &mut current.state, event)?;
            }
            let to = (id, &*filter, current.end);
            match append(&self.bus, to, known, &events, (&command_id, &options)).await? {
                Outcome::Stored { last } => (current.state.sequence, current.stored) = (last, None),
                outcome => {
                    // Its events may be those that another execution of the same command made.
                    let until = Until::Command { id: &command_id, is_stored: true };
                    if let Outcome::Duplicate = outcome
                        && let Reached::Command(executed) = self.read(id, until).await?
                    {
                        return Ok(executed);
                    }
                    tracing::debug!(aggregate = A::Event::AGGREGATE, id, attempt, "others appended; deciding again");
                    if attempt % FORGET_AFTER == 0 {
                        self.forget_streams();
                    }
                    sleep(pause(attempt)).await;
                    continue;
                }
            }
            current.commands.push(&command_id);
            self.keep(id, &current).await;
            return Ok(Executed { state: current.state, events, command_id, is_repeated: false });
        }
        let aggregate = A::Event::AGGREGATE;
        Err(StateError::Conflict { aggregate, id: id.to_owned(), attempts: options.max_attempts.max(1) }.into())
    }

    /// What happened to an aggregate: who did what, when, and caused by what.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn history<A: Aggregate>(&self, id: &str) -> Result<History<A::Event>, StateError> {
        let (stream, filter) = (self.stream::<A>().await?, filter::<A>(id)?);
        let chain = self.chain::<A>(id, &stream, &filter);
        let mut tail = self.whole(&chain).await?;
        if tail.passed > tail.strays.len() as u64 {
            tail = chain.scan(Known::default()).await.map_err(|broken| chain.error(broken))?;
        }
        let events = tail.records.into_iter().map(|record| decode::<A>(&chain, record)).collect::<Result<_, _>>()?;
        Ok(History { events, strays: tail.strays })
    }

    /// An aggregate as it was at a point of its history.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn at<A: Aggregate>(&self, id: &str, point: Point) -> Result<Loaded<A>, StateError> {
        let (stream, filter) = (self.stream::<A>().await?, filter::<A>(id)?);
        let chain = self.chain::<A>(id, &stream, &filter);
        let mut state = Loaded::default();
        for record in self.whole(&chain).await?.records {
            if point.is_before(record.number, record.sequence(), record.stored.stored) {
                break;
            }
            take_in(&chain, &mut state, record)?;
        }
        Ok(state)
    }

    /// Reads the history of an aggregate: from a snapshot on, if there is a good one; and no further than behind the events of a
    /// command, if that was executed before.
    async fn read<A: Aggregate>(&self, id: &str, until: Until<'_>) -> Result<Reached<A>, StateError> {
        let (stream, filter) = (self.stream::<A>().await?, filter::<A>(id)?);
        let chain = self.chain::<A>(id, &stream, &filter);
        let (mut kept, mut snapshot) = (None, None);
        if let Some(snapshots) = A::snapshots() {
            let hash = snapshots.hash::<A::Event>();
            if let Some(Found { snapshot: found, revision }) =
                snapshots.read((&self.bus, &self.pauses), id, &hash).await
            {
                kept = Some(Kept { snapshots, hash, number: found.as_ref().map_or(0, |it| it.known.number), revision });
                snapshot = found;
            }
        }
        let tail = match &snapshot {
            None => self.whole(&chain).await?,
            Some(Snapshot { known, .. }) => match chain.behind(*known).await {
                Err(Broken::NotKnown) => {
                    let aggregate = A::Event::AGGREGATE;
                    tracing::warn!(aggregate, id, "the snapshot is of another history; all events are read");
                    snapshot = None;
                    kept.iter_mut().for_each(|kept| kept.number = 0);
                    self.whole(&chain).await?
                }
                Err(broken) => {
                    self.forget_streams();
                    return Err(chain.error(broken));
                }
                Ok(tail) => tail,
            },
        };
        let Tail { mut records, end, passed, .. } = tail;
        if let (Until::Command { id: command_id, is_stored }, Some(Snapshot { known, commands, .. })) =
            (until, &snapshot)
            && (commands.contains(command_id) || is_stored && last_of(&records, command_id).is_none())
        {
            // Its events lie before the snapshot, which is put aside.
            let mut before = chain.up_to(*known).await.map_err(|broken| chain.error(broken))?.records;
            before.append(&mut records);
            (records, snapshot) = (before, None);
        }
        let (mut state, mut commands) = (Loaded::default(), Commands::default());
        let known = snapshot.as_ref().and_then(|snapshot| snapshot.known.stored);
        let stored = records.last().map(|last| last.stored.stored).or(known);
        if let Some(Snapshot { aggregate, known, commands: remembered }) = snapshot {
            state = Loaded { number: known.number, sequence: known.sequence, aggregate };
            commands = remembered;
        }
        if let Until::Command { id: command_id, .. } = until
            && let Some(last) = last_of(&records, command_id)
        {
            records.truncate(last + 1);
            let mut events = Vec::new();
            for record in records {
                let is_of_command = is_of(&record, command_id);
                let event = take_in(&chain, &mut state, record)?;
                events.extend(is_of_command.then_some(event));
            }
            let command_id = command_id.to_owned();
            return Ok(Reached::Command(Executed { state, events, command_id, is_repeated: true }));
        }
        commands.extend(&records);
        for record in records {
            take_in(&chain, &mut state, record)?;
        }
        Ok(Reached::End(Current { state, end, passed, stored, commands, kept }))
    }

    /// The history from the beginning.
    async fn whole(&self, chain: &Chain<'_>) -> Result<Tail, StateError> {
        let read = chain.behind(Known::default()).await;
        read.map_err(|broken| {
            if let Broken::State(StateError::Unavailable { .. }) = &broken {
                self.forget_streams();
            }
            chain.error(broken)
        })
    }

    fn chain<'a, A: Aggregate>(&'a self, id: &'a str, stream: &'a str, filter: &'a str) -> Chain<'a> {
        Chain { transport: self.bus.transport(), aggregate: A::Event::AGGREGATE, id, stream, filter }
    }

    /// The stream that holds the histories of an aggregate.
    async fn stream<A: Aggregate>(&self) -> Result<String, StateError> {
        let (aggregate, subject) = (A::Event::AGGREGATE, A::Event::SUBJECT);
        if let Some(known) = self.streams.lock().unwrap_or_else(PoisonError::into_inner).get(subject) {
            return Ok(known.clone());
        }
        let unavailable = |reason| StateError::Unavailable { aggregate, id: "(any)".to_owned(), reason };
        // The wildcard of all may match what is in other streams and of no aggregate.
        let subjects: BTreeSet<&str> = A::Event::EVENTS.iter().map(|event| event.subject).collect();
        let mut found = BTreeSet::new();
        for subject in subjects {
            found.extend(self.bus.transport().streams_of(subject).await.map_err(|error| unavailable(error.0))?);
        }
        let found: Vec<String> = found.into_iter().collect();
        let stream = match found.as_slice() {
            [] => return Err(StateError::NoStream { aggregate, subject }),
            [stream] => stream.clone(),
            several => return Err(StateError::SeveralStreams { aggregate, subject, streams: several.join(", ") }),
        };
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, stream.clone());
        Ok(stream)
    }

    /// Looks again which streams hold what: perhaps others by now.
    fn forget_streams(&self) {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Keeps a snapshot, if it is time for one. That nobody can is no reason to fail.
    async fn keep<A: Aggregate>(&self, id: &str, current: &Current<A>) {
        let Some(kept) = &current.kept else { return };
        let Loaded { number, sequence, ref aggregate } = current.state;
        let is_time = number / kept.snapshots.every > kept.number / kept.snapshots.every;
        if !is_time || kept.snapshots.is_paused(&self.pauses) {
            return;
        }
        let stored = match current.stored {
            Some(stored) => Some(stored),
            None => self.stored_at::<A>(id, number, sequence).await,
        };
        if stored.is_some() {
            let known = Known { number, sequence, passed: current.passed, stored };
            let of = (id, kept.hash.as_str());
            let snapshot = (aggregate, known, &current.commands);
            kept.snapshots.write((&self.bus, &self.pauses), of, snapshot, kept.revision).await;
        }
    }

    /// When an event was stored that was appended here; nothing if it cannot be read.
    async fn stored_at<A: Aggregate>(&self, id: &str, number: u64, sequence: u64) -> Option<Timestamp> {
        let (stream, filter) = (self.stream::<A>().await.ok()?, filter::<A>(id).ok()?);
        let found = self.chain::<A>(id, &stream, &filter).event(sequence).await.ok()??;
        (found.number == number).then_some(found.stored.stored)
    }
}

/// The wildcard of the subjects of an aggregate.
fn filter<A: Aggregate>(id: &str) -> Result<String, StateError> {
    A::Event::filter(id).map_err(|_| StateError::Id { aggregate: A::Event::AGGREGATE, id: clip(id.to_owned()) })
}

/// Whether an event came of a command.
fn is_of(record: &Record, command_id: &str) -> bool {
    record.command_id.as_deref() == Some(command_id)
}

/// Where the last event of a command is, if it has one.
fn last_of(records: &[Record], command_id: &str) -> Option<usize> {
    records.iter().rposition(|record| is_of(record, command_id))
}

/// How long to wait before a command decides again: longer each time, and at random, so that not all do it at once.
fn pause(attempt: u32) -> Duration {
    let longest = Duration::from_millis(1 << attempt.min(7)).min(LONGEST_PAUSE);
    longest.mul_f64(random() as f64 / u64::MAX as f64)
}
