//! Messages of one stream in memory that wait for their time. (NATS ADR-51, of which memory knows `@at`.)

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio::time::Instant;

use super::clock::Clock;
use crate::transport::{Headers, Message};

/// What `Nats-Schedule` begins with.
const AT: &str = "@at ";

/// What waits, by when it is due and by its subject. A subject has one schedule at a time.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    due: BTreeSet<(Instant, u64)>,
    by_subject: BTreeMap<String, (Instant, u64)>,
}

/// Why a message cannot be scheduled, as the server says it.
pub(super) enum Unschedulable {
    Pattern,
    Target,
}

/// Whether a message is a schedule: when it is due, by its own words.
pub(super) fn schedule(message: &Message) -> Result<Option<Timestamp>, Unschedulable> {
    let Some(schedule) = message.headers.get(Headers::SCHEDULE) else { return Ok(None) };
    let time = schedule.strip_prefix(AT).and_then(|time| time.parse::<Timestamp>().ok());
    let time = time.ok_or(Unschedulable::Pattern)?;
    match message.headers.get(Headers::SCHEDULE_TARGET) {
        Some(target) if target != message.subject && !target.contains(['*', '>']) => Ok(Some(time)),
        _ => Err(Unschedulable::Target),
    }
}

/// The subject of the schedule that a message takes back.
pub(super) fn cancelled(message: &Message) -> Option<&str> {
    let is_purge = message.headers.get(Headers::SCHEDULE_NEXT) == Some(Headers::SCHEDULE_PURGE);
    message.headers.get(Headers::SCHEDULER).filter(|_| is_purge)
}

/// What is stored when a schedule is due.
pub(super) fn fired(message: &Message) -> Message {
    let mut headers = Headers::default();
    let target = message.headers.get(Headers::SCHEDULE_TARGET).unwrap_or_default().to_owned();
    // As on the server: what told how to store the schedule itself is gone, and the rest stays.
    let is_kept = |name: &str| !name.starts_with("Nats-");
    message
        .headers
        .iter()
        .filter(|(name, _)| is_kept(name))
        .for_each(|(name, value)| headers.push(name.to_owned(), value));
    headers.push(Headers::SCHEDULER, &*message.subject);
    headers.push(Headers::SCHEDULE_NEXT, Headers::SCHEDULE_PURGE);
    Message { subject: target.into(), headers, payload: message.payload.clone() }
}

impl Schedules {
    /// Notes that a message waits, and returns the one that it replaces.
    pub(super) fn insert(&mut self, subject: &str, time: Timestamp, sequence: u64, clock: &Clock) -> Option<u64> {
        let replaced = self.remove(subject);
        let now = clock.now();
        let wait = std::time::Duration::try_from(time.duration_since(clock.time(now))).unwrap_or_default();
        // What a clock cannot tell never comes.
        if let Some(due) = now.checked_add(wait) {
            self.due.insert((due, sequence));
            self.by_subject.insert(subject.to_owned(), (due, sequence));
        }
        replaced
    }

    /// Forgets what waits on a subject, and returns its number.
    pub(super) fn remove(&mut self, subject: &str) -> Option<u64> {
        let (due, sequence) = self.by_subject.remove(subject)?;
        self.due.remove(&(due, sequence));
        Some(sequence)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The number of one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u64> {
        let (due, sequence) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, sequence));
        self.by_subject.retain(|_, waiting| waiting.1 != sequence);
        Some(sequence)
    }
}
