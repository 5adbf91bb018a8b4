//! Runs one delivery: from its handler to its ack.

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
use super::error::ConsumeError;
use super::monitor::{Counters, Monitor};
use super::queue::Key;
use super::retry::RetryPolicy;
use super::route::{PendingHandler, Routes};
use super::settle::{HandlerOutcome, Settlement};
use crate::bus::Bus;
use crate::dead_letters::origin::Origin;
use crate::dead_letters::reason::DeadReason;
use crate::dead_letters::writer::{DeadLettered, dead_letter};
use crate::transport::{AckKind, Acker, Delivery, Gone, Headers, Unavailable};

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
    /// It was handled and acked.
    Handled,
    /// It is redelivered, by then.
    Again(Instant),
    /// It is among the dead letters, or nobody knows.
    Other,
}

/// An event whose handler has been polled once.
pub(super) struct StartedDelivery {
    pub(super) delivery: Delivery,
    /// The index of its handler among the routes, if there is one.
    route: Option<usize>,
    state: HandlerState,
    span: Span,
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
    /// Gives a delivery to its handler, which runs to its first wait.
    ///
    /// The number of deliveries is checked before that, so that an event that kills its process ends among the dead letters
    /// like any other that fails too often. One that has waited for others of its key cannot have done so: those were
    /// delivered together with it.
    pub(super) fn begin(&self, delivery: Delivery, has_waited: bool) -> StartedDelivery {
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
        let begun = StartedDelivery { delivery, route, state, span };
        if begun.is_handled() {
            Counters::count(&self.monitor.counters().handled);
            self.report_to_breaker(route, &HandlerOutcome::Handled);
        }
        begun
    }

    /// The error of a durable consumer that can no longer be read.
    pub(super) fn gone(&self, Gone(reason): Gone) -> ConsumeError {
        ConsumeError::Gone { stream: self.stream.clone(), consumer: self.service.clone(), reason }
    }

    fn call(&self, delivery: &Delivery, has_waited: bool) -> (Option<usize>, HandlerState) {
        let (index, opened) = match self.routes.find(delivery, &self.service) {
            Ok(found) => found,
            Err((index, outcome)) => return (index, HandlerState::Ended(outcome)),
        };
        let route = &self.routes[index];
        if delivery.attempt > route.retry.max_attempts && !has_waited {
            let outcome = opened.unless_undecodable(&delivery.message, HandlerOutcome::Exhausted);
            return (Some(index), HandlerState::Ended(outcome));
        }
        let state = match route.call(opened, delivery, &self.bus) {
            Ok(mut work) => match work.as_mut().now_or_never() {
                Some(outcome) => HandlerState::Ended(outcome),
                None => HandlerState::Waits(work),
            },
            Err(outcome) => HandlerState::Ended(outcome),
        };
        (Some(index), state)
    }

    /// Runs a handler to its end and settles the event.
    pub(super) async fn finish(self: Arc<Self>, begun: Box<StartedDelivery>, key: Option<Key>) -> FinishedDelivery {
        let (sequence, stored, route) = (begun.delivery.sequence, begun.delivery.stored, begun.route);
        let end = AssertUnwindSafe(self.run_to_end(begun)).catch_unwind().await.unwrap_or_else(|_| {
            // A handler's panic is an outcome, so this one came from the text of its error, or from dropping what was cut
            // off. The event comes again after `ack_wait`.
            tracing::error!(stream = self.stream, sequence, "handling an event ended in a panic");
            if let Some(breaker) = self.breaker(route) {
                breaker.withdraw();
            }
            DeliveryEnd::Other
        });
        FinishedDelivery { sequence, stored, key, end }
    }

    async fn run_to_end(&self, begun: Box<StartedDelivery>) -> DeliveryEnd {
        let StartedDelivery { delivery, route, state, span } = *begun;
        async {
            let retry = route.map_or(&self.retry, |index| &self.routes[index].retry);
            let outcome = match state {
                HandlerState::Ended(outcome) => outcome,
                HandlerState::Waits(work) => {
                    let timeout = route.map_or(Duration::MAX, |index| self.routes[index].timeout);
                    self.await_handler(&*delivery.acker, timeout, work).await
                }
            };
            self.report_to_breaker(route, &outcome);
            let settlement = outcome.settlement(delivery.attempt, retry);
            log_settlement(&outcome, settlement);
            match self.settle(&delivery, &outcome, settlement, retry).await {
                Some(delay) => DeliveryEnd::Again(Instant::now() + delay),
                None if settlement == Settlement::Ack => DeliveryEnd::Handled,
                None => DeliveryEnd::Other,
            }
        }
        .instrument(span)
        .await
    }

    /// The breaker that guards a handler.
    pub(super) fn breaker(&self, route: Option<usize>) -> Option<&Arc<Breaker>> {
        self.routes[route?].breaker.as_ref()
    }

    fn report_to_breaker(&self, route: Option<usize>, outcome: &HandlerOutcome) {
        if let Some(breaker) = self.breaker(route) {
            match outcome.speaks_of_failure() {
                Some(failed) => breaker.report(failed),
                None => breaker.withdraw(),
            }
        }
    }

    /// Renews the lease while a handler runs, and ends the handler when its time is over.
    async fn await_handler(&self, acker: &dyn Acker, timeout: Duration, mut work: PendingHandler) -> HandlerOutcome {
        let begun = Instant::now();
        let mut cut_off = self.cut_off.subscribe();
        let mut renew_at = begun + renewal_interval(self.ack_wait);
        loop {
            let deadline = begun.checked_add(timeout).unwrap_or(renew_at);
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => return HandlerOutcome::CutOff,
                () = sleep_until(renew_at.min(deadline)) => {
                    if begun.elapsed() >= timeout {
                        return HandlerOutcome::TimedOut(timeout);
                    }
                    // As rare as dead-lettering, and kept out of the task for the same reason.
                    Box::pin(send(acker, AckKind::InProgress)).await;
                    renew_at = Instant::now() + renewal_interval(self.ack_wait);
                }
            }
        }
    }

    /// Executes the settlement about a delivery. Returns after how long it is redelivered, if it is.
    async fn settle(
        &self,
        delivery: &Delivery,
        outcome: &HandlerOutcome,
        settlement: Settlement,
        retry: &RetryPolicy,
    ) -> Option<Duration> {
        let counters = self.monitor.counters();
        match settlement {
            Settlement::Ack => {
                if matches!(outcome, HandlerOutcome::Handled) {
                    Counters::count(&counters.handled);
                }
                send(&*delivery.acker, AckKind::Ack).await;
                None
            }
            Settlement::Retry(delay) => {
                Counters::count(&counters.failed);
                send(&*delivery.acker, AckKind::Nak(Some(delay))).await;
                Some(delay)
            }
            Settlement::Nak => {
                Counters::count(&counters.cut_off);
                tracing::warn!("cut off, as the shutdown took too long; it is redelivered");
                send(&*delivery.acker, AckKind::Nak(None)).await;
                Some(Duration::ZERO)
            }
            // What is rare and large is kept out of the task, whose size every handler pays for that waits.
            Settlement::DeadLetter(reason) => {
                match Box::pin(self.dead_letter(delivery, reason, &outcome.error())).await {
                    Ok(_) => {
                        Counters::count(&counters.dead_lettered);
                        send(&*delivery.acker, AckKind::Term(reason.as_str())).await;
                        None
                    }
                    Err(error) => {
                        let delay = retry.delay(delivery.attempt);
                        tracing::error!(%error, ?delay, "the dead letter is not stored; the event comes again");
                        Counters::count(&counters.failed);
                        send(&*delivery.acker, AckKind::Nak(Some(delay))).await;
                        Some(delay)
                    }
                }
            }
        }
    }

    /// Stores a dead letter, and renews the lease meanwhile.
    pub(super) async fn dead_letter(
        &self,
        delivery: &Delivery,
        reason: DeadReason,
        error: &str,
    ) -> Result<DeadLettered, Unavailable> {
        let origin = Origin {
            stream: &self.stream,
            consumer: &self.service,
            sequence: delivery.sequence,
            stored: delivery.stored,
            attempts: delivery.attempt,
            message: &delivery.message,
        };
        let mut writing = pin!(dead_letter(self.bus.transport(), self.root, &origin, reason, error));
        loop {
            tokio::select! {
                biased;
                written = &mut writing => return written,
                () = tokio::time::sleep(renewal_interval(self.ack_wait)) => send(&*delivery.acker, AckKind::InProgress).await,
            }
        }
    }
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

/// Logs how an event is settled; the span around it says which.
fn log_settlement(outcome: &HandlerOutcome, settlement: Settlement) {
    match settlement {
        Settlement::Ack => tracing::debug!(?outcome, "done"),
        Settlement::Nak => {}
        Settlement::Retry(delay) => tracing::warn!(error = outcome.error(), ?delay, "failed; it is redelivered"),
        Settlement::DeadLetter(reason) => {
            tracing::error!(error = outcome.error(), %reason, "it goes to the dead letters")
        }
    }
}
