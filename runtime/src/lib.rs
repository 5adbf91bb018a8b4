//! Typed, validated events over NATS JetStream, generated from JSON Schema files.

#[cfg(feature = "admin")]
pub mod admin;
pub mod catalogue;
#[cfg(feature = "bus")]
pub mod config;
#[doc(hidden)]
pub mod generated;
#[cfg(feature = "testing")]
pub mod testing;

pub use eventsmith_event::date_time::DateTime;
pub use eventsmith_event::envelope::Envelope;
pub use eventsmith_event::event::{Event, Kind, Reply, Request, Upcast};
pub use eventsmith_event::invalid::{DecodeError, Invalid, Violation};
pub use eventsmith_event::number::Number;
pub use eventsmith_event::stream::DeliverFrom;
pub use eventsmith_event::subject::InvalidToken;
pub use eventsmith_event::text::InvalidText;
pub use eventsmith_macros::domain_event;
pub use jiff::Timestamp;
pub use jiff::civil::Date;
pub use serde_json::Value;
pub use uuid::Uuid;

#[cfg(feature = "bus")]
pub use eventsmith_bus::{
    bus::Bus,
    config::Config,
    consumer::{
        BreakerConfig, BreakerState, ConsumeError, Consumer, ConsumerConfig, HandlerConfig, Monitor, Order,
        RetryPolicy, Summary,
    },
    handler::{HandlerError, Received},
    jetstream::{ConnectError, ShutdownError},
    memory::StoredMessage,
    publish::{Expect, PublishAllError, PublishBatch, PublishError, PublishOptions, Published},
    signal::shutdown_signal,
};

/// Takes in the events that the build script generated.
///
/// ```ignore
/// eventsmith::include_events!();
/// ```
#[macro_export]
macro_rules! include_events {
    () => {
        include!(concat!(env!("OUT_DIR"), "/events.rs"));
    };
}
