//! Webhooks in both directions, signed in the manner of Standard Webhooks.
//!
//! - [`Incoming`] takes calls of systems of others: each that is signed, fresh and new becomes one event `webhook.received`.
//! - [`Outgoing`] calls those who subscribed to events of ours, each at its own pace: `webhook.delivered`, `webhook.failed`.
//! - [`SigningKeys`] sign and verify; several of them while one is replaced by the next.

mod claim;
mod delivery;
mod incoming;
mod outgoing;
mod receiver;
mod signature;

pub use incoming::{Endpoint, Incoming, IncomingConfig};
pub use outgoing::{Outgoing, OutgoingError};
pub use receiver::{OutgoingConfig, Receiver};
pub use signature::SigningKeys;
