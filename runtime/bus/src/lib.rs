//! Publishing and consuming the events of eventsmith, over NATS JetStream or in memory.
//!
//! A wing of the crate [`eventsmith`](https://docs.rs/eventsmith), which is the one to depend on: this crate has no
//! promises of its own, and some of it is public only for the wings above it.
//!
//! From the bottom up: [`config`] and [`settings`] are plain data, [`cause`] is what errors hold of those below them;
//! [`transport`] is the contract, [`observe`] says what observers are told, [`jetstream`] and [`memory`] keep it; [`publish`] stores events; [`dead_letters`] stores
//! those that a consumer could not handle; [`bus`] is what a service holds; [`handler`] is what its handlers are given, and
//! [`consumer`] and [`service`] call them. [`request`] asks services, [`bucket`] holds documents.

pub mod bucket;
pub mod bus;
pub mod cause;
pub mod config;
pub mod consumer;
pub mod dead_letters;
pub mod environment;
pub mod handler;
pub mod jetstream;
pub mod memory;
pub mod observe;
mod outgoing;
pub mod publish;
pub mod request;
pub mod service;
pub mod settings;
pub mod signal;
pub mod subscriber;
pub mod transport;
