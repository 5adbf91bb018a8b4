//! The events of the rules engine: nine services that talk through domain events, integration events, commands and
//! queries.
//!
//! Every type here is generated from the schema files beside this crate's `Cargo.toml`.

mod upcast;

eventsmith::include_events!();
