//! How payloads are read, by generated types and by structs of one's own: numbers, date-times, and what is made to break readers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bombs;
mod date_times;
mod domain_event;
mod habits;
mod numbers;
mod through_serde;
