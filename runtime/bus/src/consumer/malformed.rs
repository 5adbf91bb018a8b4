//! Messages that no client can read: they are dead-lettered as their stream keeps them.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use super::keeper::send;
use super::monitor::Counters;
use super::run::Worker;
use crate::dead_letters::reason::DeadReason;
use crate::transport::{AckKind, Delivery, MalformedBlock, Unavailable};

/// For how long nothing is fetched while one of them is in hand, so that the server does not deliver it again before it is
/// terminated.
const HOLD: Duration = Duration::from_secs(2);

/// Those that are being dead-lettered.
#[derive(Debug, Default)]
pub(super) struct MalformedInHand {
    tasks: JoinSet<()>,
    sequences: HashSet<u64>,
    hold_until: Option<Instant>,
    /// How many are about to be terminated, or are: the server may count them no more.
    terminating: Arc<AtomicUsize>,
}

impl MalformedInHand {
    /// Begins to dead-letter a message, unless it is in hand.
    pub(super) fn begin(&mut self, worker: &Arc<Worker>, delivery: Delivery) {
        if self.sequences.insert(delivery.sequence) {
            worker.in_hand().begun(delivery.sequence, &delivery.acker);
            self.hold_until = Some(Instant::now() + HOLD);
            let terminating = Terminating { all: Arc::clone(&self.terminating), is_counted: false };
            self.tasks.spawn(Arc::clone(worker).dead_letter_malformed(delivery, terminating));
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

    /// How many are not terminated yet, and not about to be.
    pub(super) fn unsettled(&mut self) -> usize {
        while let Some(done) = self.tasks.try_join_next() {
            self.record(done);
        }
        self.tasks.len().saturating_sub(self.terminating.load(Ordering::Relaxed))
    }

    fn record(&mut self, done: Result<(), JoinError>) {
        if let Err(error) = done {
            tracing::error!(%error, "a malformed message is not dead-lettered");
        }
        if self.tasks.is_empty() {
            self.sequences.clear();
        }
    }

    /// Whether nothing is to be fetched for now.
    pub(super) fn is_holding(&self) -> bool {
        !self.tasks.is_empty() && self.hold_until.is_some_and(|until| Instant::now() < until)
    }
}

/// Counts one that is about to be terminated, until its task ends.
struct Terminating {
    all: Arc<AtomicUsize>,
    is_counted: bool,
}

impl Terminating {
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.is_counted, true) {
            self.all.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Terminating {
    fn drop(&mut self) {
        if self.is_counted {
            self.all.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Worker {
    /// Stores the dead letter of a message that cannot be read, and terminates the message. As long as that does not
    /// succeed its lease is renewed: delivered again, it would take others with it.
    async fn dead_letter_malformed(self: Arc<Self>, delivery: Delivery, mut terminating: Terminating) {
        let (stream, consumer, sequence) = (&self.stream, &self.service, delivery.sequence);
        let error = delivery.message.headers.malformed().map(MalformedBlock::explanation).unwrap_or_default();
        send(&*delivery.acker, AckKind::InProgress).await;
        for attempt in 1.. {
            match self.dead_letter_and_terminate(&delivery, &error, &mut terminating).await {
                Ok(()) => {
                    self.in_hand().settled(sequence);
                    return Counters::count(&self.monitor.counters().dead_lettered);
                }
                Err(error) => {
                    tracing::error!(stream, consumer, sequence, %error, "a malformed message is not dead-lettered yet");
                }
            }
            sleep(self.retry.delay(attempt)).await;
        }
    }

    async fn dead_letter_and_terminate(
        &self,
        delivery: &Delivery,
        error: &str,
        terminating: &mut Terminating,
    ) -> Result<(), Unavailable> {
        self.dead_letter(delivery, 0, DeadReason::Malformed, error).await?;
        terminating.begin();
        delivery.acker.terminate().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted among what is known of the unacked, those that are done with would let events with keys begin too early.
    #[tokio::test]
    async fn what_is_terminated_is_not_unsettled_although_another_is() {
        let mut malformed = MalformedInHand { sequences: HashSet::from([1, 2]), ..MalformedInHand::default() };
        malformed.tasks.spawn(async {});
        malformed.tasks.spawn(pending());

        while malformed.unsettled() > 1 {
            tokio::task::yield_now().await;
        }

        assert_eq!(malformed.unsettled(), 1);
        assert_eq!(malformed.sequences, HashSet::from([1, 2]), "until all are done with");
    }
}
