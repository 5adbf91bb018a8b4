//! Messages that wait for their time. (NATS ADR-51, of which `@at` alone is used.)

use std::collections::BTreeMap;

use async_nats::HeaderMap;

use super::stream::{Stored, Stream};
use crate::clock::{Time, parse};

/// What waits in a stream, by its subject: when it is due, and its number.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    waiting: BTreeMap<String, (Time, u64)>,
}

impl Schedules {
    /// A message was stored. Returns the numbers of those that are outdated by it.
    pub(super) fn stored(&mut self, number: u64, stored: &Stored) -> Vec<u64> {
        let is_cancel = stored.header("Nats-Schedule-Next") == Some("purge");
        let cancelled = stored.header("Nats-Scheduler").filter(|_| is_cancel);
        let mut outdated: Vec<u64> = cancelled.and_then(|subject| self.remove(subject)).into_iter().collect();
        if let Some(at) = stored.header("Nats-Schedule").and_then(|schedule| parse(schedule.strip_prefix("@at ")?)) {
            outdated.extend(self.remove(&stored.subject));
            self.waiting.insert(stored.subject.clone(), (at, number));
        }
        outdated
    }

    fn remove(&mut self, subject: &str) -> Option<u64> {
        self.waiting.remove(subject).map(|(_, number)| number)
    }
}

impl Stream {
    /// When the next message is due that waits.
    pub fn next_schedule(&self) -> Option<Time> {
        self.schedules.waiting.values().map(|(at, _)| *at).min()
    }

    /// The subjects of what waits.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.schedules.waiting.keys().map(String::as_str)
    }

    /// Stores what is due where it is to go, in the place of what told so.
    pub(super) fn fire(&mut self, now: Time) {
        while let Some((subject, number)) = self.due(now) {
            self.schedules.waiting.remove(&subject);
            let Some(Stored { headers, payload, .. }) = self.messages.remove(&number) else { continue };
            let headers = headers.unwrap_or_default();
            let Some(target) = headers.get("Nats-Schedule-Target").map(ToString::to_string) else { continue };
            let mut fired = HeaderMap::new();
            for (name, values) in headers.iter().filter(|(name, _)| !name.to_string().starts_with("Nats-")) {
                values.iter().for_each(|value| fired.append(name.clone(), value.clone()));
            }
            fired.insert("Nats-Scheduler", subject.as_str());
            fired.insert("Nats-Schedule-Next", "purge");
            self.publish(Stored { subject: target, headers: Some(fired), block: None, payload, at: now });
        }
    }

    fn due(&self, now: Time) -> Option<(String, u64)> {
        let due = self.schedules.waiting.iter().filter(|(_, (at, _))| *at <= now);
        due.min_by_key(|(_, (at, number))| (*at, *number)).map(|(subject, (_, number))| (subject.clone(), *number))
    }
}
