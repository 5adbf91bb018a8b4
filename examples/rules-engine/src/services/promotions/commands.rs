//! Applying promotions, and taking them back.

use eventsmith::state::ExecuteOptions;
use eventsmith::{DateTime, Received, Refusal};
use rules_events::aggregates::PromotionEvent;
use rules_events::promotion::{
    PromotionApplied, PromotionApply, PromotionApplyError, PromotionApplyReply, PromotionCancel, PromotionCancelError,
    PromotionCancelReason, PromotionCancelReply, PromotionCancelled, PromotionCancelledReason,
};

use super::desk::Desk;
use super::promotion::Promotion;
use crate::money::{discount, like};
use crate::refusals::{limit_reached, not_allowed, not_found, refusal, wrong_state};

/// Who a promotion is taken back from, where it was never applied.
const NOBODY: &str = "unknown";

pub(super) async fn apply(
    desk: Desk,
    asked: Received<PromotionApply>,
) -> Result<PromotionApplyReply, Refusal<PromotionApplyError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "promotions/apply");
    let decide = |promotion: &Promotion| decide_apply(promotion, &asked);
    let executed = desk.promotions.execute_with(&asked.promotion_id, options, decide).await.map_err(refusal)?;
    let state = executed.state.0.as_ref();
    let application = state.and_then(|state| state.applications.get(asked.transaction_id.as_str()));
    let (Some(state), Some(application)) = (state, application) else {
        return Err(Refusal::failed("the promotion forgot that it was applied"));
    };
    Ok(PromotionApplyReply {
        promotion_id: asked.promotion_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        discount: state.discount.clone(),
        discount_amount: application.discount_amount.clone(),
        remaining_applications: state.max_applications.map(|most| i64::from(most.saturating_sub(state.times_applied))),
        applied_at: application.applied_at.clone(),
    })
}

fn decide_apply(
    promotion: &Promotion,
    asked: &PromotionApply,
) -> Result<Vec<PromotionEvent>, Refusal<PromotionApplyError>> {
    let Some(state) = &promotion.0 else {
        return Err(Refusal::new(not_found("there is no such promotion")));
    };
    match state.applications.get(asked.transaction_id.as_str()) {
        Some(before) if before.discount_amount.amount_minor > 0 => return Ok(Vec::new()),
        Some(_) => {
            return Err(Refusal::new(wrong_state("cancelled", &["applicable"])?));
        }
        None => {}
    }
    if state.ended.is_some() {
        return Err(Refusal::new(wrong_state("expired", &["active"])?));
    }
    if let Some(most) = state.max_applications.filter(|most| state.times_applied >= *most) {
        let limit = limit_reached(most.into(), "the promotion was applied as often as it may be");
        return Err(Refusal::new(limit));
    }
    let amount = discount(&state.discount, &asked.subtotal);
    if amount == 0 {
        let why = "the promotion takes nothing off this price";
        return Err(Refusal::new(not_allowed(why)));
    }
    if let (Some(budget), Some(used)) = (&state.budget, &state.budget_used)
        && used.amount_minor + amount > budget.amount_minor
    {
        let limit = limit_reached(budget.amount_minor, "the budget of the promotion is used up");
        return Err(Refusal::new(limit));
    }
    let applied = PromotionApplied {
        promotion_id: asked.promotion_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        customer_id: asked.customer_id.clone(),
        context_id: asked.context_id.clone(),
        coupon_code: asked.coupon_code.clone(),
        discount: state.discount.clone(),
        subtotal: asked.subtotal.clone(),
        discount_amount: like(&asked.subtotal, amount),
        applied_at: DateTime::now(),
    };
    Ok(vec![applied.into()])
}

/// Takes a promotion back. One that was not applied is not applied to this transaction any more: the request to do so may be on its way.
pub(super) async fn cancel(
    desk: Desk,
    asked: Received<PromotionCancel>,
) -> Result<PromotionCancelReply, Refusal<PromotionCancelError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "promotions/cancel");
    let decide = |promotion: &Promotion| -> Result<Vec<PromotionEvent>, Refusal<PromotionCancelError>> {
        let Some(state) = &promotion.0 else {
            return Err(Refusal::new(not_found("there is no such promotion")));
        };
        let (customer_id, discount_amount) = match state.applications.get(asked.transaction_id.as_str()) {
            Some(before) if before.discount_amount.amount_minor == 0 => return Ok(Vec::new()),
            Some(before) => (before.customer_id.clone(), before.discount_amount.clone()),
            None => (NOBODY.parse()?, crate::money::money(0, "EUR")?),
        };
        let cancelled = PromotionCancelled {
            promotion_id: asked.promotion_id.clone(),
            transaction_id: asked.transaction_id.clone(),
            customer_id,
            discount_amount,
            reason: match asked.reason {
                PromotionCancelReason::CheckoutFailed => PromotionCancelledReason::CheckoutFailed,
                PromotionCancelReason::CustomerRequest => PromotionCancelledReason::CustomerRequest,
                PromotionCancelReason::TransactionExpired => PromotionCancelledReason::TransactionExpired,
            },
            cancelled_by: asked.requested_by.clone(),
            cancelled_at: DateTime::now(),
        };
        Ok(vec![cancelled.into()])
    };
    let executed = desk.promotions.execute_with(&asked.promotion_id, options, decide).await.map_err(refusal)?;
    let state = executed.state.0.as_ref();
    let application = state.and_then(|state| state.applications.get(asked.transaction_id.as_str()));
    let cancelled_at = application.map_or_else(DateTime::now, |it| it.applied_at.clone());
    let (promotion_id, transaction_id) = (asked.promotion_id.clone(), asked.transaction_id.clone());
    Ok(PromotionCancelReply { promotion_id, transaction_id, cancelled_at })
}
