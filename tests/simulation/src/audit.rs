//! What must hold once everything is over: the promises of delivery.

use crate::history::{DeadLetter, number_of};
use crate::plan::RunEnd;
use crate::server::{ACCOUNTS, EVENTS};
use crate::state::State;

/// Adds what does not hold to the violations.
pub fn audit(state: &mut State) {
    let mut violations = Vec::new();
    events(state, &mut violations);
    publications(state, &mut violations);
    violations.extend(state.history.asks.audit(&state.plan));
    violations.extend(state.history.executions.audit(&state.plan, state.server.streams.get(ACCOUNTS)));
    state.history.violations.extend(violations);
}

/// Every event is handled, or in exactly one dead letter with a true reason.
fn events(state: &State, violations: &mut Vec<String>) {
    let Some(stream) = state.server.streams.get(EVENTS) else { return };
    for (&sequence, stored) in &stream.messages {
        let dead_letters = state.dead_letters_at(sequence).map(Vec::as_slice).unwrap_or_default();
        if dead_letters.len() > 1 {
            violations.push(format!("{} dead letters of {sequence}", dead_letters.len()));
        }
        let event = number_of(&stored.payload);
        let wanted = match (event, &stored.block) {
            (Some(event), _) => {
                if dead_letters.is_empty() && !state.history.is_handled(event) {
                    violations.push(format!("event {event} ({sequence}) is neither handled nor dead-lettered"));
                }
                dead_letters.iter().for_each(|dead| reason(state, event, sequence, dead, violations));
                continue;
            }
            (None, Some(_)) => "malformed",
            (None, None) => "undecodable",
        };
        match dead_letters {
            [] => violations.push(format!("{sequence} is {wanted} and not dead-lettered")),
            [dead, ..] if dead.reason != wanted => {
                violations.push(format!("{sequence} is {wanted} and dead-lettered as {}", dead.reason));
            }
            _ => {}
        }
    }
}

/// The reason of a dead letter is true.
fn reason(
    state: &State,
    event: u64,
    sequence: u64,
    DeadLetter { reason, attempts }: &DeadLetter,
    violations: &mut Vec<String>,
) {
    let all = state.history.runs.iter().filter(|run| run.event == event && run.deleted == state.history.deleted);
    let runs: Vec<Option<RunEnd>> = all.map(|run| run.end).collect();
    let is_true = match reason.as_str() {
        "rejected" => runs.contains(&Some(RunEnd::Rejected)),
        // A process that dies between noting a last attempt and beginning it leaves one that was never run.
        "exhausted" => !runs.is_empty() || left_noted(state, sequence),
        _ => false,
    };
    if !is_true {
        violations
            .push(format!("event {event} is dead-lettered as {reason} after {attempts} attempts; its runs: {runs:?}"));
    }
}

/// Whether a process noted that it was about to run an event, and could not say that it did not.
fn left_noted(state: &State, sequence: u64) -> bool {
    let mut noted = state.history.noted.iter().filter(|(other, _)| *other == sequence);
    noted.any(|(_, process)| state.processes[*process].is_dead)
}

/// What was acked is stored, and nothing is stored twice.
fn publications(state: &State, violations: &mut Vec<String>) {
    for (event, sequences) in &state.history.events {
        if sequences.len() > 1 {
            violations.push(format!("event {event} is stored as {sequences:?}"));
        }
    }
    if state.history.deleted > 0 {
        return;
    }
    for (event, outcome) in &state.history.published {
        if let Ok(sequence) = outcome
            && state.history.events.get(event).is_none_or(|sequences| !sequences.contains(sequence))
        {
            violations.push(format!("event {event} is acked as {sequence}, which it is not"));
        }
    }
}
