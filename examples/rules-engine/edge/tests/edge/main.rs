//! The edge of the rules engine against systems that are played, in memory and on real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod common;
mod gateway;
mod hostile;
mod incoming;
mod openapi;
mod outgoing;
mod server;
mod tax;
