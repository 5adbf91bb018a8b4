//! Projections: read models that are made of events.
//!
//! [`definition`] is what users write; [`documents`] and [`store`] keep what it makes, behind the contract of [`target`]. `run` decides which
//! read models an instance makes, `pipeline` makes one: under a `lease`, from streams (`source`), by messages that are sorted
//! (`route`) and projected together (`chunk`). `ledger` is where all that is written down, [`model`] reads what serves, and [`operator`] shows
//! and rebuilds. [`effects`](definition::Projection::effect) follow what serves.

pub mod checkpoint;
mod chunk;
pub mod config;
pub mod definition;
mod document;
pub mod documents;
mod effects;
pub mod error;
mod filter;
pub mod generation;
mod lease;
pub mod ledger;
pub mod model;
pub mod monitor;
pub mod operator;
mod pipeline;
mod report;
pub mod route;
mod run;
mod source;
mod spans;
pub mod status;
pub mod store;
pub mod target;
