//! The bus: one contract that both transports keep, and what only a real server can show.

mod cluster;
mod common;
mod contract;
mod faults;
mod login;
mod provision;
mod wire;
