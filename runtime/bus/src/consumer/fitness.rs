//! Whether a service can go on: with its durable consumer, whose settings an operator may edit at any time, and with what the
//! server lets it do.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::durable::unusable;
use super::error::ConsumeError;
use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{Delivery, Denied, Headers, Transport, Unavailable};

/// What the server adds to messages that it delivers without their payloads: how long these are.
const SIZE: &str = "Nats-Msg-Size";

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
            let ConsumerSettings { stream, name, .. } = &self.begun_with;
            match self.unfit.get().cloned() {
                Some(Unfit::Different(differences)) => {
                    let (stream, consumer) = (stream.clone(), name.clone());
                    return ConsumeError::Different { stream, consumer, differences };
                }
                Some(Unfit::Denied(denied)) => return ConsumeError::Denied { consumer: name.clone(), denied },
                None => {}
            }
            self.found.notified().await;
        }
    }
}

fn has_size(headers: &Headers) -> bool {
    headers.get(SIZE).and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size > 0)
}
