//! What a service can rely on when processes die, servers go away and the network loses things.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod kills;
mod proxy;
mod worker;
