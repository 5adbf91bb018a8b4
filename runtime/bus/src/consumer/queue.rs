//! What was delivered and waits for a handler, in the order of the stream, and by key where events of one key wait for each
//! other.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::handover::Handover;
use crate::environment::HashMap;
use crate::transport::{AckKind, Delivery};

/// How many of the events that were settled last are remembered.
const REMEMBERED: usize = 16_384;

/// The key that events share which wait for each other.
pub(super) type Key = Arc<str>;

/// Deliveries that wait, and what is known of those that left.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// May begin as soon as there is a handler.
    ready: VecDeque<ReadyDelivery>,
    /// All that is not done of each key, by number in the stream. Only the first may begin.
    key_queues: HashMap<Key, BTreeMap<u64, Slot>>,
    /// Numbers of the events that wait or run. If the server delivers one of them again, because an in-progress ack was lost
    /// with a connection, it is not run a second time.
    held_here: HashSet<u64>,
    /// Events without a key that were nakked and are expected again, by this time at the latest.
    away: HashMap<u64, Instant>,
    /// Those of `held_here` that were here when another instance may have been served, until it is known who has what: once the lease of
    /// one ends, it may be done there.
    shared: HashSet<u64>,
    /// The events that were handled or dead-lettered last, with the times at which they were stored, as a stream that was
    /// restored may give their numbers to others, and the last ack. If the server delivers one of them again, because that
    /// was lost or came too late, it is not run a second time either.
    settled: VecDeque<(u64, Timestamp, AckKind)>,
    /// Whether events with keys wait although they are first, as others before them may be under way elsewhere.
    handover: Handover,
}

/// An event that may begin.
#[derive(Debug)]
pub(super) struct ReadyDelivery {
    pub(super) delivery: Delivery,
    pub(super) routing: Routing,
}

/// Where an event belongs, as far as that has to be known before it begins.
#[derive(Debug, Default)]
pub(super) struct Routing {
    /// The index of its handler among the routes.
    pub(super) route: Option<usize>,
    pub(super) key: Option<Key>,
}

/// One event of a key.
#[derive(Debug)]
enum Slot {
    /// Waits for those before it, if there are any.
    Blocked(Box<ReadyDelivery>),
    /// Is ready, or runs.
    Begun,
    /// Was nakked and is expected again, by this time at the latest.
    Away(Instant),
}

impl Slot {
    fn is_overdue(&self, now: Instant) -> bool {
        matches!(self, Self::Away(until) if *until < now)
    }
}

impl Queue {
    /// Takes a delivery in, in place of an earlier one of the same event that waits.
    pub(super) fn push(&mut self, delivery: Delivery, routing: Routing) {
        let sequence = delivery.sequence;
        if !self.held_here.insert(sequence) {
            tracing::debug!(sequence, "redelivered while it waits");
            return self.replace(delivery);
        }
        self.away.remove(&sequence);
        let is_last_awaited = self.handover.came(&delivery);
        match routing.key.clone() {
            Some(key) => {
                let slots = self.key_queues.entry(key.clone()).or_default();
                slots.insert(sequence, Slot::Blocked(Box::new(ReadyDelivery { delivery, routing })));
                self.advance(&key);
            }
            None => self.ready.push_back(ReadyDelivery { delivery, routing }),
        }
        if is_last_awaited {
            self.release();
        }
    }

    /// The later delivery of an event that waits has the later lease.
    fn replace(&mut self, delivery: Delivery) {
        let ready = self.ready.iter_mut().chain(
            self.key_queues.values_mut().flat_map(BTreeMap::values_mut).filter_map(|slot| match slot {
                Slot::Blocked(ready) => Some(&mut **ready),
                Slot::Begun | Slot::Away(_) => None,
            }),
        );
        if let Some(ready) = ready.into_iter().find(|ready| ready.delivery.sequence == delivery.sequence) {
            ready.delivery = delivery;
        }
    }

    /// The first that may begin and is admitted.
    pub(super) fn pop(&mut self, mut admits: impl FnMut(&Routing) -> bool) -> Option<ReadyDelivery> {
        let position = self.ready.iter().position(|ready| admits(&ready.routing))?;
        self.ready.remove(position)
    }

    /// An event was handled or dead-lettered, and that was acked.
    pub(super) fn settled(&mut self, sequence: u64, stored: Timestamp, last_ack: AckKind, key: Option<&Key>) {
        self.settled.truncate(REMEMBERED - 1);
        self.settled.push_front((sequence, stored, last_ack));
        self.leave(sequence, key);
    }

    /// The last ack of an event that is delivered again although it was handled or dead-lettered here.
    pub(super) fn last_ack(&self, delivery: &Delivery) -> Option<AckKind> {
        let is_it = |(sequence, stored, _): &&_| (*sequence, *stored) == (delivery.sequence, delivery.stored);
        let settled = if delivery.deliveries > 1 { self.settled.iter().find(is_it) } else { None };
        settled.map(|(_, _, last_ack)| *last_ack)
    }

    /// An event came to another end.
    pub(super) fn done(&mut self, sequence: u64, key: Option<&Key>) {
        self.forget(sequence);
        self.leave(sequence, key);
    }

    /// An event was not settled, whatever became of its number in an earlier life of the consumer.
    fn forget(&mut self, sequence: u64) {
        self.settled.retain(|(settled, ..)| *settled != sequence);
    }

    fn leave(&mut self, sequence: u64, key: Option<&Key>) {
        self.not_here(sequence);
        if let Some(key) = key {
            if let Some(slots) = self.key_queues.get_mut(key) {
                slots.remove(&sequence);
            }
            self.advance(key);
        }
    }

    fn not_here(&mut self, sequence: u64) {
        self.held_here.remove(&sequence);
        self.shared.remove(&sequence);
        self.handover.left(sequence);
    }

    /// An event was nakked to be tried again; those of its key wait for it, but not longer than `until`.
    pub(super) fn away(&mut self, sequence: u64, key: Option<&Key>, until: Instant) {
        self.forget(sequence);
        self.not_here(sequence);
        match key {
            Some(key) => {
                if let Some(slots) = self.key_queues.get_mut(key) {
                    slots.insert(sequence, Slot::Away(until));
                }
            }
            None => drop(self.away.insert(sequence, until)),
        }
    }

    /// The lease of an event ended. It is redelivered here, unless another instance may have got it meanwhile.
    pub(super) fn lease_lost(&mut self, sequence: u64, key: Option<&Key>, until: Instant) {
        match self.shared.contains(&sequence) {
            true => {
                // The server counts it, and it is not here any more: what was counted before says nothing now.
                self.handover.doubt();
                self.done(sequence, key);
            }
            false => self.away(sequence, key, until),
        }
    }

    /// Events with keys whose redelivery is long overdue. Nobody waits for one without.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<u64> {
        self.away.retain(|_, until| *until >= now);
        let slots = self.key_queues.values().flatten();
        slots.filter(|(_, slot)| slot.is_overdue(now)).map(|(sequence, _)| *sequence).collect()
    }

    /// Waits longer for what is overdue and of these numbers.
    pub(super) fn expect_until(&mut self, sequences: &[u64], until: Instant, now: Instant) {
        for (sequence, slot) in self.key_queues.values_mut().flatten() {
            if slot.is_overdue(now) && sequences.contains(sequence) {
                *slot = Slot::Away(until);
            }
        }
    }

    /// Forgets what is overdue and of these numbers: those behind it go on.
    pub(super) fn forget_overdue(&mut self, sequences: &[u64], now: Instant) {
        let mut shorter = Vec::new();
        for (key, slots) in &mut self.key_queues {
            let before = slots.len();
            slots.retain(|sequence, slot| !(slot.is_overdue(now) && sequences.contains(sequence)));
            if slots.len() < before {
                tracing::warn!(key = &**key, "an event was not redelivered; those behind it go on");
                shorter.push(key.clone());
            }
        }
        shorter.iter().for_each(|key| self.advance(key));
    }

    /// Keeps events with keys from beginning until [`release`](Self::release).
    pub(super) fn hold(&mut self) {
        self.handover.hold();
    }

    /// Expects nothing any more that was nakked or lost its lease: it may be redelivered to another instance.
    pub(super) fn expect_nothing(&mut self) {
        self.away.clear();
        self.shared.clone_from(&self.held_here);
        self.key_queues.retain(|_, slots| {
            slots.retain(|_, slot| !matches!(slot, Slot::Away(_)));
            !slots.is_empty()
        });
    }

    pub(super) fn release(&mut self) {
        self.handover.release();
        // Whatever the server counted then is here, and comes back here.
        self.shared.clear();
        let keys: Vec<Key> = self.key_queues.keys().cloned().collect();
        keys.iter().for_each(|key| self.advance(key));
    }

    /// Whether anything waits that would begin if it were not held.
    pub(super) fn is_holding(&self) -> bool {
        self.handover.is_held() && self.blocked().next().is_some()
    }

    /// Takes out all that waits, in the order of the stream.
    pub(super) fn drain(&mut self) -> Vec<Delivery> {
        self.take_out(|_| true)
    }

    /// Takes out what waits and the server would deliver again.
    pub(super) fn drain_redeliverable(&mut self, max_deliver: Option<u64>) -> Vec<Delivery> {
        self.take_out(|delivery| max_deliver.is_none_or(|most| delivery.deliveries < most))
    }

    /// Whether events with keys have been held for longer than that.
    pub(super) fn is_held_longer_than(&self, time: Duration) -> bool {
        self.handover.is_held_longer_than(time)
    }

    /// Takes out what waits and the server would deliver to nobody any more.
    pub(super) fn drain_last(&mut self, max_deliver: Option<u64>) -> Vec<Delivery> {
        self.take_out(|delivery| max_deliver.is_some_and(|most| delivery.deliveries >= most))
    }

    /// Takes out what waits and another instance may ack.
    pub(super) fn drain_unsure(&mut self, max_deliver: Option<u64>) -> Vec<Delivery> {
        let unsure: HashSet<u64> = self
            .waiting()
            .filter(|delivery| self.handover.is_unsure(delivery.sequence))
            // What is nakked after its last delivery never comes back.
            .filter(|delivery| max_deliver.is_none_or(|most| delivery.deliveries < most))
            .map(|delivery| delivery.sequence)
            .collect();
        self.take_out(|delivery| unsure.contains(&delivery.sequence))
    }

    /// Events that were [taken out](Self::drain_unsure) are nakked. Once all of them are back, what is [held](Self::hold) is released.
    pub(super) fn expect(&mut self, nakked: impl IntoIterator<Item = u64>) {
        self.handover.expect(nakked);
    }

    /// How many events that were nakked are still to come back.
    pub(super) fn missing(&self) -> usize {
        self.handover.missing()
    }

    /// Whether events that were nakked are still to [come back](Self::expect).
    pub(super) fn is_expecting(&mut self, now: Instant) -> bool {
        self.handover.is_expecting(now)
    }

    /// Takes out those of what waits that are `meant`, in the order of the stream.
    fn take_out(&mut self, meant: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        let mut taken: Vec<Delivery> = Vec::with_capacity(self.ready.len());
        for ready in std::mem::take(&mut self.ready) {
            if !meant(&ready.delivery) {
                self.ready.push_back(ready);
                continue;
            }
            if let Some(slots) = ready.routing.key.and_then(|key| self.key_queues.get_mut(&key)) {
                slots.remove(&ready.delivery.sequence);
            }
            taken.push(ready.delivery);
        }
        for slots in self.key_queues.values_mut() {
            for (sequence, slot) in std::mem::take(slots) {
                match slot {
                    Slot::Blocked(ready) if meant(&ready.delivery) => taken.push(ready.delivery),
                    other => drop(slots.insert(sequence, other)),
                }
            }
        }
        for delivery in &taken {
            self.not_here(delivery.sequence);
        }
        taken.sort_unstable_by_key(|delivery| delivery.sequence);
        taken
    }

    /// All that waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Delivery> {
        self.ready.iter().map(|ready| &ready.delivery).chain(self.blocked())
    }

    /// Whether an event waits or runs.
    pub(super) fn is_held(&self, sequence: u64) -> bool {
        self.held_here.contains(&sequence)
    }

    /// How many wait or run.
    pub(super) fn held(&self) -> usize {
        self.held_here.len()
    }

    /// How many could begin.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// How many of the events that the server counts as delivered and not acked are known here. Of one that runs and that
    /// another instance may ack it is not known whether the server still counts it.
    pub(super) fn known(&self) -> usize {
        let away = self.key_queues.values().flat_map(BTreeMap::values).filter(|slot| matches!(slot, Slot::Away(_)));
        let waiting_unsure = match self.handover.unsure() {
            0 => 0,
            _ => self.waiting().filter(|delivery| self.handover.is_unsure(delivery.sequence)).count(),
        };
        let running_unsure = self.handover.unsure() - waiting_unsure;
        self.held_here.len() + self.away.len() + away.count() - running_unsure
    }

    fn blocked(&self) -> impl Iterator<Item = &Delivery> {
        self.key_queues.values().flat_map(BTreeMap::values).filter_map(|slot| match slot {
            Slot::Blocked(ready) => Some(&ready.delivery),
            Slot::Begun | Slot::Away(_) => None,
        })
    }

    /// Lets the first of a key begin if it waits.
    fn advance(&mut self, key: &Key) {
        let Some(slots) = self.key_queues.get_mut(key) else { return };
        let Some(mut first) = slots.first_entry() else {
            self.key_queues.remove(key);
            return;
        };
        if !self.handover.is_held()
            && matches!(first.get(), Slot::Blocked(_))
            && let Slot::Blocked(ready) = first.insert(Slot::Begun)
        {
            self.ready.push_back(*ready);
        }
    }
}

#[cfg(test)]
mod tests;
