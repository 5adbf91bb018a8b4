//! Typed, validated events over NATS JetStream, generated from JSON Schema files.

pub mod checks;
mod date_time;
pub mod de;
mod event;
mod invalid;
mod schema;
mod stream;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use date_time::DateTime;
pub use event::{Event, EventDescriptor, Kind, Reply, ReplyDescriptor, Upcast};
pub use invalid::{DecodeError, Invalid, Violation};
pub use jiff::civil::Date;
pub use schema::{Pattern, Schema};
pub use serde_json::Value;
pub use stream::{Retention, ServiceDescriptor, Storage, StreamDescriptor};
pub use subject::{InvalidToken, SubjectToken, fill_subject, scalar_text};
pub use text::InvalidText;
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
