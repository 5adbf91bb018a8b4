//! One delivery from beginning to end.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument, Span};

use super::breaker::Breaker;
use super::monitor::{Counters, Monitor};
use super::queue::Lane;
use super::retry::RetryPolicy;
use super::route::{Routes, Work};
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
    pub(super) stored: Timestamp,
    pub(super) lane: Option<Lane>,
    pub(super) end: End,
}

/// How it is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was handled, and the server told so.
    Handled,
    /// It comes again, by then.
    Again(Instant),
    /// It is among the dead letters, or nobody knows.
    Other,
}

/// An event whose handler has been given its first chance.
pub(super) struct Begun {
    pub(super) delivery: Delivery,
    /// The place of its handler among the routes, if there is one.
    route: Option<usize>,
    state: State,
    span: Span,
}

/// How far it has come.
enum State {
    Ended(Outcome),
    /// The handler waits for something.
    Waits(Work),
}

impl Begun {
    /// Whether the event is handled and nothing remains but to say so: so it is with handlers that wait for nothing.
    pub(super) fn is_handled(&self) -> bool {
        matches!(self.state, State::Ended(Outcome::Handled))
    }
}

impl Worker {
    /// Gives a delivery to its handler, which runs to its first wait.
    ///
    /// The number of deliveries is checked before that, so that an event that kills its process ends among the dead letters
    /// like any other that fails too often. One that has waited for others of its key cannot have done so: those were
    /// delivered together with it.
    pub(super) fn begin(&self, delivery: Delivery, has_waited: bool) -> Begun {
        let span = tracing::info_span!(
            "handle",
            stream = self.stream,
            consumer = self.service,
            sequence = delivery.sequence,
            attempt = delivery.attempt,
            subject = %delivery.message.subject,
            id = delivery.message.headers.get(Headers::ID),
        );
        let (route, state) = span.in_scope(|| self.call(&delivery, has_waited));
        let begun = Begun { delivery, route, state, span };
        if begun.is_handled() {
            Counters::count(&self.monitor.counters().handled);
            self.tell_breaker(route, &Outcome::Handled);
        }
        begun
    }

    fn call(&self, delivery: &Delivery, has_waited: bool) -> (Option<usize>, State) {
        let (index, opened) = match self.routes.find(delivery, &self.service) {
            Ok(found) => found,
            Err((index, outcome)) => return (index, State::Ended(outcome)),
        };
        let route = &self.routes[index];
        if delivery.attempt > route.retry.max_attempts && !has_waited {
            let outcome = opened.unless_undecodable(&delivery.message, Outcome::Exhausted);
            return (Some(index), State::Ended(outcome));
        }
        let state = match route.call(opened, delivery, &self.bus) {
            Ok(mut work) => match work.as_mut().now_or_never() {
                Some(outcome) => State::Ended(outcome),
                None => State::Waits(work),
            },
            Err(outcome) => State::Ended(outcome),
        };
        (Some(index), state)
    }

    /// Sees an event to its end and tells the server what became of it.
    pub(super) async fn finish(self: Arc<Self>, begun: Box<Begun>, lane: Option<Lane>) -> Done {
        let (sequence, stored, route) = (begun.delivery.sequence, begun.delivery.stored, begun.route);
        let end = AssertUnwindSafe(self.see_to(begun)).catch_unwind().await.unwrap_or_else(|_| {
            // A handler's panic is an outcome, so this one came from the text of its error, or from dropping what was cut
            // off. The event comes again after `ack_wait`.
            tracing::error!(stream = self.stream, sequence, "handling an event ended in a panic");
            if let Some(breaker) = self.breaker(route) {
                breaker.withdraw();
            }
            End::Other
        });
        Done { sequence, stored, lane, end }
    }

    async fn see_to(&self, begun: Box<Begun>) -> End {
        let Begun { delivery, route, state, span } = *begun;
        async {
            let retry = route.map_or(&self.retry, |index| &self.routes[index].retry);
            let outcome = match state {
                State::Ended(outcome) => outcome,
                State::Waits(work) => {
                    let timeout = route.map_or(Duration::MAX, |index| self.routes[index].timeout);
                    self.attend(&delivery.acker, timeout, work).await
                }
            };
            self.tell_breaker(route, &outcome);
            let verdict = outcome.verdict(delivery.attempt, retry);
            report(&outcome, verdict);
            match self.settle(&delivery, &outcome, verdict, retry).await {
                Some(delay) => End::Again(Instant::now() + delay),
                None if verdict == Verdict::Ack => End::Handled,
                None => End::Other,
            }
        }
        .instrument(span)
        .await
    }

    /// The breaker that guards a handler.
    pub(super) fn breaker(&self, route: Option<usize>) -> Option<&Arc<Breaker>> {
        self.routes[route?].breaker.as_ref()
    }

    fn tell_breaker(&self, route: Option<usize>, outcome: &Outcome) {
        if let Some(breaker) = self.breaker(route) {
            match outcome.speaks_of_failure() {
                Some(failed) => breaker.report(failed),
                None => breaker.withdraw(),
            }
        }
    }

    /// Gives signs of life while a handler works, and ends it when its time is over.
    async fn attend(&self, acker: &Acker, timeout: Duration, mut work: Work) -> Outcome {
        let begun = Instant::now();
        let mut cut_off = self.cut_off.subscribe();
        let mut sign = begun + sign_of_life(self.ack_wait);
        loop {
            let deadline = begun.checked_add(timeout).unwrap_or(sign);
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => return Outcome::CutOff,
                () = sleep_until(sign.min(deadline)) => {
                    if begun.elapsed() >= timeout {
                        return Outcome::TimedOut(timeout);
                    }
                    // As rare as a burial, and kept out of the task for the same reason.
                    Box::pin(send(acker, Word::Progress)).await;
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
            // What is rare and large is kept out of the task, whose size every handler pays for that waits.
            Verdict::Bury(reason) => match Box::pin(self.bury(delivery, reason, &outcome.error())).await {
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
