//! Where the rules engine meets the outside. It uses nothing of eventsmith that a team could not use.
//!
//! In reading order:
//!
//! 1. [`gateway`]: payments at a payment gateway, whose model is unlike ours; what becomes of a call whose answer is lost.
//! 2. [`external`]: what all calls to systems of others have in common: time-outs, limits, and the event that records each.
//! 3. [`secret`]: tokens that come from files and are seen nowhere.
//! 4. [`played`]: servers that play the systems of others, with faults on demand, for tests and the demonstration.

pub mod external;
pub mod gateway;
pub mod played;
pub mod secret;
