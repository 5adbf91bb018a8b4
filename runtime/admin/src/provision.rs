//! Bringing streams and consumers to what a catalogue says: plan, then apply.

mod apply;
mod compare;
mod error;
mod letters;
mod plan;
mod print;
mod status;
mod stream_fields;

pub use error::ProvisionError;
pub use eventsmith_bus::settings::fields::Effect;
pub use plan::{Action, Change, FieldChange, Plan};
pub use status::{ConsumerStatus, Missing, Status, StreamStatus};
