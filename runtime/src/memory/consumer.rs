//! Durable consumers in memory.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Memory;
use super::stream::Stream;
use crate::filter;
use crate::provision::{FoundConsumer, Progress};
use crate::topology::ConsumerSettings;
use crate::transport::{self, Delivery, Word};

/// What a stream remembers of a durable consumer.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) spec: ConsumerSettings,
    /// The number of the first message that was not looked at yet.
    next: u64,
    /// What was delivered and not acknowledged, by number.
    pending: BTreeMap<u64, Pending>,
}

#[derive(Debug)]
struct Pending {
    deliveries: u64,
    /// When to deliver it again if nothing is heard before.
    due: Instant,
}

impl Durable {
    pub(super) fn new(spec: ConsumerSettings) -> Self {
        Self { spec, next: 1, pending: BTreeMap::new() }
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
        !wanted || sequence < self.next && !self.pending.contains_key(&sequence)
    }

    /// What was delivered before comes first, then what is new, as on a server.
    fn take(&mut self, stream: &Stream) -> Option<(u64, u64)> {
        let now = Instant::now();
        // What the stream dropped meanwhile does not come back.
        self.pending.retain(|sequence, _| stream.message(*sequence).is_some());
        let wait = self.spec.ack_wait;
        if let Some((&sequence, pending)) = self.pending.iter_mut().find(|(_, pending)| pending.due <= now) {
            pending.deliveries += 1;
            pending.due = now + wait;
            return Some((sequence, pending.deliveries));
        }
        if self.pending.len() >= self.spec.max_ack_pending {
            return None;
        }
        let sequence = stream.first_from(self.next, &self.spec.filters)?;
        self.next = sequence + 1;
        self.pending.insert(sequence, Pending { deliveries: 1, due: now + wait });
        Some((sequence, 1))
    }

    fn hear(&mut self, sequence: u64, word: Word) {
        let now = Instant::now();
        let delay = match word {
            Word::Ack => {
                self.pending.remove(&sequence);
                return;
            }
            Word::Nak(delay) => delay,
            Word::GiveBack => std::time::Duration::ZERO,
            Word::Progress => self.spec.ack_wait,
        };
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.due = now + delay;
        }
    }
}

/// Reads from a durable consumer.
#[derive(Debug)]
pub(crate) struct Deliveries {
    memory: Memory,
    stream: String,
    durable: String,
    changed: watch::Receiver<()>,
}

impl Deliveries {
    pub(super) fn new(memory: Memory, stream: &str, durable: &str) -> Self {
        let changed = memory.shared.changed.subscribe();
        Self { memory, stream: stream.to_owned(), durable: durable.to_owned(), changed }
    }

    pub(crate) async fn next(&mut self) -> Delivery {
        loop {
            // Marks what is there as seen before looking, so that what comes after the look wakes us.
            self.changed.borrow_and_update();
            let due = match self.take() {
                Ok(delivery) => return delivery,
                Err(due) => due,
            };
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changed.changed() => drop(changed),
                () = due => {}
            }
        }
    }

    /// The next delivery, or when one may be due if nothing changes.
    fn take(&self) -> Result<Delivery, Option<Instant>> {
        let mut streams = self.memory.streams();
        let Some(stream) = streams.get_mut(&self.stream) else { return Err(None) };
        stream.trim();
        let Some(mut durable) = stream.consumers.remove(&self.durable) else { return Err(None) };
        let taken = durable.take(stream);
        let due = durable.pending.values().map(|pending| pending.due).min();
        stream.consumers.insert(self.durable.clone(), durable);
        let (sequence, attempt) = taken.ok_or(due)?;
        let message = stream.message(sequence).cloned().ok_or(due)?;
        let acker =
            Acker { memory: self.memory.clone(), stream: self.stream.clone(), durable: self.durable.clone(), sequence };
        Ok(Delivery { message, sequence, attempt, acker: transport::Acker::Memory(acker) })
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
        let mut streams = self.memory.streams();
        if let Some(stream) = streams.get_mut(&self.stream) {
            if let Some(durable) = stream.consumers.get_mut(&self.durable) {
                durable.hear(self.sequence, word);
            }
            if word == Word::Ack {
                stream.drop_if_done(self.sequence);
            }
        }
        drop(streams);
        self.memory.shared.changed.send_replace(());
    }
}
