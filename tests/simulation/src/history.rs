//! What happened in a schedule, and what must never happen at all.

use std::collections::{BTreeMap, BTreeSet};

use crate::asks::Asks;
use crate::bank::Bank;
use crate::clock::Time;
use crate::executions::Executions;
use crate::plan::{Plan, RunEnd};
use crate::server::stream::Publication;
use crate::server::{DEAD, EVENTS, StoredNow};

/// What happened.
#[derive(Debug, Default)]
pub struct History {
    /// The runs that began, in order.
    pub runs: Vec<Run>,
    /// The runs that have not ended.
    pub active: BTreeSet<usize>,
    /// The events of the stream as it is now: their numbers in it, by their numbers in the plan.
    pub events: BTreeMap<u64, Vec<u64>>,
    /// The dead letters, by the number of the event in its stream and when it was stored.
    pub dead_letters: BTreeMap<(u64, String), Vec<DeadLetter>>,
    /// What was published, by its number in the plan, and what was said of it: the number that it was stored under.
    pub published: Vec<(u64, Result<u64, String>)>,
    /// How often the stream was deleted.
    pub deleted: usize,
    /// What was wrong.
    pub violations: Vec<String>,
    /// A number that two equal schedules have in common, and others do not.
    pub trace: u64,
    /// What happened, for people, if anybody wants to know.
    pub log: Option<Vec<String>>,
    /// Who noted that an event of the stream was about to be run, by its number.
    pub noted: Vec<(u64, usize)>,
    /// What became of requests.
    pub asks: Asks,
    /// What became of commands.
    pub executions: Executions,
    /// What became of transfers.
    pub bank: Bank,
    keys: Vec<u64>,
}

/// A run of a handler.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where.
    pub process: usize,
    /// The number of the event in the plan.
    pub event: u64,
    /// The number of the event in the stream, if it is still there, and how often that was deleted before.
    pub sequence: Option<u64>,
    /// How often the stream had been deleted.
    pub deleted: usize,
    /// How it ended, if it did.
    pub end: Option<RunEnd>,
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Why.
    pub reason: String,
    /// How often the event was tried, as it says.
    pub attempts: u64,
}

impl History {
    /// Nothing happened yet.
    pub fn new(plan: &Plan) -> Self {
        let keys = plan.events.iter().map(|event| event.key).collect();
        Self { keys, trace: 0xcbf2_9ce4_8422_2325, ..Self::default() }
    }

    /// A message was stored, or not.
    pub fn stored(&mut self, StoredNow { stream, publication, stored, reply }: &StoredNow) {
        let Publication::Stored(sequence) = publication else { return };
        if let Some(tokens) = stored.subject.strip_suffix("._runs")
            && let Some(sequence) = tokens.rsplit('.').next().and_then(|token| token.parse().ok())
            && let Some(process) = reply.as_deref().and_then(process_of)
        {
            self.noted.push((sequence, process));
        }
        if *stream == EVENTS
            && let Some(event) = number_of(&stored.payload)
        {
            self.events.entry(event).or_default().push(*sequence);
        }
        if *stream == DEAD
            && let (Some(reason), Some(of)) =
                (stored.header("Eventsmith-Dead-Reason"), stored.header("Eventsmith-Dead-Sequence"))
        {
            let attempts = stored.header("Eventsmith-Dead-Attempts").and_then(|text| text.parse().ok());
            let dead_letter = DeadLetter { reason: reason.to_owned(), attempts: attempts.unwrap_or_default() };
            let at = stored.header("Eventsmith-Dead-Stored").unwrap_or_default().to_owned();
            self.dead_letters.entry((of.parse().unwrap_or_default(), at)).or_default().push(dead_letter);
        }
    }

    /// The stream was deleted with all that is in it.
    pub fn stream_deleted(&mut self) {
        self.deleted += 1;
        self.events.clear();
    }

    /// A program is gone with all that ran in it.
    pub fn crashed(&mut self, process: usize, _: Time) {
        let Self { runs, active, .. } = self;
        active.retain(|run| {
            let is_there = runs[*run].process != process;
            if !is_there {
                runs[*run].end = Some(RunEnd::Dropped);
            }
            is_there
        });
        self.asks.crashed(process);
    }

    /// Whether an event was handled in the stream as it is now.
    pub fn is_handled(&self, event: u64) -> bool {
        let is_it = |run: &Run| run.event == event && run.deleted == self.deleted;
        self.runs.iter().any(|run| is_it(run) && run.end == Some(RunEnd::Handled))
    }

    /// Notes something for the comparison of two schedules.
    pub fn note(&mut self, numbers: [u64; 3]) {
        for number in numbers {
            self.trace = (self.trace ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
        }
    }

    /// The key of an event.
    pub fn key(&self, event: u64) -> Option<u64> {
        self.keys.get(usize::try_from(event).ok()?).copied()
    }
}

/// The process that listens on a subject.
fn process_of(inbox: &str) -> Option<usize> {
    inbox.strip_prefix("_INBOX.")?.split('.').next()?.parse().ok()
}

/// The number of an event in its plan, as its payload has it.
pub fn number_of(payload: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, rest) = text.split_once("\"number\":")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
