//! The read model of checkouts: what the events of all services say of each, for those who watch.

use eventsmith::state::{Documents, Projection};
use eventsmith::{DateTime, HandlerError, Received};
use rules_events::checkout::{
    CheckoutStep, CheckoutStepName, CheckoutStepState, CheckoutSummary, CheckoutSummaryStatus,
};
use rules_events::common::{CustomerId, TransactionId};
use rules_events::coupon::{CouponRedeemed, CouponReleased, CouponReserved};
use rules_events::loyalty::{LoyaltyPointsEarned, LoyaltyPointsRedeemed, LoyaltyPointsRestored};
use rules_events::payment::{PaymentAuthorized, PaymentCaptured, PaymentFailed, PaymentRefunded, PaymentVoided};
use rules_events::promotion::{PromotionApplied, PromotionCancelled};
use rules_events::tax::TaxCalculated;

use CheckoutStepName as Name;
use CheckoutStepState as State;

type Document = Option<CheckoutSummary>;
type Folded = Result<(), HandlerError>;

/// Makes a document of each transaction. Events of different streams come in no order, so each only says what it knows.
pub(super) fn projection() -> Projection<Documents<CheckoutSummary>> {
    Projection::in_bucket::<CheckoutSummary>("checkouts", 1)
        .on(
            |it: &PromotionApplied| [it.transaction_id.to_string()],
            |it, e: &Received<PromotionApplied>| {
                let summary = of(it, &e.transaction_id, Some(&e.customer_id), &e.applied_at);
                step(summary, Name::ApplyPromotions, State::Done, &e.applied_at)
            },
        )
        .on(
            |it: &PromotionCancelled| [it.transaction_id.to_string()],
            |it, e: &Received<PromotionCancelled>| {
                let summary = of(it, &e.transaction_id, None, &e.cancelled_at);
                undone(summary, Name::ApplyPromotions, &e.cancelled_at)
            },
        )
        .on(
            |it: &CouponReserved| [it.transaction_id.to_string()],
            |it, e: &Received<CouponReserved>| {
                let summary = of(it, &e.transaction_id, Some(&e.customer_id), &e.reserved_at);
                step(summary, Name::ReserveCoupon, State::Done, &e.reserved_at)
            },
        )
        .on(
            |it: &CouponReleased| [it.transaction_id.to_string()],
            |it, e: &Received<CouponReleased>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.released_at);
                undone(summary, Name::ReserveCoupon, &e.released_at)
            },
        )
        .on(
            |it: &CouponRedeemed| [it.transaction_id.to_string()],
            |it, e: &Received<CouponRedeemed>| {
                let summary = of(it, &e.transaction_id, Some(&e.customer_id), &e.redeemed_at);
                step(summary, Name::RedeemCoupon, State::Done, &e.redeemed_at)
            },
        )
        .on(
            |it: &LoyaltyPointsRedeemed| [it.transaction_id.to_string()],
            |it, e: &Received<LoyaltyPointsRedeemed>| {
                let summary = of(it, &e.transaction_id, Some(&e.customer_id), &e.redeemed_at);
                step(summary, Name::RedeemPoints, State::Done, &e.redeemed_at)
            },
        )
        .on(
            |it: &LoyaltyPointsRestored| [it.transaction_id.to_string()],
            |it, e: &Received<LoyaltyPointsRestored>| {
                let summary = of(it, &e.transaction_id, Some(&e.customer_id), &e.restored_at);
                undone(summary, Name::RedeemPoints, &e.restored_at)
            },
        )
        .on(
            |it: &TaxCalculated| [it.transaction_id.to_string()],
            |it, e: &Received<TaxCalculated>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.calculated_at);
                summary.tax_total = Some(e.total.clone());
                step(summary, Name::CalculateTax, State::Done, &e.calculated_at)
            },
        )
        .on(
            |it: &PaymentAuthorized| [it.transaction_id.to_string()],
            |it, e: &Received<PaymentAuthorized>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.authorized_at);
                summary.payment_id = Some(e.payment_id.clone());
                summary.total = Some(e.amount.clone());
                step(summary, Name::AuthorizePayment, State::Done, &e.authorized_at)
            },
        )
        .on(
            |it: &PaymentCaptured| [it.transaction_id.to_string()],
            |it, e: &Received<PaymentCaptured>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.captured_at);
                summary.status = CheckoutSummaryStatus::Completed;
                step(summary, Name::CapturePayment, State::Done, &e.captured_at)
            },
        )
        .on(
            |it: &PaymentFailed| [it.transaction_id.to_string()],
            |it, e: &Received<PaymentFailed>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.failed_at);
                summary.status = CheckoutSummaryStatus::Compensating;
                summary.reason = Some(e.error_message.clone());
                step(summary, Name::AuthorizePayment, State::Failed, &e.failed_at)
            },
        )
        .on(
            |it: &PaymentVoided| [it.transaction_id.to_string()],
            |it, e: &Received<PaymentVoided>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.voided_at);
                summary.status = CheckoutSummaryStatus::Cancelled;
                undone(summary, Name::AuthorizePayment, &e.voided_at)
            },
        )
        .on(
            |it: &PaymentRefunded| [it.transaction_id.to_string()],
            |it, e: &Received<PaymentRefunded>| {
                let summary = of(it, &e.transaction_id, e.customer_id.as_ref(), &e.refunded_at);
                summary.status = CheckoutSummaryStatus::Cancelled;
                undone(summary, Name::CapturePayment, &e.refunded_at)
            },
        )
        .on(
            |it: &LoyaltyPointsEarned| it.transaction_id.as_ref().map(ToString::to_string),
            |it, e: &Received<LoyaltyPointsEarned>| {
                let Some(transaction) = &e.transaction_id else { return Ok(()) };
                let summary = of(it, transaction, Some(&e.customer_id), &e.earned_at);
                summary.points_earned = Some(e.points);
                step(summary, Name::EarnPoints, State::Done, &e.earned_at)
            },
        )
}

fn of<'a>(
    summary: &'a mut Document,
    transaction_id: &TransactionId,
    customer_id: Option<&CustomerId>,
    at: &DateTime,
) -> &'a mut CheckoutSummary {
    let summary = summary.get_or_insert_with(|| CheckoutSummary {
        transaction_id: transaction_id.clone(),
        customer_id: customer_id.cloned().unwrap_or_else(|| super::steps::id("unknown")),
        status: CheckoutSummaryStatus::Running,
        subtotal: None,
        discount_total: None,
        tax_total: None,
        total: None,
        points_earned: None,
        payment_id: None,
        steps: Vec::new(),
        reason: None,
        updated_at: at.clone(),
    });
    if let Some(customer_id) = customer_id {
        summary.customer_id = customer_id.clone();
    }
    summary.updated_at = at.clone();
    summary
}

fn undone(summary: &mut CheckoutSummary, name: Name, at: &DateTime) -> Folded {
    if summary.status == CheckoutSummaryStatus::Running {
        summary.status = CheckoutSummaryStatus::Compensating;
    }
    step(summary, name, State::Undone, at)
}

fn step(summary: &mut CheckoutSummary, name: Name, state: State, at: &DateTime) -> Folded {
    summary.steps.retain(|step| step.name != name);
    summary.steps.push(CheckoutStep { name, state, changed_at: at.clone() });
    Ok(())
}
