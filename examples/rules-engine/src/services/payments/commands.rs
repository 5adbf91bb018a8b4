//! What can be done to a payment: at the gateway first, then in its history.

use eventsmith::state::{ExecuteOptions, Executed};
use eventsmith::{DateTime, Envelope, Received, Refusal};
use rules_events::aggregates::PaymentEvent;
use rules_events::common::{ErrorCode, ErrorMessage, Money, PaymentId};
use rules_events::payment::{
    PaymentAuthorize, PaymentAuthorizeError, PaymentAuthorizeReply, PaymentCapture, PaymentCaptureError,
    PaymentCaptureReply, PaymentRefund, PaymentRefundError, PaymentRefundReason, PaymentRefundReply,
    PaymentRefundedReason, PaymentVoid, PaymentVoidError, PaymentVoidReason, PaymentVoidReply, PaymentVoidedReason,
};

use super::desk::Desk;
use super::gateway::{GatewayError, Order, PROVIDER, Record};
use super::payment::{Payment, Reasons};
use crate::money::like;
use crate::refusals::{not_allowed, not_found, refusal, wrong_state};

pub(super) async fn authorize(
    desk: Desk,
    asked: Received<PaymentAuthorize>,
) -> Result<PaymentAuthorizeReply, Refusal<PaymentAuthorizeError>> {
    let order = Order {
        payment_id: asked.payment_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        customer_id: asked.customer_id.clone(),
        amount: asked.amount.clone(),
        method: asked.method.clone(),
    };
    let record = match desk.gateway.authorize(order.clone()).await {
        Ok(record) => record,
        Err(GatewayError::Refused { code, message }) => return declined(&desk, &asked, &order, (code, message)).await,
        Err(error) => return Err(Refusal::failed(error)),
    };
    let executed = desk.follow(asked.envelope(), "authorize", &asked.payment_id, &record, Reasons::default()).await?;
    let payment = &executed.state;
    let Some(authorized_at) = payment.authorized_at.clone().filter(|_| !payment.is_voided) else {
        let state = wrong_state(payment.state(), &["unknown", "authorized"])?;
        return Err(Refusal::new(state));
    };
    Ok(PaymentAuthorizeReply {
        payment_id: asked.payment_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        amount: asked.amount.clone(),
        provider: PROVIDER.parse()?,
        expires_at: None,
        authorized_at,
    })
}

/// The gateway declines: that is a fact, too.
async fn declined(
    desk: &Desk,
    asked: &Received<PaymentAuthorize>,
    order: &Order,
    (code, message): (&'static str, String),
) -> Result<PaymentAuthorizeReply, Refusal<PaymentAuthorizeError>> {
    let (code, text): (ErrorCode, ErrorMessage) = (code.parse()?, message.parse()?);
    let options = ExecuteOptions::caused_by(asked.envelope(), "payments/decline");
    let decide = |payment: &Payment| -> Result<Vec<PaymentEvent>, Refusal<PaymentAuthorizeError>> {
        match payment.declined {
            Some(_) => Ok(Vec::new()),
            None => Ok(vec![Payment::decline(order, ErrorCode::clone(&code), ErrorMessage::clone(&text))]),
        }
    };
    desk.payments.execute_with(&asked.payment_id, options, decide).await.map_err(refusal)?;
    Err(Refusal::new(not_allowed(message)))
}

pub(super) async fn capture(
    desk: Desk,
    asked: Received<PaymentCapture>,
) -> Result<PaymentCaptureReply, Refusal<PaymentCaptureError>> {
    let amount_minor = asked.amount.as_ref().map(|amount| amount.amount_minor);
    let record = match desk.gateway.capture(asked.payment_id.clone(), amount_minor).await {
        Ok(record) => record,
        Err(GatewayError::Refused { code: "UNKNOWN_PAYMENT", message }) => {
            return Err(Refusal::new(not_found(message)));
        }
        Err(GatewayError::Refused { code, .. }) => {
            let state = match code {
                "PAYMENT_VOIDED" => "voided",
                _ => "captured",
            };
            let state = wrong_state(state, &["authorized"])?;
            return Err(Refusal::new(state));
        }
        Err(error) => return Err(Refusal::failed(error)),
    };
    let executed = desk.follow(asked.envelope(), "capture", &asked.payment_id, &record, Reasons::default()).await?;
    let amount = amount_of(&record, record.captured_minor)?;
    let captured_at = executed.state.captured.as_ref().map_or_else(DateTime::now, |(_, at)| at.clone());
    let (payment_id, transaction_id) = (asked.payment_id.clone(), asked.transaction_id.clone());
    Ok(PaymentCaptureReply { payment_id, transaction_id, amount, remaining_amount: None, captured_at })
}

pub(super) async fn void(
    desk: Desk,
    asked: Received<PaymentVoid>,
) -> Result<PaymentVoidReply, Refusal<PaymentVoidError>> {
    let record = match desk.gateway.void(asked.payment_id.clone()).await {
        Ok(record) => record,
        Err(GatewayError::Refused { .. }) => {
            // It was captured: the history says so, too, before that is told.
            let record = desk.gateway.find(asked.payment_id.clone()).await?;
            let executed =
                desk.follow(asked.envelope(), "void", &asked.payment_id, &record, Reasons::default()).await?;
            let state = wrong_state(executed.state.state(), &["authorized"])?;
            return Err(Refusal::new(state));
        }
        Err(error) => return Err(Refusal::failed(error)),
    };
    let void = match asked.reason {
        PaymentVoidReason::CheckoutFailed => PaymentVoidedReason::CheckoutFailed,
        PaymentVoidReason::CustomerRequest => PaymentVoidedReason::CustomerRequest,
        PaymentVoidReason::Duplicate => PaymentVoidedReason::Duplicate,
        PaymentVoidReason::Fraud => PaymentVoidedReason::Fraud,
    };
    let reasons = Reasons { void, ..Reasons::default() };
    desk.follow(asked.envelope(), "void", &asked.payment_id, &record, reasons).await?;
    let Some(order) = record.authorized else {
        // It cannot be authorized any more, and nothing was taken: there is nothing to let go of.
        return Err(Refusal::new(not_found("nothing was authorized")));
    };
    let (payment_id, transaction_id) = (asked.payment_id.clone(), asked.transaction_id.clone());
    Ok(PaymentVoidReply { payment_id, transaction_id, amount: Some(order.amount), voided_at: DateTime::now() })
}

pub(super) async fn refund(
    desk: Desk,
    asked: Received<PaymentRefund>,
) -> Result<PaymentRefundReply, Refusal<PaymentRefundError>> {
    let amount_minor = asked.amount.as_ref().map(|amount| amount.amount_minor);
    let (payment_id, refund_id) = (asked.payment_id.clone(), asked.refund_id.clone());
    let mut answer = desk.gateway.refund(payment_id.clone(), refund_id.clone(), amount_minor).await;
    if asked.reason == PaymentRefundReason::OrderCancelled && matches!(answer, Err(GatewayError::Refused { .. })) {
        // Nothing was captured, and a capture may be on its way. What is voided is not captured any more; what cannot be voided was captured just now.
        match desk.gateway.void(payment_id.clone()).await {
            Err(GatewayError::Refused { .. }) => {
                answer = desk.gateway.refund(payment_id.clone(), refund_id.clone(), amount_minor).await;
            }
            Err(error) => return Err(Refusal::failed(error)),
            Ok(_) => {}
        }
    }
    let record = match answer {
        Ok(record) => record,
        Err(GatewayError::Refused { .. }) => {
            let record = desk.gateway.find(payment_id.clone()).await?;
            let executed = desk.follow(asked.envelope(), "refund", &payment_id, &record, Reasons::default()).await?;
            if record.authorized.is_none() {
                return Err(Refusal::new(not_found("nothing was authorized")));
            }
            let state = wrong_state(executed.state.state(), &["captured"])?;
            return Err(Refusal::new(state));
        }
        Err(error) => return Err(Refusal::failed(error)),
    };
    let refund = match asked.reason {
        PaymentRefundReason::CustomerRequest => PaymentRefundedReason::CustomerRequest,
        PaymentRefundReason::Duplicate => PaymentRefundedReason::Duplicate,
        PaymentRefundReason::Fraud => PaymentRefundedReason::Fraud,
        PaymentRefundReason::OrderCancelled => PaymentRefundedReason::OrderCancelled,
        PaymentRefundReason::PriceAdjustment => PaymentRefundedReason::PriceAdjustment,
    };
    let reasons = Reasons { refund, ..Reasons::default() };
    desk.follow(asked.envelope(), "refund", &payment_id, &record, reasons).await?;
    let amount = amount_of(&record, record.refunds.get(&refund_id).copied().unwrap_or_default())?;
    Ok(PaymentRefundReply { payment_id, refund_id, amount, remaining_amount: None, refunded_at: DateTime::now() })
}

/// An amount in the currency of the order.
fn amount_of<E>(record: &Record, amount_minor: i64) -> Result<Money, Refusal<E>> {
    let order = record.authorized.as_ref().ok_or_else(|| Refusal::failed("the gateway has no order on record"))?;
    Ok(like(&order.amount, amount_minor))
}

impl Desk {
    /// Brings the history of a payment to where the gateway's record is.
    async fn follow<E: Send>(
        &self,
        cause: &Envelope,
        purpose: &str,
        payment_id: &PaymentId,
        record: &Record,
        reasons: Reasons,
    ) -> Result<Executed<Payment>, Refusal<E>> {
        let options = ExecuteOptions::caused_by(cause, &format!("payments/{purpose}"));
        let decide =
            |payment: &Payment| -> Result<Vec<PaymentEvent>, Refusal<E>> { Ok(payment.follow(record, reasons)?) };
        self.payments.execute_with(payment_id, options, decide).await.map_err(refusal)
    }
}
