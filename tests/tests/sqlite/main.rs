//! A projection into SQLite, in a program of its own: nothing else needs the database.

#[path = "../bus/common.rs"]
#[expect(dead_code, reason = "it is that of all tests of the bus")]
mod common;
mod store;
#[path = "../bus/projections/common.rs"]
#[expect(dead_code, reason = "it is that of all tests of projections")]
mod totals;
