//! Delivery in a simulation: the real consumer, publisher, dead letters and JetStream transport over a client and a server that are
//! models, on a virtual clock, where everything that happens follows from a seed.
//!
//! ```
//! use eventsmith_simulation::plan::Plan;
//! use eventsmith_simulation::run::run;
//!
//! let outcome = run(&Plan::of(1), None, false);
//! assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
//! assert_eq!(outcome, run(&Plan::of(1), None, false));
//! ```
//!
//! From the bottom up: [`plan`] is what is to happen; [`server`] is what a server does; [`state`] is all there is, and [`world`] carries
//! what is on its way (`carry`, where faults happen, too); [`client`] is what the transport asks of; [`service`] are the programs under
//! test that consume and publish, `answering` those that answer and ask, `executing` those that execute commands on aggregates, `transferring` those that run sagas; [`history`] is what happened, `runs`, [`asks`], [`executions`] and [`bank`] say what of it must not be and [`audit`] what must be in the end; [`run`] runs one
//! schedule and [`shrink`] makes one that fails smaller. [`mutation`] are deliberate bugs, each of which must be found, and [`gaps`]
//! promises that are not kept yet.

mod answering;
pub mod asks;
pub mod audit;
pub mod bank;
mod carry;
pub mod client;
pub mod clock;
mod commands;
mod deliveries;
mod executing;
pub mod executions;
pub mod gaps;
pub mod history;
mod messages;
pub mod mutation;
mod parcel;
mod picks;
pub mod plan;
pub mod process;
mod requests;
pub mod run;
mod runs;
pub mod server;
pub mod service;
pub mod shrink;
pub mod state;
mod transferring;
mod transfers;
pub mod world;
