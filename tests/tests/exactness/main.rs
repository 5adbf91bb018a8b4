//! Generated code accepts exactly what a standard validator accepts, and writes what it has read.
//!
//! Each test makes catalogues, generates their code, compiles it as a small crate, and holds every verdict of that crate
//! against the `jsonschema` crate: on the official test suite, on random schemas, and on our own catalogue.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod evolution;
mod harness;
mod narrowed;
mod numbers;
mod official;
mod official_source;
mod our_catalogue;
mod random;
mod round_trip;
mod tally;
