//! What the steps of a checkout have in common: what is left to be paid, and the steps that apply promotions.

use std::fmt::Debug;
use std::str::FromStr;

use eventsmith::state::{Asks, Otherwise, Step};
use rules_events::checkout::CheckoutProgress;
use rules_events::common::{Money, PromotionId};
use rules_events::promotion::{PromotionApply, PromotionCancel, PromotionCancelError, PromotionCancelReason};
use serde_json::Value;

use super::desk::Config;
use crate::money::like;

/// An id that is that of something else: of a transaction are made those of its evaluation, its payment, and its refund.
#[expect(
    clippy::expect_used,
    reason = "the schemas have the same pattern for all of them; a saga whose code panics is compensated"
)]
pub(super) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("all ids have the same pattern")
}

/// What is left of the price.
pub(super) fn remaining(it: &CheckoutProgress) -> Money {
    let off = it.discount_total.as_ref().map_or(0, |off| off.amount_minor);
    like(&it.subtotal, (it.subtotal.amount_minor - off).max(0))
}

/// What the customer pays.
pub(super) fn total(it: &CheckoutProgress) -> Money {
    let tax = it.tax_total.as_ref().map_or(0, |tax| tax.amount_minor);
    like(&it.subtotal, remaining(it).amount_minor + tax)
}

/// Takes an amount off the price.
pub(super) fn take_off(it: &mut CheckoutProgress, amount_minor: i64) {
    let before = it.discount_total.as_ref().map_or(0, |off| off.amount_minor);
    it.discount_total = Some(like(&it.subtotal, before + amount_minor));
}

/// How many points are asked for: no more than there is left to be paid, as a point is worth a minor unit at least.
pub(super) fn points_wanted(it: &CheckoutProgress) -> i64 {
    it.points.unwrap_or(0).min(remaining(it).amount_minor)
}

/// The promotions that an evaluation found; three at most, as there are so many steps for them.
pub(super) fn promised(result: &Value) -> Vec<PromotionId> {
    let ids = result.get("promotions").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).take(3).collect()
}

/// The step that applies one of the promotions. A promotion that is over, or used up, is done without.
pub(super) fn apply_promotion(
    name: &'static str,
    number: usize,
    config: &Config,
) -> Step<CheckoutProgress, Asks<CheckoutProgress, PromotionApply>> {
    let which = move |it: &CheckoutProgress| it.promotion_ids.as_ref().and_then(|ids| ids.get(number)).cloned();
    let known = move |it: &CheckoutProgress| which(it).unwrap_or_else(|| id("none"));
    Step::asks(name, move |it: &CheckoutProgress| PromotionApply {
        promotion_id: known(it),
        transaction_id: it.transaction_id.clone(),
        customer_id: it.customer_id.clone(),
        context_id: Some(id(&it.transaction_id)),
        coupon_code: None,
        subtotal: remaining(it),
    })
    .when(move |it| which(it).is_some())
    .on_reply(|it, reply| take_off(it, reply.discount_amount.amount_minor))
    .on_refusal(|_, _| Otherwise::GoOn)
    .retry(config.retry())
    .timeout(config.step_timeout())
    .compensate_unless(
        move |it| PromotionCancel {
            promotion_id: known(it),
            transaction_id: it.transaction_id.clone(),
            reason: PromotionCancelReason::CheckoutFailed,
            requested_by: None,
        },
        |refusal| matches!(refusal, PromotionCancelError::NotFound(_)),
    )
    .compensation_retry(config.retry())
}
