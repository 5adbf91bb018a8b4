//! What a consumer has in hand, and the task that renews its leases whatever handlers do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::queue::Queue;
use super::run::{renewal_interval, send};
use crate::settings::ConsumerSettings;
use crate::transport::{AckKind, Acker, Transport};

/// How often to see whether `ack_wait` was changed: for so long events may be redelivered too early.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

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
    /// Aborted when this is dropped.
    _tasks: JoinSet<()>,
}

impl Keeper {
    /// Renews leases by tasks where user code never runs, as often as the `ack_wait` of the durable consumer asks for, which
    /// an operator may change at any time.
    pub(super) fn start(transport: Arc<dyn Transport>, consumer: &ConsumerSettings) -> Self {
        let in_hand = Arc::<Mutex<InHand>>::default();
        let (ack_wait, known) = watch::channel(consumer.ack_wait);
        let (background, mut tasks) = (transport.background(), JoinSet::new());
        tasks.spawn_on(renew(Arc::clone(&in_hand), known), &background);
        let (stream, name) = (consumer.stream.clone(), consumer.name.clone());
        tasks.spawn_on(follow(transport, stream, name, ack_wait), &background);
        Self { in_hand, _tasks: tasks }
    }

    /// What is in hand. Not to be held while anything is awaited.
    pub(super) fn lock(&self) -> MutexGuard<'_, InHand> {
        lock(&self.in_hand)
    }
}

/// Sees whether `ack_wait` is still what it was.
async fn follow(transport: Arc<dyn Transport>, stream: String, name: String, ack_wait: watch::Sender<Duration>) {
    loop {
        sleep(LOOK_AGAIN).await;
        // Without an answer it is taken to be as it was.
        let Ok(Some(found)) = transport.consumer(&stream, &name).await else { continue };
        let now = found.settings.ack_wait;
        if ack_wait.send_if_modified(|known| std::mem::replace(known, now) != now) {
            tracing::info!(stream, consumer = name, ?now, "ack_wait was changed; leases are renewed accordingly");
        }
    }
}

async fn renew(in_hand: Arc<Mutex<InHand>>, mut ack_wait: watch::Receiver<Duration>) {
    let mut renewed = Instant::now();
    loop {
        let due = renewed + renewal_interval(*ack_wait.borrow_and_update());
        tokio::select! {
            // At once, as a shorter lease may be about to end.
            changed = ack_wait.changed() => if changed.is_err() { return },
            () = sleep_until(due) => {}
        }
        renewed = Instant::now();
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
