//! Bringing streams and consumers to what a catalogue says: plan, then apply.

mod apply;
mod durable;
mod error;
mod fields;
mod found;
mod plan;
mod print;
mod status;
pub(crate) mod words;

pub use error::ProvisionError;
pub use fields::Effect;
pub(crate) use found::{FoundConsumer, FoundStream, Progress};
pub use plan::{Action, Change, FieldChange, Plan};
pub use status::{ConsumerStatus, Missing, Status, StreamStatus};
