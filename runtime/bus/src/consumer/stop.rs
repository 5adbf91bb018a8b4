//! How the streams of a consumer are asked to stop, and what waits is nakked.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::keeper::InHand;
use super::monitor::Counters;
use super::queue::Queue;
use super::run::Worker;
use crate::environment::watch;
use crate::transport::{AckKind, Delivery};

/// How long to wait until it is noted which events were not run.
pub(super) const NOTE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a handler that was cut off may take to notice.
pub(super) const LAST_GRACE: Duration = Duration::from_secs(1);

/// Asks all streams of a consumer to stop.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Sender<Option<Instant>>);

/// Says whether a stream is to stop, and since when.
#[derive(Debug, Clone)]
pub(super) struct StopSignal(watch::Receiver<Option<Instant>>);

impl Stop {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(super) fn ask(&self) {
        self.0.send_if_modified(|since| {
            let is_first = since.is_none();
            since.get_or_insert_with(Instant::now);
            is_first
        });
    }

    pub(super) fn signal(&self) -> StopSignal {
        StopSignal(self.0.subscribe())
    }
}

impl StopSignal {
    /// Waits until it is to stop; also if nobody can ask any more.
    pub(super) async fn asked(&mut self) {
        drop(self.0.wait_for(Option::is_some).await);
    }

    pub(super) fn since(&self) -> Option<Instant> {
        *self.0.borrow()
    }
}

impl Worker {
    /// Naks what waits, so that another instance gets it at once.
    pub(super) async fn nak_waiting(&self) {
        let (waiting, again) = {
            let mut in_hand = self.in_hand();
            (Self::lend(&mut in_hand, Queue::drain), in_hand.take_again())
        };
        self.nak_all(waiting, again).await;
    }

    /// Naks what waits, as another instance may have been served: it is redelivered in its order. What the server delivers no more
    /// stays.
    pub(super) async fn nak_for_another(&self) {
        let (waiting, again) = {
            let mut in_hand = self.in_hand();
            let waiting = Self::lend(&mut in_hand, |queue| queue.drain_redeliverable(self.fitness.max_deliver()));
            (waiting, in_hand.take_again())
        };
        self.nak_all(waiting, again).await;
    }

    /// Gives up what waits at its last delivery, where another instance is served: as long as it is held here that one begins nothing, and
    /// it is held as long as that one has something.
    pub(super) async fn give_up_last(&self) {
        let last = Self::lend(&mut self.in_hand(), |queue| queue.drain_last(self.fitness.max_deliver()));
        self.nak_all(last, Vec::new()).await;
    }

    /// Naks what waits and another instance may ack, to [see](super::handover) whether the server still counts it as pending.
    /// Returns whether there was any, which is to come back now.
    pub(super) async fn nak_unsure(&self) -> bool {
        let unsure = Self::lend(&mut self.in_hand(), |queue| queue.drain_unsure(self.fitness.max_deliver()));
        if unsure.is_empty() {
            return false;
        }
        let nakked: Vec<u64> = unsure.iter().map(|delivery| delivery.sequence).collect();
        // However long this takes, none of it is back before.
        self.nak_all(unsure, Vec::new()).await;
        self.in_hand().queue.expect(nakked);
        true
    }

    /// Takes deliveries out of the queue. Their leases last until each is nakked.
    fn lend(in_hand: &mut InHand, drain: impl FnOnce(&mut Queue) -> Vec<Delivery>) -> Vec<Delivery> {
        let drained = drain(&mut in_hand.queue);
        drained.iter().for_each(|delivery| in_hand.begun(delivery.sequence, &delivery.acker));
        drained
    }

    async fn nak_all(&self, mut waiting: Vec<Delivery>, again: Vec<Delivery>) {
        let drained = waiting.len();
        waiting.extend(again);
        // What is not noted in time may count as an attempt.
        let _ = timeout(NOTE_PATIENCE, self.attempts.not_run(&waiting)).await;
        let mut is_cut_off = false;
        for (index, delivery) in waiting.into_iter().enumerate() {
            if index < drained {
                self.in_hand().settled(delivery.sequence);
            }
            if is_cut_off || !delivery.acker.lease().is_held(Instant::now()) {
                continue;
            }
            if self.fitness.is_last(&delivery) {
                // Nakked, it would be given up at once, and so it is once its lease ends.
                tracing::warn!(
                    stream = self.stream,
                    sequence = delivery.sequence,
                    "the server has delivered it as often as it may, and it did not run this time; it ends among the dead letters as \
                     max-deliveries"
                );
                continue;
            }
            match delivery.acker.send(AckKind::Nak(None)).await {
                Ok(()) => Counters::count(&self.monitor.counters().released),
                Err(error) => {
                    tracing::warn!(%error, "what waits cannot be nakked; it is redelivered after ack_wait");
                    is_cut_off = true;
                }
            }
        }
    }
}
