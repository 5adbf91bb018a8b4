//! Whether a service can go on with its durable consumer, whose settings an operator may edit at any time.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::durable::unusable;
use super::error::ConsumeError;
use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{Delivery, Headers, Transport};

/// What the server adds to messages that it delivers without their payloads: how long these are.
const SIZE: &str = "Nats-Msg-Size";

/// Compares the durable consumer with what the service began with.
#[derive(Debug)]
pub(super) struct Fitness {
    transport: Arc<dyn Transport>,
    begun_with: ConsumerSettings,
    /// What was changed so that nothing more may run.
    differences: OnceLock<String>,
    found: Notify,
}

impl Fitness {
    pub(super) fn new(transport: Arc<dyn Transport>, begun_with: ConsumerSettings) -> Arc<Self> {
        Arc::new(Self { transport, begun_with, differences: OnceLock::new(), found: Notify::new() })
    }

    /// Takes note of what the durable consumer is like now.
    pub(super) fn look(&self, found: &FoundConsumer) {
        let differences = unusable(found, &self.begun_with);
        if !differences.is_empty() && self.differences.set(differences.join("; ")).is_ok() {
            self.found.notify_one();
        }
    }

    /// Whether the server withheld the payload of this delivery: nothing may be concluded from it then. A publisher can write the
    /// header, too, so that the server is asked.
    pub(super) async fn withholds(&self, delivery: &Delivery) -> bool {
        if !delivery.message.payload.is_empty() || !has_size(&delivery.message.headers) {
            return false;
        }
        if self.differences.get().is_none() {
            match self.transport.consumer(&self.begun_with.stream, &self.begun_with.name).await {
                Ok(Some(found)) => self.look(&found),
                // It comes again, and the server is asked again.
                Ok(None) | Err(_) => return true,
            }
        }
        self.differences.get().is_some()
    }

    /// Waits until the service cannot go on.
    pub(super) async fn end(&self) -> ConsumeError {
        loop {
            if let Some(differences) = self.differences.get() {
                let ConsumerSettings { stream, name, .. } = &self.begun_with;
                let (stream, consumer, differences) = (stream.clone(), name.clone(), differences.clone());
                return ConsumeError::Different { stream, consumer, differences };
            }
            self.found.notified().await;
        }
    }
}

fn has_size(headers: &Headers) -> bool {
    headers.get(SIZE).and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size > 0)
}
