//! What a consumer has in hand, and the task that renews its leases whatever handlers do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{JoinSet, unconstrained};
use tokio::time::{Instant, sleep, timeout};

use super::fitness::Fitness;
use super::monitor::{Counters, Monitor};
use super::queue::{Queue, Routing};
use crate::environment::{self, HashMap, of_program, watch};
use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{AckKind, Acker, Delivery, Transport};

/// How often to see whether `ack_wait` was changed: for so long events may be redelivered too early.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What waits for a handler, and what runs.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) queue: Queue,
    running: HashMap<u64, Running>,
    /// What acknowledges the events that were handled and whose acks are not sent yet.
    handled: VecDeque<Arc<dyn Acker>>,
    ack_wait: Duration,
}

/// An event that runs.
#[derive(Debug)]
struct Running {
    /// Nothing once its ack is about to be sent.
    acker: Option<Arc<dyn Acker>>,
    /// Delivered again meanwhile, as its lease ended.
    again: Option<(Delivery, Routing)>,
}

impl InHand {
    pub(super) fn new(ack_wait: Duration) -> Self {
        Self { queue: Queue::default(), running: HashMap::default(), handled: VecDeque::new(), ack_wait }
    }

    /// Takes a delivery in. One of an event that runs is kept until the run has ended.
    pub(super) fn accept(&mut self, delivery: Delivery, routing: Routing) {
        delivery.acker.lease().limit(self.ack_wait);
        match self.running.get_mut(&delivery.sequence) {
            Some(running) => running.again = Some((delivery, routing)),
            None => self.queue.push(delivery, routing),
        }
    }

    /// An event runs.
    pub(super) fn begun(&mut self, sequence: u64, acker: &Arc<dyn Acker>) {
        self.running.insert(sequence, Running { acker: Some(Arc::clone(acker)), again: None });
    }

    /// How many events wait for a handler, and how many run.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.queue.ready(), self.running.len())
    }

    /// Its ack is about to be sent, and must not be followed by a renewal.
    pub(super) fn settling(&mut self, sequence: u64) {
        if let Some(running) = self.running.get_mut(&sequence) {
            running.acker = None;
        }
    }

    /// An event was handled, and is to be acked by [`send_acks`](Self::send_acks).
    pub(super) fn handled(&mut self, acker: Arc<dyn Acker>) {
        self.handled.push_back(acker);
    }

    /// Sends the acks of all that was handled, together: to wake the thread of the connection for each costs more than the
    /// ack. Those stay for which the transport has no room at the moment. Returns whether there are none.
    pub(super) fn send_acks(&mut self) -> bool {
        while let Some(acker) = self.handled.front() {
            if unconstrained(send(&**acker, AckKind::Ack)).now_or_never().is_none() {
                return false;
            }
            self.handled.pop_front();
        }
        true
    }

    /// It is settled. Returns its delivery that came meanwhile.
    pub(super) fn settled(&mut self, sequence: u64) -> Option<(Delivery, Routing)> {
        self.running.remove(&sequence)?.again
    }

    /// Takes out the deliveries of events that run, which were to wait for the ends of the runs.
    pub(super) fn take_again(&mut self) -> Vec<Delivery> {
        let again = self.running.values_mut().filter_map(|running| running.again.take());
        again.map(|(delivery, _)| delivery).collect()
    }

    /// How many run whose acks are not about to be sent.
    pub(super) fn unsettled(&self) -> usize {
        self.running.values().filter(|running| running.acker.is_some()).count()
    }

    /// The leases that are to be renewed now.
    fn due(&self, now: Instant) -> Vec<(u64, Arc<dyn Acker>)> {
        let period = renewal_interval(self.ack_wait);
        let waiting = self.queue.waiting().map(|delivery| (delivery.sequence, &delivery.acker));
        let running = self.running.iter().filter_map(|(sequence, running)| Some((*sequence, running.newest()?)));
        let due = |(_, acker): &(u64, &Arc<dyn Acker>)| acker.lease().is_held(now) && acker.lease().is_due(now, period);
        waiting.chain(running).filter(due).map(|(sequence, acker)| (sequence, Arc::clone(acker))).collect()
    }

    /// How many of the events that the server counts as delivered and not acked are known here for sure. Of one whose last ack is
    /// on its way, or whose lease has ended, it is not known whether the server still counts it.
    pub(super) fn known(&self) -> usize {
        let now = Instant::now();
        self.queue.known().saturating_sub(self.queue.held().saturating_sub(self.leased(now).count()))
    }

    /// The events in hand whose leases are held, and that are not about to be acked: the server counts them as delivered and not acked.
    pub(super) fn leased(&self, now: Instant) -> impl Iterator<Item = u64> {
        let is_held = move |acker: &Arc<dyn Acker>| acker.lease().is_held(now);
        let waiting = self.queue.waiting().filter(move |delivery| is_held(&delivery.acker));
        let running = self.running.iter().filter(move |(_, running)| running.newest().is_some_and(is_held));
        let running = running.map(|(sequence, _)| *sequence).filter(|sequence| self.queue.is_held(*sequence));
        waiting.map(|delivery| delivery.sequence).chain(running)
    }

    /// Whether an event that runs has lost its lease.
    fn has_lost(&self, now: Instant) -> bool {
        let mut running = self.running.values().filter_map(|running| running.acker.as_ref());
        running.any(|acker| !acker.lease().is_held(now))
    }

    /// Whether this delivery is still in hand, and not about to be acked.
    fn holds(&self, sequence: u64, acker: &Arc<dyn Acker>) -> bool {
        match self.running.get(&sequence) {
            Some(running) => running.newest().is_some_and(|newest| Arc::ptr_eq(newest, acker)),
            None => self.queue.is_held(sequence),
        }
    }

    pub(super) fn ack_wait(&self) -> Duration {
        self.ack_wait
    }

    /// The operator changed it.
    fn limit(&mut self, ack_wait: Duration) {
        self.ack_wait = ack_wait;
        let running = self.running.values().filter_map(Running::newest);
        let waiting = self.queue.waiting().map(|delivery| &delivery.acker);
        waiting.chain(running).for_each(|acker| acker.lease().limit(ack_wait));
    }
}

impl Running {
    fn newest(&self) -> Option<&Arc<dyn Acker>> {
        self.again.as_ref().map(|(delivery, _)| &delivery.acker).or(self.acker.as_ref())
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
    /// an operator may change at any time. Wakes those who wait for `lost` when an event that runs has lost its lease.
    pub(super) fn start(
        in_hand: Arc<Mutex<InHand>>,
        transport: Arc<dyn Transport>,
        consumer: &ConsumerSettings,
        lost: watch::Sender<bool>,
        monitor: Monitor,
        fitness: Arc<Fitness>,
    ) -> Self {
        let (ack_wait, known) = watch::channel(consumer.ack_wait);
        let (background, mut tasks) = (transport.background(), JoinSet::new());
        let stall = StallWatch { in_hand: Arc::clone(&in_hand), monitor, is_stalled: false };
        tasks.spawn_on(of_program(renew(in_hand, known, lost)), &background);
        let (stream, name) = (consumer.stream.clone(), consumer.name.clone());
        tasks.spawn_on(of_program(follow(transport, stream, name, ack_wait, stall, fitness)), &background);
        Self { _tasks: tasks }
    }
}

/// Sees whether `ack_wait` is still what it was, whether the consumer stands, and whether the service can go on with it.
async fn follow(
    transport: Arc<dyn Transport>,
    stream: String,
    name: String,
    ack_wait: watch::Sender<Duration>,
    mut stall: StallWatch,
    fitness: Arc<Fitness>,
) {
    loop {
        sleep(LOOK_AGAIN).await;
        // Without an answer it is taken to be as it was.
        let Ok(Some(found)) = transport.consumer(&stream, &name).await else { continue };
        stall.look(&found);
        fitness.look(&found);
        let now = found.settings.ack_wait;
        if ack_wait.send_if_modified(|known| std::mem::replace(known, now) != now) {
            tracing::info!(stream, consumer = name, ?now, "ack_wait was changed; leases are renewed accordingly");
        }
    }
}

/// Sees when nothing comes any more because of what failed.
struct StallWatch {
    in_hand: Arc<Mutex<InHand>>,
    monitor: Monitor,
    is_stalled: bool,
}

impl StallWatch {
    fn look(&mut self, found: &FoundConsumer) {
        let FoundConsumer { settings, progress, .. } = found;
        self.monitor.saw(&settings.stream, progress.lag, progress.ack_pending);
        let waiting = self.monitor.waiting_for_retry();
        let is_full = progress.ack_pending >= settings.max_ack_pending as u64;
        let is_stalled = is_full && waiting > lock(&self.in_hand).queue.held();
        if is_stalled && !self.is_stalled {
            Counters::count(&self.monitor.counters().stalled);
            tracing::warn!(
                stream = settings.stream,
                consumer = settings.name,
                waiting,
                unacked = progress.ack_pending,
                lag = progress.lag,
                "the consumer stands: as many events are unacked as max_ack_pending allows, and most wait for their retry; see why they \
                 fail, give their handler a breaker or fewer attempts, or raise max_ack_pending"
            );
        }
        self.is_stalled = is_stalled;
    }
}

async fn renew(in_hand: Arc<Mutex<InHand>>, mut ack_wait: watch::Receiver<Duration>, lost: watch::Sender<bool>) {
    let mut renewals = JoinSet::new();
    loop {
        environment::look_at_clocks();
        let now = Instant::now();
        let (due, has_lost) = {
            let mut in_hand = lock(&in_hand);
            // The dispatch loop may stand, as a handler blocks its thread.
            in_hand.send_acks();
            (in_hand.due(now), in_hand.has_lost(now))
        };
        if has_lost {
            lost.send_modify(|_| {});
        }
        let limit = *ack_wait.borrow_and_update();
        for (sequence, acker) in due {
            renewals.spawn(of_program(renew_one(Arc::clone(&in_hand), sequence, acker, limit)));
        }
        while renewals.try_join_next().is_some() {}
        tokio::select! {
            biased;
            changed = ack_wait.changed() => match changed {
                // At once, as a shorter lease may be about to end.
                Ok(()) => lock(&in_hand).limit(*ack_wait.borrow()),
                Err(_) => return,
            },
            () = sleep(look_interval(limit)) => {}
        }
    }
}

/// Renews a lease, and waits for the confirmation no longer than it can be of use.
async fn renew_one(in_hand: Arc<Mutex<InHand>>, sequence: u64, acker: Arc<dyn Acker>, ack_wait: Duration) {
    // Meanwhile it may have been acked, or nakked with a delay, which a renewal would undo.
    if !lock(&in_hand).holds(sequence, &acker) {
        return;
    }
    let (sent, suspended) = (Instant::now(), environment::suspended());
    match timeout(ack_wait, acker.renew()).await {
        Ok(Ok(())) => acker.lease().renewed(sent, suspended, Instant::now()),
        Ok(Err(error)) => tracing::debug!(sequence, %error, "the lease is not renewed"),
        Err(_) => tracing::debug!(sequence, "the renewal of the lease is not confirmed"),
    }
}

/// What is in hand. Not to be held while anything is awaited.
pub(super) fn lock(in_hand: &Mutex<InHand>) -> MutexGuard<'_, InHand> {
    in_hand.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How old a lease may become before it is renewed: there is time for another attempt.
pub(super) fn renewal_interval(ack_wait: Duration) -> Duration {
    ack_wait * 3 / 10
}

/// How often to look which leases are to be renewed, and which have ended.
fn look_interval(ack_wait: Duration) -> Duration {
    (ack_wait / 10).max(Duration::from_millis(5))
}

pub(super) async fn send(acker: &dyn Acker, kind: AckKind) {
    if let Err(error) = acker.send(kind).await {
        tracing::warn!(%error, ?kind, "the ack is not sent; the event is redelivered after ack_wait");
    }
}
