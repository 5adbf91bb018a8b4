//! What became of requests, and what must not become of them.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::message::OutboundMessage;
use async_nats::{HeaderMap, Message};
use eventsmith::Uuid;

use crate::clock::Time;
use crate::plan::{AskKind, AskPlan, Plan, RunEnd};

/// How much later than its time a request may end: a message or two.
const LATER: Time = 50;

/// What became of requests.
#[derive(Debug, Default)]
pub struct Asks {
    runs: Vec<AnswerRun>,
    active: BTreeSet<usize>,
    /// What was asked, by the number of the request and which of its times it was.
    begun: BTreeSet<(u32, usize)>,
    /// Whose end nobody saw, as the program that asked had crashed.
    unseen: BTreeSet<(u32, usize)>,
    asked: Vec<Asked>,
    /// For how long somebody waits, by where the answer goes.
    waits: BTreeMap<String, Time>,
    /// Until when somebody waits for the answer to what a process received, by its number.
    deadlines: BTreeMap<(usize, u32), Time>,
}

/// A run of a handler.
#[derive(Debug)]
struct AnswerRun {
    process: usize,
    number: u32,
    end: Option<RunEnd>,
}

/// What somebody who asked was told.
#[derive(Debug)]
struct Asked {
    number: u32,
    /// Which of its times it was.
    turn: usize,
    /// The number of the run that was replied with.
    reply: Option<usize>,
    /// Whether that says that it was done, may be, or was not.
    may_be_done: bool,
    what: String,
    at: Time,
}

impl Asks {
    /// A program sends a message.
    pub(crate) fn sent(&mut self, message: &OutboundMessage) {
        let wait = message.headers.as_ref().and_then(|headers| header(headers, "Eventsmith-Timeout"));
        if let (Some(reply), Some(wait)) = (&message.reply, wait.and_then(|wait| wait.parse().ok())) {
            self.waits.insert(reply.to_string(), wait);
        }
    }

    /// A message has come to a program.
    pub(crate) fn arrived(&mut self, process: usize, message: &Message, now: Time) {
        let Some(wait) = message.reply.as_ref().and_then(|reply| self.waits.get(reply.as_str())) else { return };
        let id = message.headers.as_ref().and_then(|headers| header(headers, "Nats-Msg-Id"));
        if let Some(number) = id.and_then(|id| id.parse().ok()).and_then(number_of) {
            let deadline = self.deadlines.entry((process, number)).or_default();
            *deadline = (now + wait).max(*deadline);
        }
    }

    /// A program is gone with all that ran in it.
    pub(crate) fn crashed(&mut self, process: usize) {
        let runs = &mut self.runs;
        self.active.retain(|run| {
            let is_there = runs[*run].process != process;
            if !is_there {
                runs[*run].end = Some(RunEnd::Dropped);
            }
            is_there
        });
    }

    /// How many runs began.
    pub fn begun(&self) -> usize {
        self.runs.len()
    }

    /// A handler begins. Returns which run it is, and what must not be.
    pub(crate) fn begin(&mut self, process: usize, plan: &AskPlan, was_begun: bool, now: Time) -> (usize, Vec<String>) {
        let AskPlan { number, kind, .. } = *plan;
        let mut violations = Vec::new();
        let before: Vec<&AnswerRun> = self.runs.iter().filter(|run| run.number == number).collect();
        if kind != AskKind::Look && self.active.iter().any(|run| self.runs[*run].number == number) {
            violations.push(format!("request {number} begins while it runs"));
        }
        let is_lost = |run: &&AnswerRun| run.end != Some(RunEnd::Failed);
        match kind {
            AskKind::Look => {}
            AskKind::Place if !before.is_empty() => violations.push(format!("command {number} begins twice")),
            AskKind::Pay if before.iter().any(is_lost) => {
                violations.push(format!("command {number}, whose answer is kept, begins again: {before:?}"));
            }
            AskKind::Book if before.iter().any(is_lost) && !was_begun => {
                violations.push(format!("command {number} begins again and does not say so: {before:?}"));
            }
            AskKind::Place | AskKind::Pay | AskKind::Book => {}
        }
        let deadline = self.deadlines.get(&(process, number)).copied().unwrap_or_default();
        // A part of a millisecond counts as one.
        if now > deadline + 1 {
            violations.push(format!("request {number} begins when nobody waits any more, since {deadline}"));
        }
        self.runs.push(AnswerRun { process, number, end: None });
        self.active.insert(self.runs.len() - 1);
        (self.runs.len() - 1, violations)
    }

    /// A handler ends.
    pub(crate) fn end(&mut self, run: usize, end: RunEnd) {
        if self.active.remove(&run) {
            self.runs[run].end = Some(end);
        }
    }

    /// How many runs for a request have failed.
    pub(crate) fn failures(&self, number: u32) -> u64 {
        let failed = |run: &&AnswerRun| run.number == number && run.end == Some(RunEnd::Failed);
        self.runs.iter().filter(failed).count() as u64
    }

    /// Somebody asks.
    pub(crate) fn asked(&mut self, number: u32, turn: usize) {
        self.begun.insert((number, turn));
    }

    /// Whether somebody has asked.
    pub(crate) fn is_asked(&self, number: u32, turn: usize) -> bool {
        self.begun.contains(&(number, turn))
    }

    /// The program that asked is gone: nobody sees what becomes of what it asked.
    pub(crate) fn asker_crashed(&mut self) {
        let told: BTreeSet<_> = self.asked.iter().map(|asked| (asked.number, asked.turn)).collect();
        self.unseen = self.begun.difference(&told).copied().collect();
    }

    /// Somebody who asked was told something. Returns what must not be.
    pub(crate) fn told(
        &mut self,
        plan: &AskPlan,
        turn: usize,
        asked_at: Time,
        now: Time,
        told: Result<usize, (bool, String)>,
    ) -> Option<String> {
        let (reply, may_be_done, what) = match told {
            Ok(run) => (Some(run), true, format!("run {run}")),
            Err((may_be_done, what)) => (None, may_be_done, what),
        };
        self.asked.push(Asked { number: plan.number, turn, reply, may_be_done, what, at: asked_at });
        let (took, timeout) = (now - asked_at, plan.timeout_at(asked_at));
        (took > timeout + LATER).then(|| format!("request {} took {took} of {timeout}", plan.number))
    }

    /// What does not hold in the end.
    pub(crate) fn audit(&self, plan: &Plan) -> Vec<String> {
        let mut violations = Vec::new();
        for ask in &plan.asks {
            let told: Vec<&Asked> = self.asked.iter().filter(|asked| asked.number == ask.number).collect();
            let turns: BTreeSet<usize> = told.iter().map(|asked| asked.turn).collect();
            for turn in (0..ask.at.len()).filter(|turn| !turns.contains(turn)) {
                if !self.unseen.contains(&(ask.number, turn)) {
                    violations.push(format!("request {} did not end when it was asked for time {turn}", ask.number));
                }
            }
            let replies: BTreeSet<usize> = told.iter().filter_map(|asked| asked.reply).collect();
            for run in &replies {
                if self.runs.get(*run).is_none_or(|run| run.number != ask.number || run.end != Some(RunEnd::Handled)) {
                    violations
                        .push(format!("request {} was answered by run {run}, which is none of its own", ask.number));
                }
            }
            let begun = self.runs.iter().filter(|run| run.number == ask.number).count();
            if let [only] = told[..]
                && !only.may_be_done
                && begun > 0
            {
                violations.push(format!(
                    "request {} was begun, and who asked was told that it was not: {}",
                    ask.number, only.what
                ));
            }
            if !ask.kind.is_kept() {
                continue;
            }
            if replies.len() > 1 {
                violations.push(format!("request {} has several answers: {told:?}", ask.number));
            }
            // All is well by then, and each claim of a service that died is known for one.
            let last = told.iter().max_by_key(|asked| asked.at);
            if let Some(Asked { reply: None, what, .. }) = last
                && !what.contains("code 500")
                && !what.contains("refused")
                && !what.contains("the handler took longer")
            {
                violations.push(format!("request {} has no answer in the end: {what}", ask.number));
            }
        }
        violations
    }
}

/// The id of a request.
pub(crate) fn id_of(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn number_of(id: Uuid) -> Option<u32> {
    u32::try_from(id.as_u128().checked_sub(1)?).ok()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.as_str())
}
