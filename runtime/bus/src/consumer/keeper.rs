//! What a consumer has in hand, and the task that renews its leases whatever handlers do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::queue::Queue;
use crate::settings::ConsumerSettings;
use crate::transport::{AckKind, Acker, Transport};

/// How often to see whether `ack_wait` was changed: for so long events may be redelivered too early.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What waits for a handler, and what runs.
#[derive(Debug, Default)]
pub(super) struct InHand {
    pub(super) queue: Queue,
    /// What runs; nothing once its ack is about to be sent.
    running: HashMap<u64, Option<Arc<dyn Acker>>>,
}

impl InHand {
    /// An event runs.
    pub(super) fn begun(&mut self, sequence: u64, acker: &Arc<dyn Acker>) {
        self.running.insert(sequence, Some(Arc::clone(acker)));
    }

    /// Its ack is about to be sent, and must not be followed by a renewal.
    pub(super) fn settling(&mut self, sequence: u64) {
        if let Some(acker) = self.running.get_mut(&sequence) {
            *acker = None;
        }
    }

    /// It is settled.
    pub(super) fn settled(&mut self, sequence: u64) {
        self.running.remove(&sequence);
    }

    /// What is to be renewed.
    fn leases(&self) -> Vec<(u64, Arc<dyn Acker>)> {
        let waiting = self.queue.waiting().map(|delivery| (delivery.sequence, &delivery.acker));
        let running = self.running.iter().filter_map(|(sequence, acker)| Some((*sequence, acker.as_ref()?)));
        waiting.chain(running).map(|(sequence, acker)| (sequence, Arc::clone(acker))).collect()
    }

    fn has_lease(&self, sequence: u64) -> bool {
        self.running.get(&sequence).map_or_else(|| self.queue.is_held(sequence), Option::is_some)
    }
}

/// Renews the leases of what is in hand, until it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Aborted when this is dropped.
    _tasks: JoinSet<()>,
}

impl Keeper {
    /// Renews leases by tasks where user code never runs, as often as the `ack_wait` of the durable consumer asks for, which
    /// an operator may change at any time.
    pub(super) fn start(
        in_hand: Arc<Mutex<InHand>>,
        transport: Arc<dyn Transport>,
        consumer: &ConsumerSettings,
    ) -> Self {
        let (ack_wait, known) = watch::channel(consumer.ack_wait);
        let (background, mut tasks) = (transport.background(), JoinSet::new());
        tasks.spawn_on(renew(in_hand, known), &background);
        let (stream, name) = (consumer.stream.clone(), consumer.name.clone());
        tasks.spawn_on(follow(transport, stream, name, ack_wait), &background);
        Self { _tasks: tasks }
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
        let leases = lock(&in_hand).leases();
        for (sequence, acker) in leases {
            // Meanwhile it may have been acked, or nakked with a delay, which a renewal would undo.
            let has_lease = lock(&in_hand).has_lease(sequence);
            if has_lease {
                send(&*acker, AckKind::InProgress).await;
            }
        }
    }
}

/// What is in hand. Not to be held while anything is awaited.
pub(super) fn lock(in_hand: &Mutex<InHand>) -> MutexGuard<'_, InHand> {
    in_hand.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often to renew the lease of a delivery.
pub(super) fn renewal_interval(ack_wait: Duration) -> Duration {
    (ack_wait / 3).max(Duration::from_millis(1))
}

pub(super) async fn send(acker: &dyn Acker, kind: AckKind) {
    if let Err(error) = acker.send(kind).await {
        tracing::warn!(%error, ?kind, "the ack is not sent; the event is redelivered after ack_wait");
    }
}
