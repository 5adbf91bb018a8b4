//! Events written by hand, a stream for them, and consumers that can be stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::config::{ConsumerConfig, HandlerConfig, Order, RetryPolicy};
use eventsmith::generated::Schema;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Consumer, DecodeError, Event, Invalid, Kind, Received, Violation};
use eventsmith_tests::running::PATIENCE;
pub(crate) use eventsmith_tests::running::Running;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

pub(crate) const STREAM: StreamDescriptor =
    StreamDescriptor::new("RULES", &["rules.domain.>"]).description("Events of rules");

/// Where the dead letters go.
pub(crate) const DEAD_LETTERS: StreamDescriptor =
    STREAM.name("RULES_DEAD_LETTERS").description("What consumers gave up on").subjects(&["rules.dlq.>"]);

/// Retries at once, so that tests need not wait for them.
pub(crate) const QUICK: RetryPolicy =
    RetryPolicy { first_delay: Duration::from_millis(20), max_delay: Duration::from_millis(100), max_attempts: 5 };

/// The defaults otherwise.
pub(crate) fn quick() -> ConsumerConfig {
    ConsumerConfig { retry: QUICK, ..ConsumerConfig::default() }
}

/// Says of events without a key that they need not be in order.
pub(crate) fn unordered(event_type: &str) -> BTreeMap<String, HandlerConfig> {
    let handler = HandlerConfig { order: Some(Order::None), ..HandlerConfig::default() };
    BTreeMap::from([(event_type.to_owned(), handler)])
}

/// An event that needs a `rule_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Activated {
    pub(crate) rule_id: String,
}

/// An event of version 2, whose version 1 had no `revision`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Updated {
    pub(crate) rule_id: String,
    #[serde(default)]
    pub(crate) revision: u32,
}

/// An event with a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) key: String,
    pub(crate) number: u32,
}

/// Version 3 of [`Updated`], for which there is no way from the versions before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revised {
    pub(crate) rule_id: String,
}

/// An event of another root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Homeless {}

/// Claims to be [`Activated`] and validates nothing, as a producer with a defect would.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Careless {
    pub(crate) anything: String,
}

pub(crate) fn activated(rule_id: impl ToString) -> Activated {
    Activated { rule_id: rule_id.to_string() }
}

fn invalid(event_type: &'static str, version: u32, expected: &str) -> Invalid {
    let violation = Violation::new("/rule_id", "/x", expected);
    Invalid::new(event_type, version, vec![violation])
}

macro_rules! event {
    ($name:ident, $type:literal, $version:literal, $subject:literal, $valid:expr $(, $key:ident)?) => {
        impl $name {
            /// The oldest version that it can be decoded from.
            const OLDEST: u32 = if $version > 2 { $version } else { 1 };
        }

        impl Event for $name {
            const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
            const KIND: Kind = Kind::Domain;
            const TYPE: &'static str = $type;
            const VERSION: u32 = $version;
            const SUBJECT: &'static str = $subject;
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = {
                let key: &[&'static str] = &[$(concat!("/", stringify!($key)))?];
                if let [key] = key { Some(key) } else { None }
            };

            $(fn key(&self) -> Option<String> {
                Some(self.$key.clone())
            })?

            fn payload_schema() -> &'static Schema {
                static SCHEMA: Schema = Schema::new($name::TYPE, $name::VERSION, $name::SCHEMA);
                &SCHEMA
            }

            fn validate(&self) -> Result<(), Invalid> {
                let valid: fn(&Self) -> bool = $valid;
                if valid(self) { Ok(()) } else { Err(invalid(Self::TYPE, Self::VERSION, "a name")) }
            }

            fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError> {
                if !(Self::OLDEST..=Self::VERSION).contains(&version) {
                    return Err(DecodeError::UnknownVersion { event_type: Self::TYPE, version, newest: Self::VERSION });
                }
                serde_json::from_slice(data).map_err(|error| invalid(Self::TYPE, version, &error.to_string()).into())
            }
        }
    };
}

event!(Activated, "rule.activated", 1, "rules.domain.rule.activated", |event| !event.rule_id.is_empty());
event!(Updated, "rule.updated", 2, "rules.domain.rule.updated", |event| !event.rule_id.is_empty());
event!(Moved, "rule.moved", 1, "rules.domain.rule.moved", |event| !event.key.is_empty(), key);
event!(Revised, "rule.updated", 3, "rules.domain.rule.updated", |event| !event.rule_id.is_empty());
event!(Homeless, "thing.moved", 1, "else.domain.thing.moved", |_| true);
event!(Careless, "rule.activated", 1, "rules.domain.rule.activated", |_| true);

/// Runs a consumer that tries again quickly.
pub(crate) fn run(consumer: Consumer) -> Running {
    Running::start(consumer.retry(QUICK))
}

/// Runs a consumer that tells the ids of the rules that were activated.
pub(crate) fn run_and_tell(bus: &Bus) -> (Running, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let consumer = bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    });
    (run(consumer), told)
}

/// The next of what a handler tells the test.
pub(crate) async fn next<T>(told: &mut mpsc::UnboundedReceiver<T>) -> Outcome<T> {
    Ok(tokio::time::timeout(PATIENCE, told.recv()).await?.ok_or("the handler is gone")?)
}

/// Waits until a condition holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) -> Outcome {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, wait).await?)
}

pub(crate) fn config(url: impl Into<String>) -> Config {
    Config { servers: vec![url.into().into()], name: "tests".to_owned(), create_consumers: true, ..Config::default() }
}

/// A server and a bus to it with the stream.
pub(crate) async fn server() -> Outcome<(NatsServer, Bus)> {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    Ok((server, bus))
}

/// Tests that hold for every transport: functions of a bus, each run over a bus in memory and over a server.
macro_rules! over_both_transports {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() -> $crate::common::Outcome {
                let bus = eventsmith::Bus::in_memory();
                eventsmith::admin::BusAdmin::provision(&bus, &[$crate::common::STREAM, $crate::common::DEAD_LETTERS]).await?;
                super::$name(bus).await
            })*
        }

        mod jetstream {
            $(#[tokio::test]
            async fn $name() -> $crate::common::Outcome {
                let (_server, bus) = $crate::common::server().await?;
                super::$name(bus).await
            })*
        }
    };
}

pub(crate) use over_both_transports;
