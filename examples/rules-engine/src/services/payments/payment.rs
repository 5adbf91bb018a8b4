//! A payment as its events make it.

use std::collections::BTreeMap;

use eventsmith::DateTime;
use eventsmith::error::InvalidText;
use eventsmith::state::Aggregate;
use rules_events::aggregates::PaymentEvent;
use rules_events::common::{ErrorCode, ErrorMessage, RefundId};
use rules_events::payment::{
    PaymentAuthorized, PaymentCaptured, PaymentFailed, PaymentFailedStage, PaymentRefunded, PaymentRefundedReason,
    PaymentVoided, PaymentVoidedReason,
};

use super::gateway::{Order, PROVIDER, Record};
use crate::money::like;

/// One payment.
#[derive(Debug, Clone, Default)]
pub struct Payment {
    /// What was authorized.
    pub order: Option<Order>,
    /// When it was authorized.
    pub authorized_at: Option<DateTime>,
    /// How much was captured, in minor units, and when.
    pub captured: Option<(i64, DateTime)>,
    /// The refunds, each in minor units.
    pub refunds: BTreeMap<RefundId, i64>,
    /// What they come to, in minor units.
    pub refunded_minor: i64,
    /// Whether it was voided.
    pub is_voided: bool,
    /// Why the gateway declined it.
    pub declined: Option<ErrorCode>,
}

impl Aggregate for Payment {
    type Event = PaymentEvent;

    fn apply(&mut self, event: &PaymentEvent) {
        match event {
            PaymentEvent::Authorized(it) => {
                self.authorized_at = Some(it.authorized_at.clone());
                self.order = Some(Order {
                    payment_id: it.payment_id.clone(),
                    transaction_id: it.transaction_id.clone(),
                    customer_id: it.customer_id.clone(),
                    amount: it.amount.clone(),
                    method: it.method.clone(),
                });
            }
            PaymentEvent::Captured(it) => self.captured = Some((it.amount.amount_minor, it.captured_at.clone())),
            PaymentEvent::Voided(_) => self.is_voided = true,
            PaymentEvent::Refunded(it) => {
                self.refunds.insert(it.refund_id.clone(), it.amount.amount_minor);
                self.refunded_minor += it.amount.amount_minor;
            }
            PaymentEvent::Failed(it) => self.declined = Some(it.error_code.clone()),
        }
    }
}

/// Why money goes back.
#[derive(Debug, Clone, Copy)]
pub struct Reasons {
    /// Of a void.
    pub void: PaymentVoidedReason,
    /// Of a refund.
    pub refund: PaymentRefundedReason,
}

impl Default for Reasons {
    fn default() -> Self {
        Self { void: PaymentVoidedReason::CheckoutFailed, refund: PaymentRefundedReason::OrderCancelled }
    }
}

impl Payment {
    /// Its state, as refusals name it.
    pub fn state(&self) -> &'static str {
        match self {
            Self { is_voided: true, .. } => "voided",
            Self { captured: Some((amount, _)), refunded_minor, .. } if refunded_minor >= amount => "refunded",
            Self { captured: Some(_), .. } => "captured",
            Self { authorized_at: Some(_), .. } => "authorized",
            Self { declined: Some(_), .. } => "declined",
            _ => "unknown",
        }
    }

    /// What happened at the gateway that the history does not say yet.
    ///
    /// # Errors
    /// [`InvalidText`] never, as the texts are ours.
    pub fn follow(&self, record: &Record, reasons: Reasons) -> Result<Vec<PaymentEvent>, InvalidText> {
        let Some(order) = &record.authorized else { return Ok(Vec::new()) };
        let now = DateTime::now();
        let mut events = Vec::new();
        if self.authorized_at.is_none() {
            events.push(authorized(order, &now)?);
        }
        if self.captured.is_none() && record.captured_minor > 0 {
            events.push(captured(order, record.captured_minor, &now));
        }
        let mut left = record.captured_minor - self.refunded_minor;
        for (refund_id, amount) in record.refunds.iter().filter(|(id, _)| !self.refunds.contains_key(*id)) {
            left -= amount;
            events.push(refunded(order, (refund_id, *amount), left, (reasons.refund, &now)));
        }
        if record.is_voided && !self.is_voided {
            events.push(voided(order, reasons.void, &now));
        }
        Ok(events)
    }

    /// That the gateway declined it.
    pub fn decline(order: &Order, code: ErrorCode, message: ErrorMessage) -> PaymentEvent {
        PaymentFailed {
            payment_id: order.payment_id.clone(),
            transaction_id: order.transaction_id.clone(),
            customer_id: order.customer_id.clone(),
            amount: order.amount.clone(),
            method: order.method.clone(),
            stage: PaymentFailedStage::Authorization,
            error_code: code,
            error_message: message,
            retryable: false,
            failed_at: DateTime::now(),
        }
        .into()
    }
}

fn authorized(order: &Order, now: &DateTime) -> Result<PaymentEvent, InvalidText> {
    let event = PaymentAuthorized {
        payment_id: order.payment_id.clone(),
        transaction_id: order.transaction_id.clone(),
        customer_id: order.customer_id.clone(),
        amount: order.amount.clone(),
        method: order.method.clone(),
        provider: PROVIDER.parse()?,
        authorization_code: None,
        expires_at: None,
        authorized_at: now.clone(),
    };
    Ok(event.into())
}

fn captured(order: &Order, amount_minor: i64, now: &DateTime) -> PaymentEvent {
    PaymentCaptured {
        payment_id: order.payment_id.clone(),
        transaction_id: order.transaction_id.clone(),
        customer_id: order.customer_id.clone(),
        amount: like(&order.amount, amount_minor),
        method: order.method.clone(),
        final_capture: Some(true),
        captured_at: now.clone(),
    }
    .into()
}

fn refunded(
    order: &Order,
    (refund_id, amount_minor): (&RefundId, i64),
    left: i64,
    (reason, now): (PaymentRefundedReason, &DateTime),
) -> PaymentEvent {
    PaymentRefunded {
        payment_id: order.payment_id.clone(),
        transaction_id: order.transaction_id.clone(),
        customer_id: order.customer_id.clone(),
        amount: like(&order.amount, amount_minor),
        method: order.method.clone(),
        refund_id: refund_id.clone(),
        reason,
        remaining_amount: Some(like(&order.amount, left)),
        refunded_by: None,
        refunded_at: now.clone(),
    }
    .into()
}

fn voided(order: &Order, reason: PaymentVoidedReason, now: &DateTime) -> PaymentEvent {
    PaymentVoided {
        payment_id: order.payment_id.clone(),
        transaction_id: order.transaction_id.clone(),
        customer_id: order.customer_id.clone(),
        amount: order.amount.clone(),
        method: order.method.clone(),
        reason,
        voided_by: None,
        voided_at: now.clone(),
    }
    .into()
}
