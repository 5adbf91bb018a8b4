//! Typed, validated events over NATS JetStream, generated from JSON Schema files.
//!
//! A schema file describes one version of one event, and its path is the subject: `schemas/domain/evaluation/started.v1.json`
//! describes version 1 of what is published to `rules.domain.evaluation.started`. Decoding is validating: a type accepts exactly
//! the payloads that a JSON Schema validator accepts.
//!
//! # A program
//!
//! It publishes an event and handles it, on a bus in memory. [`domain_event`] binds the struct to its schema file, at compile
//! time; [`include_events!`] takes in types that a build script generated instead.
//!
#![cfg_attr(feature = "admin", doc = "```")]
#![cfg_attr(not(feature = "admin"), doc = "```ignore")]
//! use eventsmith::admin::BusAdmin;
//! use eventsmith::catalogue::StreamDescriptor;
//! use eventsmith::{Bus, DateTime, HandlerError, Received, domain_event};
//! use serde::{Deserialize, Serialize};
//!
//! #[domain_event("evaluation.started", version = 1)]
//! #[derive(Debug, Serialize, Deserialize)]
//! struct EvaluationStarted {
//!     context_id: String,
//!     transaction_id: String,
//!     customer_id: String,
//!     rule_count: u32,
//!     started_at: DateTime,
//! }
//!
//! const STREAMS: &[StreamDescriptor] = &[
//!     StreamDescriptor::new("RULES_DOMAIN_EVENTS", &["rules.domain.>"]),
//!     StreamDescriptor::new("RULES_DEAD_LETTERS", &["rules.dlq.>"]),
//! ];
//!
//! async fn started(event: Received<EvaluationStarted>) -> Result<(), HandlerError> {
//!     println!("{} rules are evaluated over {}", event.rule_count, event.transaction_id);
//!     Ok(())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let bus = Bus::in_memory(); // with a server: Bus::connect(Config::from_env()?).await?
//!     bus.provision(STREAMS).await?;
//!
//!     let event = EvaluationStarted {
//!         context_id: "ctx_01KK0A6R4ETB".to_owned(),
//!         transaction_id: "txn_01KK0A6PZD3G".to_owned(),
//!         customer_id: "cus_84213907".to_owned(),
//!         rule_count: 42,
//!         started_at: DateTime::now(),
//!     };
//!     bus.publish(&event).await?; // validated, stored, acknowledged
//!
//!     // Runs until the future resolves. A service passes eventsmith::shutdown_signal().
//!     let summary = bus.consumer("calculator").on(started).run(bus.settle()).await?;
//!     assert_eq!(summary.handled, 1);
//!     Ok(())
//! }
//! ```
//!
//! # From nothing
//!
//! A workspace with a catalogue, a service and its tests, which runs as it is (`OWNER` stands for the owner of your copy):
//!
//! ```sh
//! git clone https://github.com/OWNER/eventsmith
//! cargo install --locked --path eventsmith/cli
//! eventsmith new shop
//! cd shop
//! cargo run
//! ```
//!
//! An event of one's own is a schema file, `schemas/domain/order/shipped.v1.json`; the next build generates its type:
//!
//! ```json
//! {
//!   "title": "OrderShipped",
//!   "description": "An order left the warehouse.",
//!   "type": "object",
//!   "required": ["order_id", "carrier"],
//!   "properties": {
//!     "order_id": {"$ref": "../../common.json#/$defs/OrderId"},
//!     "carrier": {"description": "Who brings it.", "type": "string", "minLength": 1, "maxLength": 80}
//!   },
//!   "x-event": {"key": "/order_id"},
//!   "examples": [{"order_id": "o-1", "carrier": "Acme Freight"}]
//! }
//! ```
//!
//! With who publishes and consumes it in `schemas/eventsmith.toml`, and a program of thirty lines, which the README of the repository
//! shows, a server delivers it:
//!
//! ```sh
//! eventsmith lint --schemas schemas
//! eventsmith streams apply --schemas schemas --server nats://127.0.0.1:4222
//! EVENTSMITH_SERVERS=nats://127.0.0.1:4222 cargo run --example ship
//! ```
//!
//! # Features
//!
//! | feature | what it adds | who needs it |
//! |---|---|---|
//! | none (`default-features = false`) | event types, decoding, validation; no tokio, no NATS client | crates that only hold events |
//! | `bus` (default) | [`Bus`]: publishing and consuming, over NATS JetStream or in memory | services |
//! | `state` | [`mod@state`]: aggregates, whose state is made of their events, and projections | services that own such state |
//! | `admin` | [`admin`]: provisioning, dead letters, backups | operators' programs, tests |
//! | `schemars` | `JsonSchema` for generated types, [`DateTime`], [`Date`] and [`Number`] | structs of one's own, documentation |
//! | `testing` | [`testing`]: real nats-servers, the test of [`domain_event`] | `[dev-dependencies]` |
//!
//! # In reading order
//!
//! 1. Types: [`Event`], [`Request`] and [`Reply`] are what generated code implements, [`NoReply`] and [`NoRefusal`] what stands for an
//!    answer that the catalogue does not describe; [`include_events!`] and [`domain_event`]
//!    bring it into a crate; [`Upcast`] turns an old version into the next one. [`DecodeError`] and [`Invalid`] say what is wrong with a payload.
//! 2. Values: [`DateTime`], [`Number`], [`Uuid`], [`Date`], [`Timestamp`], [`Value`], and [`bytes`] that are encoded as text. [`Maybe`] is a
//!    property that may be absent and may be null; [`present`] reads it into an `Option` of one's own.
//! 3. Publishing: [`Bus::connect`] with a [`Config`], [`Bus::publish`], [`PublishOptions`], [`PublishBatch`], [`PublishError`];
//!    [`bulk`] is for imports.
//! 4. Consuming: [`Bus::consumer`], [`Received`], [`HandlerError`], [`shutdown_signal`]; [`config`] has the settings, and [`monitor`] what a
//!    service shows of itself.
//! 5. Requests: [`Bus::request`] asks, [`RequestError`] says why there is no reply; [`Bus::service`] answers, a [`Refusal`] says why
//!    not. [`Bus::subscribe`] listens to [`live`] events as they pass.
//! 6. State: [`Bus::bucket`] holds documents, which implement [`State`]; [`bucket`] has what comes of them. [`mod@state`] has
//!    aggregates, whose state is made of events, and projections, which make read models of streams.
//! 7. Operating: [`admin`] provisions streams and buckets, and looks after dead letters. [`observe`] says what a bus tells of
//!    what happens; the feature `telemetry` makes traces, metrics and health of it.
//! 8. Testing: [`Bus::in_memory`] for handlers, [`testing`] for real servers.
//! 9. Tools: [`catalogue`] describes events, streams, buckets and services as data; [`error`] holds what errors are made of.
//!
//! The guides of the repository go further: `docs/first-service.md` makes a service by hand, `docs/catalogue.md` is on schema files,
//! `docs/evolution.md` on their versions, `docs/delivery.md` on services, `docs/unit-tests.md` on tests.

#![cfg_attr(
    not(all(feature = "admin", feature = "state", feature = "testing")),
    expect(rustdoc::broken_intra_doc_links, reason = "the page names what other features bring")
)]

#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "bus")]
pub mod bucket;
#[cfg(feature = "bus")]
pub mod bulk;
pub mod bytes;
pub mod catalogue;
#[cfg(feature = "bus")]
pub mod config;
pub mod error;
#[doc(hidden)]
pub mod generated;
#[cfg(feature = "bus")]
pub mod live;
#[cfg(feature = "bus")]
pub mod monitor;
#[cfg(feature = "bus")]
pub mod observe;
#[cfg(feature = "state")]
pub mod state;
#[cfg(feature = "telemetry-names")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use eventsmith_event::date::Date;
pub use eventsmith_event::date_time::DateTime;
pub use eventsmith_event::de::present;
pub use eventsmith_event::envelope::Envelope;
pub use eventsmith_event::event::{Event, Kind, Reply, Request, State, Upcast};
pub use eventsmith_event::invalid::{DecodeError, Invalid, Violation};
pub use eventsmith_event::maybe::Maybe;
pub use eventsmith_event::number::Number;
pub use eventsmith_event::reply::{NoRefusal, NoReply};
pub use eventsmith_event::wire::Wire;
/// A struct of one's own as an event. The build compares it with its schema file, and a test that the attribute adds proves that both
/// accept the same payloads:
///
/// ```
/// use eventsmith::{DateTime, domain_event};
/// use serde::{Deserialize, Serialize};
///
/// #[domain_event("rule.deleted", version = 1)]
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// #[cfg_attr(test, derive(schemars::JsonSchema))]
/// struct RuleDeleted {
///     #[cfg_attr(test, schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]{1,64}$")))]
///     rule_id: String,
///     #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
///     name: String,
///     #[cfg_attr(test, schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]{1,64}$")))]
///     deleted_by: String,
///     deleted_at: DateTime,
///     #[cfg_attr(test, schemars(range(min = 1, max = 2_147_483_647)))]
///     final_version: u32,
/// }
///
/// # use eventsmith::Event;
/// assert_eq!(RuleDeleted::SUBJECT, "rules.domain.rule.deleted.*"); // the last token is the rule's id
/// ```
///
/// A command or query becomes a [`Request`]; `reply = ..` and `error = ..` name the types that it is answered with. It is no event,
/// so that publishing it does not compile:
///
#[cfg_attr(feature = "bus", doc = "```compile_fail,E0277")]
#[cfg_attr(not(feature = "bus"), doc = "```ignore")]
/// use eventsmith::{Bus, PublishError, Request};
///
/// async fn misdirected<R: Request>(bus: &Bus, request: &R) -> Result<(), PublishError> {
///     bus.publish(request).await?;
///     Ok(())
/// }
/// ```
///
pub use eventsmith_macros::domain_event;
pub use jiff::Timestamp;
pub use serde_json::Value;
pub use uuid::Uuid;

#[cfg(feature = "bus")]
pub use eventsmith_bus::{
    bus::Bus,
    config::Config,
    consumer::{ConsumeError, Consumer},
    handler::{HandlerError, Received},
    jetstream::{ConnectError, ShutdownError},
    memory::StoredMessage,
    publish::{Expect, PublishAllError, PublishBatch, PublishError, PublishOptions, Published},
    request::{RequestError, RequestOptions},
    service::{Refusal, Service, ServiceError},
    signal::shutdown_signal,
};

/// What stands below a bus in a simulation. Nothing here is for users, and nothing here is promised.
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation {
    pub use eventsmith_bus::dead_letters::record::{DeadLetter, read};
    pub use eventsmith_bus::environment::simulated::program::Program;
    pub use eventsmith_bus::environment::simulated::{Entered, Random, enter, jump, now};
    pub use eventsmith_bus::jetstream::{ClientEvent, SimulatedClient, SimulatedSubscriber};
}

/// Takes in the events that the build script of the crate generated, by `eventsmith_codegen::Builder::new().build()`.
///
/// That call stands in `build.rs`, and the line `eventsmith::include_events!();` in `lib.rs`. The crate `schemas` of the
/// repository is made so.
#[macro_export]
macro_rules! include_events {
    () => {
        ::std::include!(::std::concat!(::std::env!("OUT_DIR"), "/events.rs"));
    };
}
