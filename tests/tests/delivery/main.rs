//! What a service can rely on when processes die, servers go away and the network loses things.

mod common;
mod handlers;
mod kills;
mod network;
mod order;
mod proxy;
mod restarts;
mod state_kills;
mod worker;
