//! One delivery from beginning to end.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::monitor::{Counters, Monitor};
use super::queue::Lane;
use super::retry::RetryPolicy;
use super::route::{Route, Routes};
use super::settle::{Outcome, Verdict};
use crate::Bus;
use crate::dead_letters::{Buried, DeadReason, Origin, bury};
use crate::transport::{Acker, Delivery, Headers, Unavailable, Word};

/// What all deliveries of one stream have in common.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) bus: Bus,
    pub(super) routes: Routes,
    /// For what no handler is for.
    pub(super) retry: RetryPolicy,
    pub(super) stream: String,
    pub(super) service: String,
    pub(super) root: &'static str,
    pub(super) ack_wait: Duration,
    pub(super) monitor: Monitor,
    /// True from when the shutdown has taken too long.
    pub(super) cut_off: watch::Sender<bool>,
}

/// A delivery that is done with for now.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) sequence: u64,
    pub(super) lane: Option<Lane>,
    /// When it comes again, if it does.
    pub(super) again: Option<Instant>,
}

/// How an attempt ended that may have been interrupted.
enum Attempt {
    Ended(std::thread::Result<Outcome>),
    TimedOut,
    CutOff,
}

impl Worker {
    /// Handles one delivery and tells the server what became of it.
    pub(super) async fn process(self: std::sync::Arc<Self>, delivery: Delivery, lane: Option<Lane>) -> Done {
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
            let (outcome, retry) = self.handle(&delivery).await;
            let verdict = outcome.verdict(delivery.attempt, retry);
            report(&outcome, verdict);
            let again = self.settle(&delivery, &outcome, verdict, retry).await;
            Done { sequence: delivery.sequence, lane, again: again.map(|delay| Instant::now() + delay) }
        }
        .instrument(span)
        .await
    }

    /// Gives a delivery to its handler. The number of deliveries is checked before that, so that an event that kills its
    /// process ends among the dead letters like any other that fails too often.
    async fn handle(&self, delivery: &Delivery) -> (Outcome, &RetryPolicy) {
        if delivery.message.headers.get(Headers::ONLY).is_some_and(|only| only != self.service) {
            return (Outcome::NotMeant, &self.retry);
        }
        let (route, opened) = match self.routes.find(delivery) {
            Ok(found) => found,
            Err(outcome) => return (outcome, &self.retry),
        };
        let outcome = if delivery.attempt > route.retry.max_attempts {
            Outcome::Exhausted
        } else {
            match route.call(opened, delivery, &self.bus) {
                Ok(work) => self.run(route, &delivery.acker, work).await,
                Err(outcome) => outcome,
            }
        };
        if let Some(breaker) = &route.breaker {
            match outcome.speaks_of_failure() {
                Some(failed) => breaker.report(failed),
                None => breaker.withdraw(),
            }
        }
        (outcome, &route.retry)
    }

    async fn run(&self, route: &Route, acker: &Acker, work: super::route::Work) -> Outcome {
        match self.attend(acker, route.timeout, AssertUnwindSafe(work).catch_unwind()).await {
            Attempt::Ended(Ok(outcome)) => outcome,
            Attempt::Ended(Err(panic)) => Outcome::Panicked(panic_in_words(&*panic)),
            Attempt::TimedOut => Outcome::TimedOut(route.timeout),
            Attempt::CutOff => Outcome::CutOff,
        }
    }

    /// Gives signs of life while a handler works, and ends it when its time is over.
    async fn attend(
        &self,
        acker: &Acker,
        timeout: Duration,
        work: impl Future<Output = std::thread::Result<Outcome>>,
    ) -> Attempt {
        let mut work = pin!(work);
        // Most handlers that wait for nothing end here, and need none of what follows.
        let first = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(outcome) = first {
            return Attempt::Ended(outcome);
        }
        let begun = Instant::now();
        let mut cut_off = self.cut_off.subscribe();
        let mut sign = begun + sign_of_life(self.ack_wait);
        loop {
            let deadline = begun.checked_add(timeout).unwrap_or(sign);
            tokio::select! {
                biased;
                outcome = &mut work => return Attempt::Ended(outcome),
                () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => return Attempt::CutOff,
                () = sleep_until(sign.min(deadline)) => {
                    if begun.elapsed() >= timeout {
                        return Attempt::TimedOut;
                    }
                    send(acker, Word::Progress).await;
                    sign = Instant::now() + sign_of_life(self.ack_wait);
                }
            }
        }
    }

    /// Executes the verdict about a delivery. Returns after how long it comes again, if it does.
    async fn settle(
        &self,
        delivery: &Delivery,
        outcome: &Outcome,
        verdict: Verdict,
        retry: &RetryPolicy,
    ) -> Option<Duration> {
        let counters = self.monitor.counters();
        match verdict {
            Verdict::Ack => {
                if matches!(outcome, Outcome::Handled) {
                    Counters::count(&counters.handled);
                }
                send(&delivery.acker, Word::Ack).await;
                None
            }
            Verdict::Retry(delay) => {
                Counters::count(&counters.failed);
                send(&delivery.acker, Word::Nak(delay)).await;
                Some(delay)
            }
            Verdict::GiveBack => {
                Counters::count(&counters.cut_off);
                tracing::warn!("cut off, as the shutdown took too long; it comes again");
                send(&delivery.acker, Word::GiveBack).await;
                Some(Duration::ZERO)
            }
            Verdict::Bury(reason) => match self.bury(delivery, reason, &outcome.error()).await {
                Ok(_) => {
                    Counters::count(&counters.dead_lettered);
                    send(&delivery.acker, Word::Term(reason)).await;
                    None
                }
                Err(error) => {
                    let delay = retry.delay(delivery.attempt);
                    tracing::error!(%error, ?delay, "the dead letter is not stored; the event comes again");
                    Counters::count(&counters.failed);
                    send(&delivery.acker, Word::Nak(delay)).await;
                    Some(delay)
                }
            },
        }
    }

    /// Stores a dead letter, and gives signs of life meanwhile.
    async fn bury(&self, delivery: &Delivery, reason: DeadReason, error: &str) -> Result<Buried, Unavailable> {
        let origin = Origin {
            stream: &self.stream,
            consumer: &self.service,
            sequence: delivery.sequence,
            stored: delivery.stored,
            attempts: delivery.attempt,
            message: &delivery.message,
        };
        let mut burial = pin!(bury(self.bus.transport(), self.root, &origin, reason, error));
        loop {
            tokio::select! {
                biased;
                outcome = &mut burial => return outcome,
                () = tokio::time::sleep(sign_of_life(self.ack_wait)) => send(&delivery.acker, Word::Progress).await,
            }
        }
    }
}

/// How often to give a sign of life.
pub(super) fn sign_of_life(ack_wait: Duration) -> Duration {
    (ack_wait / 3).max(Duration::from_millis(1))
}

pub(super) async fn send(acker: &Acker, word: Word) {
    if let Err(error) = acker.send(word).await {
        tracing::warn!(%error, ?word, "the server cannot be told; the event comes again after ack_wait");
    }
}

/// Says in the log what becomes of an event; the span around it says which.
fn report(outcome: &Outcome, verdict: Verdict) {
    match verdict {
        Verdict::Ack => tracing::debug!(?outcome, "done"),
        Verdict::GiveBack => {}
        Verdict::Retry(delay) => tracing::warn!(error = outcome.error(), ?delay, "failed; it comes again"),
        Verdict::Bury(reason) => tracing::error!(error = outcome.error(), %reason, "it goes to the dead letters"),
    }
}

fn panic_in_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
