//! Typed, validated events over NATS JetStream, generated from JSON Schema files.

mod bus;
pub mod checks;
mod config;
mod constants;
mod consumer;
mod date_time;
pub mod de;
mod dead_letters;
mod envelope;
mod event;
#[doc(hidden)]
pub mod examples;
mod filter;
mod handler;
mod invalid;
mod jetstream;
mod memory;
mod number;
mod payload;
mod provision;
mod publish;
mod schema;
mod signal;
mod stream;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod topology;
mod transport;

pub use bus::Bus;
pub use config::{Config, ConfigError, Secret, ServerUrl};
pub use constants::Constants;
pub use consumer::{
    BreakerConfig, BreakerState, ConsumeError, Consumer, ConsumerConfig, HandlerConfig, Monitor, Order, RetryPolicy,
    Summary,
};
pub use date_time::DateTime;
pub use dead_letters::{
    DeadLetter, DeadLetterError, DeadLetterFilter, DeadLetters, DeadReason, Letters, Recovered, ReplayTo, Replayed,
};
pub use envelope::Envelope;
pub use event::{Event, EventDescriptor, Kind, Reply, ReplyDescriptor, Upcast};
pub use eventsmith_macros::domain_event;
pub use handler::{HandlerError, Received};
pub use invalid::{DecodeError, Invalid, Violation};
pub use jetstream::{ConnectError, ShutdownError};
pub use jiff::Timestamp;
pub use jiff::civil::Date;
pub use memory::StoredMessage;
pub use number::Number;
pub use provision::{
    Action, Change, ConsumerStatus, Effect, FieldChange, Missing, Plan, ProvisionError, Status, StreamStatus,
};
pub use publish::{Batch, Expect, PublishError, PublishOptions, Published};
pub use schema::agreement;
pub use schema::{Format, MAX_PAYLOAD_BYTES, Pattern, Schema};
pub use serde_json::Value;
pub use signal::shutdown_signal;
pub use stream::{ConsumerDescriptor, DeliverFrom, Discard, Retention, ServiceDescriptor, Storage, StreamDescriptor};
pub use subject::{InvalidToken, SubjectToken, fill_subject, scalar_text};
pub use text::InvalidText;
pub use topology::{ConsumerSettings, StreamSettings, Topology};
pub use uuid::Uuid;

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
