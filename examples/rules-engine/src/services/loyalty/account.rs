//! A loyalty account as its events make it.

use std::collections::BTreeMap;

use eventsmith::DateTime;
use eventsmith::state::{Aggregate, Snapshots};
use rules_events::aggregates::LoyaltyEvent;
use rules_events::common::{LoyaltyAccountId, LoyaltyTier};
use rules_events::loyalty::{LoyaltyRedemption, LoyaltySnapshot};

/// How many transactions an account remembers, those of the latest.
const REMEMBERED: usize = 500;

/// The account of one customer: nothing until it first has points.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The account, unless there is none.
    pub known: Option<LoyaltySnapshot>,
}

impl Aggregate for Account {
    type Event = LoyaltyEvent;

    fn apply(&mut self, event: &LoyaltyEvent) {
        match event {
            LoyaltyEvent::PointsEarned(it) => {
                let account = self.opened(&it.account_id);
                account.balance = it.balance;
                if let Some(transaction) = &it.transaction_id {
                    account.earnings.insert(transaction.to_string(), it.points);
                    forget(&mut account.earnings);
                }
            }
            LoyaltyEvent::PointsRedeemed(it) => {
                let account = self.opened(&it.account_id);
                account.balance = it.balance;
                let (points, value, redeemed_at) = (it.points, it.value.clone(), it.redeemed_at.clone());
                let redemption = LoyaltyRedemption { points, points_left: points, value, redeemed_at };
                account.redemptions.insert(it.transaction_id.to_string(), redemption);
                if account.redemptions.len() > REMEMBERED {
                    let at = |entry: &(&String, &LoyaltyRedemption)| entry.1.redeemed_at.timestamp();
                    let oldest = account.redemptions.iter().min_by_key(at).map(|(transaction, _)| transaction.clone());
                    oldest.and_then(|transaction| account.redemptions.remove(&transaction));
                }
            }
            LoyaltyEvent::PointsRestored(it) => {
                let account = self.opened(&it.account_id);
                account.balance = it.balance;
                if let Some(redemption) = account.redemptions.get_mut(it.transaction_id.as_str()) {
                    redemption.points_left = (redemption.points_left - it.points).max(0);
                }
            }
            LoyaltyEvent::TierChanged(it) => {
                let account = self.opened(&it.account_id);
                account.tier = Some(it.new_tier);
                account.tier_valid_until = it.valid_until.clone();
            }
        }
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        Some(Snapshots::every_if(50, |account: &Self| account.known.clone(), |known| Self { known: Some(known) }))
    }
}

impl Account {
    /// How many points there are.
    pub fn balance(&self) -> i64 {
        self.known.as_ref().map_or(0, |account| account.balance)
    }

    /// The tier.
    pub fn tier(&self) -> LoyaltyTier {
        self.known.as_ref().and_then(|account| account.tier).unwrap_or(LoyaltyTier::Bronze)
    }

    fn opened(&mut self, account_id: &LoyaltyAccountId) -> &mut LoyaltySnapshot {
        self.known.get_or_insert_with(|| LoyaltySnapshot {
            account_id: account_id.clone(),
            balance: 0,
            tier: None,
            tier_valid_until: None,
            redemptions: BTreeMap::new(),
            earnings: BTreeMap::new(),
        })
    }
}

/// The ids of transactions are in the order of their time as a rule, and what is forgotten of an earning is only that it was.
fn forget(earnings: &mut BTreeMap<String, i64>) {
    while earnings.len() > REMEMBERED {
        earnings.pop_first();
    }
}

/// The tier that so many points make.
pub fn tier_of(points: i64, tiers: [i64; 3]) -> LoyaltyTier {
    match tiers {
        [_, _, platinum] if points >= platinum => LoyaltyTier::Platinum,
        [_, gold, _] if points >= gold => LoyaltyTier::Gold,
        [silver, ..] if points >= silver => LoyaltyTier::Silver,
        _ => LoyaltyTier::Bronze,
    }
}

/// Now, as events say it.
pub(super) fn now() -> DateTime {
    DateTime::now()
}
