//! Those who subscribed to events: each has a durable consumer of its own, so that one who hangs delays no other.

use std::sync::Arc;

use eventsmith::catalogue::EventDescriptor;
use eventsmith::{Bus, ConsumeError, Consumer, Event, Received};
use futures_util::future::try_join_all;
use rules_events::common::EndpointId;
use tokio::sync::watch;

use super::delivery::Deliverer;
use super::receiver::{OutgoingConfig, Receiver};
use crate::external::HttpClient;

/// Why nothing is delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutgoingError {
    /// The address of a receiver is none that may be called.
    #[error("the receiver {receiver} has no address with https://; events are delivered over TLS alone")]
    Address {
        /// The receiver.
        receiver: EndpointId,
    },
    /// A receiver wants what is not delivered.
    #[error(
        "the receiver {receiver} subscribes to {event_type}, which is not delivered; see rules_engine_edge::webhooks::Outgoing::TYPES"
    )]
    Type {
        /// The receiver.
        receiver: EndpointId,
        /// What it wants.
        event_type: String,
    },
    /// A receiver wants nothing.
    #[error("the receiver {receiver} subscribes to no type of event")]
    Nothing {
        /// The receiver.
        receiver: EndpointId,
    },
    /// There is no client for HTTPS.
    #[error(transparent)]
    Http(#[from] crate::external::HttpError),
}

/// Delivers events to those who subscribed to them.
///
/// Each receiver has a durable consumer, `webhooks-ENDPOINT`, with its own retries, breaker and concurrency: all of that is the product's.
/// Operators provision them with [`consumers`](Self::consumers).
#[derive(Debug)]
pub struct Outgoing {
    bus: Bus,
    deliverers: Vec<Arc<Deliverer>>,
}

impl Outgoing {
    /// Delivers to these receivers.
    ///
    /// # Errors
    /// [`OutgoingError`] when one of them cannot be delivered to.
    pub fn new(bus: &Bus, receivers: Vec<Receiver>, config: OutgoingConfig) -> Result<Self, OutgoingError> {
        Self::by(HttpClient::new()?, bus, receivers, config)
    }

    /// [`new`](Self::new) with a client of one's own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn by(
        http: HttpClient,
        bus: &Bus,
        receivers: Vec<Receiver>,
        config: OutgoingConfig,
    ) -> Result<Self, OutgoingError> {
        for receiver in &receivers {
            let name = || receiver.endpoint_id.clone();
            let is_known = |wanted: &&String| !Self::TYPES.iter().any(|described| described.event_type == **wanted);
            if !(receiver.url.starts_with("https://") || config.allow_http && receiver.url.starts_with("http://")) {
                return Err(OutgoingError::Address { receiver: name() });
            }
            if receiver.types.is_empty() {
                return Err(OutgoingError::Nothing { receiver: name() });
            }
            if let Some(unknown) = receiver.types.iter().find(is_known) {
                return Err(OutgoingError::Type { receiver: name(), event_type: unknown.clone() });
            }
        }
        let deliverer = |receiver| Arc::new(Deliverer { http: http.clone(), receiver, config: config.clone() });
        Ok(Self { bus: bus.clone(), deliverers: receivers.into_iter().map(deliverer).collect() })
    }

    /// The durable consumers that operators provision, each by its name and the subjects that it reads:
    /// `topology.with_service(&name, &subjects, &ConsumerDescriptor::DEFAULT)`.
    pub fn consumers(&self) -> Vec<(String, Vec<&'static str>)> {
        let subjects = |receiver: &Receiver| {
            let wanted = Self::TYPES
                .iter()
                .filter(|described| receiver.types.iter().any(|wanted| wanted == described.event_type));
            wanted.map(|described| described.subject).collect()
        };
        self.deliverers.iter().map(|one| (one.receiver.consumer(), subjects(&one.receiver))).collect()
    }

    /// Delivers until `shutdown` resolves, and then what is under way.
    ///
    /// # Errors
    /// [`ConsumeError`] when a consumer is missing or ends; the others are stopped then.
    pub async fn run<T>(&self, shutdown: impl Future<Output = T>) -> Result<(), ConsumeError> {
        let (stop, stopped) = watch::channel(false);
        let consumers = self.deliverers.iter().map(|deliverer| {
            let mut stopped = stopped.clone();
            let consumer = subscribed(deliverer, self.bus.consumer(deliverer.receiver.consumer()));
            consumer.config(deliverer.config.consumer()).run(async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            })
        });
        let running = try_join_all(consumers);
        let stopping = async {
            shutdown.await;
            let _ = stop.send(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = running => ended.map(drop),
            () = stopping => Ok(()),
        }
    }
}

/// The types that are delivered, and a handler for each.
macro_rules! delivered {
    ($($event:ty),* $(,)?) => {
        impl Outgoing {
            /// The events that can be subscribed to: what is of interest outside, and not what we tell of ourselves.
            pub const TYPES: &'static [EventDescriptor] = &[$(EventDescriptor::of::<$event>()),*];
        }

        /// The consumer with a handler for each type that a receiver wants.
        fn subscribed(deliverer: &Arc<Deliverer>, consumer: Consumer) -> Consumer {
            let wants = |event_type: &str| deliverer.receiver.types.iter().any(|wanted| wanted == event_type);
            $(let consumer = if wants(<$event>::TYPE) {
                let deliverer = Arc::clone(deliverer);
                consumer.on(move |event: Received<$event>| {
                    let deliverer = Arc::clone(&deliverer);
                    async move { deliverer.deliver(event).await }
                })
            } else {
                consumer
            };)*
            consumer
        }
    };
}

delivered! {
    rules_events::coupon::CouponIssued,
    rules_events::coupon::CouponRedeemed,
    rules_events::evaluation::EvaluationCompleted,
    rules_events::loyalty::LoyaltyPointsEarned,
    rules_events::loyalty::LoyaltyPointsRedeemed,
    rules_events::loyalty::LoyaltyTierChanged,
    rules_events::payment::PaymentAuthorized,
    rules_events::payment::PaymentCaptured,
    rules_events::payment::PaymentFailed,
    rules_events::payment::PaymentRefunded,
    rules_events::payment::PaymentVoided,
    rules_events::promotion::PromotionApplied,
    rules_events::promotion::PromotionCreated,
    rules_events::rule::RuleActivated,
    rules_events::rule::RuleDeactivated,
    rules_events::tax::TaxCalculated,
    rules_events::tax::TaxRatesUpdated,
}
