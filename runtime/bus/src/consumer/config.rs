//! How a service consumes: one struct, from code or from any format that serde reads.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsmith_event::stream::DeliverFrom;
use serde::Deserialize;

use super::breaker::BreakerConfig;
use super::retry::RetryPolicy;
use crate::config::duration;

/// How a [`Consumer`](super::Consumer) works. Every setting has a default that is right for production.
///
/// ```
/// use eventsmith::config::ConsumerConfig;
///
/// let config: ConsumerConfig = toml::from_str(
///     r#"
///     concurrency = 32
///     order = "key"
///     retry = { max_attempts = 5 }
///
///     [breakers.gateway]
///     consecutive_failures = 10
///
///     [handlers."payment.authorized"]
///     timeout = "20s"
///     breaker = "gateway"
///     "#,
/// )?;
/// assert_eq!(config.handlers["payment.authorized"].breaker.as_deref(), Some("gateway"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsumerConfig {
    /// How many events of one stream are handled at the same time; at least 1. Default: 8.
    ///
    /// Handlers become tasks of their own at their first wait; what they compute before it, they compute in turn. Move long
    /// computations to `tokio::task::spawn_blocking`.
    pub concurrency: usize,
    /// How many events are fetched ahead of the handlers at most. Other instances of the service cannot have them meanwhile, so
    /// no more are than the handlers began within the last second. Default: 256.
    pub prefetch: usize,
    /// Which events wait for each other. Default: none. With [`Order::Key`] every handler is of events that have a key, or has an
    /// [order of its own](HandlerConfig::order).
    pub order: Order,
    /// When and how often to try again what failed.
    pub retry: RetryPolicy,
    /// How long a handler may take; then it is cut off, which is a failure like any other. Default: 5 min.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// A circuit breaker for every handler that has no other. Default: none.
    pub breaker: Option<BreakerConfig>,
    /// Circuit breakers of dependencies, by name; handlers that need a dependency name it and share its breaker.
    pub breakers: BTreeMap<String, BreakerConfig>,
    /// What is different for the handler of one type of event, by that type.
    pub handlers: BTreeMap<String, HandlerConfig>,
    /// How long handlers may go on once the consumer is asked to stop. What still runs then is dropped and nakked.
    /// Default: 25 s, which is less than the 30 s that Kubernetes waits.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,

    /// After how long without an in-progress ack the server redelivers an event. Handlers may take longer: one is sent
    /// three times as often. It bounds how long the events of an instance that died have to wait. Default: 15 s.
    ///
    /// This setting and those below are of the durable consumer. They count where the service creates it
    /// ([`Config::create_consumers`](crate::config::Config::create_consumers)); where it is provisioned, it is taken as it is.
    #[serde(with = "duration")]
    pub ack_wait: Duration,
    /// How many events of one stream may be delivered and not acknowledged, over all instances of the service; those that
    /// wait to be tried again count too, so leave room for all events of a type that fails for a while: once there are as many, events
    /// of other types are not delivered either. Default: 5,000.
    pub max_ack_pending: usize,
    /// After this many deliveries the server no longer delivers an event. Must be more than any `max_attempts`. Default: 100.
    pub max_deliver: u64,
    /// Where a new consumer begins to read. Default: at the first event of the stream.
    pub deliver: DeliverFrom,
}

/// What is different for one handler.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::config::{ConsumerConfig, HandlerConfig};
///
/// let slow = HandlerConfig { timeout: Some(Duration::from_secs(600)), ..HandlerConfig::default() };
/// let mut config = ConsumerConfig::default();
/// config.handlers.insert("report.requested".to_owned(), slow);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HandlerConfig {
    /// Instead of [`ConsumerConfig::timeout`].
    #[serde(deserialize_with = "duration::optional")]
    pub timeout: Option<Duration>,
    /// Instead of [`ConsumerConfig::retry`].
    pub retry: Option<RetryPolicy>,
    /// The breaker of the dependency that this handler needs, one of [`ConsumerConfig::breakers`].
    pub breaker: Option<String>,
    /// `Order::None` for events without a key, where [`ConsumerConfig::order`] is [`Order::Key`]: they are handled as they come.
    /// The other way round is refused, as order by key is what the whole consumer is made for.
    pub order: Option<Order>,
}

/// Which events wait for each other.
///
/// ```
/// use eventsmith::config::{ConsumerConfig, Order};
///
/// let config = ConsumerConfig { order: Order::Key, ..ConsumerConfig::default() };
/// assert_eq!(config, toml::from_str("order = 'key'")?);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// None: whatever comes is handled as soon as a handler is free.
    #[default]
    None,
    /// Events with the same [key](eventsmith_event::event::Event::KEY) are handled one after the other, in the order of their stream, also
    /// where one of them fails and is redelivered; those behind it wait. Different keys are handled in parallel.
    ///
    /// One instance of the service at a time gets events, the others stand by. Needs nats-server 2.11.
    Key,
}

impl ConsumerConfig {
    /// The first setting with a value under which nothing could be handled, and what would be right.
    pub(super) fn senseless(&self) -> Option<(String, &'static str)> {
        const ONE: &str = "it must be 1 at least, or nothing is ever handled";
        const TIME: &str = "it must be longer than no time at all, or every handler is cut off";
        let settings = [
            ("concurrency", self.concurrency == 0, ONE),
            ("max_ack_pending", self.max_ack_pending == 0, ONE),
            ("max_deliver", self.max_deliver == 0, ONE),
            ("timeout", self.timeout.is_zero(), TIME),
            (
                "ack_wait",
                self.ack_wait.is_zero(),
                "it must be longer than no time at all, or every event is redelivered",
            ),
        ];
        let own = settings.into_iter().filter(|(_, is_senseless, _)| *is_senseless);
        let own = own.map(|(name, _, reason)| (name.to_owned(), reason));
        let handlers =
            self.handlers.iter().filter(|(_, handler)| handler.timeout.is_some_and(|timeout| timeout.is_zero()));
        let named = self.breakers.iter().map(|(name, breaker)| (format!("breakers.{name}"), breaker));
        let breakers = self.breaker.iter().map(|breaker| ("breaker".to_owned(), breaker)).chain(named);
        let breakers = breakers.filter_map(|(name, breaker)| {
            let (setting, reason) = breaker.senseless()?;
            Some((format!("{name}.{setting}"), reason))
        });
        own.chain(handlers.map(|(name, _)| (format!("handlers.{name}.timeout"), TIME))).chain(breakers).next()
    }
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            concurrency: 8,
            prefetch: 256,
            order: Order::None,
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(300),
            breaker: None,
            breakers: BTreeMap::new(),
            handlers: BTreeMap::new(),
            shutdown_timeout: Duration::from_secs(25),
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 5_000,
            max_deliver: 100,
            deliver: DeliverFrom::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_catalogue() {
        let (ours, catalogue) = (ConsumerConfig::default(), eventsmith_event::stream::ConsumerDescriptor::DEFAULT);

        assert_eq!((ours.ack_wait, ours.max_ack_pending), (catalogue.ack_wait, catalogue.max_ack_pending));
        assert_eq!((ours.max_deliver, ours.deliver), (catalogue.max_deliver, catalogue.deliver));
        assert!(ours.max_deliver > ours.retry.max_attempts);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(toml::from_str::<ConsumerConfig>("concurency = 3").is_err());
        assert!(toml::from_str::<ConsumerConfig>("[handlers.\"a.b\"]\ntimeot = \"1s\"").is_err());
    }

    #[test]
    fn where_to_begin_can_be_said_in_four_ways() {
        let deliver = |text: &str| toml::from_str::<ConsumerConfig>(&format!("deliver = {text}")).unwrap().deliver;

        assert_eq!(deliver("\"all\""), DeliverFrom::All);
        assert_eq!(deliver("\"new\""), DeliverFrom::New);
        assert_eq!(deliver("{ sequence = 17 }"), DeliverFrom::Sequence(17));
        let time = "2026-11-01T00:00:00Z";
        assert_eq!(deliver(&format!("{{ time = \"{time}\" }}")), DeliverFrom::Time(time.parse().unwrap()));
    }
}
