//! Durable consumers in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Memory;
use super::stream::Stream;
use crate::filter;
use crate::provision::{FoundConsumer, Progress};
use crate::topology::ConsumerSettings;
use crate::transport::{self, Arrival, Delivery, Select, Word};

/// What a stream remembers of a durable consumer.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) spec: ConsumerSettings,
    /// The number of the first message that was not looked at yet.
    next: u64,
    /// What was delivered and not acknowledged, by number.
    pub(super) pending: BTreeMap<u64, Pending>,
    /// What was delivered as often as it may be and never acknowledged, with how often that was.
    exhausted: BTreeMap<u64, u64>,
    /// Those who read, by the order in which they came. Where one at a time is served, it is the first.
    pub(super) readers: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct Pending {
    deliveries: u64,
    /// When to deliver it again if nothing is heard before.
    pub(super) due: Instant,
    /// Whether it was handed back, so that nobody works on it.
    pub(super) is_handed_back: bool,
}

impl Durable {
    pub(super) fn new(spec: ConsumerSettings, next: u64) -> Self {
        Self { spec, next, pending: BTreeMap::new(), exhausted: BTreeMap::new(), readers: Vec::new() }
    }

    pub(super) fn found(&self, stream: &Stream) -> FoundConsumer {
        let progress = Progress {
            lag: stream.count_from(self.next, &self.spec.filters),
            ack_pending: self.pending.len() as u64,
            redelivered: self.pending.values().filter(|pending| pending.deliveries > 1).count() as u64,
            delivered: self.next - 1,
            ack_floor: self.pending.keys().next().map_or(self.next, |first| *first) - 1,
            ..Progress::default()
        };
        FoundConsumer { progress, ..FoundConsumer::exactly(self.spec.clone()) }
    }

    pub(super) fn is_done_with(&self, sequence: u64, subject: &str) -> bool {
        let wanted = self.spec.filters.iter().any(|filter| filter::covers(filter, subject));
        let is_open = self.pending.contains_key(&sequence) || self.exhausted.contains_key(&sequence);
        !wanted || sequence < self.next && !is_open
    }

    /// What the server would give up on. Whoever makes dead letters of them tells so with [`Word::Term`].
    pub(super) fn exhausted(&self) -> Vec<(u64, u64)> {
        self.exhausted.iter().map(|(sequence, deliveries)| (*sequence, *deliveries)).collect()
    }

    /// The next message that may be delivered for the first time.
    pub(super) fn next_new(&self, stream: &Stream) -> Option<u64> {
        let has_room = self.pending.len() < self.spec.max_ack_pending;
        has_room.then(|| stream.first_from(self.next, &self.spec.filters)).flatten()
    }

    /// What was delivered before comes first, then what is new, as on a server.
    fn take(&mut self, stream: &Stream, now: Instant) -> Option<(u64, u64)> {
        // What the stream dropped meanwhile does not come back.
        self.pending.retain(|sequence, _| stream.message(*sequence).is_some());
        let due = now + self.spec.ack_wait;
        while let Some((&sequence, pending)) = self.pending.iter_mut().find(|(_, pending)| pending.due <= now) {
            if self.spec.max_deliver.is_some_and(|max| pending.deliveries >= max) {
                self.exhausted.insert(sequence, pending.deliveries);
                self.pending.remove(&sequence);
                continue;
            }
            *pending = Pending { deliveries: pending.deliveries + 1, due, is_handed_back: false };
            return Some((sequence, pending.deliveries));
        }
        let sequence = self.next_new(stream)?;
        self.next = sequence + 1;
        self.pending.insert(sequence, Pending { deliveries: 1, due, is_handed_back: false });
        Some((sequence, 1))
    }

    pub(super) fn hear(&mut self, sequence: u64, word: Word, now: Instant) {
        let (delay, is_handed_back) = match word {
            Word::Ack | Word::Term(_) => {
                self.pending.remove(&sequence);
                self.exhausted.remove(&sequence);
                return;
            }
            Word::Nak(delay) => (delay, true),
            Word::GiveBack => (Duration::ZERO, true),
            Word::Progress => (self.spec.ack_wait, false),
        };
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due = now + delay;
            pending.is_handed_back = is_handed_back;
        }
    }

    fn serves(&self, reader: u64) -> bool {
        !self.spec.ordered || self.readers.first() == Some(&reader)
    }
}

/// Reads from a durable consumer.
#[derive(Debug)]
pub(crate) struct Deliveries {
    memory: Memory,
    stream: String,
    durable: String,
    changed: watch::Receiver<()>,
    reader: u64,
    /// Whether it was our turn when we looked last.
    was_served: bool,
}

impl Deliveries {
    pub(super) fn new(memory: Memory, stream: &str, durable: &str) -> Self {
        let changed = memory.shared.changed.subscribe();
        let reader = memory.next_reader();
        let (stream, durable) = (stream.to_owned(), durable.to_owned());
        let mut deliveries = Self { memory, stream, durable, changed, reader, was_served: false };
        let enter = |durable: &mut Durable, _: &Stream, _| {
            durable.readers.push(reader);
            !durable.spec.ordered
        };
        deliveries.was_served = deliveries.with_durable(enter).unwrap_or_default();
        deliveries
    }

    pub(crate) async fn next(&mut self) -> Arrival {
        loop {
            // Otherwise a reader that always finds something would never let anybody else have a turn.
            tokio::task::coop::consume_budget().await;
            // Marks what is there as seen before looking, so that what comes after the look wakes us.
            self.changed.borrow_and_update();
            let is_served = self.with_durable(|durable, _, _| durable.serves(self.reader)).unwrap_or_default();
            if is_served != std::mem::replace(&mut self.was_served, is_served) {
                return Arrival::Turn;
            }
            let due = match self.take(is_served) {
                Ok(delivery) => return Arrival::Message(delivery),
                Err(due) => due,
            };
            let due = async {
                match due {
                    Some(due) => self.memory.shared.clock.until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changed.changed() => drop(changed),
                () = due => {}
            }
        }
    }

    pub(crate) fn pending(&self) -> usize {
        self.with_durable(|durable, _, _| durable.pending.len()).unwrap_or_default()
    }

    /// Makes way for the next who reads.
    pub(crate) fn leave(&self) {
        self.with_durable(|durable, _, _| durable.readers.retain(|reader| *reader != self.reader));
        self.memory.shared.changed.send_replace(());
    }

    /// The next delivery, or when one may be due if nothing changes.
    fn take(&self, is_served: bool) -> Result<Delivery, Option<Instant>> {
        if !is_served {
            return Err(None);
        }
        let mut gave_up = false;
        let taken = self.with_durable(|durable, stream, now| {
            let before = durable.exhausted.len();
            let taken = durable.take(stream, now);
            gave_up = durable.exhausted.len() > before;
            let (sequence, attempt) = taken.ok_or_else(|| {
                let dues = durable.pending.values().map(|pending| pending.due);
                dues.min()
            })?;
            Ok((stream.find(Select::Sequence(sequence)).ok_or(None)?, attempt))
        });
        if gave_up {
            self.memory.shared.changed.send_replace(());
        }
        let (kept, attempt) = taken.unwrap_or(Err(None))?;
        let acker = Acker {
            memory: self.memory.clone(),
            stream: self.stream.clone(),
            durable: self.durable.clone(),
            sequence: kept.sequence,
        };
        let (sequence, stored, message) = (kept.sequence, kept.stored, kept.message);
        Ok(Delivery { message, sequence, attempt, stored, acker: transport::Acker::Memory(acker) })
    }

    fn with_durable<T>(&self, work: impl FnOnce(&mut Durable, &Stream, Instant) -> T) -> Option<T> {
        self.memory.with_durable(&self.stream, &self.durable, work)
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Tells a durable consumer what became of a delivery.
#[derive(Debug)]
pub(crate) struct Acker {
    memory: Memory,
    stream: String,
    durable: String,
    sequence: u64,
}

impl Acker {
    pub(crate) fn send(&self, word: Word) {
        self.memory.hear(&self.stream, &self.durable, self.sequence, word);
    }

    #[cfg(test)]
    pub(crate) fn for_test(sequence: u64) -> Self {
        Self { memory: Memory::default(), stream: String::new(), durable: String::new(), sequence }
    }
}
