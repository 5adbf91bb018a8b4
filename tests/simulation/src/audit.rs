//! What must hold once everything is over: the promises of delivery.

use crate::history::{DeadLetter, Run, number_of};
use crate::plan::{FaultKind, RunEnd};
use crate::server::sagas::SAGAS;
use crate::server::{ACCOUNTS, EVENTS};
use crate::state::State;

/// The reason of events that the server delivers no more.
const MAX_DELIVERIES: &str = "max-deliveries";
/// What may go wrong so that each program still knows of all that it was delivered, and others what became of that.
const ACCOUNTED: [FaultKind; 3] = [FaultKind::Stop, FaultKind::ClockJump, FaultKind::Undecodable];

/// Adds what does not hold to the violations.
pub fn audit(state: &mut State) {
    let mut violations = Vec::new();
    events(state, &mut violations);
    attempts(state, &mut violations);
    pins(state, &mut violations);
    publications(state, &mut violations);
    violations.extend(state.history.asks.audit(&state.plan));
    violations.extend(state.history.executions.audit(&state.plan, state.server.streams.get(ACCOUNTS)));
    violations.extend(state.history.bank.audit(&state.plan, state.server.streams.get(SAGAS)));
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
                let is_untold = state.server.given_up.get(&sequence) == Some(&false);
                if dead_letters.is_empty() && !state.history.is_handled(event) && !is_untold {
                    violations.push(format!("event {event} ({sequence}) is neither handled nor dead-lettered"));
                }
                dead_letters.iter().for_each(|dead| reason(state, event, sequence, dead, violations));
                continue;
            }
            (None, Some(_)) => "malformed",
            (None, None) => "undecodable",
        };
        match dead_letters {
            [] if state.server.given_up.get(&sequence) == Some(&false) => {}
            [] => violations.push(format!("{sequence} is {wanted} and not dead-lettered")),
            [dead, ..] if dead.reason != wanted && !is_given_up(state, sequence, dead) => {
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
        MAX_DELIVERIES => state.server.given_up.contains_key(&sequence),
        // A process that dies between noting a last attempt and beginning it leaves one that was never run.
        "exhausted" => !runs.is_empty() || left_noted(state, sequence),
        _ => false,
    };
    if !is_true {
        violations
            .push(format!("event {event} is dead-lettered as {reason} after {attempts} attempts; its runs: {runs:?}"));
    }
}

/// Whether a dead letter says that the server delivers an event no more, which is so.
fn is_given_up(state: &State, sequence: u64, dead: &DeadLetter) -> bool {
    dead.reason == MAX_DELIVERIES && state.server.given_up.contains_key(&sequence)
}

/// What is run is run no more often than it may be. Where every program knows what became of each delivery, what is exhausted was run so
/// often.
fn attempts(state: &State, violations: &mut Vec<String>) {
    let (plan, history) = (&state.plan, &state.history);
    let is_accounted = plan.chaos == [0; 3] && plan.faults.iter().all(|fault| ACCOUNTED.contains(&fault.kind));
    for (&event, sequences) in &history.events {
        let Some(&sequence) = sequences.first() else { continue };
        let is_it = |run: &&Run| run.event == event && run.deleted == history.deleted;
        let runs = history.runs.iter().filter(is_it).count() as u64;
        let deliveries = state.server.handed.get(&sequence).map_or(0, Vec::len) as u64;
        let dead_letters = state.dead_letters_at(sequence).map(Vec::as_slice).unwrap_or_default();
        let is_exhausted = dead_letters.iter().any(|dead| dead.reason == "exhausted");
        if is_exhausted && deliveries < plan.max_attempts {
            violations.push(format!("event {event} is exhausted after {deliveries} deliveries"));
        }
        if is_accounted && (runs > plan.max_attempts || is_exhausted && runs < plan.max_attempts) {
            violations.push(format!("event {event} is run {runs} times, exhausted: {is_exhausted}"));
        }
    }
}

/// A program takes a pin away when it stops and when it has lost its connection, once each: the next reader may have it after that.
fn pins(state: &State, violations: &mut Vec<String>) {
    for (&process, &unpins) in &state.server.unpins {
        let most = 1 + state.processes[process].losses;
        if unpins > most {
            violations.push(format!("process {process} takes a pin away {unpins} times, and may {most} times"));
        }
    }
}

/// Whether a process noted that it was about to run an event, and could not say that it did not.
fn left_noted(state: &State, sequence: u64) -> bool {
    let mut noted = state.history.noted.iter().filter(|(other, _)| *other == sequence);
    noted.any(|(_, process)| state.processes[*process].is_dead || state.processes[*process].has_stood_still)
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
