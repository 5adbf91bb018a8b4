//! Runs of handlers, and what must never be when one begins.

use crate::clock::nanoseconds;
use crate::history::{DeadLetter, Run};
use crate::plan::RunEnd;
use crate::server::EVENTS;
use crate::state::State;

impl State {
    /// A handler begins. Whatever must not be is noted.
    pub fn begin_run(&mut self, process: usize, event: u64, attempt: u64) -> usize {
        self.note("run", process as u64, event);
        self.log(|| format!("process {process} runs event {event}, attempt {attempt}"));
        let history = &self.history;
        let sequence = history.events.get(&event).and_then(|sequences| sequences.first()).copied();
        let key = history.key(event);
        let mut violations = Vec::new();
        for &other in &history.active {
            let other = &history.runs[other];
            let is_same = other.event == event && other.deleted == history.deleted;
            let is_of_key = self.plan.is_ordered && history.key(other.event) == key && other.deleted == history.deleted;
            if other.process == process && (is_same || is_of_key) {
                violations.push(format!("event {event} begins while event {} of its key runs there", other.event));
            } else if is_of_key && sequence.is_some() && self.has_lease(other.sequence, other.process) {
                violations.push(format!(
                    "event {event} begins in process {process} while process {} has a lease on event {} of its key",
                    other.process, other.event
                ));
            }
        }
        if self.plan.is_ordered
            && let Some(sequence) = sequence
        {
            for (earlier, sequences) in &history.events {
                let Some(&first) = sequences.first().filter(|first| **first < sequence) else { continue };
                if history.key(*earlier) == key && !self.is_done(*earlier) && !self.is_given_up(first) {
                    violations.push(format!("event {event} begins although event {earlier} before it is not done"));
                }
            }
        }
        if sequence.is_some() && !self.has_lease(sequence, process) && !self.had_lease(sequence, process) {
            violations.push(format!("event {event} begins in process {process} without a lease"));
        }
        for violation in &violations {
            self.log(|| violation.clone());
        }
        let deleted = self.history.deleted;
        let history = &mut self.history;
        history.violations.extend(violations);
        history.runs.push(Run { process, event, sequence, deleted, end: None });
        history.active.insert(history.runs.len() - 1);
        history.runs.len() - 1
    }

    /// A handler ends.
    pub fn end_run(&mut self, run: usize, end: RunEnd) {
        self.note("end", run as u64, end as u64);
        self.log(|| format!("run {run} ends: {end:?}"));
        if self.history.active.remove(&run) {
            self.history.runs[run].end = Some(end);
        }
    }

    /// How many runs of an event have failed.
    pub fn failures(&self, event: u64) -> u64 {
        let failed = |run: &&Run| run.event == event && run.end == Some(RunEnd::Failed);
        self.history.runs.iter().filter(failed).count() as u64
    }

    /// Whether a process holds a lease, as far as it does not depend on others.
    fn has_lease(&self, sequence: Option<u64>, process: usize) -> bool {
        let (Some(consumer), Some(sequence)) = (&self.server.consumer, sequence) else { return false };
        consumer.leases.get(&(sequence, process)).is_some_and(|until| *until > self.now)
    }

    /// Whether a process held a lease that ended without its knowledge.
    fn had_lease(&self, sequence: Option<u64>, process: usize) -> bool {
        let orphaned = sequence.and_then(|sequence| self.server.orphaned.get(&(sequence, process)));
        orphaned.is_some_and(|until| *until > self.now)
    }

    /// Whether the server has delivered an event as often as it may.
    fn is_given_up(&self, sequence: u64) -> bool {
        let deliveries = self.server.handed.get(&sequence).map_or(0, Vec::len) as u64;
        deliveries >= self.plan.max_deliver
    }

    /// Whether an event is handled or dead-lettered.
    fn is_done(&self, event: u64) -> bool {
        self.history.is_handled(event) || self.dead_letters_of(event).is_some()
    }

    /// The dead letters of an event of the stream as it is now.
    pub fn dead_letters_of(&self, event: u64) -> Option<&Vec<DeadLetter>> {
        let sequence = *self.history.events.get(&event)?.first()?;
        self.dead_letters_at(sequence)
    }

    /// The dead letters of what the stream holds under a number.
    pub fn dead_letters_at(&self, sequence: u64) -> Option<&Vec<DeadLetter>> {
        let at = self.server.streams.get(EVENTS)?.messages.get(&sequence)?.at;
        let at = jiff::Timestamp::from_nanosecond(nanoseconds(at)).ok()?;
        self.history.dead_letters.get(&(sequence, format!("{at:.9}")))
    }

    /// Notes something for the comparison of two schedules.
    pub fn note(&mut self, what: &str, first: u64, second: u64) {
        let kind = what.bytes().fold(0, |kind, byte| kind * 31 + u64::from(byte));
        self.history.note([self.now ^ kind << 40, first, second]);
        if !["run", "end", "fault"].contains(&what) {
            self.log(|| format!("{what} {first} {second}"));
        }
    }

    /// Notes a message on its way.
    pub fn note_frame(&mut self, what: &str, process: usize, message: &async_nats::message::OutboundMessage) {
        let size = message.subject.len() as u64;
        self.history.note([self.now, process as u64, size]);
        self.log(|| {
            let text = String::from_utf8_lossy(&message.payload[..message.payload.len().min(60)]).into_owned();
            format!("{what} {process} {} {text}", message.subject)
        });
    }

    /// Notes something for people.
    pub fn log(&mut self, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.history.log {
            log.push(format!("{:>7} {}", self.now, text()));
        }
    }
}
