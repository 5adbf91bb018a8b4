//! Messages that no client can read: they are dead-lettered as their stream keeps them.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::keeper::{self, send};
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
}

impl MalformedInHand {
    /// Begins to dead-letter a message, unless it is in hand.
    pub(super) fn begin(&mut self, worker: &Arc<Worker>, delivery: Delivery) {
        if self.sequences.insert(delivery.sequence) {
            keeper::lock(&worker.in_hand).begun(delivery.sequence, &delivery.acker);
            self.hold_until = Some(Instant::now() + HOLD);
            self.tasks.spawn(Arc::clone(worker).dead_letter_malformed(delivery));
        }
    }

    /// Waits until one is done with; for ever if there is none. Nothing is lost if this is dropped.
    pub(super) async fn next_done(&mut self) {
        if self.tasks.is_empty() {
            return pending().await;
        }
        if let Some(Err(error)) = self.tasks.join_next().await {
            tracing::error!(%error, "a malformed message is not dead-lettered");
        }
        if self.tasks.is_empty() {
            self.sequences.clear();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether nothing is to be fetched for now.
    pub(super) fn is_holding(&self) -> bool {
        !self.tasks.is_empty() && self.hold_until.is_some_and(|until| Instant::now() < until)
    }
}

impl Worker {
    /// Stores the dead letter of a message that cannot be read, and terminates the message. As long as that does not
    /// succeed its lease is renewed: delivered again, it would take others with it.
    async fn dead_letter_malformed(self: Arc<Self>, delivery: Delivery) {
        let (stream, consumer, sequence) = (&self.stream, &self.service, delivery.sequence);
        let error = delivery.message.headers.malformed().map(MalformedBlock::explanation).unwrap_or_default();
        send(&*delivery.acker, AckKind::InProgress).await;
        for attempt in 1.. {
            match self.dead_letter_and_terminate(&delivery, &error).await {
                Ok(()) => {
                    keeper::lock(&self.in_hand).settled(sequence);
                    return Counters::count(&self.monitor.counters().dead_lettered);
                }
                Err(error) => {
                    tracing::error!(stream, consumer, sequence, %error, "a malformed message is not dead-lettered yet");
                }
            }
            sleep(self.retry.delay(attempt)).await;
        }
    }

    async fn dead_letter_and_terminate(&self, delivery: &Delivery, error: &str) -> Result<(), Unavailable> {
        self.dead_letter(delivery, 0, DeadReason::Malformed, error).await?;
        self.bus.transport().terminate(&self.stream, &self.service, delivery.sequence).await
    }
}
