//! Earning points, paying with them, and giving them back.

use eventsmith::error::InvalidText;
use eventsmith::state::ExecuteOptions;
use eventsmith::{Received, Refusal};
use rules_events::aggregates::LoyaltyEvent;
use rules_events::common::{CustomerId, LoyaltyAccountId, TransactionId};
use rules_events::loyalty::{
    LoyaltyEarnPoints, LoyaltyEarnPointsError, LoyaltyEarnPointsReply, LoyaltyGiveBackPoints,
    LoyaltyGiveBackPointsError, LoyaltyGiveBackPointsReason, LoyaltyGiveBackPointsReply, LoyaltyPointsEarned,
    LoyaltyPointsEarnedReason, LoyaltyPointsRedeemed, LoyaltyPointsRestored, LoyaltyPointsRestoredReason,
    LoyaltyRedeemPoints, LoyaltyRedeemPointsError, LoyaltyRedeemPointsReply, LoyaltyTierChanged,
    LoyaltyTierChangedReason,
};

use super::account::{Account, now, tier_of};
use super::desk::Desk;
use crate::money::money;
use crate::refusals::{limit_reached, not_allowed, not_found, refusal, wrong_state};

/// Earns points for what a transaction paid, once for each, and rises a tier with enough of them.
pub(super) async fn earn(
    desk: Desk,
    asked: Received<LoyaltyEarnPoints>,
) -> Result<LoyaltyEarnPointsReply, Refusal<LoyaltyEarnPointsError>> {
    let points = asked.amount.amount_minor / 100 * desk.config.points_per_unit;
    if points < 1 {
        return Err(Refusal::new(not_allowed("too little was paid to earn points")));
    }
    let account_id = account_of(&asked.customer_id)?;
    let options = ExecuteOptions::caused_by(asked.envelope(), "loyalty/earn");
    let decide = |account: &Account| -> Result<Vec<LoyaltyEvent>, Refusal<LoyaltyEarnPointsError>> {
        let transaction = asked.transaction_id.as_str();
        if account.known.as_ref().is_some_and(|known| known.earnings.contains_key(transaction)) {
            return Ok(Vec::new());
        }
        let mut events = welcome(&desk, account, &account_id, &asked.customer_id);
        let balance = balance_after(account, &events) + points;
        events.push(
            LoyaltyPointsEarned {
                account_id: account_id.clone(),
                customer_id: asked.customer_id.clone(),
                transaction_id: Some(asked.transaction_id.clone()),
                promotion_id: None,
                reason: LoyaltyPointsEarnedReason::Purchase,
                points,
                balance,
                expires_at: None,
                earned_at: now(),
            }
            .into(),
        );
        let (before, after) = (account.tier(), tier_of(balance, desk.config.tiers));
        if after > before {
            let changed = LoyaltyTierChanged {
                account_id: account_id.clone(),
                customer_id: asked.customer_id.clone(),
                previous_tier: before,
                new_tier: after,
                reason: LoyaltyTierChangedReason::ThresholdReached,
                qualifying_points: Some(balance),
                valid_until: None,
                changed_at: now(),
            };
            events.push(changed.into());
        }
        Ok(events)
    };
    let executed = desk.accounts.execute_with(&asked.customer_id, options, decide).await.map_err(refusal)?;
    Ok(LoyaltyEarnPointsReply {
        account_id: account_of(&asked.customer_id)?,
        transaction_id: asked.transaction_id.clone(),
        points,
        balance: executed.state.balance(),
        earned_at: now(),
    })
}

/// Pays with points, once for each transaction.
pub(super) async fn redeem(
    desk: Desk,
    asked: Received<LoyaltyRedeemPoints>,
) -> Result<LoyaltyRedeemPointsReply, Refusal<LoyaltyRedeemPointsError>> {
    let account_id = account_of(&asked.customer_id)?;
    let value = money(asked.points * desk.config.point_is_worth, &desk.config.currency)?;
    let options = ExecuteOptions::caused_by(asked.envelope(), "loyalty/redeem");
    let decide = |account: &Account| -> Result<Vec<LoyaltyEvent>, Refusal<LoyaltyRedeemPointsError>> {
        let transaction = asked.transaction_id.as_str();
        match account.known.as_ref().and_then(|known| known.redemptions.get(transaction)) {
            Some(before) if before.points_left == 0 => {
                let why = "the points of this transaction were given back";
                return Err(Refusal::new(not_allowed(why)));
            }
            Some(_) => return Ok(Vec::new()),
            None => {}
        }
        let mut events = welcome(&desk, account, &account_id, &asked.customer_id);
        let balance = balance_after(account, &events);
        if balance < asked.points {
            let limit = limit_reached(balance, "there are not that many points");
            return Err(Refusal::new(limit));
        }
        let of = (&account_id, &asked.customer_id, &asked.transaction_id);
        events.push(redeemed(&desk, of, asked.points, balance - asked.points)?);
        Ok(events)
    };
    let executed = desk.accounts.execute_with(&asked.customer_id, options, decide).await.map_err(refusal)?;
    Ok(LoyaltyRedeemPointsReply {
        account_id: account_of(&asked.customer_id)?,
        transaction_id: asked.transaction_id.clone(),
        points: asked.points,
        balance: executed.state.balance(),
        value,
        redeemed_at: now(),
    })
}

/// Gives back what a transaction took. What it did not take yet it takes and gives back at once, so that it never will: the request to do so
/// may be on its way.
pub(super) async fn give_back(
    desk: Desk,
    asked: Received<LoyaltyGiveBackPoints>,
) -> Result<LoyaltyGiveBackPointsReply, Refusal<LoyaltyGiveBackPointsError>> {
    let account_id = account_of(&asked.customer_id)?;
    let options = ExecuteOptions::caused_by(asked.envelope(), "loyalty/give_back");
    let decide = |account: &Account| -> Result<Vec<LoyaltyEvent>, Refusal<LoyaltyGiveBackPointsError>> {
        let Some(known) = &account.known else {
            return Err(Refusal::new(not_found("there is no such account")));
        };
        let of = (&account_id, &asked.customer_id, &asked.transaction_id);
        let mut events = Vec::new();
        let (left, balance) = match known.redemptions.get(asked.transaction_id.as_str()) {
            Some(before) => (before.points_left, known.balance),
            None => {
                let points = asked.points.unwrap_or(1).min(known.balance);
                if points < 1 {
                    return Err(Refusal::new(not_found("there are no points")));
                }
                events.push(redeemed(&desk, of, points, known.balance - points)?);
                (points, known.balance - points)
            }
        };
        let points = asked.points.unwrap_or(left);
        match left {
            0 => return Ok(Vec::new()),
            left if points > left && known.redemptions.contains_key(asked.transaction_id.as_str()) => {
                let limit = limit_reached(left, "the transaction did not take that many points");
                return Err(Refusal::new(limit));
            }
            _ => {}
        }
        let points = points.min(left);
        let restored = LoyaltyPointsRestored {
            account_id: account_id.clone(),
            customer_id: asked.customer_id.clone(),
            transaction_id: asked.transaction_id.clone(),
            points,
            balance: balance + points,
            value: Some(money(points * desk.config.point_is_worth, &desk.config.currency)?),
            reason: match asked.reason {
                LoyaltyGiveBackPointsReason::CheckoutFailed => LoyaltyPointsRestoredReason::CheckoutFailed,
                LoyaltyGiveBackPointsReason::CustomerRequest => LoyaltyPointsRestoredReason::CustomerRequest,
                LoyaltyGiveBackPointsReason::Refunded => LoyaltyPointsRestoredReason::Refunded,
            },
            restored_at: now(),
        };
        events.push(restored.into());
        Ok(events)
    };
    let executed = desk.accounts.execute_with(&asked.customer_id, options, decide).await.map_err(refusal)?;
    let restored = executed.events.iter().find_map(|event| match event {
        LoyaltyEvent::PointsRestored(restored) => Some(restored.points),
        _ => None,
    });
    let Some(points) = restored.or(asked.points) else {
        let state = wrong_state("given_back", &["redeemed"])?;
        return Err(Refusal::new(state));
    };
    Ok(LoyaltyGiveBackPointsReply {
        account_id: account_of(&asked.customer_id)?,
        transaction_id: asked.transaction_id.clone(),
        points,
        balance: executed.state.balance(),
        restored_at: now(),
    })
}

/// What an account begins with.
fn welcome(desk: &Desk, account: &Account, account_id: &LoyaltyAccountId, customer: &CustomerId) -> Vec<LoyaltyEvent> {
    if account.known.is_some() || desk.config.welcome < 1 {
        return Vec::new();
    }
    let event = LoyaltyPointsEarned {
        account_id: account_id.clone(),
        customer_id: customer.clone(),
        transaction_id: None,
        promotion_id: None,
        reason: LoyaltyPointsEarnedReason::Adjustment,
        points: desk.config.welcome,
        balance: desk.config.welcome,
        expires_at: None,
        earned_at: now(),
    };
    vec![event.into()]
}

fn balance_after(account: &Account, events: &[LoyaltyEvent]) -> i64 {
    match events {
        [LoyaltyEvent::PointsEarned(first)] => first.balance,
        _ => account.balance(),
    }
}

fn redeemed(
    desk: &Desk,
    (account_id, customer_id, transaction_id): (&LoyaltyAccountId, &CustomerId, &TransactionId),
    points: i64,
    balance: i64,
) -> Result<LoyaltyEvent, InvalidText> {
    let event = LoyaltyPointsRedeemed {
        account_id: account_id.clone(),
        customer_id: customer_id.clone(),
        transaction_id: transaction_id.clone(),
        points,
        balance,
        value: money(points * desk.config.point_is_worth, &desk.config.currency)?,
        reward: None,
        redeemed_at: now(),
    };
    Ok(event.into())
}

/// The account of a customer, one for each.
fn account_of(customer: &CustomerId) -> Result<LoyaltyAccountId, InvalidText> {
    customer.parse()
}
