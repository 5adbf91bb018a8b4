//! What services tell of themselves: traces, metrics, health.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod beside;
mod collector;
mod contexts;
mod health;
mod metrics;
mod names;
mod observers;
mod sampled;
mod traces;

/// How a test ends.
type Outcome = Result<(), Box<dyn std::error::Error>>;
