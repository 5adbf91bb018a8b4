//! Each service by itself, in memory.

mod common;
mod coupons;
mod loyalty;
mod payments;
mod rules;
mod rules_management;
mod taxes;
