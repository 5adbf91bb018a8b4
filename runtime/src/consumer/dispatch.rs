//! Runs the handlers of one stream's events.

use std::any::Any;
use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::Instrument;

use super::route::Routes;
use super::settle::{self, Outcome};
use super::{ConsumeError, Settings, Summary};
use crate::Bus;
use crate::transport::{Acker, Deliveries, Delivery, Headers, Word};

/// The consumer of one stream at work.
pub(super) struct Dispatch {
    work: Arc<Work>,
    settings: Settings,
    deliveries: Deliveries,
    /// Fetched and not begun, in order.
    waiting: VecDeque<Delivery>,
    running: JoinSet<Done>,
    /// Numbers of the events that wait or run. If the server delivers one of them again, because a sign of life was
    /// lost with a connection, it is not run a second time.
    in_hand: HashSet<u64>,
    summary: Summary,
}

/// What the handlers' tasks share.
struct Work {
    bus: Bus,
    routes: Routes,
    settings: Settings,
    stream: String,
    service: String,
}

/// An event that a task is done with.
struct Done {
    sequence: u64,
    handled: bool,
}

impl Dispatch {
    pub(super) fn new(
        bus: &Bus,
        stream: &str,
        service: &str,
        routes: &Routes,
        settings: &Settings,
        deliveries: Deliveries,
    ) -> Self {
        let work = Work {
            bus: bus.clone(),
            routes: routes.clone(),
            settings: settings.clone(),
            stream: stream.to_owned(),
            service: service.to_owned(),
        };
        Self {
            work: Arc::new(work),
            settings: settings.clone(),
            deliveries,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            in_hand: HashSet::new(),
            summary: Summary::default(),
        }
    }

    /// Works until told to stop, or until the consumer is gone; either way what was begun is finished.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> Result<Summary, ConsumeError> {
        let outcome = self.consume(stop).await;
        for delivery in self.deliveries.stop().await {
            self.accept(delivery);
        }
        self.hand_back().await;
        while let Some(done) = self.running.join_next().await {
            self.record(done);
        }
        if let Err(error) = self.deliveries.confirm().await {
            let stream = &self.work.stream;
            tracing::warn!(stream, %error, "the last acknowledgements may be lost; their events come again");
        }
        outcome.map(|()| self.summary)
    }

    async fn consume(&mut self, stop: impl Future<Output = ()>) -> Result<(), ConsumeError> {
        let mut stop = std::pin::pin!(stop);
        let period = sign_of_life(&self.settings);
        let mut alive = interval_at(Instant::now() + period, period);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let want = self.want();
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                Some(done) = self.running.join_next() => self.record(done),
                _ = alive.tick() => self.keep_waiting().await,
                delivery = self.deliveries.next(want) => self.accept(delivery?),
            }
            while self.running.len() < self.settings.concurrency
                && let Some(delivery) = self.waiting.pop_front()
            {
                // A task costs more than a handler that has nothing to wait for, so only one that waits becomes one.
                let mut work = Box::pin(Arc::clone(&self.work).process(delivery));
                match work.as_mut().now_or_never() {
                    Some(done) => self.record(Ok(done)),
                    None => drop(self.running.spawn(work)),
                }
            }
        }
    }

    /// How many more to fetch: none before half of what was fetched ahead is used up, so that fetching goes in batches.
    fn want(&self) -> usize {
        let Settings { concurrency, prefetch, .. } = self.settings;
        if self.waiting.len() > prefetch / 2 {
            return 0;
        }
        // The server counts a request in 32 bits.
        concurrency
            .saturating_add(prefetch)
            .min(i32::MAX as usize)
            .saturating_sub(self.waiting.len() + self.running.len())
    }

    fn accept(&mut self, delivery: Delivery) {
        if self.in_hand.insert(delivery.sequence) {
            self.waiting.push_back(delivery);
        } else {
            tracing::debug!(sequence = delivery.sequence, "delivered again while in hand; ignored");
        }
    }

    fn record(&mut self, done: Result<Done, tokio::task::JoinError>) {
        // A task catches its handler's panics and is never aborted while we live, so there is no other outcome.
        let Ok(done) = done else { return };
        self.in_hand.remove(&done.sequence);
        if done.handled {
            self.summary.handled += 1;
        } else {
            self.summary.failed += 1;
        }
    }

    /// Keeps the server from delivering to others what waits here for a handler.
    async fn keep_waiting(&self) {
        for delivery in &self.waiting {
            send(&delivery.acker, Word::Progress).await;
        }
    }

    async fn hand_back(&mut self) {
        for delivery in self.waiting.drain(..) {
            if let Err(error) = delivery.acker.send(Word::GiveBack).await {
                tracing::warn!(%error, "the rest cannot be handed back; it comes again after ack_wait");
                return;
            }
            self.summary.handed_back += 1;
        }
    }
}

impl Work {
    /// Handles one delivery from beginning to end.
    async fn process(self: Arc<Self>, delivery: Delivery) -> Done {
        let span = tracing::info_span!(
            "handle",
            stream = self.stream,
            consumer = self.service,
            sequence = delivery.sequence,
            attempt = delivery.attempt,
            subject = %delivery.message.subject,
            id = delivery.message.headers.get(Headers::ID),
        );
        async {
            let handled = AssertUnwindSafe(self.routes.handle(&delivery, &self.bus)).catch_unwind();
            let outcome = match self.alive_during(&delivery.acker, handled).await {
                Ok(outcome) => outcome,
                Err(panic) => Outcome::Panicked(panic_in_words(&*panic)),
            };
            let policy = &self.settings.retry;
            settle::report(&outcome, delivery.attempt, policy);
            send(&delivery.acker, settle::word(&outcome, delivery.attempt, policy)).await;
            Done { sequence: delivery.sequence, handled: matches!(outcome, Outcome::Handled) }
        }
        .instrument(span)
        .await
    }

    /// Gives signs of life while a handler works.
    async fn alive_during<T>(&self, acker: &Acker, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = tokio::time::sleep(sign_of_life(&self.settings)) => send(acker, Word::Progress).await,
            }
        }
    }
}

fn sign_of_life(settings: &Settings) -> Duration {
    (settings.ack_wait / 3).max(Duration::from_millis(1))
}

async fn send(acker: &Acker, word: Word) {
    if let Err(error) = acker.send(word).await {
        tracing::warn!(%error, ?word, "the server cannot be told; the event comes again after ack_wait");
    }
}

fn panic_in_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
