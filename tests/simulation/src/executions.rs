//! What became of commands to aggregates, and what must hold of that in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::server::stream::{Stored, Stream};

/// One of the events of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Booked {
    /// The account.
    pub account: u32,
    /// The command.
    pub command: u32,
    /// Which of its events.
    pub index: u32,
}

/// What programs were told of their commands, and what they loaded.
#[derive(Debug, Default)]
pub struct Executions {
    /// The executions whose success was told.
    told: BTreeSet<(u32, usize)>,
    /// What an account was, as some program was told, and after which command if that was its own.
    seen: Vec<(u32, Option<u32>, Vec<Booked>)>,
}

impl Executions {
    /// A program was told that a command is executed, and what the account was behind it.
    pub fn told(&mut self, (command, turn): (u32, usize), account: u32, booked: &[Booked]) {
        self.told.insert((command, turn));
        self.seen.push((account, Some(command), booked.to_vec()));
    }

    /// A program has loaded an account.
    pub fn loaded(&mut self, account: u32, booked: &[Booked]) {
        self.seen.push((account, None, booked.to_vec()));
    }

    /// Whether the success of an execution was told.
    pub fn is_told(&self, command: u32, turn: usize) -> bool {
        self.told.contains(&(command, turn))
    }

    /// How many executions were told.
    pub fn begun(&self) -> usize {
        self.told.len()
    }

    /// Histories are linear, without gap or double; each command is in one once, with all its events one behind the other; and whatever
    /// anybody was told of an account is a beginning of its history.
    pub fn audit(&self, plan: &Plan, stream: Option<&Stream>) -> Vec<String> {
        let mut violations = Vec::new();
        let mut histories: BTreeMap<u32, Vec<(u64, Booked)>> = BTreeMap::new();
        for (&sequence, stored) in stream.iter().flat_map(|stream| &stream.messages) {
            let Some(booked) = booked(&stored.payload) else {
                violations.push(format!("message {sequence} is no event"));
                continue;
            };
            let history = histories.entry(booked.account).or_default();
            let (number, before) = (history.len() as u64 + 1, history.last().map_or(0, |(sequence, _)| *sequence));
            let wanted = (Some(number), Some(before));
            if place(sequence, stored) != wanted {
                violations.push(format!("message {sequence} is {:?}, and not {wanted:?}", place(sequence, stored)));
            }
            history.push((sequence, booked));
        }
        let histories: BTreeMap<u32, Vec<Booked>> = histories
            .into_iter()
            .map(|(account, history)| (account, history.into_iter().map(|(_, booked)| booked).collect()))
            .collect();
        for command in &plan.commands {
            let wanted: Vec<Booked> = (0..command.events)
                .map(|index| Booked { account: command.account, command: command.number, index })
                .collect();
            let history = histories.get(&command.account).map(Vec::as_slice).unwrap_or_default();
            let first = history.iter().position(|booked| booked.command == command.number);
            let found: Vec<Booked> =
                history.iter().filter(|booked| booked.command == command.number).copied().collect();
            let is_together = first.is_some_and(|first| history[first..].starts_with(&wanted));
            if found != wanted || !is_together {
                violations.push(format!("command {} made {found:?} of {history:?}", command.number));
            }
            for turn in (0..command.at.len()).filter(|turn| !self.is_told(command.number, *turn)) {
                violations.push(format!("nobody was told what became of command {}, turn {turn}", command.number));
            }
        }
        for (account, command, booked) in &self.seen {
            let history = histories.get(account).map(Vec::as_slice).unwrap_or_default();
            if !history.starts_with(booked) {
                violations.push(format!("somebody saw {booked:?} of account {account}, which is {history:?}"));
            }
            if command.is_some_and(|command| booked.last().is_none_or(|last| last.command != command)) {
                violations.push(format!("command {command:?} was told to end in {booked:?}"));
            }
        }
        violations
    }
}

/// Number and predecessor of an event, as its headers have them.
fn place(sequence: u64, stored: &Stored) -> (Option<u64>, Option<u64>) {
    let number = stored.header("Eventsmith-Number").and_then(|number| number.parse().ok());
    let predecessor = match stored.header("Eventsmith-Predecessor") {
        Some("adjacent") => Some(sequence - 1),
        other => other.and_then(|other| other.parse().ok()),
    };
    (number, predecessor)
}

fn booked(payload: &[u8]) -> Option<Booked> {
    let envelope: serde_json::Value = serde_json::from_slice(payload).ok()?;
    serde_json::from_value(envelope.get("data")?.clone()).ok()
}
