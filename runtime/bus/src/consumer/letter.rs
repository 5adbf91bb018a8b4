//! What a consumer does to have an event among the dead letters.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::keeper::send;
use super::run::Worker;
use crate::cause::Cause;
use crate::dead_letters::origin::Origin;
use crate::dead_letters::reason::DeadReason;
use crate::dead_letters::writer::{DeadLettered, dead_letter, is_dead_lettered};
use crate::transport::{AckKind, Acker, ConsumerPhase, Delivery, Unavailable};

impl Worker {
    /// Stores a dead letter. The server's last delivery of an event is kept until that succeeds, for as long as its lease holds.
    pub(super) async fn dead_letter_in_time(
        &self,
        delivery: &Delivery,
        attempts: u64,
        reason: DeadReason,
        error: &str,
        delay: Duration,
    ) -> Result<DeadLettered, Unavailable> {
        let is_last = self.fitness.is_last(delivery);
        loop {
            let stored = self.dead_letter(delivery, attempts, reason, error).await;
            let Err(failure) = &stored else { return stored };
            if !is_last {
                return stored;
            }
            tracing::error!(error = %failure, ?delay, "the dead letter of an event that the server delivers no more is not stored yet");
            let mut cut_off = self.cut_off.subscribe();
            tokio::select! {
                biased;
                () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => return stored,
                () = delivery.acker.lease().end() => return stored,
                () = sleep(delay) => {}
            }
        }
    }

    /// Stores a dead letter.
    pub(super) async fn dead_letter(
        &self,
        delivery: &Delivery,
        attempts: u64,
        reason: DeadReason,
        error: &str,
    ) -> Result<DeadLettered, Unavailable> {
        if reason == DeadReason::Exhausted {
            self.check_acks(&*delivery.acker).await?;
        }
        let (transport, root) = (self.bus.transport(), self.root_of(delivery));
        let stored = dead_letter(transport, root, &self.origin(delivery, attempts), reason, error).await;
        self.monitor.dead_letter_ended(stored.as_ref().err().map(ToString::to_string));
        stored.inspect_err(|error| self.fitness.not_stored(error))
    }

    /// Whether the dead letter of an event is stored, by this instance or another.
    pub(super) async fn is_dead_lettered(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        is_dead_lettered(self.bus.transport(), self.root_of(delivery), &self.origin(delivery, 0)).await
    }

    fn origin<'a>(&'a self, delivery: &'a Delivery, attempts: u64) -> Origin<'a> {
        Origin {
            stream: &self.stream,
            consumer: &self.service,
            sequence: delivery.sequence,
            stored: delivery.stored,
            attempts,
            message: &delivery.message,
        }
    }

    /// A consumer may have handlers for several catalogues, and each has dead letters of its own.
    fn root_of(&self, delivery: &Delivery) -> &'static str {
        self.routes.root_of(&delivery.message.subject).unwrap_or(self.root)
    }

    /// Checks that acks arrive, as far as the server says at once: where it denies them, events are delivered too often
    /// although they were handled, and do not belong among the dead letters.
    async fn check_acks(&self, acker: &dyn Acker) -> Result<(), Unavailable> {
        let mut denied = self.bus.transport().denied(&self.service, ConsumerPhase::Reading);
        send(acker, AckKind::InProgress).await;
        // The server answers in order, so a denial comes before the answer.
        let answer = self.bus.transport().consumer(&self.stream, &self.service);
        tokio::select! {
            biased;
            denied = &mut denied => Err(Unavailable(Cause::of(denied))),
            _ = answer => {
                // What the server said before is passed on by tasks there.
                let _ = self.bus.transport().background().spawn(yield_now()).await;
                match denied.now_or_never() {
                    Some(denied) => Err(Unavailable(Cause::of(denied))),
                    None => Ok(()),
                }
            }
        }
    }
}
