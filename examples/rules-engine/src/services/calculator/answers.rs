//! Starting checkouts, and telling how far they are.

use eventsmith::state::{SagaStatus, StartOptions, StepOutcome};
use eventsmith::{DateTime, Received, Refusal};
use rules_events::checkout::{
    CheckoutGet, CheckoutGetError, CheckoutGetReply, CheckoutGetReplyItem, CheckoutGetReplyStatus, CheckoutProgress,
    CheckoutStart, CheckoutStartError, CheckoutStartReply, CheckoutStartReplyStatus,
};
use serde_json::Value;

use super::desk::Desk;
use super::steps::total;
use crate::refusals::not_found;

/// Starts a checkout. One of this transaction that runs already, or has ended, is told of.
pub(super) async fn start(
    desk: Desk,
    asked: Received<CheckoutStart>,
) -> Result<CheckoutStartReply, Refusal<CheckoutStartError>> {
    let mut facts = asked.facts.clone();
    facts.insert("subtotal".to_owned(), Value::from(asked.subtotal.amount_minor));
    facts.insert("currency".to_owned(), Value::from(asked.subtotal.currency.as_str()));
    facts.insert("jurisdiction".to_owned(), Value::from(asked.jurisdiction.as_str()));
    let progress = CheckoutProgress {
        transaction_id: asked.transaction_id.clone(),
        customer_id: asked.customer_id.clone(),
        subtotal: asked.subtotal.clone(),
        jurisdiction: asked.jurisdiction.clone(),
        method: asked.method.clone(),
        coupon_code: asked.coupon_code.clone(),
        points: asked.points,
        discount_total: None,
        tax_total: None,
        payment_id: None,
        facts: Some(facts),
        promotion_ids: None,
        coupon_discount: None,
    };
    let (id, options) = (asked.transaction_id.as_str(), StartOptions::caused_by(&asked));
    let started = desk.sagas.start_with(&desk.checkout, id, &progress, options).await?;
    let status = match started.is_new {
        true => CheckoutStartReplyStatus::Running,
        false => match desk.sagas.status("checkout", id).await? {
            Some(SagaStatus::Completed) => CheckoutStartReplyStatus::Completed,
            Some(SagaStatus::Compensating | SagaStatus::Stuck) => CheckoutStartReplyStatus::Compensating,
            Some(SagaStatus::Compensated | SagaStatus::Failed) => CheckoutStartReplyStatus::Cancelled,
            _ => CheckoutStartReplyStatus::Running,
        },
    };
    Ok(CheckoutStartReply { transaction_id: asked.transaction_id.clone(), status, started_at: DateTime::now() })
}

/// How far a checkout is, by what happened to it.
pub(super) async fn get(
    desk: Desk,
    asked: Received<CheckoutGet>,
) -> Result<CheckoutGetReply, Refusal<CheckoutGetError>> {
    let id = asked.transaction_id.as_str();
    if desk.sagas.status("checkout", id).await?.is_none() {
        return Err(Refusal::new(not_found("there is no such checkout")));
    }
    let history = desk.sagas.history("checkout", id).await?;
    let state = desk.sagas.state(&desk.checkout, id).await?;
    let (Some(state), Some(first), Some(last)) = (state, history.events.first(), history.events.last()) else {
        return Err(Refusal::failed("the checkout has no history"));
    };
    let status = history.summary.status;
    let is_totalled = state.tax_total.is_some();
    Ok(CheckoutGetReply {
        transaction_id: asked.transaction_id.clone(),
        customer_id: state.customer_id.clone(),
        status: match status {
            SagaStatus::Completed => CheckoutGetReplyStatus::Completed,
            SagaStatus::Compensating | SagaStatus::Stuck => CheckoutGetReplyStatus::Compensating,
            SagaStatus::Compensated | SagaStatus::Failed => CheckoutGetReplyStatus::Cancelled,
            _ => CheckoutGetReplyStatus::Running,
        },
        steps: asked.with_steps.unwrap_or_default().then(|| done(&history.steps)),
        total: is_totalled.then(|| total(&state)),
        subtotal: Some(state.subtotal),
        discount_total: state.discount_total,
        tax_total: state.tax_total,
        payment_id: state.payment_id,
        reason: history.reason.as_ref().and_then(|reason| reason.parse().ok()),
        started_at: first.stored.into(),
        ended_at: status.is_ended().then(|| last.stored.into()),
    })
}

/// The steps that are done.
fn done(steps: &[(String, StepOutcome)]) -> Vec<CheckoutGetReplyItem> {
    let done = steps.iter().filter(|(_, outcome)| *outcome == StepOutcome::Done);
    let mut items: Vec<CheckoutGetReplyItem> = done.filter_map(|(name, _)| name.parse().ok()).collect();
    items.dedup();
    items
}
