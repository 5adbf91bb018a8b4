//! Checks payloads against the catalogue: whole envelopes, or the bare data of one event.
//!
//! Every violation is reported with its position in the payload file and the location of the violated keyword in the schema.
//!
//! Most payloads are valid. Each is first read onto a tape (`schema::Tape`), and a validator answers yes or no. Only where the
//! answer is no is it read again as a value, and every violation is collected. That second reading decides.

mod checker;
mod cloud_event;
mod compiled;
mod finding;
mod input;
mod part;
mod pipeline;
mod records;
mod room;
mod sink;
mod violation_text;

pub use checker::{Checker, Options, repeats_names};
pub use cloud_event::cloud_event_version;
pub use compiled::ENVELOPE_FILE;
pub use finding::{Demand, Finding};
pub use input::{Input, Open};
pub use part::CheckedPart;
pub use pipeline::CheckResult;
