//! Durable consumers in memory.

use std::collections::BTreeMap;

use eventsmith_event::filter;
use tokio::time::Instant;

use super::log::Log;
use crate::settings::{ConsumerSettings, FoundConsumer, Progress};
use crate::transport::AckKind;

/// What a stream remembers of a durable consumer.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) spec: ConsumerSettings,
    /// The number of the first message that was not looked at yet.
    next: u64,
    /// What was delivered and not acknowledged, by number.
    pub(super) pending: BTreeMap<u64, Pending>,
    /// What was delivered as often as it may be and never acked, with how often that was.
    exhausted: BTreeMap<u64, u64>,
    /// Those of them that no advisory has reported.
    unreported: Vec<(u64, u64)>,
    /// Those who read, by the order in which they came. Where one at a time is served, it is the first.
    pub(super) readers: Vec<u64>,
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
            pending: BTreeMap::new(),
            exhausted: BTreeMap::new(),
            unreported: Vec::new(),
            readers: Vec::new(),
        }
    }

    pub(super) fn found(&self, log: &Log) -> FoundConsumer {
        let progress = Progress {
            lag: log.count_from(self.next, &self.spec.filters),
            ack_pending: self.pending.len() as u64,
            redelivered: self.pending.values().filter(|pending| pending.deliveries > 1).count() as u64,
            delivered: self.next - 1,
            ack_floor: self.pending.keys().next().map_or(self.next, |first| *first) - 1,
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
        let is_open = self.pending.contains_key(&sequence) || self.exhausted.contains_key(&sequence);
        !wanted || sequence < self.next && !is_open
    }

    /// What reached `max_deliver` and is reported by an advisory, once.
    pub(super) fn take_unreported(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.unreported)
    }

    /// The next message that may be delivered for the first time.
    pub(super) fn next_new(&self, log: &Log) -> Option<u64> {
        let has_room = self.pending.len() < self.spec.max_ack_pending;
        has_room.then(|| log.first_from(self.next, &self.spec.filters)).flatten()
    }

    /// What was delivered before comes first, then what is new, as on a server.
    pub(super) fn take(&mut self, log: &Log, now: Instant) -> Option<(u64, u64)> {
        // What the stream dropped meanwhile is not redelivered.
        self.pending.retain(|sequence, _| log.message(*sequence).is_some());
        let due = now + self.spec.ack_wait;
        while let Some((&sequence, pending)) = self.pending.iter_mut().find(|(_, pending)| pending.due <= now) {
            if self.spec.max_deliver.is_some_and(|max| pending.deliveries >= max) {
                self.exhausted.insert(sequence, pending.deliveries);
                self.unreported.push((sequence, pending.deliveries));
                self.pending.remove(&sequence);
                continue;
            }
            *pending = Pending { deliveries: pending.deliveries + 1, due, is_nak: false };
            return Some((sequence, pending.deliveries));
        }
        let sequence = self.next_new(log)?;
        self.next = sequence + 1;
        self.pending.insert(sequence, Pending { deliveries: 1, due, is_nak: false });
        Some((sequence, 1))
    }

    pub(super) fn acknowledge(&mut self, sequence: u64, kind: AckKind, now: Instant) {
        let (delay, is_nak) = match kind {
            AckKind::Ack | AckKind::Term(_) => {
                self.pending.remove(&sequence);
                self.exhausted.remove(&sequence);
                return;
            }
            AckKind::Nak(delay) => (delay.unwrap_or_default(), true),
            AckKind::InProgress => (self.spec.ack_wait, false),
        };
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due = now + delay;
            pending.is_nak = is_nak;
        }
    }

    pub(super) fn serves(&self, reader: u64) -> bool {
        !self.spec.ordered || self.readers.first() == Some(&reader)
    }
}
