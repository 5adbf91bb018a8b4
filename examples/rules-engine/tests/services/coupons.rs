//! A coupon is redeemed once, whatever happens.

use eventsmith::state::{Aggregates, ExecuteOptions};
use eventsmith::{Bus, RequestError};
use rules_engine::services::coupons::coupon::Coupon;
use rules_events::aggregates::CouponEvent;
use rules_events::coupon::{
    CouponIssued, CouponRedeem, CouponRedeemError, CouponRelease, CouponReleaseError, CouponReserve, CouponReserveError,
};
use serde_json::{Value, json};

use crate::common::{Outcome, bus, of, start};

async fn issue(bus: &Bus, max_redemptions: u32) -> Outcome {
    let issued: CouponIssued = of(json!({"coupon_code": "SPRING", "promotion_id": "spring", "issued_by": "anna",
        "discount": {"kind": "percentage", "percentage": "10"}, "max_redemptions": max_redemptions,
        "valid_from": "2026-01-01T00:00:00Z", "issued_at": "2026-01-01T00:00:00Z"}))?;
    let decide = |_: &Coupon| -> Result<Vec<CouponEvent>, String> { Ok(vec![issued.clone().into()]) };
    Aggregates::of(bus).execute_with("SPRING", ExecuteOptions::default(), decide).await?;
    Ok(())
}

fn asks(transaction: &str) -> Value {
    json!({"coupon_code": "SPRING", "transaction_id": transaction, "customer_id": "cus_1", "reason": "checkout_failed",
        "discount_amount": {"amount_minor": 100, "currency": "EUR"}})
}

#[tokio::test]
async fn the_last_use_is_for_one_transaction() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["coupons"])?;
    issue(&bus, 1).await?;

    for _ in 0..2 {
        bus.request(&of::<CouponReserve>(asks("t_1"))?).await?;
    }
    let second = bus.request(&of::<CouponReserve>(asks("t_2"))?).await;
    assert!(matches!(second, Err(RequestError::Refused(CouponReserveError::LimitReached(_)))));
    for _ in 0..2 {
        let redeemed = bus.request(&of::<CouponRedeem>(asks("t_1"))?).await?;
        assert_eq!(redeemed.remaining_redemptions, Some(0));
    }
    let redeemed = bus.request(&of::<CouponRelease>(asks("t_1"))?).await;
    assert!(matches!(redeemed, Err(RequestError::Refused(CouponReleaseError::WrongState(_)))));
    Ok(())
}

#[tokio::test]
async fn what_is_released_is_free_again_for_others_alone() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["coupons"])?;
    issue(&bus, 1).await?;
    bus.request(&of::<CouponReserve>(asks("t_1"))?).await?;

    bus.request(&of::<CouponRelease>(asks("t_1"))?).await?;
    let late = bus.request(&of::<CouponReserve>(asks("t_1"))?).await;
    assert!(matches!(late, Err(RequestError::Refused(CouponReserveError::WrongState(_)))));
    let over = bus.request(&of::<CouponRedeem>(asks("t_1"))?).await;
    assert!(matches!(over, Err(RequestError::Refused(CouponRedeemError::WrongState(_)))));
    bus.request(&of::<CouponReserve>(asks("t_2"))?).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_released_unheard_is_never_reserved() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["coupons"])?;
    issue(&bus, 5).await?;

    bus.request(&of::<CouponRelease>(asks("t_1"))?).await?;

    let late = bus.request(&of::<CouponReserve>(asks("t_1"))?).await;
    assert!(matches!(late, Err(RequestError::Refused(CouponReserveError::WrongState(_)))));
    Ok(())
}
