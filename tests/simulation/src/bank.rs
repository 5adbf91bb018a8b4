//! What the steps of sagas did, and what must hold of that in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::{Plan, RunEnd, STEPS, StepPlan, TransferPlan};
use crate::server::stream::{Stored, Stream, covers};

/// The events with which a transfer ends.
const ENDS: [&str; 3] = ["completed", "compensated", "failed"];

/// What the services did that transfers ask, and what programs were told of them.
#[derive(Debug, Default)]
pub struct Bank {
    /// The starts whose success was told.
    started: BTreeSet<(u32, usize)>,
    steps: BTreeMap<(u32, usize), StepState>,
    /// What had an effect, in order: the transfer, the step, and whether it was undone.
    effects: Vec<(u32, usize, bool)>,
    begun: usize,
}

/// What became of a step of a transfer.
#[derive(Debug, Default)]
struct StepState {
    runs: u64,
    /// Under which ids it was done.
    done: BTreeSet<String>,
    is_undone: bool,
}

/// How a request to the bank is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It is refused.
    Refused,
    /// Not this time.
    Failed,
}

impl Bank {
    /// A program was told that a transfer is started.
    pub fn told(&mut self, transfer: u32, turn: usize) {
        self.started.insert((transfer, turn));
    }

    /// Whether a start was told.
    pub fn is_told(&self, transfer: u32, turn: usize) -> bool {
        self.started.contains(&(transfer, turn))
    }

    /// How many requests were begun.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// A step of a transfer is asked for under an id. What was undone is not done any more; what was done is answered once more.
    pub fn perform(&mut self, (transfer, step): (u32, usize), id: &str, plan: StepPlan) -> Verdict {
        self.begun += 1;
        let found = self.steps.entry((transfer, step)).or_default();
        found.runs += 1;
        if found.done.contains(id) {
            return Verdict::Done;
        }
        if found.runs <= plan.fails {
            return Verdict::Failed;
        }
        if found.is_undone || plan.end != RunEnd::Handled {
            return Verdict::Refused;
        }
        found.done.insert(id.to_owned());
        self.effects.push((transfer, step, false));
        Verdict::Done
    }

    /// A step of a transfer is to be undone, whether it was done or not.
    pub fn undo(&mut self, (transfer, step): (u32, usize)) {
        self.begun += 1;
        let found = self.steps.entry((transfer, step)).or_default();
        if !found.is_undone {
            found.is_undone = true;
            self.effects.push((transfer, step, true));
        }
    }

    /// Whether all was started that was to be, and has ended.
    pub fn is_settled(&self, plan: &Plan, stream: Option<&Stream>) -> bool {
        let Some(stream) = stream else { return false };
        plan.transfers.iter().all(|transfer| {
            let is_started = (0..transfer.at.len()).all(|turn| self.is_told(transfer.number, turn));
            is_started && !ends(transfer, stream).is_empty()
        })
    }

    /// Each transfer ends once: with all its steps done, each under one id, one after the other, or with all undone that were done, the last
    /// first. Its history has no gap and no double, and no time-out waits any more.
    pub fn audit(&self, plan: &Plan, stream: Option<&Stream>) -> Vec<String> {
        let (Some(stream), false) = (stream, plan.transfers.is_empty()) else { return Vec::new() };
        let mut violations: Vec<String> =
            stream.waiting().map(|subject| format!("a time-out waits for nobody: {subject}")).collect();
        for transfer in &plan.transfers {
            let number = transfer.number;
            let untold = (0..transfer.at.len()).filter(|turn| !self.is_told(number, *turn));
            violations.extend(untold.map(|turn| format!("nobody was told that transfer {number} began, turn {turn}")));
            violations.extend(history(transfer, stream));
            let ends = ends(transfer, stream);
            match ends.as_slice() {
                ["completed"] => violations.extend(self.completed(number)),
                ["compensated"] => violations.extend(self.compensated(number)),
                ends => violations.push(format!("transfer {number} ends by {ends:?}")),
            }
            for step in 0..STEPS {
                let ids = self.steps.get(&(number, step)).map_or(0, |step| step.done.len());
                if ids > 1 {
                    violations.push(format!("step {step} of transfer {number} is done under {ids} ids"));
                }
            }
        }
        violations
    }

    fn effects_of(&self, transfer: u32) -> Vec<(usize, bool)> {
        let of_it = self.effects.iter().filter(|(of, ..)| *of == transfer);
        of_it.map(|(_, step, is_undo)| (*step, *is_undo)).collect()
    }

    fn completed(&self, transfer: u32) -> Option<String> {
        let effects = self.effects_of(transfer);
        let wanted: Vec<(usize, bool)> = (0..STEPS).map(|step| (step, false)).collect();
        (effects != wanted).then(|| format!("transfer {transfer} is completed by {effects:?}"))
    }

    fn compensated(&self, transfer: u32) -> Option<String> {
        let effects = self.effects_of(transfer);
        let left = (0..STEPS).find(|step| {
            let found = self.steps.get(&(transfer, *step));
            found.is_some_and(|found| !found.done.is_empty() && !found.is_undone)
        });
        let is_in_order = |is_undo: bool| {
            let steps = effects.iter().filter(|(_, undo)| *undo == is_undo).map(|(step, _)| *step);
            match is_undo {
                true => steps.rev().is_sorted(),
                false => steps.is_sorted(),
            }
        };
        let is_right = left.is_none() && is_in_order(false) && is_in_order(true);
        (!is_right).then(|| format!("transfer {transfer} is compensated by {effects:?}"))
    }
}

/// What a transfer's history must be, whatever was done.
fn history(transfer: &TransferPlan, stream: &Stream) -> Vec<String> {
    let number = transfer.number;
    let mut violations = Vec::new();
    let mut last = 0;
    let mut seen = BTreeSet::new();
    for (sequence, stored) in messages(transfer, "*.*", stream) {
        let leaf: Vec<&str> = stored.subject.split('.').skip(5).collect();
        let is_once = matches!(leaf.as_slice(), ["command" | "timer" | "timeout", _]);
        if is_once && !seen.insert(leaf.clone()) {
            violations.push(format!("{leaf:?} of transfer {number} is there twice"));
        }
        if leaf.first() == Some(&"event") {
            let found = stored.header("Eventsmith-Number").and_then(|number| number.parse::<u64>().ok());
            if found != Some(last + 1) {
                violations.push(format!("message {sequence} of transfer {number} is {found:?} behind {last}"));
            }
            last += 1;
        }
    }
    violations
}

fn ends<'a>(transfer: &TransferPlan, stream: &'a Stream) -> Vec<&'a str> {
    let kinds = messages(transfer, "event.*", stream).filter_map(|(_, stored)| stored.subject.rsplit('.').next());
    kinds.filter(|kind| ENDS.contains(kind)).collect()
}

fn messages<'a>(transfer: &TransferPlan, leaf: &str, stream: &'a Stream) -> impl Iterator<Item = (u64, &'a Stored)> {
    let filter = format!("bank.saga.transfer.{}.v1.{leaf}", id_of(transfer.number));
    stream.messages.iter().filter(move |(_, stored)| covers(&filter, &stored.subject)).map(|(at, stored)| (*at, stored))
}

/// The id of a transfer.
pub fn id_of(number: u32) -> String {
    format!("t-{number}")
}

/// What a message of the stream says that is looked at by people.
pub fn detail(payload: &[u8]) -> Option<String> {
    let envelope: Value = serde_json::from_slice(payload).ok()?;
    envelope.pointer("/data/happening").map(ToString::to_string)
}
