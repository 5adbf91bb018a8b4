//! The checkout: nine steps across seven services, done in order or undone in reverse.
//!
//! A step that can be undone has a time, and its compensation is right also where the step was never done, and keeps it from being done
//! later. From the redeemed coupon on the checkout only goes forward: its last steps are asked for until they are answered.

use eventsmith::state::{Otherwise, Saga, Step};
use rules_events::checkout::CheckoutProgress;
use rules_events::coupon::{CouponRedeem, CouponRelease, CouponReleaseError, CouponReleaseReason, CouponReserve};
use rules_events::evaluation::EvaluationEvaluate;
use rules_events::loyalty::{
    LoyaltyEarnPoints, LoyaltyGiveBackPoints, LoyaltyGiveBackPointsError, LoyaltyGiveBackPointsReason,
    LoyaltyRedeemPoints,
};
use rules_events::payment::{
    PaymentAuthorize, PaymentCapture, PaymentRefund, PaymentRefundError, PaymentRefundReason, PaymentVoid,
    PaymentVoidError, PaymentVoidReason,
};
use rules_events::tax::{TaxCalculate, TaxableItem};

use super::desk::Config;
use super::steps::{apply_promotion, id, points_wanted, promised, remaining, take_off, total};
use crate::money::{discount, like};

/// The definition of the saga `checkout`.
pub fn checkout(config: &Config) -> Saga<CheckoutProgress> {
    let (retry, timeout) = (config.retry(), config.step_timeout());
    let hold_for = i64::from(config.hold_coupon_s) * 1_000_000_000;
    Saga::new("checkout", 1)
        .step(
            Step::asks("evaluate", |it: &CheckoutProgress| EvaluationEvaluate {
                context_id: id(&it.transaction_id),
                transaction_id: it.transaction_id.clone(),
                customer_id: it.customer_id.clone(),
                facts: it.facts.clone().unwrap_or_default(),
                rule_ids: None,
                dry_run: None,
                timeout: None,
            })
            .on_reply(|it, reply| it.promotion_ids = Some(promised(&reply.final_result)))
            .retry(retry)
            .timeout(timeout),
        )
        .step(apply_promotion("apply_promotions", 0, config))
        .step(apply_promotion("apply_promotion_2", 1, config))
        .step(apply_promotion("apply_promotion_3", 2, config))
        .step(
            Step::asks("reserve_coupon", move |it: &CheckoutProgress| CouponReserve {
                coupon_code: coupon(it),
                transaction_id: it.transaction_id.clone(),
                customer_id: it.customer_id.clone(),
                subtotal: Some(it.subtotal.clone()),
                hold_for: Some(hold_for),
            })
            .when(|it| it.coupon_code.is_some())
            .on_reply(|it, reply| {
                let amount = discount(&reply.discount, &remaining(it));
                it.coupon_discount = Some(like(&it.subtotal, amount));
                take_off(it, amount);
            })
            .retry(retry)
            .timeout(timeout)
            .compensate_unless(
                |it| CouponRelease {
                    coupon_code: coupon(it),
                    transaction_id: it.transaction_id.clone(),
                    reason: CouponReleaseReason::CheckoutFailed,
                    requested_by: None,
                },
                |refusal| matches!(refusal, CouponReleaseError::NotFound(_)),
            )
            .compensation_retry(retry),
        )
        .step(
            Step::asks("redeem_points", |it: &CheckoutProgress| LoyaltyRedeemPoints {
                customer_id: it.customer_id.clone(),
                transaction_id: it.transaction_id.clone(),
                points: points_wanted(it),
                reward: None,
            })
            .when(|it| points_wanted(it) > 0)
            .on_reply(|it, reply| {
                it.points = Some(reply.points);
                take_off(it, reply.value.amount_minor);
            })
            .retry(retry)
            .timeout(timeout)
            .compensate_unless(
                |it| LoyaltyGiveBackPoints {
                    customer_id: it.customer_id.clone(),
                    transaction_id: it.transaction_id.clone(),
                    points: None,
                    reason: LoyaltyGiveBackPointsReason::CheckoutFailed,
                },
                |refusal| matches!(refusal, LoyaltyGiveBackPointsError::NotFound(_)),
            )
            .compensation_retry(retry),
        )
        .step(
            Step::asks("calculate_tax", |it: &CheckoutProgress| TaxCalculate {
                transaction_id: it.transaction_id.clone(),
                customer_id: Some(it.customer_id.clone()),
                items: vec![TaxableItem {
                    jurisdiction: it.jurisdiction.clone(),
                    category: None,
                    amount: remaining(it),
                }],
                prices_include_tax: None,
            })
            .on_reply(|it, reply| it.tax_total = Some(reply.total.clone()))
            .retry(retry)
            .timeout(timeout),
        )
        .step(
            Step::asks("authorize_payment", |it: &CheckoutProgress| PaymentAuthorize {
                payment_id: id(&it.transaction_id),
                transaction_id: it.transaction_id.clone(),
                customer_id: Some(it.customer_id.clone()),
                amount: total(it),
                method: it.method.clone(),
            })
            .when(is_paid)
            .on_reply(|it, reply| it.payment_id = Some(reply.payment_id.clone()))
            .retry(retry)
            .timeout(timeout)
            .compensate_unless(
                |it| PaymentVoid {
                    payment_id: id(&it.transaction_id),
                    transaction_id: it.transaction_id.clone(),
                    reason: PaymentVoidReason::CheckoutFailed,
                    requested_by: None,
                },
                |refusal| match refusal {
                    PaymentVoidError::NotFound(_) => true,
                    PaymentVoidError::WrongState(it) => it.state.as_str() == "refunded",
                },
            )
            .compensation_retry(retry),
        )
        .step(
            Step::asks("capture_payment", |it: &CheckoutProgress| PaymentCapture {
                payment_id: id(&it.transaction_id),
                transaction_id: it.transaction_id.clone(),
                amount: None,
                final_capture: None,
            })
            .when(is_paid)
            .retry(retry)
            .timeout(timeout)
            .compensate_unless(
                |it| PaymentRefund {
                    payment_id: id(&it.transaction_id),
                    refund_id: id(&it.transaction_id),
                    amount: None,
                    reason: PaymentRefundReason::OrderCancelled,
                    requested_by: None,
                },
                |refusal| match refusal {
                    PaymentRefundError::NotFound(_) => true,
                    // Nothing was taken. A cancelled order is voided with that, and what is voided is not captured any more.
                    PaymentRefundError::WrongState(it) => it.state.as_str() != "captured",
                    PaymentRefundError::LimitReached(_) => false,
                },
            )
            .compensation_retry(retry),
        )
        .step(
            Step::asks("redeem_coupon", |it: &CheckoutProgress| CouponRedeem {
                coupon_code: coupon(it),
                transaction_id: it.transaction_id.clone(),
                customer_id: it.customer_id.clone(),
                discount_amount: it.coupon_discount.clone().unwrap_or_else(|| like(&it.subtotal, 0)),
                context_id: None,
            })
            .when(|it| it.coupon_discount.is_some())
            .retry(retry),
        )
        .step(
            Step::asks("earn_points", |it: &CheckoutProgress| LoyaltyEarnPoints {
                customer_id: it.customer_id.clone(),
                transaction_id: it.transaction_id.clone(),
                amount: total(it),
                rule_ids: None,
            })
            .when(is_paid)
            .on_refusal(|_, _| Otherwise::GoOn)
            .retry(retry),
        )
}

/// Whether there is anything to be paid.
fn is_paid(it: &CheckoutProgress) -> bool {
    total(it).amount_minor > 0
}

/// The coupon of a checkout that has one: the steps that ask for it are left out of others.
fn coupon(it: &CheckoutProgress) -> rules_events::common::CouponCode {
    it.coupon_code.clone().unwrap_or_else(|| id("NONE"))
}
