//! The servers that `eventsmith server config` describes, as they run: what is declared works, and everything else is denied.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attack;
mod attempts;
mod cluster;
mod commands;
mod consumers;
mod credentials;
mod headers;
mod process;
mod scene;
mod upgrade;
mod verified;
mod works;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
