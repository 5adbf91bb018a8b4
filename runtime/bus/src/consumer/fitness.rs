//! Whether a service can go on: with its durable consumer, whose settings an operator may edit at any time, and with what the
//! server lets it do.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::durable::unusable;
use super::error::ConsumeError;
use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{Delivery, Denied, Gone, Headers, Transport, Unavailable};

/// What the server adds to messages that it delivers without their payloads: how long these are.
const SIZE: &str = "Nats-Msg-Size";

/// How long to wait for what a consumer that can no longer be read is like.
const PATIENCE: Duration = Duration::from_secs(2);

/// Compares the durable consumer with what the service began with.
#[derive(Debug)]
pub(super) struct Fitness {
    transport: Arc<dyn Transport>,
    begun_with: ConsumerSettings,
    /// Why nothing more may run.
    unfit: OnceLock<Unfit>,
    found: Notify,
}

#[derive(Debug, Clone)]
enum Unfit {
    /// What was changed of the durable consumer.
    Different(String),
    /// Dead letters are not taken, so that what cannot be handled would be redelivered until the server gives it up.
    Denied(Denied),
}

impl Fitness {
    pub(super) fn new(transport: Arc<dyn Transport>, begun_with: ConsumerSettings) -> Arc<Self> {
        Arc::new(Self { transport, begun_with, unfit: OnceLock::new(), found: Notify::new() })
    }

    /// Takes note of what the durable consumer is like now.
    pub(super) fn look(&self, found: &FoundConsumer) {
        let differences = unusable(found, &self.begun_with);
        if !differences.is_empty() {
            self.end_with(Unfit::Different(differences.join("; ")));
        }
    }

    /// Takes note of why a dead letter is not stored.
    pub(super) fn not_stored(&self, error: &Unavailable) {
        if let Some(denied) = Denied::behind(error) {
            self.end_with(Unfit::Denied(denied.clone()));
        }
    }

    fn end_with(&self, unfit: Unfit) {
        if self.unfit.set(unfit).is_ok() {
            self.found.notify_one();
        }
    }

    /// Whether the server withheld the payload of this delivery: nothing may be concluded from it then. A publisher can write the
    /// header, too, so that the server is asked.
    pub(super) async fn withholds(&self, delivery: &Delivery) -> bool {
        if !delivery.message.payload.is_empty() || !has_size(&delivery.message.headers) {
            return false;
        }
        if self.unfit.get().is_none() {
            match self.transport.consumer(&self.begun_with.stream, &self.begun_with.name).await {
                Ok(Some(found)) => self.look(&found),
                // It comes again, and the server is asked again.
                Ok(None) | Err(_) => return true,
            }
        }
        matches!(self.unfit.get(), Some(Unfit::Different(_)))
    }

    /// Waits until the service cannot go on.
    pub(super) async fn end(&self) -> ConsumeError {
        loop {
            if let Some(reason) = self.reason() {
                return reason;
            }
            self.found.notified().await;
        }
    }

    /// Why the durable consumer can no longer be read: that it was edited, where a refusal came before that was seen.
    pub(super) async fn gone(&self, gone: Gone) -> ConsumeError {
        let ConsumerSettings { stream, name, .. } = &self.begun_with;
        let (stream, consumer) = (stream.clone(), name.clone());
        let reason = match gone {
            Gone::Deleted(reason) => reason,
            Gone::LockedOut(_) => {
                return ConsumeError::Unauthorized { stream, consumer, reason: gone.to_string() };
            }
        };
        if let Ok(Ok(Some(found))) = timeout(PATIENCE, self.transport.consumer(&stream, &consumer)).await {
            self.look(&found);
        }
        self.reason().unwrap_or(ConsumeError::Gone { stream, consumer, reason })
    }

    /// Why the service cannot go on, if it cannot.
    fn reason(&self) -> Option<ConsumeError> {
        let ConsumerSettings { stream, name, .. } = &self.begun_with;
        let (stream, consumer) = (stream.clone(), name.clone());
        Some(match self.unfit.get()?.clone() {
            Unfit::Different(differences) => ConsumeError::Different { stream, consumer, differences },
            Unfit::Denied(denied) => ConsumeError::Denied { consumer, denied },
        })
    }
}

fn has_size(headers: &Headers) -> bool {
    headers.get(SIZE).and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size > 0)
}
