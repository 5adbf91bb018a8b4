//! Reserving, redeeming and releasing coupons.

use std::time::Duration;

use eventsmith::state::ExecuteOptions;
use eventsmith::{DateTime, Received, Refusal, Timestamp};
use rules_events::aggregates::CouponEvent;
use rules_events::coupon::{
    CouponRedeem, CouponRedeemError, CouponRedeemReply, CouponRedeemed, CouponRelease, CouponReleaseError,
    CouponReleaseReason, CouponReleaseReply, CouponReleased, CouponReleasedReason, CouponReserve, CouponReserveError,
    CouponReserveReply, CouponReserved,
};

use super::coupon::Coupon;
use super::desk::Desk;
use crate::refusals::{limit_reached, not_allowed, not_found, refusal, wrong_state};

type Reserved = Result<Vec<CouponEvent>, Refusal<CouponReserveError>>;

pub(super) async fn reserve(
    desk: Desk,
    asked: Received<CouponReserve>,
) -> Result<CouponReserveReply, Refusal<CouponReserveError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "coupons/reserve");
    let hold = match asked.hold_for {
        Some(nanoseconds) => Duration::from_nanos(nanoseconds.unsigned_abs()),
        None => Duration::from_secs(desk.config.hold_for_s.into()),
    };
    let decide = |coupon: &Coupon| decide_reserve(coupon, &asked, hold);
    let executed = desk.coupons.execute_with(&asked.coupon_code, options, decide).await.map_err(refusal)?;
    let state = &executed.state.0;
    let reservation = state.reservations.get(asked.transaction_id.as_str());
    let (Some(promotion_id), Some(discount), Some(reservation)) =
        (state.promotion_id.clone(), state.discount.clone(), reservation)
    else {
        return Err(Refusal::failed("the coupon forgot that it was reserved"));
    };
    Ok(CouponReserveReply {
        coupon_code: asked.coupon_code.clone(),
        transaction_id: asked.transaction_id.clone(),
        promotion_id,
        discount,
        reserved_at: DateTime::now(),
        expires_at: reservation.expires_at.clone(),
    })
}

fn decide_reserve(coupon: &Coupon, asked: &CouponReserve, hold: Duration) -> Reserved {
    let (now, transaction) = (Timestamp::now(), asked.transaction_id.as_str());
    if !coupon.is_issued() {
        return Err(Refusal::new(not_found("there is no such coupon, or not any more")));
    }
    if coupon.holds(transaction, now) {
        return Ok(Vec::new());
    }
    if coupon.0.reservations.contains_key(transaction) || coupon.0.redemptions.contains_key(transaction) {
        let state = if coupon.0.redemptions.contains_key(transaction) { "redeemed" } else { "released" };
        return Err(Refusal::new(wrong_state(state, &["issued"])?));
    }
    if coupon.0.customer_id.as_ref().is_some_and(|owner| *owner != asked.customer_id) {
        return Err(Refusal::new(not_allowed("the coupon is somebody else's")));
    }
    if let (Some(minimum), Some(subtotal)) = (&coupon.0.minimum_subtotal, &asked.subtotal)
        && subtotal.amount_minor < minimum.amount_minor
    {
        let limit = limit_reached(minimum.amount_minor, "the price is too low for the coupon");
        return Err(Refusal::new(limit));
    }
    if coupon.free(now) == 0 {
        let limit = limit_reached(0, "every use of the coupon is redeemed or reserved");
        return Err(Refusal::new(limit));
    }
    let reserved = CouponReserved {
        coupon_code: asked.coupon_code.clone(),
        promotion_id: coupon.0.promotion_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        customer_id: asked.customer_id.clone(),
        reserved_at: now.into(),
        expires_at: (now + hold).into(),
    };
    Ok(vec![reserved.into()])
}

pub(super) async fn redeem(
    desk: Desk,
    asked: Received<CouponRedeem>,
) -> Result<CouponRedeemReply, Refusal<CouponRedeemError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "coupons/redeem");
    let decide = |coupon: &Coupon| -> Result<Vec<CouponEvent>, Refusal<CouponRedeemError>> {
        let (now, transaction) = (Timestamp::now(), asked.transaction_id.as_str());
        let Some(promotion_id) = coupon.0.promotion_id.clone() else {
            return Err(Refusal::new(not_found("there is no such coupon")));
        };
        if coupon.0.redemptions.contains_key(transaction) {
            return Ok(Vec::new());
        }
        if !coupon.holds(transaction, now) {
            return Err(Refusal::new(wrong_state("released", &["reserved"])?));
        }
        let redeemed = CouponRedeemed {
            coupon_code: asked.coupon_code.clone(),
            promotion_id,
            customer_id: asked.customer_id.clone(),
            transaction_id: asked.transaction_id.clone(),
            discount_amount: asked.discount_amount.clone(),
            remaining_redemptions: Some(coupon.0.remaining_redemptions.saturating_sub(1)),
            redeemed_at: now.into(),
        };
        Ok(vec![redeemed.into()])
    };
    let executed = desk.coupons.execute_with(&asked.coupon_code, options, decide).await.map_err(refusal)?;
    let state = &executed.state.0;
    let redemption = state.redemptions.get(asked.transaction_id.as_str());
    Ok(CouponRedeemReply {
        coupon_code: asked.coupon_code.clone(),
        transaction_id: asked.transaction_id.clone(),
        remaining_redemptions: Some(state.remaining_redemptions.into()),
        redeemed_at: redemption.map_or_else(DateTime::now, |it| it.redeemed_at.clone()),
    })
}

/// Releases what a transaction reserved. What it did not reserve yet it cannot reserve any more: the request to do so may be on its way.
pub(super) async fn release(
    desk: Desk,
    asked: Received<CouponRelease>,
) -> Result<CouponReleaseReply, Refusal<CouponReleaseError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "coupons/release");
    let decide = |coupon: &Coupon| -> Result<Vec<CouponEvent>, Refusal<CouponReleaseError>> {
        let (now, transaction) = (Timestamp::now(), asked.transaction_id.as_str());
        if coupon.0.promotion_id.is_none() {
            return Err(Refusal::new(not_found("there is no such coupon")));
        }
        if coupon.0.redemptions.contains_key(transaction) {
            return Err(Refusal::new(wrong_state("redeemed", &["reserved"])?));
        }
        let before = coupon.0.reservations.get(transaction);
        if before.is_some_and(|it| it.expires_at.timestamp() <= now) {
            return Ok(Vec::new());
        }
        let released = CouponReleased {
            coupon_code: asked.coupon_code.clone(),
            transaction_id: asked.transaction_id.clone(),
            customer_id: before.map(|it| it.customer_id.clone()),
            reason: match asked.reason {
                CouponReleaseReason::CheckoutFailed => CouponReleasedReason::CheckoutFailed,
                CouponReleaseReason::CustomerRequest => CouponReleasedReason::CustomerRequest,
                CouponReleaseReason::ReservationExpired => CouponReleasedReason::ReservationExpired,
            },
            released_at: now.into(),
        };
        Ok(vec![released.into()])
    };
    desk.coupons.execute_with(&asked.coupon_code, options, decide).await.map_err(refusal)?;
    let (coupon_code, transaction_id) = (asked.coupon_code.clone(), asked.transaction_id.clone());
    Ok(CouponReleaseReply { coupon_code, transaction_id, released_at: DateTime::now() })
}
