//! State as events, for eventsmith: aggregates whose histories lie in streams, and projections of streams.
//!
//! A wing of the crate [`eventsmith`](https://docs.rs/eventsmith), which is the one to depend on: this crate has no
//! promises of its own. It reaches NATS by the contracts of the bus alone.
//!
//! From the bottom up: [`error`] says why a history cannot be read or appended to; `record` is an event as a stream keeps it,
//! `chain` reads those of one aggregate, `loaded` applies them, `snapshot` keeps what they made, and `pauses` says which buckets
//! do not; [`aggregate`] is what users implement,
//! and [`aggregates`] loads and executes. [`check`] looks through all histories of a stream, `linear` says where one breaks, and
//! [`discard`] mends it. [`projection`] and [`saga`] stand beside
//! them.

pub mod aggregate;
pub mod aggregates;
pub mod append;
mod chain;
pub mod check;
mod command;
mod confine;
mod delay;
pub mod discard;
pub mod error;
pub mod history;
mod linear;
mod loaded;
mod pauses;
pub mod projection;
mod record;
pub mod saga;
pub mod snapshot;
