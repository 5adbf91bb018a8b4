//! What undoes the payment of these tests, and what is known of it.

use eventsmith::Bus;
use eventsmith::state::Aggregates;
use rules_engine::services::payments::payment::Payment;
use serde_json::{Value, json};

/// Gives the authorization up.
pub(crate) fn void() -> Value {
    json!({"payment_id": "pay_1", "transaction_id": "t_1", "reason": "checkout_failed"})
}

/// Gives the money back.
pub(crate) fn refund() -> Value {
    json!({"payment_id": "pay_1", "refund_id": "ref_1", "reason": "order_cancelled"})
}

/// What the payment's history says that happened.
pub(crate) async fn told(bus: &Bus) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let history = Aggregates::of(bus).history::<Payment>("pay_1").await?;
    Ok(history.events.iter().map(|event| event.envelope.event_type.clone()).collect())
}
