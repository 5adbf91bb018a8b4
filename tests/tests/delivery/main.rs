//! What a service can rely on when processes die, servers go away and the network loses things.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod handlers;
mod kills;
mod network;
mod order;
mod proxy;
mod restarts;
mod worker;
