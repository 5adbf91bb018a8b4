//! The dispatch loop: fetches the events of one stream and keeps its handlers busy.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout, timeout_at};

use super::breaker::{Admission, Breaker};
use super::config::{ConsumerConfig, Order};
use super::error::ConsumeError;
use super::keeper::{Keeper, renewal_interval, send};
use super::look::Looked;
use super::malformed::MalformedInHand;
use super::monitor::Counters;
use super::pace::{Pace, wanted};
use super::queue::{Key, ReadyDelivery, Routing};
use super::run::{DeliveryEnd, FinishedDelivery, Worker};
use super::stop::{LAST_GRACE, NOTE_PATIENCE, StopSignal};
use crate::config::duration::LONGEST;
use crate::environment::{WorkInstant, of_program, watch};
use crate::transport::{AckKind, Arrival, Deliveries, Delivery};

/// The most that is fetched at a time: fewer than the client keeps for one who reads slowly, as it drops what is beyond.
const MOST: usize = 32_768;
/// For how long handlers that wait for nothing may run before anything else is done.
const AT_A_TIME: Duration = Duration::from_millis(5);
/// How long to wait for room for acks in the transport.
const PAUSE: Duration = Duration::from_millis(10);
/// On how many threads of their own handlers run that block: a part of those that tokio has for what blocks, which is 512.
const MOST_THREADS: usize = 128;
/// How many deliveries are taken before anything else is done.
const AT_ONCE: usize = 32;
/// An event that was delivered no more often than this was nakked by a service that was restarted, as a rule: it need not
/// have killed a process.
const HARMLESS_DELIVERIES: u64 = 2;
/// How often to look whether those events are settled that another instance held when we took over.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long a delivery stays away of which the server withheld the payload, or may have: meanwhile it may be able to say.
const WITHHELD_DELAY: Duration = Duration::from_secs(1);
/// How much later than it is due an event may be redelivered before those behind it go on without it.
const OVERDUE: Duration = Duration::from_secs(60);

/// The consumer of one stream at work.
pub(super) struct Dispatch {
    pub(super) worker: Arc<Worker>,
    pub(super) config: Arc<ConsumerConfig>,
    pub(super) breakers: Vec<Arc<Breaker>>,
    /// Notifies of changes of the breakers.
    pub(super) changes: watch::Receiver<()>,
    pub(super) deliveries: Box<dyn Deliveries>,
    /// Renews leases for as long as this lives.
    pub(super) _keeper: Keeper,
    pub(super) running: JoinSet<FinishedDelivery>,
    /// What looks at the server, if something does.
    pub(super) looking: JoinSet<Looked>,
    pub(super) malformed: MalformedInHand,
    pub(super) pace: Pace,
    /// Whether all that came so far had been delivered several times before, perhaps to processes that died of it. Until
    /// something else comes, one event at a time is fetched, so that others are not redelivered along with it.
    pub(super) is_careful: bool,
}

impl Dispatch {
    /// Works until asked to stop, or until the consumer is gone; either way what was begun is finished, unless that takes
    /// longer than the configuration allows.
    pub(super) async fn run(mut self, mut stop: StopSignal) -> Result<(), ConsumeError> {
        if self.config.order == Order::Key {
            self.worker.in_hand().queue.hold();
        }
        let outcome = self.consume(stop.asked()).await;
        // A handler that blocked may have kept us from noticing that we were asked.
        let deadline = stop.since().unwrap_or_else(Instant::now) + self.config.shutdown_timeout.min(LONGEST);
        let handing_back = async {
            for delivery in self.deliveries.stop().await {
                // It will not run, so that its key does not matter: to find it may take as long as to decode it.
                self.accept_routed(delivery, |_, _| Routing::default()).await;
            }
            self.worker.nak_waiting().await;
        };
        if timeout_at(deadline.max(Instant::now() + LAST_GRACE), handing_back).await.is_err() {
            tracing::warn!(
                stream = self.worker.stream,
                "what waits cannot be handed back in time; it is redelivered after ack_wait"
            );
        }
        self.finish(deadline).await;
        let sent = async {
            while !self.worker.in_hand().send_acks() {
                sleep(PAUSE).await;
            }
        };
        let _ = timeout(LAST_GRACE, sent).await;
        let stream = &self.worker.stream;
        match timeout_at(deadline.max(Instant::now() + LAST_GRACE), self.deliveries.confirm()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(stream, %error, "the last acknowledgements may be lost; their events are redelivered");
            }
            Err(_) => {
                tracing::warn!(stream, "the last acknowledgements are not confirmed; their events may be redelivered");
            }
        }
        outcome
    }

    async fn consume(&mut self, stop: impl Future<Output = ()>) -> Result<(), ConsumeError> {
        let mut stop = std::pin::pin!(stop);
        // A clock of its own: whatever else happens in between must not put off the look.
        let mut look = interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let period = renewal_interval(self.worker.ack_wait);
        let mut tidying = interval_at(Instant::now() + period, period);
        tidying.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_behind = false;
        let mut known_ack_wait = self.worker.ack_wait;
        loop {
            if self.room() == 0 {
                self.recall().await?;
            }
            let want = self.want();
            let ack_wait = self.worker.in_hand().ack_wait();
            if ack_wait != known_ack_wait {
                known_ack_wait = ack_wait;
                self.deliveries.limit(ack_wait);
            }
            let probe = self.breakers.iter().filter_map(|breaker| breaker.opens_at()).min();
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                unfit = self.worker.fitness.end() => return Err(unfit),
                Some(done) = self.running.join_next() => {
                    self.record(done);
                    self.record_ended();
                }
                () = self.malformed.next_done() => {}
                _ = tidying.tick() => self.begin_look(),
                Some(Ok(looked)) = self.looking.join_next() => self.looked(looked),
                Ok(()) = self.changes.changed(), if !self.breakers.is_empty() => self.worker.tell_breakers(),
                () = until(probe) => {}
                _ = look.tick(), if self.worker.in_hand().queue.is_holding() => self.try_release().await,
                () = yield_now(), if is_behind => {}
                arrival = self.deliveries.next(want) => match arrival {
                    Err(gone) => return Err(self.worker.fitness.gone(gone).await),
                    Ok(Arrival::Delivery(delivery)) => {
                        self.accept(delivery).await;
                        self.accept_more().await;
                    }
                    // Another instance may have been served until now, and hold events of our keys.
                    Ok(Arrival::PinChanged) => {
                        self.worker.nak_for_another().await;
                        self.worker.in_hand().queue.expect_nothing();
                        self.worker.in_hand().queue.hold();
                    }
                    Ok(Arrival::Gap) => {
                        self.worker.attempts.may_have_lost();
                        self.worker.in_hand().queue.hold();
                    }
                    Ok(Arrival::Live) => {}
                    Ok(Arrival::Malformed(delivery)) => self.malformed.begin(&self.worker, delivery),
                },
            }
            is_behind = self.begin();
        }
    }

    /// Starts handlers for what waits, as many as may run. A task costs more than a handler that has nothing to wait for, so
    /// only one that waits becomes one. Acks what has been handled since. Returns whether it stopped early, as handlers took their
    /// time without waiting.
    fn begin(&mut self) -> bool {
        self.worker.blocking.begin_in_place();
        let is_behind = self.begin_ready();
        self.worker.blocking.end_in_place();
        self.worker.in_hand().send_acks();
        is_behind
    }

    fn begin_ready(&mut self) -> bool {
        if !self.deliveries.is_live() {
            // Others may soon have what waits here, or have it.
            return false;
        }
        // Where the first attempt may be the last, it is noted before it begins.
        let is_always_noted = self.worker.routes.has_single_attempts();
        let begun_at = WorkInstant::now();
        while self.running.len() < self.config.concurrency {
            let Some((ReadyDelivery { delivery, routing }, admission)) = self.next_ready() else { return false };
            if is_always_noted || delivery.deliveries > 1 || self.worker.blocking.is_seen() {
                self.spawn(delivery, routing.key, admission);
                continue;
            }
            let begun = self.worker.begin(delivery, 1, admission);
            let took = begun_at.elapsed();
            if begun.is_handled() {
                let Delivery { sequence, stored, acker, .. } = self.worker.handled(begun);
                let mut in_hand = self.worker.in_hand();
                in_hand.handled(acker);
                let again = in_hand.settled(sequence);
                in_hand.queue.settled(sequence, stored, AckKind::Ack, routing.key.as_ref());
                drop(in_hand);
                self.pace.ended();
                self.accept_again(again);
            } else {
                let run = Arc::clone(&self.worker).finish(Box::new(begun), routing.key);
                self.running.spawn(of_program(run));
            }
            if took > AT_A_TIME {
                return true;
            }
        }
        false
    }

    /// Takes the next event out of the queue that may begin. Its lease is renewed until it is recorded as ended.
    fn next_ready(&self) -> Option<(ReadyDelivery, Option<Admission>)> {
        let mut lost = Vec::new();
        let ready = self.next_held(&mut lost);
        lost.into_iter().for_each(|sequence| self.worker.tell_lost(sequence));
        ready
    }

    /// The same; those whose leases have ended are noted.
    fn next_held(&self, lost: &mut Vec<u64>) -> Option<(ReadyDelivery, Option<Admission>)> {
        let mut admission = None;
        let mut admits = |routing: &Routing| {
            // That of an event that was left is not the next one's.
            admission = None;
            let Some(breaker) = self.worker.breaker(routing.route) else { return true };
            admission = breaker.admit();
            admission.is_some()
        };
        let mut in_hand = self.worker.in_hand();
        let now = Instant::now();
        loop {
            let ready = in_hand.queue.pop(&mut admits)?;
            let ReadyDelivery { delivery, routing } = &ready;
            if delivery.acker.lease().is_held(now) {
                in_hand.begun(delivery.sequence, &delivery.acker);
                return Some((ready, admission));
            }
            let until = now + self.worker.ack_wait + OVERDUE;
            tracing::warn!(
                sequence = delivery.sequence,
                "its lease ended while it waited; it is left to whoever has it"
            );
            Counters::count(&self.worker.monitor.counters().lease_lost);
            self.worker.attempts.lost_one(delivery.sequence);
            lost.push(delivery.sequence);
            match self.config.order {
                // What the server delivers no more nobody waits for.
                Order::Key if !self.worker.fitness.is_last(delivery) => {
                    in_hand.queue.lease_lost(delivery.sequence, routing.key.as_ref(), until)
                }
                Order::Key | Order::None => in_hand.queue.done(delivery.sequence, routing.key.as_ref()),
            }
        }
    }

    /// Runs an event in a task of its own, or on a thread of its own if handlers here block theirs.
    fn spawn(&mut self, delivery: Delivery, key: Option<Key>, admission: Option<Admission>) {
        let run = Arc::clone(&self.worker).run(delivery, key, admission);
        if self.worker.blocking.is_seen() && self.running.len() < MOST_THREADS {
            let runtime = Handle::current();
            self.running.spawn_blocking(move || runtime.block_on(run));
        } else {
            self.running.spawn(of_program(run));
        }
    }

    /// How many more to fetch: none before a quarter of what was fetched ahead is used up, so that fetching goes in batches,
    /// and none while a breaker is open.
    fn want(&mut self) -> usize {
        let (ready, missing) = {
            let queue = &self.worker.in_hand().queue;
            (queue.ready(), queue.missing())
        };
        let in_hand = ready + self.running.len();
        let prefetch = self.pace.ahead(in_hand > 0, Instant::now());
        if self.malformed.is_holding() {
            return 0;
        }
        let room = self.room();
        if self.is_careful {
            return usize::from(in_hand == 0).min(room);
        }
        let most = self.config.concurrency.saturating_add(prefetch).min(MOST);
        let free = if ready > prefetch - prefetch / 4 { 0 } else { most.saturating_sub(in_hand) };
        wanted(free, missing, room)
    }

    /// How many the breakers let be fetched.
    fn room(&self) -> usize {
        self.breakers.iter().map(|breaker| breaker.room()).min().unwrap_or(usize::MAX)
    }

    /// Lets nothing come any more that was asked for before a breaker opened; what has been on its way waits here.
    async fn recall(&mut self) -> Result<(), ConsumeError> {
        let is_holding = self.worker.in_hand().queue.held() > 0;
        let recalled = match self.deliveries.recall(is_holding).await {
            Ok(recalled) => recalled,
            Err(gone) => return Err(self.worker.fitness.gone(gone).await),
        };
        for delivery in recalled {
            self.accept(delivery).await;
        }
        // Not all of it may be for handlers that the breaker guards.
        let _ = self.begin();
        Ok(())
    }

    /// Takes what has arrived already, as each round of waiting costs; but not without end, as others wait, too.
    async fn accept_more(&mut self) {
        for _ in 1..AT_ONCE {
            let Some(delivery) = self.deliveries.arrived() else { return };
            self.accept(delivery).await;
        }
    }

    /// Takes an event in, unless it was settled here and the server has not received its ack.
    async fn accept(&mut self, delivery: Delivery) {
        let is_plain = self.config.order == Order::None && self.breakers.is_empty();
        let route = |worker: &Worker, delivery: &Delivery| match is_plain {
            true => Routing::default(),
            false => worker.blocking.watch_in_place(|| worker.routes.routing(delivery, &worker.service)),
        };
        self.accept_routed(delivery, route).await;
    }

    async fn accept_routed(&mut self, delivery: Delivery, route: impl FnOnce(&Worker, &Delivery) -> Routing) {
        let last_ack = self.worker.in_hand().queue.last_ack(&delivery);
        if let Some(last_ack) = last_ack {
            return send(&*delivery.acker, last_ack).await;
        }
        if self.worker.fitness.withholds(&delivery).await {
            let _ = timeout(NOTE_PATIENCE, self.worker.attempts.not_run(std::slice::from_ref(&delivery))).await;
            return send(&*delivery.acker, AckKind::Nak(Some(WITHHELD_DELAY))).await;
        }
        self.is_careful &= delivery.deliveries > HARMLESS_DELIVERIES;
        self.worker.tell_received(&delivery);
        let routing = route(&self.worker, &delivery);
        self.worker.in_hand().accept(delivery, routing);
    }

    /// Takes in what was delivered again while it ran. If it was settled, its ack may have come too late for the server.
    fn accept_again(&self, again: Option<(Delivery, Routing)>) {
        let Some((delivery, routing)) = again else { return };
        let mut in_hand = self.worker.in_hand();
        if in_hand.queue.last_ack(&delivery).is_none() {
            in_hand.accept(delivery, routing);
        }
    }

    /// Records what became of all events whose handlers have ended by now.
    fn record_ended(&mut self) {
        while let Some(done) = self.running.try_join_next() {
            self.record(done);
        }
    }

    fn record(&mut self, done: Result<FinishedDelivery, JoinError>) {
        let FinishedDelivery { sequence, stored, key, end } = match done {
            Ok(done) => done,
            // The task catches panics, and nobody aborts it.
            Err(error) => return tracing::error!(%error, "a task is gone"),
        };
        self.pace.ended();
        let mut in_hand = self.worker.in_hand();
        let again = in_hand.settled(sequence);
        let queue = &mut in_hand.queue;
        let left_until = |due| due + self.worker.ack_wait + OVERDUE;
        match end {
            DeliveryEnd::Settled(ack) => queue.settled(sequence, stored, ack, key.as_ref()),
            DeliveryEnd::Nakked(due) if self.config.order == Order::Key => {
                queue.away(sequence, key.as_ref(), left_until(due));
            }
            DeliveryEnd::Left | DeliveryEnd::Other if self.config.order == Order::Key => {
                queue.lease_lost(sequence, key.as_ref(), left_until(Instant::now()));
            }
            DeliveryEnd::Nakked(_) | DeliveryEnd::GivenUp | DeliveryEnd::Left | DeliveryEnd::Other => {
                queue.done(sequence, key.as_ref());
            }
        }
        drop(in_hand);
        match (end, again) {
            // A nak ends the lease of the newest delivery, whichever it was sent for.
            (DeliveryEnd::Nakked(_) | DeliveryEnd::GivenUp, Some((delivery, _))) => {
                self.worker.attempts.passed_over(&delivery)
            }
            (_, again) => self.accept_again(again),
        }
    }

    /// Lets events with keys begin once nobody else can have any before them.
    async fn try_release(&mut self) {
        if self.worker.in_hand().queue.is_expecting(Instant::now()) {
            return;
        }
        let pending = self.deliveries.pending().await;
        // What ended meanwhile is not among the pending any more.
        self.record_ended();
        let malformed = self.malformed.unsettled();
        match pending {
            Ok(pending) => {
                let mut known = self.worker.in_hand().known();
                if pending > known && pending <= known + malformed.len() {
                    known += self.worker.count_pending(&malformed).await;
                }
                if pending > known {
                    tracing::debug!(pending, known, "others are not done yet");
                    let is_stuck = self.worker.in_hand().queue.is_held_longer_than(OVERDUE);
                    if is_stuck && !self.deliveries.is_served() {
                        self.worker.give_up_last().await;
                    }
                } else if !self.worker.nak_unsure().await {
                    self.worker.in_hand().queue.release();
                }
            }
            Err(error) => tracing::debug!(%error, "it is not known whether others are done"),
        }
    }

    /// Begins to find out what may have been lost, what is unsaid, and what became of events that are overdue.
    fn begin_look(&mut self) {
        let attempts = &self.worker.attempts;
        let mut overdue = self.worker.in_hand().queue.overdue(Instant::now());
        let has_reason = attempts.asks_what_was_lost().is_some() || attempts.has_unsaid() || !overdue.is_empty();
        if has_reason && self.looking.is_empty() && self.deliveries.is_live() {
            overdue.sort_unstable();
            overdue.truncate(AT_ONCE);
            self.looking.spawn(of_program(Arc::clone(&self.worker).look(overdue)));
        }
    }

    /// Lets events with keys go on whose predecessors are gone. Those that the server still has, nobody asked for: all handlers are at
    /// work, or the consumer is paused.
    fn looked(&mut self, looked: Looked) {
        let now = Instant::now();
        let mut in_hand = self.worker.in_hand();
        let still = in_hand.leased(now).collect();
        let (gone, left) = looked.gone_and_left(&still);
        in_hand.queue.forget_overdue(&gone, now);
        in_hand.queue.expect_until(&left, now + OVERDUE, now);
    }

    /// Waits for the handlers that run, and cuts off those that run too long.
    async fn finish(&mut self, deadline: Instant) {
        if !self.join_all(deadline).await {
            let left = self.running.len();
            tracing::error!(
                stream = self.worker.stream,
                left,
                "handlers still run at the end of shutdown_timeout; they are cut off"
            );
            self.worker.cut_off.send_replace(true);
            if !self.join_all(Instant::now() + LAST_GRACE).await {
                let left = self.running.len();
                tracing::error!(
                    stream = self.worker.stream,
                    left,
                    "handlers do not end; their events are redelivered after ack_wait"
                );
            }
        }
    }

    /// Whether all handlers have ended in time.
    async fn join_all(&mut self, deadline: Instant) -> bool {
        loop {
            self.worker.in_hand().send_acks();
            match timeout_at(deadline, self.running.join_next()).await {
                Ok(Some(done)) => self.record(done),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

impl Drop for Dispatch {
    /// Lets handlers on threads of their own notice that nobody waits for them any more. All others end with their tasks.
    fn drop(&mut self) {
        self.worker.in_hand().send_acks();
        self.worker.cut_off.send_replace(true);
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
