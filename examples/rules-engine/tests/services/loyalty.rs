//! Points are earned, pay, and come back once.

use eventsmith::state::Aggregates;
use eventsmith::{Bus, RequestError};
use rules_engine::services::loyalty::account::Account;
use rules_events::common::LoyaltyTier;
use rules_events::loyalty::{
    LoyaltyEarnPoints, LoyaltyEarnPointsError, LoyaltyGiveBackPoints, LoyaltyRedeemPoints, LoyaltyRedeemPointsError,
};
use serde_json::{Value, json};

use crate::common::{Outcome, bus, of, start};

fn asks(transaction: &str, points: i64) -> Value {
    json!({"customer_id": "cus_1", "transaction_id": transaction, "points": points, "reason": "checkout_failed"})
}

fn earn(transaction: &str, amount_minor: i64) -> Result<LoyaltyEarnPoints, serde_json::Error> {
    of(json!({"customer_id": "cus_1", "transaction_id": transaction,
        "amount": {"amount_minor": amount_minor, "currency": "EUR"}}))
}

async fn account(bus: &Bus) -> Result<Account, Box<dyn std::error::Error>> {
    Ok(Account::clone(&*Aggregates::of(bus).load::<Account>("cus_1").await?))
}

#[tokio::test]
async fn points_are_earned_once_and_make_tiers() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["loyalty"])?;

    for _ in 0..2 {
        let earned = bus.request(&earn("t_1", 50_099)?).await?;
        assert_eq!((earned.points, earned.balance), (500, 600));
    }

    let account = account(&bus).await?;
    assert_eq!((account.balance(), account.tier()), (600, LoyaltyTier::Silver));
    let nothing = bus.request(&earn("t_2", 99)?).await;
    assert!(matches!(nothing, Err(RequestError::Refused(LoyaltyEarnPointsError::NotAllowed(_)))));
    Ok(())
}

#[tokio::test]
async fn points_pay_and_come_back_once() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["loyalty"])?;

    let too_many = bus.request(&of::<LoyaltyRedeemPoints>(asks("t_1", 101))?).await;
    assert!(
        matches!(too_many, Err(RequestError::Refused(LoyaltyRedeemPointsError::LimitReached(it))) if it.limit == 100)
    );
    let redeemed = bus.request(&of::<LoyaltyRedeemPoints>(asks("t_1", 60))?).await?;
    assert_eq!((redeemed.balance, redeemed.value.amount_minor), (40, 60));
    for _ in 0..2 {
        bus.request(&of::<LoyaltyGiveBackPoints>(asks("t_1", 60))?).await?;
        assert_eq!(account(&bus).await?.balance(), 100);
    }
    Ok(())
}

#[tokio::test]
async fn what_was_given_back_unheard_is_never_taken() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["loyalty"])?;
    bus.request(&earn("t_0", 5_000)?).await?;

    bus.request(&of::<LoyaltyGiveBackPoints>(asks("t_1", 60))?).await?;

    let late = bus.request(&of::<LoyaltyRedeemPoints>(asks("t_1", 60))?).await;
    assert!(matches!(late, Err(RequestError::Refused(LoyaltyRedeemPointsError::NotAllowed(_)))));
    assert_eq!(account(&bus).await?.balance(), 150);
    Ok(())
}
