//! Payments at a payment gateway, in our words. This module alone knows the gateway's: amounts as decimal texts, currencies in small
//! letters, charges with entries, times as seconds of an epoch.
//!
//! Each operation has a key, and the gateway does what it is asked for under one key once. A call that hangs, or whose answer is lost, is
//! looked up ([`GatewayClient::find`] is the same for callers): what is there was done, and what is not there is asked for again under the
//! same key.

mod client;
pub(crate) mod foreign;
mod model;
pub(crate) mod money;

pub use client::GatewayClient;
pub use model::{Authorization, Charge, ChargeStatus, GatewayConfig, GatewayError};
