//! Each service by itself, in memory.

mod common;
mod payments;
mod rules_management;
