//! Publishing one event, until it is known to be stored.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use eventsmith_event::event::Event;
use tokio::time::{Instant, sleep, timeout_at};

use super::error::PublishError;
use super::expect::Expect;
use super::options::{PublishOptions, Published};
use super::prepare::{Prepared, prepare};
use crate::environment;
use crate::observe::MessageType;
use crate::outgoing::Sender;
use crate::transport::{Headers, Message, PublishAck, SendFailure, Transport, Unavailable};

/// How a bus publishes, over whatever transport.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) transport: Arc<dyn Transport>,
    /// Under which name it publishes, and who is told of it.
    pub(crate) sender: Sender,
    /// No attempt begins later than this after the first.
    pub(crate) budget: Duration,
    /// The most messages that are sent ahead of their acknowledgements.
    pub(crate) max_in_flight: usize,
}

impl Publisher {
    pub(crate) async fn publish<E: Event>(
        &self,
        event: &E,
        options: &PublishOptions,
    ) -> Result<Published, PublishError> {
        if self.sender.observers.is_listening() {
            // In a future of its own, so that the others are no larger for it.
            return Box::pin(self.publish_observed(event, options)).await;
        }
        self.store(&prepare(&self.sender, event, options)?, None).await
    }

    /// Stores a message that is no event, as [`publish`](Self::publish) stores events. It has no id yet.
    pub(crate) async fn store_message(
        &self,
        mut message: Message,
        expect: Option<Expect>,
    ) -> Result<Published, PublishError> {
        let id = environment::new_id();
        message.headers.push(Headers::ID, id.to_string());
        if let Some(expect) = expect {
            message.headers.push(expect.header(), expect.sequence().to_string());
        }
        self.store(
            &Prepared {
                id,
                is_given: false,
                expect,
                filter: None,
                kind: MessageType::OTHER,
                conversation: None,
                message,
            },
            None,
        )
        .await
    }

    /// Sends a message until it is known to be stored, known to be refused, or the budget is spent. It may have been sent
    /// before, and failed for a reason that passes.
    pub(super) async fn store(
        &self,
        prepared: &Prepared,
        before: Option<(Instant, SendFailure)>,
    ) -> Result<Published, PublishError> {
        let stored = self.send_until_known(Sending::One(prepared), before).await?;
        Ok(prepared.stored(stored))
    }

    /// Sends a message once, and not later than a given time. Whether it was sent before decides what a failed expectation means.
    async fn attempt(
        &self,
        prepared: &Prepared,
        latest: Instant,
        is_repeated: bool,
    ) -> Result<PublishAck, SendFailure> {
        let outcome = match timeout_at(latest, self.transport.send(&prepared.message)).await {
            Ok(Ok(ack)) => ack.await,
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(not_sent()),
        };
        match (outcome, prepared.expect) {
            (Err(failure @ SendFailure::WrongSequence { .. }), Some(expect)) if is_repeated || prepared.is_given => {
                self.stored_before(prepared, expect).await?.ok_or(failure)
            }
            (outcome, _) => outcome,
        }
    }

    /// Attempts something until it succeeds, fails for good, or the budget is spent: nothing is sent later than that after
    /// the first attempt.
    pub(super) async fn send_until_known(
        &self,
        work: Sending<'_>,
        before: Option<(Instant, SendFailure)>,
    ) -> Result<PublishAck, PublishError> {
        let (Sending::One(prepared) | Sending::Batch { first: prepared, .. }) = work;
        let mut attempts = u32::from(before.is_some());
        let (started, mut failure) = before.map_or_else(|| (Instant::now(), None), |(at, failure)| (at, Some(failure)));
        let latest = started + self.budget;
        // The delays add up to little beside what the attempts themselves take, so the clock decides, not their number.
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(2))
            .with_jitter()
            .with_jitter_seed(environment::random())
            .without_max_times()
            .build();
        loop {
            if let Some(failure) = failure.take_if(|_| attempts > 0 && Instant::now() >= latest) {
                return Err(prepared.failed(failure, attempts, started.elapsed()));
            }
            attempts += 1;
            let outcome = match work {
                Sending::One(prepared) => self.attempt(prepared, latest, attempts > 1).await,
                Sending::Batch { first, events, messages } => {
                    self.attempt_batch(first, events, messages, latest, attempts > 1).await
                }
            };
            let reason = match outcome {
                Ok(stored) => return Ok(stored),
                Err(SendFailure::Transient(reason)) => reason,
                // What was sent before may be stored, so there is still something to find out.
                Err(SendFailure::QueueFull { .. }) if attempts > 1 => "too many wait for a connection".into(),
                Err(failure) => return Err(prepared.failed(failure, attempts, started.elapsed())),
            };
            let delay = delays.next().unwrap_or_default();
            let (id, subject) = (&prepared.id, &prepared.message.subject);
            if Instant::now() + delay >= latest {
                let failure = SendFailure::Transient(reason);
                return Err(prepared.failed(failure, attempts, started.elapsed()));
            }
            tracing::warn!(%id, %subject, %reason, ?delay, "publishing again");
            sleep(delay).await;
            failure = Some(SendFailure::Transient(reason));
        }
    }
}

/// What is sent, until it is known what became of it.
#[derive(Clone, Copy)]
pub(super) enum Sending<'a> {
    One(&'a Prepared),
    Batch { first: &'a Prepared, events: &'a [Prepared], messages: &'a [Message] },
}

/// Nothing left before it was too late to send.
pub(super) fn not_sent() -> SendFailure {
    SendFailure::Transient("there was no connection until the time to publish was up".into())
}

pub(super) fn id(message: &Message) -> Option<&str> {
    message.headers.get(Headers::ID)
}

pub(super) fn transient(error: Unavailable) -> SendFailure {
    SendFailure::Transient(error.0)
}
