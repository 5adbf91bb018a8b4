//! Whether a service can go on: with its durable consumer, whose settings an operator may edit at any time, and with what the
//! server lets it do.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use eventsmith_event::filter;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::durable::unusable;
use super::error::ConsumeError;
use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{Delivery, Denied, Gone, Headers, Transport, Unavailable};

/// What the server adds to messages that it delivers without their payloads: how long these are.
const SIZE: &str = "Nats-Msg-Size";

/// How long to wait for what a consumer that can no longer be read is like.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long what the server told of the consumer is not asked again for a message without a payload.
const LATELY: Duration = Duration::from_secs(1);

/// Compares the durable consumer with what the service began with.
#[derive(Debug)]
pub(super) struct Fitness {
    transport: Arc<dyn Transport>,
    begun_with: ConsumerSettings,
    /// The most attempts that a handler has.
    max_attempts: u64,
    /// What an operator may change while events are handled.
    now: Mutex<Limits>,
    /// When the server was asked last whether it withholds payloads, and whether it told.
    asked: Mutex<Option<(Instant, bool)>>,
    /// Why nothing more may run.
    unfit: OnceLock<Unfit>,
    found: Notify,
}

#[derive(Debug, PartialEq)]
struct Limits {
    /// After this many deliveries the server delivers an event no more.
    max_deliver: Option<u64>,
    filters: Vec<String>,
}

impl Limits {
    fn of(settings: &ConsumerSettings) -> Self {
        Self { max_deliver: settings.max_deliver, filters: settings.filters.clone() }
    }
}

#[derive(Debug, Clone)]
enum Unfit {
    /// What was changed of the durable consumer.
    Different(String),
    /// Dead letters are not taken, so that what cannot be handled would be redelivered until the server gives it up.
    Denied(Denied),
}

impl Fitness {
    pub(super) fn new(transport: Arc<dyn Transport>, begun_with: ConsumerSettings, max_attempts: u64) -> Arc<Self> {
        let now = Mutex::new(Limits::of(&begun_with));
        let (asked, unfit, found) = Default::default();
        Arc::new(Self { transport, begun_with, max_attempts, now, asked, unfit, found })
    }

    /// Takes note of what the durable consumer is like now.
    pub(super) fn look(&self, found: &FoundConsumer) {
        let differences = unusable(found, &self.begun_with);
        if !differences.is_empty() {
            self.end_with(Unfit::Different(differences.join("; ")));
        }
        let limits = Limits::of(&found.settings);
        let mut now = self.now();
        if *now != limits {
            *now = limits;
            self.warn(&now);
        }
    }

    /// After this many deliveries the server delivers an event no more, as far as is known.
    pub(super) fn max_deliver(&self) -> Option<u64> {
        self.now().max_deliver
    }

    /// Whether the server delivers an event no more after this delivery.
    pub(super) fn is_last(&self, delivery: &Delivery) -> bool {
        self.max_deliver().is_some_and(|most| delivery.deliveries >= most)
    }

    /// Warns of what was changed so that no service would begin with it. What is under way goes on as far as it can.
    fn warn(&self, now: &Limits) {
        let ConsumerSettings { stream, name, filters, .. } = &self.begun_with;
        if let Some(most) = now.max_deliver.filter(|most| *most <= self.max_attempts) {
            tracing::warn!(
                stream,
                consumer = name,
                max_deliver = most,
                attempts = self.max_attempts,
                "max_deliver was lowered to no more than the attempts of a handler: the server gives up events, as max-deliveries, before \
                 their last attempt"
            );
        }
        let missing = filter::beyond(filters, &now.filters);
        if !missing.is_empty() {
            tracing::warn!(
                stream,
                consumer = name,
                ?missing,
                "the consumer delivers events no more that it delivered when this service began; nobody handles them"
            );
        }
    }

    fn now(&self) -> MutexGuard<'_, Limits> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
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
        if self.unfit.get().is_none() && !self.has_looked().await {
            // It comes again, and the server is asked again.
            return true;
        }
        matches!(self.unfit.get(), Some(Unfit::Different(_)))
    }

    /// Looks at the durable consumer, unless that was done a moment ago: whoever can publish makes us look. Returns whether the server told.
    async fn has_looked(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, has_told)) = asked.filter(|(at, _)| at.elapsed() < LATELY) {
            return has_told;
        }
        let looked = self.transport.consumer(&self.begun_with.stream, &self.begun_with.name);
        let found = timeout(PATIENCE, looked).await.ok().and_then(Result::ok).flatten();
        if let Some(found) = &found {
            self.look(found);
        }
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), found.is_some()));
        found.is_some()
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

#[cfg(test)]
mod tests {
    use eventsmith_event::stream::DeliverFrom;

    use super::*;
    use crate::memory::Memory;

    #[test]
    fn a_max_deliver_that_an_operator_changes_is_followed() {
        let settings = |max_deliver| ConsumerSettings {
            stream: "EVENTS".to_owned(),
            name: "promotions".to_owned(),
            filters: vec!["a".to_owned()],
            deliver: DeliverFrom::All,
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 10,
            max_deliver,
            ordered: false,
        };
        let fitness = Fitness::new(Arc::new(Memory::default()), settings(Some(100)), 10);
        let fifth = Delivery { deliveries: 5, ..Delivery::for_test(1) };
        assert!(!fitness.is_last(&fifth));

        fitness.look(&FoundConsumer::exactly(settings(Some(5))));
        assert!(fitness.is_last(&fifth) && fitness.reason().is_none());
        fitness.look(&FoundConsumer::exactly(settings(None)));

        assert!(!fitness.is_last(&fifth));
    }
}
