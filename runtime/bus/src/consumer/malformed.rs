//! Messages that no client can read: they are dead-lettered as their stream keeps them.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::keeper::send;
use super::monitor::Counters;
use super::run::Worker;
use crate::dead_letters::reason::DeadReason;
use crate::environment::of_program;
use crate::transport::{AckKind, Delivery, MalformedBlock, Unavailable};

/// For how long nothing is fetched while one of them is in hand, so that the server does not deliver it again before it is
/// terminated.
const HOLD: Duration = Duration::from_secs(2);
/// Of how many it is asked at once whether they are dead-lettered.
const ASKED_AT_ONCE: usize = 64;
/// How long to wait for the answers whether they are dead-lettered.
const PATIENCE: Duration = Duration::from_secs(1);

/// Those that are being dead-lettered.
#[derive(Debug, Default)]
pub(super) struct MalformedInHand {
    tasks: JoinSet<()>,
    sequences: HashSet<u64>,
    hold_until: Option<Instant>,
    messages: Vec<Arc<Malformed>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Malformed {
    delivery: Delivery,
    /// Whether it is about to be terminated, or is: the server may count it no more.
    is_terminating: AtomicBool,
}

impl MalformedInHand {
    /// Begins to dead-letter a message, unless it is in hand.
    pub(super) fn begin(&mut self, worker: &Arc<Worker>, delivery: Delivery) {
        if self.sequences.insert(delivery.sequence) {
            worker.in_hand().begun(delivery.sequence, &delivery.acker);
            self.hold_until = Some(Instant::now() + HOLD);
            let message = Arc::new(Malformed { delivery, is_terminating: AtomicBool::new(false) });
            self.messages.push(Arc::clone(&message));
            self.tasks.spawn(of_program(Arc::clone(worker).dead_letter_malformed(Handling(message))));
        }
    }

    /// Waits until one is done with; for ever if there is none. Nothing is lost if this is dropped.
    pub(super) async fn next_done(&mut self) {
        if self.tasks.is_empty() {
            return pending().await;
        }
        if let Some(done) = self.tasks.join_next().await {
            self.record(done);
        }
    }

    /// Those that are not terminated yet, and not about to be.
    pub(super) fn unsettled(&mut self) -> Vec<Arc<Malformed>> {
        while let Some(done) = self.tasks.try_join_next() {
            self.record(done);
        }
        let unsettled = self.messages.iter().filter(|message| !message.is_terminating.load(Ordering::Relaxed));
        unsettled.cloned().collect()
    }

    fn record(&mut self, done: Result<(), JoinError>) {
        if let Err(error) = done {
            tracing::error!(%error, "a malformed message is not dead-lettered");
        }
        let is_done = |message: &Malformed| message.is_terminating.load(Ordering::Relaxed);
        let sequences = &mut self.sequences;
        self.messages.retain(|message| {
            // Its task may still be about to hear that it is terminated.
            let is_kept = !is_done(message) || Arc::strong_count(message) > 1;
            if !is_kept {
                sequences.remove(&message.delivery.sequence);
            }
            is_kept
        });
    }

    /// Whether nothing is to be fetched for now.
    pub(super) fn is_holding(&self) -> bool {
        !self.tasks.is_empty() && self.hold_until.is_some_and(|until| Instant::now() < until)
    }
}

/// One whose task has not ended.
struct Handling(Arc<Malformed>);

impl Handling {
    fn begin_to_terminate(&self) {
        self.0.is_terminating.store(true, Ordering::Relaxed);
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.begin_to_terminate();
    }
}

impl Worker {
    /// Stores the dead letter of a message that cannot be read, and terminates the message. As long as that does not
    /// succeed its lease is renewed: delivered again, it would take others with it.
    async fn dead_letter_malformed(self: Arc<Self>, handling: Handling) {
        let delivery = &handling.0.delivery;
        let (stream, consumer, sequence) = (&self.stream, &self.service, delivery.sequence);
        let error = delivery.message.headers.malformed().map(MalformedBlock::explanation).unwrap_or_default();
        send(&*delivery.acker, AckKind::InProgress).await;
        for attempt in 1.. {
            match self.dead_letter_and_terminate(&handling, &error).await {
                Ok(()) => {
                    self.in_hand().settled(sequence);
                    self.tell_malformed(sequence);
                    return Counters::count(&self.monitor.counters().dead_lettered);
                }
                Err(error) => {
                    tracing::error!(stream, consumer, sequence, %error, "a malformed message is not dead-lettered yet");
                }
            }
            sleep(self.retry.delay(attempt)).await;
        }
    }

    async fn dead_letter_and_terminate(&self, handling: &Handling, error: &str) -> Result<(), Unavailable> {
        let delivery = &handling.0.delivery;
        self.dead_letter(delivery, 0, DeadReason::Malformed, error).await?;
        handling.begin_to_terminate();
        delivery.acker.terminate().await
    }

    /// How many of them the server counted as pending a moment ago for sure. Another instance that found one, too, may have
    /// terminated it; whoever does stores its dead letter first.
    pub(super) async fn count_pending(&self, messages: &[Arc<Malformed>]) -> usize {
        let is_pending =
            async |message: &Arc<Malformed>| matches!(self.is_dead_lettered(&message.delivery).await, Ok(false));
        // All others wait meanwhile: what is not known soon is not known.
        let asked = stream::iter(messages).map(is_pending).buffer_unordered(ASKED_AT_ONCE).collect::<Vec<_>>();
        let pending = timeout(PATIENCE, asked).await.unwrap_or_default();
        pending.into_iter().filter(|is_pending| *is_pending).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted among what is known of the unacked, those that are done with would let events with keys begin too early.
    #[tokio::test]
    async fn what_is_terminated_is_not_unsettled_although_another_is() {
        let mut malformed = MalformedInHand { sequences: HashSet::from([1, 2]), ..MalformedInHand::default() };
        for sequence in [1, 2] {
            let (delivery, is_terminating) = (Delivery::for_test(sequence), AtomicBool::new(false));
            let message = Arc::new(Malformed { delivery, is_terminating });
            malformed.messages.push(Arc::clone(&message));
            let handling = Handling(message);
            malformed.tasks.spawn(async move {
                if handling.0.delivery.sequence == 2 {
                    pending().await
                }
            });
        }

        while malformed.unsettled().len() > 1 {
            tokio::task::yield_now().await;
        }

        assert_eq!(malformed.unsettled()[0].delivery.sequence, 2);
        assert_eq!(
            (malformed.messages.len(), malformed.sequences),
            (1, HashSet::from([2])),
            "nothing is kept of the other"
        );
    }
}
