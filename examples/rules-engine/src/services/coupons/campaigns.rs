//! A campaign's coupon is issued when it begins, and expires when it ends.

use eventsmith::state::ExecuteOptions;
use eventsmith::{DateTime, HandlerError, Received};
use rules_events::aggregates::CouponEvent;
use rules_events::common::CouponCode;
use rules_events::coupon::{CouponExpired, CouponIssued};
use rules_events::promotion::{PromotionCreated, PromotionExpired};

use super::coupon::Coupon;
use super::desk::{Desk, code_of};
use crate::services::promotions::CAMPAIGN;

pub(super) async fn launched(desk: Desk, event: Received<PromotionCreated>) -> Result<(), HandlerError> {
    if event.description.as_deref() != Some(CAMPAIGN) {
        return Ok(());
    }
    let coupon_code: CouponCode = code_of(&event.promotion_id).parse().map_err(HandlerError::reject)?;
    let issued = CouponIssued {
        coupon_code: coupon_code.clone(),
        promotion_id: event.promotion_id.clone(),
        customer_id: None,
        discount: event.discount.clone(),
        minimum_subtotal: None,
        max_redemptions: Some(event.max_applications.unwrap_or(desk.config.redemptions)),
        valid_from: event.starts_at.clone(),
        valid_until: event.ends_at.clone(),
        issued_by: desk.config.actor.parse()?,
        issued_at: DateTime::now(),
    };
    let options = ExecuteOptions::caused_by(event.envelope(), "coupons/issue");
    let decide = |coupon: &Coupon| -> Result<Vec<CouponEvent>, HandlerError> {
        match coupon.is_issued() {
            true => Ok(Vec::new()),
            false => Ok(vec![issued.clone().into()]),
        }
    };
    desk.coupons.execute_with(&coupon_code, options, decide).await?;
    Ok(())
}

pub(super) async fn ended(desk: Desk, event: Received<PromotionExpired>) -> Result<(), HandlerError> {
    let Ok(coupon_code) = code_of(&event.promotion_id).parse::<CouponCode>() else { return Ok(()) };
    let options = ExecuteOptions::caused_by(event.envelope(), "coupons/expire");
    let decide = |coupon: &Coupon| -> Result<Vec<CouponEvent>, HandlerError> {
        if !coupon.is_issued() {
            return Ok(Vec::new());
        }
        let expired = CouponExpired {
            coupon_code: coupon_code.clone(),
            promotion_id: event.promotion_id.clone(),
            customer_id: None,
            unused_redemptions: coupon.0.remaining_redemptions,
            expired_at: DateTime::now(),
        };
        Ok(vec![expired.into()])
    };
    desk.coupons.execute_with(&coupon_code, options, decide).await?;
    Ok(())
}
