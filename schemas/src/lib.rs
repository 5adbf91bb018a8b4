//! The events of the rules engine: nine services that talk through domain events, integration events, commands and
//! queries.
//!
//! Every type here is generated from the schema files beside this crate's `Cargo.toml`.
#![doc = include_str!(concat!(env!("OUT_DIR"), "/events.md"))]

/// The guide to catalogues, whose code is about this one and is compiled, too.
#[cfg(doctest)]
#[doc = include_str!("../../docs/catalogue.md")]
mod guide {}
mod upcast;

eventsmith::include_events!();
