//! The bus: one contract that both transports keep, and what only a real server can show.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aggregates;
mod attempts;
mod blocking;
mod breakers;
mod buckets;
mod bulk;
mod cluster;
mod common;
mod consume;
mod contract;
mod dead_letter_limits;
mod dead_lettering;
mod dead_letters;
mod domain;
mod dropped;
mod edited;
mod fairness;
mod faults;
mod foreign;
mod leases;
mod letter_pages;
mod live;
mod login;
mod malformed;
mod malformed_subjects;
mod memory;
mod middleware;
mod no_acks;
mod operations;
mod permissions;
mod projections;
mod provision;
mod publish;

mod recovery;
mod replay_ids;
mod requests;
mod rolling;
mod rotation;
mod subjects;
mod user_code;
mod wire;
