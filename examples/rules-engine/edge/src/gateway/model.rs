//! What we say of payments at a gateway, and why there is none.

use std::path::PathBuf;
use std::time::Duration;

use eventsmith::DateTime;
use rules_events::common::{Money, PaymentId, PaymentMethod, SystemName, TransactionId};

use crate::external::Backoff;

/// Where the gateway is and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// The name of the gateway in events.
    pub system: SystemName,
    /// Where it is, without a path: `https://gateway.example`.
    pub base_url: String,
    /// The file that holds the token; it is read for each call, so that a new one needs no restart.
    pub token_file: PathBuf,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long a call may take with all its attempts and look-ups.
    pub timeout: Duration,
    /// How long to wait between attempts.
    pub backoff: Backoff,
}

impl GatewayConfig {
    /// A gateway at an address: attempts of 1 s, calls of 4 s, which is less than the 5 s that a request waits for.
    pub fn new(system: SystemName, base_url: impl Into<String>, token_file: impl Into<PathBuf>) -> Self {
        Self {
            system,
            base_url: base_url.into(),
            token_file: token_file.into(),
            attempt_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(4),
            backoff: Backoff { first: Duration::from_millis(50), longest: Duration::from_millis(500) },
        }
    }
}

/// What is to be authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The payment, by which the gateway knows the charge, too.
    pub payment_id: PaymentId,
    /// The transaction that is paid.
    pub transaction_id: TransactionId,
    /// How much.
    pub amount: Money,
    /// How the customer pays.
    pub method: PaymentMethod,
    /// What the gateway is to tell back with the charge, whatever becomes of it: as metadata of others. No secret.
    pub memo: Option<String>,
}

/// A payment as the gateway has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The payment.
    pub payment_id: PaymentId,
    /// What became of it.
    pub status: ChargeStatus,
    /// What is or was reserved.
    pub authorized: Money,
    /// What was collected.
    pub captured: Money,
    /// What was given back of that.
    pub refunded: Money,
    /// When the reservation lapses.
    pub expires_at: Option<DateTime>,
    /// What it was to tell back.
    pub memo: Option<String>,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChargeStatus {
    /// The amount is reserved.
    Authorized,
    /// The amount, or a part of it, was collected.
    Captured,
    /// The reservation was given up.
    Voided,
    /// All that was collected was given back.
    Refunded,
    /// The customer's bank declined it.
    Declined,
}

/// Why the gateway did not do it, or is not known to have done it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The customer's bank declines; the same method does not get better.
    #[error("declined: {message} ({code})")]
    Declined {
        /// Why, for programs, such as `INSUFFICIENT_FUNDS`.
        code: String,
        /// Why, for people.
        message: String,
    },
    /// The payment is in a state that does not allow it.
    #[error("the payment is {0:?}, which does not allow that")]
    WrongState(Option<ChargeStatus>),
    /// The gateway knows no such payment.
    #[error("the gateway knows no payment of this id")]
    NotFound,
    /// The gateway takes the request for a mistake of ours: nothing was done, and it does not get better by itself.
    #[error("the gateway rejects the call: {0}")]
    Rejected(String),
    /// The gateway could not be reached; nothing was done.
    #[error("the gateway is not available: {0}; nothing was done, try again later")]
    Unavailable(String),
    /// Nobody knows whether it was done. Ask again under the same key, or [`find`](super::GatewayClient::find) the payment.
    #[error("nobody knows whether the gateway did it: {0}; ask again under the same key")]
    Unknown(String),
}

impl GatewayError {
    /// Whether it may be done all the same.
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Unavailable(_))
    }

    /// A stable code, as `error_code` of events has it.
    pub fn code(&self) -> &str {
        match self {
            Self::Declined { code, .. } => code,
            Self::WrongState(_) => "WRONG_STATE",
            Self::NotFound => "NOT_FOUND",
            Self::Rejected(_) => "REJECTED",
            Self::Unavailable(_) => "UPSTREAM_UNAVAILABLE",
            Self::Unknown(_) => "UPSTREAM_TIMEOUT",
        }
    }
}
