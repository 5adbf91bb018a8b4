//! Typed, validated events over NATS JetStream, generated from JSON Schema files.

mod event;
mod invalid;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;

pub use event::{Event, EventDescriptor, Kind, ReplyDescriptor, Upcast};
pub use invalid::{DecodeError, Invalid, Violation};
pub use stream::{Retention, ServiceDescriptor, Storage, StreamDescriptor};
