//! Messages that wait for their time. (NATS ADR-51, of which `@at` alone is used.)

use std::collections::BTreeMap;

use async_nats::HeaderMap;

use crate::clock::{Time, parse};

/// What waits in a stream, by its subject: when it is due, and its number.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    waiting: BTreeMap<String, (Time, u64)>,
}

impl Schedules {
    /// A message was stored. Returns the numbers of those that are outdated by it.
    pub(super) fn stored(&mut self, number: u64, subject: &str, headers: Option<&HeaderMap>) -> Vec<u64> {
        let header = |name: &str| headers?.get(name).map(|value| value.as_str());
        let is_cancel = header("Nats-Schedule-Next") == Some("purge");
        let cancelled = header("Nats-Scheduler").filter(|_| is_cancel);
        let mut outdated: Vec<u64> = cancelled.and_then(|subject| self.remove(subject)).into_iter().collect();
        if let Some(at) = header("Nats-Schedule").and_then(|schedule| parse(schedule.strip_prefix("@at ")?)) {
            outdated.extend(self.remove(subject));
            self.waiting.insert(subject.to_owned(), (at, number));
        }
        outdated
    }

    fn remove(&mut self, subject: &str) -> Option<u64> {
        self.waiting.remove(subject).map(|(_, number)| number)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.waiting.values().map(|(at, _)| *at).min()
    }

    /// The subjects of all.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &str> {
        self.waiting.keys().map(String::as_str)
    }

    /// Takes one that is due: its subject and its number.
    pub(super) fn take_due(&mut self, now: Time) -> Option<(String, u64)> {
        let due = self.waiting.iter().filter(|(_, (at, _))| *at <= now).min_by_key(|(_, waiting)| **waiting)?;
        let (subject, number) = (due.0.clone(), due.1.1);
        self.waiting.remove(&subject);
        Some((subject, number))
    }
}

/// What is stored of a message when it is due: what told how to store it is gone, and the rest stays.
pub(super) fn fired(subject: &str, headers: &HeaderMap) -> HeaderMap {
    let mut fired = HeaderMap::new();
    for (name, values) in headers.iter().filter(|(name, _)| !name.to_string().starts_with("Nats-")) {
        values.iter().for_each(|value| fired.append(name.clone(), value.clone()));
    }
    fired.insert("Nats-Scheduler", subject);
    fired.insert("Nats-Schedule-Next", "purge");
    fired
}
