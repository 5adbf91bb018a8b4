//! Durable consumers in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eventsmith_event::filter;
use tokio::time::Instant;

use super::log::Log;
use crate::config::duration::LONGEST;
use crate::settings::{ConsumerSettings, FoundConsumer, Progress};
use crate::transport::AckKind;

/// What a stream remembers of a durable consumer.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) spec: ConsumerSettings,
    /// The number of the first message behind all that were delivered.
    next: u64,
    /// The number of the first message that was not looked at yet: those before it that are behind the others are not wanted.
    unseen: u64,
    /// What was delivered and not acknowledged, by number.
    pub(super) pending: BTreeMap<u64, Pending>,
    /// What was delivered as often as it may be and never acked, by number.
    exhausted: BTreeSet<u64>,
    /// Everything up to this number is done with. As on a server only acks move it: what is exhausted holds it
    /// back until nothing else is pending.
    ack_floor: u64,
    /// How many deliveries there were, those that were repeated included.
    deliveries: u64,
    /// Those who read, by the order in which they came. Where one at a time is served, it is the first.
    pub(super) readers: Vec<u64>,
}

/// A message that was delivered as often as it may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exhausted {
    pub(super) sequence: u64,
    pub(super) deliveries: u64,
}

#[derive(Debug)]
pub(super) struct Pending {
    deliveries: u64,
    /// When to deliver it again unless an ack comes before.
    pub(super) due: Instant,
    /// Whether it was nakked, so that nobody works on it.
    pub(super) is_nak: bool,
}

impl Durable {
    pub(super) fn new(spec: ConsumerSettings, next: u64) -> Self {
        Self {
            spec,
            next,
            unseen: next,
            pending: BTreeMap::new(),
            exhausted: BTreeSet::new(),
            ack_floor: next.saturating_sub(1),
            deliveries: 0,
            readers: Vec::new(),
        }
    }

    pub(super) fn found(&self, log: &Log) -> FoundConsumer {
        let again = self.pending.values().filter(|pending| pending.deliveries > 1).count();
        let progress = Progress {
            lag: log.count_from(self.next, &self.spec.filters),
            ack_pending: self.pending.len() as u64,
            redelivered: (again + self.exhausted.len()) as u64,
            deliveries: self.deliveries,
            delivered: self.next - 1,
            ack_floor: self.ack_floor,
            ..Progress::default()
        };
        FoundConsumer { progress, ..FoundConsumer::exactly(self.spec.clone()) }
    }

    /// When the first pending message is due to be delivered again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.due).min()
    }

    pub(super) fn is_done_with(&self, sequence: u64, subject: &str) -> bool {
        let wanted = self.spec.filters.iter().any(|filter| filter::covers(filter, subject));
        let is_open = self.pending.contains_key(&sequence) || self.exhausted.contains(&sequence);
        !wanted || sequence < self.next && !is_open
    }

    /// The next message that may be delivered for the first time.
    pub(super) fn next_new(&self, log: &Log) -> Option<u64> {
        self.has_room().then(|| log.first_from(self.next.max(self.unseen), &self.spec.filters)).flatten()
    }

    fn has_room(&self) -> bool {
        self.pending.len() < self.spec.max_ack_pending
    }

    /// Brings it to other settings, which may want what was not wanted.
    pub(super) fn set(&mut self, spec: ConsumerSettings) {
        self.spec = spec;
        self.unseen = self.next;
    }

    /// Gives up what is due and was delivered as often as it may be, and returns it: each message once.
    pub(super) fn give_up(&mut self, log: &Log, now: Instant) -> Vec<Exhausted> {
        self.forget_dropped(log);
        let Some(max) = self.spec.max_deliver else { return Vec::new() };
        let mut exhausted = Vec::new();
        self.pending.retain(|&sequence, &mut Pending { deliveries, due, .. }| {
            let is_exhausted = due <= now && deliveries >= max;
            if is_exhausted {
                exhausted.push(Exhausted { sequence, deliveries });
            }
            !is_exhausted
        });
        self.exhausted.extend(exhausted.iter().map(|exhausted| exhausted.sequence));
        exhausted
    }

    /// What was delivered before comes first, then what is new, as on a server.
    pub(super) fn take(&mut self, log: &Log, now: Instant) -> Option<(u64, u64)> {
        let due = later(now, self.spec.ack_wait);
        let sequence = match self.pending.iter().find(|(_, pending)| pending.due <= now) {
            Some((&sequence, _)) => sequence,
            None => match self.next_new(log) {
                Some(sequence) => sequence,
                None if self.has_room() => {
                    self.unseen = log.last() + 1;
                    return None;
                }
                None => return None,
            },
        };
        self.next = self.next.max(sequence + 1);
        self.deliveries += 1;
        let pending = self.pending.entry(sequence).or_insert(Pending { deliveries: 0, due, is_nak: false });
        *pending = Pending { deliveries: pending.deliveries + 1, due, is_nak: false };
        Some((sequence, pending.deliveries))
    }

    pub(super) fn acknowledge(&mut self, sequence: u64, kind: AckKind, now: Instant) {
        let (delay, is_nak) = match kind {
            AckKind::Ack | AckKind::Term(_) => {
                self.settle(sequence);
                return;
            }
            AckKind::Nak(delay) => (delay.unwrap_or_default(), true),
            AckKind::InProgress => (self.spec.ack_wait, false),
        };
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due = later(now, delay);
            pending.is_nak = is_nak;
        }
    }

    /// What the stream dropped counts as acknowledged, and does not come back.
    fn forget_dropped(&mut self, log: &Log) {
        let is_dropped = |sequence: &&u64| log.message(**sequence).is_none();
        let dropped: Vec<u64> = self.pending.keys().filter(is_dropped).copied().collect();
        dropped.into_iter().for_each(|sequence| self.settle(sequence));
        self.exhausted.retain(|sequence| log.message(*sequence).is_some());
    }

    fn settle(&mut self, sequence: u64) {
        self.exhausted.remove(&sequence);
        if self.pending.remove(&sequence).is_none() {
            return;
        }
        let first = self.pending.keys().next().copied();
        let given_up = self.exhausted.range(self.ack_floor + 1..).next();
        if first.is_none() || [first.as_ref(), given_up].into_iter().flatten().all(|open| sequence < *open) {
            self.ack_floor = first.unwrap_or(self.next) - 1;
        }
    }

    pub(super) fn serves(&self, reader: u64) -> bool {
        !self.spec.ordered || self.readers.first() == Some(&reader)
    }
}

/// An instant so much later: with what no clock can tell, one that nobody lives to see.
fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or_else(|| now + LONGEST)
}
