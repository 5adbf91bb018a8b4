//! The bus: one contract that both transports keep, and what only a real server can show.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breakers;
mod cluster;
mod common;
mod consume;
mod contract;
mod dead_lettering;
mod dead_letters;
mod faults;
mod login;
mod malformed;
mod memory;
mod middleware;
mod provision;
mod publish;
mod recovery;
mod wire;
