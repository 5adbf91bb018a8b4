//! The binary `eventsmith`, run as its users run it.
//!
//! One binary holds all tests: each more would link the runtime and the code generator once more.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../tests/src/installed.rs"]
#[expect(unreachable_pub, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;
mod support;

// The commands.
mod aggregates;
mod backups;
mod breaking;
mod cloud_events;
mod dlq;
mod example;
mod exported;
mod generate;
mod lint;
mod manual;
mod messages;
mod new;
mod operations;
mod passing;
mod projections;
mod requests;
mod sagas;
mod streams;
mod traced;
mod validate;
mod validate_inputs;
mod watched;

// What they print.
mod formats;

// What the documentation shows, and how others start the binary.
mod guide;
mod watch;
mod ways_in;
