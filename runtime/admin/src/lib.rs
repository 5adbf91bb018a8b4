//! What operators of eventsmith need and services do not: provisioning, dead letters.
//!
//! A wing of the crate [`eventsmith`](https://docs.rs/eventsmith), which is the one to depend on, with its feature `admin`:
//! this crate has no promises of its own.
//!
//! From the bottom up: [`topology`] is what a server should hold, `server` asks and changes what it holds, over JetStream
//! or memory; [`provision`] brings the one to the other; [`dead_letters`] lists, replays and searches; [`requests`]
//! asks without types, and finds services; [`backup`] makes backups and restores them; [`buckets`] reads and writes without types, [`tail`] shows what passes,
//! [`trace`] what is stored under a correlation, [`survey`] how all is doing, for whoever looks again and again; [`BusAdmin`]
//! offers all of it as methods of a bus.

pub mod backup;
pub mod buckets;
mod bus_admin;
pub mod dead_letters;
mod jetstream;
pub mod provision;
pub mod requests;
mod server;
pub mod survey;
pub mod tail;
pub mod topology;
pub mod trace;

pub use bus_admin::BusAdmin;
