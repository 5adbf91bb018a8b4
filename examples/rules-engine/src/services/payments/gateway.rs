//! What a payment gateway does, whoever runs it.

use std::collections::BTreeMap;
use std::pin::Pin;

use rules_events::common::{CustomerId, Money, PaymentId, PaymentMethod, RefundId, TransactionId};
use serde::{Deserialize, Serialize};

/// Who moves the money, as events tell.
pub(super) const PROVIDER: &str = "gateway";

/// What a gateway answers, some time.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Record, GatewayError>> + Send + 'a>>;

/// A payment gateway. Whatever it is asked to do it does once for each payment, however often it is asked: it answers with what it
/// has on record of the payment by then.
pub trait Gateway: Send + Sync {
    /// Reserves an amount.
    fn authorize(&self, order: Order) -> Answer<'_>;

    /// Takes what was reserved, or a part of it.
    fn capture(&self, payment_id: PaymentId, amount_minor: Option<i64>) -> Answer<'_>;

    /// Lets go of what was reserved. A payment that was never authorized cannot be from then on.
    fn void(&self, payment_id: PaymentId) -> Answer<'_>;

    /// Gives back what was taken, or a part of it, once for each refund.
    fn refund(&self, payment_id: PaymentId, refund_id: RefundId, amount_minor: Option<i64>) -> Answer<'_>;

    /// What it has on record of a payment.
    fn find(&self, payment_id: PaymentId) -> Answer<'_>;
}

/// What is to be paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The payment.
    pub payment_id: PaymentId,
    /// The transaction that is paid.
    pub transaction_id: TransactionId,
    /// Who pays.
    pub customer_id: Option<CustomerId>,
    /// How much.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
}

/// What a gateway has on record of one payment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was authorized, unless nothing was.
    pub authorized: Option<Order>,
    /// How much was taken, in minor units.
    pub captured_minor: i64,
    /// How much was given back by each refund, in minor units.
    pub refunds: BTreeMap<RefundId, i64>,
    /// Whether what was reserved was let go of.
    pub is_voided: bool,
}

/// Why a gateway did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayError {
    /// It does not want to, and will not.
    Refused {
        /// Why, for programs: `CARD_DECLINED`.
        code: &'static str,
        /// Why, for people.
        message: String,
    },
    /// Nobody knows whether it did.
    Unavailable(String),
}

impl std::fmt::Display for GatewayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "the gateway refuses: {message} ({code})"),
            Self::Unavailable(why) => write!(f, "the gateway cannot be reached: {why}"),
        }
    }
}

impl std::error::Error for GatewayError {}
