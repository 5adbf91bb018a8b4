//! Runs one delivery: from its handler to its ack.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, Span};

use super::attempts::{Attempts, Unsure};
use super::blocking::Blocking;
use super::breaker::{Admission, Breaker};
use super::confine::discard;
use super::fitness::Fitness;
use super::keeper::{self, InHand, send};
use super::monitor::{Counters, Monitor};
use super::queue::Key;
use super::retry::RetryPolicy;
use super::route::{Found, PendingHandler, Routes};
use super::settle::{HandlerOutcome, Settlement};
use super::told::ToldRun;
use super::unstored::Unstored;
use crate::bus::Bus;
use crate::config::duration::LONGEST;
use crate::environment::watch;
use crate::transport::{AckKind, Delivery, Headers};

/// For how long an event is put off at least of which another process may still say that it did not run it.
const DOUBT: Duration = Duration::from_secs(2);

/// What all deliveries of one stream have in common.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) bus: Bus,
    pub(super) in_hand: Arc<Mutex<InHand>>,
    pub(super) attempts: Attempts,
    pub(super) unstored: Unstored,
    pub(super) blocking: Blocking,
    pub(super) fitness: Arc<Fitness>,
    pub(super) routes: Routes,
    /// For what no handler is for.
    pub(super) retry: RetryPolicy,
    pub(super) stream: String,
    pub(super) service: String,
    /// Where dead letters go of events that are of no catalogue known here.
    pub(super) root: &'static str,
    pub(super) ack_wait: Duration,
    pub(super) monitor: Monitor,
    /// True from when the shutdown has taken too long. Changes, too, when an event that runs has lost its lease.
    pub(super) cut_off: watch::Sender<bool>,
}

/// A delivery that is settled for now.
#[derive(Debug)]
pub(super) struct FinishedDelivery {
    pub(super) sequence: u64,
    pub(super) stored: Timestamp,
    pub(super) key: Option<Key>,
    pub(super) end: DeliveryEnd,
}

/// How it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryEnd {
    /// It was handled or dead-lettered, and this was said of it.
    Settled(AckKind),
    /// It was nakked, and is redelivered by then.
    Nakked(Instant),
    /// It was nakked, and the server has delivered it as often as it may: it is given up.
    GivenUp,
    /// Its lease had ended; it is left to whoever has it.
    Left,
    /// Nobody knows.
    Other,
}

/// An event whose handler has been polled once.
pub(super) struct StartedDelivery {
    pub(super) delivery: Delivery,
    /// Which attempt it is, counted from 1.
    attempt: u64,
    /// The index of its handler among the routes, if there is one.
    route: Option<usize>,
    state: HandlerState,
    /// Reports the outcome to its breaker, if it has one.
    admission: Option<Admission>,
    span: Span,
    told: Option<ToldRun>,
}

/// How far it has come.
enum HandlerState {
    Ended(HandlerOutcome),
    /// The handler waits for something.
    Waits(PendingHandler),
}

impl StartedDelivery {
    /// Whether the event is handled and nothing remains but to say so: so it is with handlers that wait for nothing.
    pub(super) fn is_handled(&self) -> bool {
        matches!(self.state, HandlerState::Ended(HandlerOutcome::Handled))
    }
}

impl Worker {
    /// What waits and runs. Not to be held while anything is awaited.
    pub(super) fn in_hand(&self) -> MutexGuard<'_, InHand> {
        keeper::lock(&self.in_hand)
    }

    /// Gives a delivery to its handler, which runs to its first wait.
    ///
    /// The number of the attempt is checked before that, so that an event that kills its process ends among the dead letters
    /// like any other that fails too often.
    pub(super) fn begin(&self, delivery: Delivery, attempt: u64, admission: Option<Admission>) -> StartedDelivery {
        let found = self.routes.find(&delivery, &self.service);
        let (span, told) = self.open_run(&delivery, attempt, || self.routes.type_of_found(&found, &delivery.message));
        let (route, state) = span.in_scope(|| self.call(found, &delivery, attempt));
        StartedDelivery { delivery, attempt, route, state, admission, span, told }
    }

    /// Takes note of an event that is [handled](StartedDelivery::is_handled).
    pub(super) fn handled(&self, begun: StartedDelivery) -> Delivery {
        let StartedDelivery { delivery, admission, span, told, .. } = begun;
        self.close_run(&span, told, &delivery, &HandlerOutcome::Handled);
        if told.is_some() {
            let (handled, end) = (&HandlerOutcome::Handled, DeliveryEnd::Settled(AckKind::Ack));
            span.in_scope(|| self.tell_settled(told, &delivery, handled, end));
        }
        Counters::count(&self.monitor.counters().handled);
        report(admission, &HandlerOutcome::Handled);
        delivery
    }

    pub(super) fn span(&self, delivery: &Delivery, attempt: u64) -> Span {
        tracing::info_span!(
            "handle",
            stream = self.stream,
            consumer = self.service,
            sequence = delivery.sequence,
            attempt,
            subject = %delivery.message.subject,
            id = delivery.message.headers.get(Headers::ID),
        )
    }

    fn call(&self, found: Found<'_>, delivery: &Delivery, attempt: u64) -> (Option<usize>, HandlerState) {
        let (index, opened) = match found {
            Ok(found) => found,
            Err((index, outcome)) => return (index, HandlerState::Ended(outcome)),
        };
        let route = &self.routes[index];
        if attempt > route.retry.max_attempts {
            let outcome = opened.unless_undecodable(&delivery.message, HandlerOutcome::Exhausted);
            return (Some(index), HandlerState::Ended(outcome));
        }
        // Decoding may take its time, too, where upcasts do.
        let state = self.blocking.watch(|| match route.call(opened, delivery, attempt, &self.bus) {
            Ok(mut work) => match work.as_mut().now_or_never() {
                Some(outcome) => HandlerState::Ended(outcome),
                None => HandlerState::Waits(work),
            },
            Err(outcome) => HandlerState::Ended(outcome),
        });
        (Some(index), state)
    }

    /// Runs an event from its beginning to its end.
    pub(super) async fn run(
        self: Arc<Self>,
        delivery: Delivery,
        key: Option<Key>,
        admission: Option<Admission>,
    ) -> FinishedDelivery {
        let (sequence, stored) = (delivery.sequence, delivery.stored);
        let run = Arc::clone(&self).run_from_start(delivery, key.clone(), admission);
        AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(
                stream = self.stream,
                sequence,
                "a panic came from outside the handler of an event; it is redelivered"
            );
            FinishedDelivery { sequence, stored, key, end: DeliveryEnd::Other }
        })
    }

    async fn run_from_start(
        self: Arc<Self>,
        delivery: Delivery,
        key: Option<Key>,
        admission: Option<Admission>,
    ) -> FinishedDelivery {
        let begun = match self.unstored.take(&delivery) {
            Some((attempt, outcome)) => {
                let message = || self.routes.message_type(&delivery.message);
                let ((span, told), state) = (self.open_run(&delivery, attempt, message), HandlerState::Ended(outcome));
                StartedDelivery { delivery, attempt, route: None, state, admission, span, told }
            }
            None => {
                let (route, is_routed) = match self.routes.find(&delivery, &self.service) {
                    Ok((index, _)) => (Some(index), true),
                    Err((route, _)) => (route, false),
                };
                let max_attempts = route.map_or(&self.retry, |index| &self.routes[index].retry).max_attempts;
                let attempt = match self.attempts.number(&delivery, max_attempts).await {
                    Ok(attempt) => attempt,
                    Err(Unsure(attempt)) if self.fitness.is_last(&delivery) => attempt,
                    Err(_) => return self.put_off(delivery, key).await,
                };
                if attempt == max_attempts && is_routed {
                    // Whoever has it next must not read of a run that never began.
                    tokio::select! {
                        biased;
                        () = delivery.acker.lease().end() => {}
                        () = self.attempts.note_last(&delivery, attempt) => {}
                    }
                }
                if !delivery.acker.lease().is_held(Instant::now()) || delivery.acker.is_gone() {
                    let (sequence, stored) = (delivery.sequence, delivery.stored);
                    tracing::warn!(stream = self.stream, sequence, "its lease ended before it could begin");
                    Counters::count(&self.monitor.counters().lease_lost);
                    self.tell_lost(sequence);
                    self.attempts.withdraw(&delivery, attempt).await;
                    return FinishedDelivery { sequence, stored, key, end: DeliveryEnd::Left };
                }
                self.begin(delivery, attempt, admission)
            }
        };
        self.finish(Box::new(begun), key).await
    }

    /// Runs a handler to its end and settles the event.
    pub(super) async fn finish(self: Arc<Self>, begun: Box<StartedDelivery>, key: Option<Key>) -> FinishedDelivery {
        let (sequence, stored) = (begun.delivery.sequence, begun.delivery.stored);
        let end = AssertUnwindSafe(self.run_to_end(begun)).catch_unwind().await.unwrap_or_else(|_| {
            // A handler's panic is an outcome, so nobody knows where this one came from. The event is redelivered after
            // `ack_wait`.
            tracing::error!(stream = self.stream, sequence, "handling an event ended in a panic");
            DeliveryEnd::Other
        });
        FinishedDelivery { sequence, stored, key, end }
    }

    async fn run_to_end(&self, begun: Box<StartedDelivery>) -> DeliveryEnd {
        let StartedDelivery { delivery, attempt, route, state, admission, span, told } = *begun;
        let own = span.clone();
        async {
            let retry = route.map_or(&self.retry, |index| &self.routes[index].retry);
            let outcome = match state {
                HandlerState::Ended(outcome) => outcome,
                HandlerState::Waits(work) => {
                    let timeout = route.map_or(Duration::MAX, |index| self.routes[index].timeout);
                    self.await_handler(timeout, &delivery, work).await
                }
            };
            report(admission, &outcome);
            self.close_run(&own, told, &delivery, &outcome);
            let tries = if outcome.is_handed_back() { self.hand_backs(&delivery, attempt, retry) } else { attempt };
            let settlement = match outcome.settlement(tries, retry) {
                // What is done is done. Anything else would be said about the delivery that another has.
                Settlement::Ack => Settlement::Ack,
                _ if !delivery.acker.lease().is_held(Instant::now()) => Settlement::Leave,
                settlement => settlement,
            };
            log_settlement(&outcome, settlement);
            let end = self.settle(&delivery, attempt, &outcome, settlement, retry).await;
            self.tell_settled(told, &delivery, &outcome, end);
            end
        }
        .instrument(span)
        .await
    }

    /// How often an event was delivered and not run, with this time. The last time counts as the last attempt, as nobody would get it
    /// any more.
    fn hand_backs(&self, delivery: &Delivery, attempt: u64, retry: &RetryPolicy) -> u64 {
        match self.fitness.is_last(delivery) {
            true => retry.max_attempts,
            false => (delivery.deliveries + 1).saturating_sub(attempt).max(1),
        }
    }

    /// Hands an event back of which it is not known whether it was run as often as it may be.
    async fn put_off(&self, delivery: Delivery, key: Option<Key>) -> FinishedDelivery {
        let (sequence, stored, delay) = (delivery.sequence, delivery.stored, DOUBT.max(self.ack_wait));
        tracing::debug!(
            stream = self.stream,
            sequence,
            ?delay,
            "another process may have run it or not; it is put off"
        );
        self.attempts.put_off(&delivery);
        let end = self.nak(&delivery, Some(delay)).await;
        FinishedDelivery { sequence, stored, key, end }
    }

    /// The breaker that guards a handler.
    pub(super) fn breaker(&self, route: Option<usize>) -> Option<&Arc<Breaker>> {
        self.routes[route?].breaker.as_ref()
    }

    /// Waits for a handler, and ends it when its time is over, or its lease.
    async fn await_handler(&self, timeout: Duration, delivery: &Delivery, mut work: PendingHandler) -> HandlerOutcome {
        let mut cut_off = self.cut_off.subscribe();
        let lease = delivery.acker.lease();
        let mut run = |context: &mut Context<'_>| match lease.is_held(Instant::now()) {
            true => self.blocking.watch(|| work.as_mut().poll(context)),
            false => Poll::Ready(HandlerOutcome::LeaseLost),
        };
        let outcome = tokio::select! {
            biased;
            outcome = poll_fn(&mut run) => outcome,
            () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => HandlerOutcome::CutOff,
            () = sleep(timeout.min(LONGEST)) => HandlerOutcome::TimedOut(timeout),
        };
        discard(work);
        outcome
    }

    /// Executes the settlement about a delivery.
    async fn settle(
        &self,
        delivery: &Delivery,
        attempt: u64,
        outcome: &HandlerOutcome,
        settlement: Settlement,
        retry: &RetryPolicy,
    ) -> DeliveryEnd {
        let counters = self.monitor.counters();
        match settlement {
            Settlement::Ack => {
                if matches!(outcome, HandlerOutcome::Handled) {
                    Counters::count(&counters.handled);
                }
                if delivery.deliveries > 1 {
                    // What is noted of its attempts is deleted after that.
                    self.send_last(delivery, AckKind::Ack).await;
                } else {
                    let mut in_hand = self.in_hand();
                    in_hand.settling(delivery.sequence);
                    in_hand.handled(Arc::clone(&delivery.acker));
                }
                self.attempts.done(delivery);
                DeliveryEnd::Settled(AckKind::Ack)
            }
            Settlement::Retry(delay) => {
                Counters::count(&counters.failed);
                if outcome.is_handed_back() {
                    self.attempts.handed_back(delivery).await;
                } else {
                    self.attempts.failed(delivery, attempt).await;
                }
                let end = self.nak(delivery, Some(delay)).await;
                self.monitor.failed_until(Instant::now() + delay);
                end
            }
            Settlement::Leave => {
                Counters::count(&counters.lease_lost);
                self.in_hand().settling(delivery.sequence);
                self.attempts.given_up(delivery, attempt.saturating_sub(u64::from(outcome.is_handed_back())));
                self.left(delivery)
            }
            Settlement::Nak => {
                Counters::count(&counters.cut_off);
                tracing::warn!("cut off, as the shutdown took too long; it is redelivered");
                self.attempts.failed(delivery, attempt).await;
                self.nak(delivery, None).await
            }
            // What is rare and large is kept out of the task, whose size every handler pays for that waits.
            Settlement::DeadLetter(reason) => {
                let runs = match outcome {
                    HandlerOutcome::Exhausted => attempt - 1,
                    _ if outcome.is_handed_back() => self.hand_backs(delivery, attempt, retry),
                    _ => attempt,
                };
                let delay = retry.delay(attempt);
                let (error, span) = (outcome.error(), self.dead_letter_span(delivery, reason));
                let stored = self.dead_letter_in_time(delivery, runs, reason, &error, delay).instrument(span);
                match Box::pin(stored).await {
                    Ok(_) => {
                        Counters::count(&counters.dead_lettered);
                        let last = AckKind::Term(reason.as_str());
                        self.send_last(delivery, last).await;
                        self.attempts.done(delivery);
                        DeliveryEnd::Settled(last)
                    }
                    Err(error) => {
                        tracing::error!(%error, ?delay, "the dead letter is not stored; the event is redelivered");
                        Counters::count(&counters.failed);
                        self.unstored.keep(delivery, attempt, reason, outcome.error());
                        self.nak(delivery, Some(delay)).await
                    }
                }
            }
        }
    }

    /// Naks a delivery, unless its lease has ended: that would end the lease that another has by now.
    async fn nak(&self, delivery: &Delivery, delay: Option<Duration>) -> DeliveryEnd {
        if !delivery.acker.lease().is_held(Instant::now()) {
            self.in_hand().settling(delivery.sequence);
            return self.left(delivery);
        }
        self.send_last(delivery, AckKind::Nak(delay)).await;
        match self.fitness.is_last(delivery) {
            true => DeliveryEnd::GivenUp,
            false => DeliveryEnd::Nakked(Instant::now() + delay.unwrap_or_default()),
        }
    }

    /// What becomes of an event that is left as its lease has ended: after its last delivery nobody gets it any more.
    fn left(&self, delivery: &Delivery) -> DeliveryEnd {
        if self.fitness.is_last(delivery) { DeliveryEnd::GivenUp } else { DeliveryEnd::Left }
    }

    /// Sends the ack that ends a delivery.
    async fn send_last(&self, delivery: &Delivery, kind: AckKind) {
        self.in_hand().settling(delivery.sequence);
        send(&*delivery.acker, kind).await;
    }
}

/// Tells a breaker how an attempt ended, if that says anything.
fn report(admission: Option<Admission>, outcome: &HandlerOutcome) {
    if let (Some(admission), Some(failed)) = (admission, outcome.speaks_of_failure()) {
        admission.report(failed);
    }
}

/// Logs how an event is settled; the span around it says which.
fn log_settlement(outcome: &HandlerOutcome, settlement: Settlement) {
    match settlement {
        Settlement::Ack => tracing::debug!(?outcome, "done"),
        Settlement::Nak => {}
        Settlement::Leave => {
            tracing::warn!(
                ?outcome,
                "its lease ended while it ran, so another instance may have it; it is left to that"
            );
        }
        // That there are such events, the consumer said when it began.
        Settlement::Retry(delay) if matches!(outcome, HandlerOutcome::Unrouted(_)) => {
            tracing::debug!(error = outcome.error(), ?delay, "left to another instance");
        }
        Settlement::Retry(delay) => tracing::warn!(error = outcome.error(), ?delay, "failed; it is redelivered"),
        Settlement::DeadLetter(reason) => {
            tracing::error!(error = outcome.error(), %reason, "it is dead-lettered")
        }
    }
}
