//! Sagas: workflows that end completed or compensated, whatever the transport, and what only one of them shows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bank;
#[path = "../bus/common.rs"]
#[expect(dead_code, reason = "it is that of all tests of the bus")]
mod common;
mod crashes;
mod deadlines;
mod events;
mod in_memory;
mod mishaps;
mod over_server;
mod requests;
mod schedules;
mod steps;
mod time_outs;
