//! Transfers between accounts, for tests in which processes die: accounts are aggregates with snapshots, what they hold is a
//! projection, and a saga moves money from one to the other.
//!
//! From the bottom up: `plain` implements traits of generated code for types without a schema; [`messages`] is what is said;
//! [`account`] an account and the service that keeps it; [`balances`] the read model; [`saga`] the workflow.

pub mod account;
pub mod balances;
pub mod messages;
mod plain;
pub mod saga;

use std::path::PathBuf;

use eventsmith::catalogue::{BucketDescriptor, StreamDescriptor};
use serde::{Deserialize, Serialize};

/// The histories of accounts.
pub const ACCOUNTS: StreamDescriptor = StreamDescriptor::new("ACCOUNTS", &["bank.domain.account.>"]).aggregates(true);
/// What somebody wants of transfers.
pub const TRANSFERS: StreamDescriptor = StreamDescriptor::new("TRANSFERS", &["bank.domain.transfer.>"]);
/// Transfers on their way.
pub const SAGAS: StreamDescriptor = StreamDescriptor::new("SAGAS", &["bank.saga.>"]).sagas(&["transfer"]);
/// What cannot be handled.
pub const LETTERS: StreamDescriptor = StreamDescriptor::new("LETTERS", &["bank.dlq.>"]);
/// Snapshots of accounts.
pub const SNAPSHOTS: BucketDescriptor = BucketDescriptor::new("ACCOUNT_SNAPSHOTS", "account.snapshot");
/// What accounts hold.
pub const BALANCES: BucketDescriptor = BucketDescriptor::new("BALANCES", "account.balance");
/// The name of whoever runs the sagas, and of its consumer.
pub const RUNNER: &str = "transfers";

/// What the program `state_worker` is told, as JSON in its only argument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StateOrders {
    /// The server, or a proxy before it.
    pub url: String,
    /// Where it is written down which events had their side effect.
    pub journal: PathBuf,
}
