//! Where the rules engine meets the outside. It uses nothing of eventsmith that a team could not use.
//!
//! In reading order:
//!
//! 1. [`api`]: every command and query of a catalogue over HTTP, driven by its descriptors; OpenAPI from the same schemas.
//! 2. [`webhooks`]: signed calls of others, and calls of those who subscribed to events.
//! 3. [`gateway`]: payments at a payment gateway, whose model is unlike ours; what becomes of a call whose answer is lost.
//! 4. [`tax`]: tax rates from a tax service, kept in step by pages, resumed wherever a run was broken off.
//! 5. [`external`]: what all calls to systems of others have in common: time-outs, limits, and the event that records each.
//! 6. [`serve`]: HTTP for those who are not trusted.
//! 7. [`secret`]: tokens that come from files and are seen nowhere.
//! 8. [`played`]: servers that play the systems of others, with faults on demand, for tests and the demonstration.

pub mod api;
mod derived;
pub mod external;
pub mod gateway;
pub mod played;
pub mod secret;
pub mod serve;
pub mod tax;
pub mod webhooks;

/// The guide, whose Rust is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/rules-engine-edge.md")]
mod guide {}
