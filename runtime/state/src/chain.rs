//! Reading the history of one aggregate from its stream, from the end back, without looking at what lies between.
//!
//! Three requests find the end, however long the stream is: the last message of the aggregate's subjects, and how many there are. Each
//! event names the one before it. What was appended and is not on this way (as two appends were let in at the same place), or is
//! gone, the number of messages betrays: then, and only then, all of them are read, and the place is named.
//!
//! Where a history ends with messages that are none of it, the last event is searched for by halves, so that what lies before is
//! read by its sequences all the same.
//!
//! Messages are read one by one by the server's API, which writes them into its answer, so that headers that no client can read do
//! no harm.

use eventsmith_bus::transport::{MessageSelector, StreamMessage, Transport, Unavailable};
use eventsmith_event::filter::covers;
use futures_util::future::join;
use jiff::Timestamp;

use crate::error::StateError;
use crate::linear::{Break, Linear};
use crate::record::{Record, Stray};

/// How often the end is looked at again while others append.
const LOOKS: u32 = 64;

/// Behind how many messages that are no events the last event is searched for, before all are read.
const STRAYS: usize = 16;

/// The history of one aggregate, as a stream holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) aggregate: &'static str,
    pub(crate) id: &'a str,
    pub(crate) stream: &'a str,
    /// The wildcard of its subjects.
    pub(crate) filter: &'a str,
}

/// An event up to which the history is known; the beginning by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) number: u64,
    pub(crate) sequence: u64,
    pub(crate) passed: u64,
    /// When it was stored, by which an event of another stream with the same numbers is told apart: one that was deleted and made anew
    /// counts from 1 again.
    pub(crate) stored: Option<Timestamp>,
}

impl Known {
    /// Whether it is this event.
    fn is(&self, record: &Record) -> bool {
        let is_stored_then = self.stored.is_none_or(|stored| stored == record.stored.stored);
        self.sequence == record.sequence() && self.number == record.number && is_stored_then
    }
}

/// What of a history comes behind what is known.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The events, in order.
    pub(crate) records: Vec<Record>,
    /// The sequence of the last message on the aggregate's subjects, be it an event or not; 0 for none.
    pub(crate) end: u64,
    /// How many messages on the subjects are no events of the history.
    pub(crate) passed: u64,
    /// Those of them that were met on the way.
    pub(crate) strays: Vec<Stray>,
    /// Whether an operator discarded some: perhaps also of what was taken for known.
    pub(crate) has_discarded: bool,
}

/// Why a history is not read.
#[derive(Debug)]
pub(crate) enum Broken {
    /// What is taken for known is none of its events.
    NotKnown,
    /// It cannot be read at all.
    State(StateError),
}

impl From<StateError> for Broken {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Tail {
    /// How many messages there are on the subjects, if this is all that comes behind what is known.
    fn places_behind(&self, known: Known) -> u64 {
        self.records.last().map_or(known.number, |last| last.number).saturating_add(self.passed)
    }
}

impl Chain<'_> {
    /// What comes behind the event that is known.
    pub(crate) async fn behind(&self, known: Known) -> Result<Tail, Broken> {
        let mut before = None;
        for _ in 0..LOOKS {
            let last = self.message(MessageSelector::LastOf(self.filter));
            let (last, count) = join(last, self.transport.count(self.stream, self.filter)).await;
            let (last, count) = (last?, count.map_err(|error| self.unavailable(error))?);
            let found = (last.as_ref().map_or(0, |last| last.sequence), count);
            match last.map(Record::read) {
                None if count == 0 && known == Known::default() => return Ok(Tail::default()),
                None if count == 0 => return Err(Broken::NotKnown),
                Some(Ok(end)) if end.number + end.passed == count => return self.back_from(end, known).await,
                // Nobody knows what comes before it, but for what is known already.
                Some(Err(_)) if known != Known::default() => match self.read_on(known).await {
                    Ok(tail) if tail.places_behind(known) == count && !tail.has_discarded => {
                        return if self.has(known).await? { Ok(tail) } else { Err(Broken::NotKnown) };
                    }
                    _ => break,
                },
                Some(Err(stray)) => match self.before_strays(stray, count).await? {
                    Some(tail) => return Ok(tail),
                    None => break,
                },
                // Somebody has appended between the two answers, or it is so.
                _ if before == Some(found) => break,
                _ => before = Some(found),
            }
        }
        self.scan(known).await
    }

    /// The whole history, which ends with messages that are no events of it; nothing if it is otherwise.
    async fn before_strays(&self, last: Stray, count: u64) -> Result<Option<Tail>, Broken> {
        let end = last.sequence;
        let mut strays = vec![last];
        while let Some(first) = strays.last().filter(|_| strays.len() <= STRAYS) {
            let passed = strays.len() as u64;
            let mut tail = match self.last_before(first.sequence).await?.map(Record::read) {
                Some(Err(stray)) => {
                    strays.push(stray);
                    continue;
                }
                Some(Ok(event)) if event.number.saturating_add(event.passed).saturating_add(passed) == count => {
                    self.back_from(event, Known::default()).await?
                }
                None if passed == count => Tail::default(),
                _ => return Ok(None),
            };
            strays.reverse();
            (tail.end, tail.passed, tail.strays) = (end, tail.passed + passed, strays);
            self.tell(&tail.strays);
            return Ok(Some(tail));
        }
        Ok(None)
    }

    /// The last message on the subjects before a sequence at which there is one. It takes as many requests as twice the binary
    /// logarithm of how far away it is, and reads nothing that lies between.
    async fn last_before(&self, sequence: u64) -> Result<Option<StreamMessage>, StateError> {
        // From `from` on there is none before the sequence. There may be one from `from - step` on.
        let (mut from, mut step) = (sequence, 1);
        let mut found = loop {
            let lower = from.saturating_sub(step).max(1);
            match self.next(lower, sequence).await? {
                Some(found) => break found,
                None if lower == 1 => return Ok(None),
                None => (from, step) = (lower, step.saturating_mul(2)),
            }
        };
        while found.sequence + 1 < from {
            let middle = found.sequence + (from - found.sequence) / 2;
            match self.next(middle, sequence).await? {
                Some(later) => found = later,
                None => from = middle,
            }
        }
        Ok(Some(found))
    }

    /// The next message on the subjects from a sequence on, if it comes before another.
    async fn next(&self, from: u64, before: u64) -> Result<Option<StreamMessage>, StateError> {
        let found = self.message(MessageSelector::NextOf { subject: self.filter, from }).await?;
        Ok(found.filter(|found| found.sequence < before))
    }

    /// The history up to an event that is known to be of it.
    pub(crate) async fn up_to(&self, known: Known) -> Result<Tail, Broken> {
        let found = self.message(MessageSelector::Sequence(known.sequence)).await?;
        match found.filter(|found| covers(self.filter, &found.message.subject)).map(Record::read) {
            Some(Ok(event)) if event.number == known.number => self.back_from(event, Known::default()).await,
            _ => Err(Broken::NotKnown),
        }
    }

    /// Walks back from the last event to the one that is known.
    async fn back_from(&self, end: Record, known: Known) -> Result<Tail, Broken> {
        let mut tail = Tail { end: end.sequence(), passed: end.passed, ..Tail::default() };
        let mut event = end;
        while event.sequence() > known.sequence {
            let Record { number, predecessor, .. } = event;
            let sequence = event.sequence();
            tail.records.push(event);
            if predecessor == known.sequence && number - 1 == known.number {
                tail.records.reverse();
                return if self.has(known).await? { Ok(tail) } else { Err(Broken::NotKnown) };
            }
            if predecessor <= known.sequence {
                return Err(if known == Known::default() {
                    self.gap(number - 1, sequence).into()
                } else {
                    Broken::NotKnown
                });
            }
            let found = self.message(MessageSelector::Sequence(predecessor)).await?;
            let found = found.filter(|found| covers(self.filter, &found.message.subject)).map(Record::read);
            event = match found {
                Some(Ok(before)) if before.number + 1 == number => before,
                Some(Ok(before)) if before.number >= number => {
                    return Err(self.double(number, before.sequence(), sequence).into());
                }
                _ => return Err(self.gap(number - 1, sequence).into()),
            };
        }
        if tail.records.is_empty() && known.is(&event) { Ok(tail) } else { Err(Broken::NotKnown) }
    }

    /// Whether the stream has the event that is known.
    async fn has(&self, known: Known) -> Result<bool, StateError> {
        if known == Known::default() {
            return Ok(true);
        }
        let found = self.event(known.sequence).await?;
        Ok(found.is_some_and(|found| known.is(&found)))
    }

    /// The event of the history with a sequence, if that is one.
    pub(crate) async fn event(&self, sequence: u64) -> Result<Option<Record>, StateError> {
        let found = self.message(MessageSelector::Sequence(sequence)).await?;
        let found = found.filter(|found| covers(self.filter, &found.message.subject));
        Ok(found.and_then(|found| Record::read(found).ok()))
    }

    /// Reads every message on the subjects, from the first one on, as something is not as it should be.
    pub(crate) async fn scan(&self, known: Known) -> Result<Tail, Broken> {
        let mut tail = self.read_on(Known::default()).await?;
        if known != Known::default() {
            let at = tail.records.iter().position(|record| known.is(record)).ok_or(Broken::NotKnown)?;
            tail.records.drain(..=at);
        }
        Ok(tail)
    }

    /// Reads every message on the subjects behind what is known.
    async fn read_on(&self, known: Known) -> Result<Tail, StateError> {
        let messages = self.all_behind(known.sequence).await?;
        let end = messages.last().map_or(known.sequence, |last| last.sequence);
        let Linear { records, strays, discarded, breaks } = Linear::of(&messages, (known.number, known.sequence), None);
        match breaks.first() {
            Some(Break::Double { number, first, second }) => return Err(self.double(*number, *first, *second)),
            Some(Break::Gap { missing, sequence }) => return Err(self.gap(*missing, *sequence)),
            None => {}
        }
        self.tell(&strays);
        let passed = known.passed.saturating_add(strays.len() as u64);
        Ok(Tail { records, end, passed, strays, has_discarded: !discarded.is_empty() })
    }

    /// All messages on the subjects behind a sequence.
    pub(crate) async fn all_behind(&self, sequence: u64) -> Result<Vec<StreamMessage>, StateError> {
        let (mut all, mut next) = (Vec::new(), sequence.saturating_add(1));
        while let Some(found) = self.message(MessageSelector::NextOf { subject: self.filter, from: next }).await? {
            next = found.sequence + 1;
            all.push(found);
        }
        Ok(all)
    }

    fn tell(&self, strays: &[Stray]) {
        for Stray { sequence, reason, .. } in strays {
            let (aggregate, id, stream) = (self.aggregate, self.id, self.stream);
            tracing::warn!(aggregate, id, stream, sequence, reason, "no event of the history, and passed over");
        }
    }

    /// What a history that cannot be read comes to, where nothing was taken for known.
    pub(crate) fn error(&self, broken: Broken) -> StateError {
        match broken {
            Broken::State(error) => error,
            Broken::NotKnown => self.unavailable(Unavailable("it changed while it was read".into())),
        }
    }

    async fn message(&self, select: MessageSelector<'_>) -> Result<Option<StreamMessage>, StateError> {
        self.transport.message(self.stream, select).await.map_err(|error| self.unavailable(error))
    }

    fn unavailable(&self, Unavailable(reason): Unavailable) -> StateError {
        StateError::Unavailable { aggregate: self.aggregate, id: self.id.to_owned(), reason }
    }

    fn gap(&self, missing: u64, sequence: u64) -> StateError {
        let (aggregate, id, stream) = (self.aggregate, self.id.to_owned(), self.stream.to_owned());
        StateError::Gap { aggregate, id, stream, missing, sequence }
    }

    fn double(&self, number: u64, first: u64, second: u64) -> StateError {
        let (aggregate, id, stream) = (self.aggregate, self.id.to_owned(), self.stream.to_owned());
        StateError::Double { aggregate, id, stream, number, first, second }
    }
}
