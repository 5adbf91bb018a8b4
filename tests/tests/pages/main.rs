//! Pages of docs that go from schemas to a program: it builds from an empty folder, and does what the page says, in memory and on a
//! server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod page;
mod projections;
mod sagas;
mod state;
