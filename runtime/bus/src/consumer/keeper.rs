//! What a consumer has in hand, and the task that renews its leases whatever handlers do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::queue::Queue;
use super::run::send;
use crate::transport::{AckKind, Acker};

/// What waits for a handler, and what runs.
#[derive(Debug, Default)]
pub(super) struct InHand {
    pub(super) queue: Queue,
    running: HashMap<u64, Arc<dyn Acker>>,
}

impl InHand {
    /// An event runs.
    pub(super) fn begun(&mut self, sequence: u64, acker: &Arc<dyn Acker>) {
        self.running.insert(sequence, Arc::clone(acker));
    }

    /// It does no longer.
    pub(super) fn ended(&mut self, sequence: u64) {
        self.running.remove(&sequence);
    }
}

/// Renews the leases of what is in hand, until it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    in_hand: Arc<Mutex<InHand>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Renews each lease so often, by a task where user code never runs.
    pub(super) fn start(background: &Handle, every: Duration) -> Self {
        let in_hand = Arc::<Mutex<InHand>>::default();
        let task = background.spawn(renew(Arc::clone(&in_hand), every));
        Self { in_hand, task }
    }

    /// What is in hand. Not to be held while anything is awaited.
    pub(super) fn lock(&self) -> MutexGuard<'_, InHand> {
        lock(&self.in_hand)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn renew(in_hand: Arc<Mutex<InHand>>, every: Duration) {
    let mut interval = interval_at(Instant::now() + every, every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let ackers: Vec<_> = {
            let in_hand = lock(&in_hand);
            let waiting = in_hand.queue.waiting().map(|delivery| &delivery.acker);
            waiting.chain(in_hand.running.values()).map(Arc::clone).collect()
        };
        for acker in ackers {
            send(&*acker, AckKind::InProgress).await;
        }
    }
}

fn lock(in_hand: &Mutex<InHand>) -> MutexGuard<'_, InHand> {
    in_hand.lock().unwrap_or_else(PoisonError::into_inner)
}
