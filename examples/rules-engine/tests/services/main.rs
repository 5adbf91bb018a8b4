//! Each service by itself, in memory.

mod common;
mod contracts;
mod coupons;
mod http;
mod loyalty;
mod moves;
mod outside;
mod payments;
mod rules;
mod rules_management;
mod taxes;
