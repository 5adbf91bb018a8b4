//! A coupon as its events make it.

use std::collections::BTreeMap;

use eventsmith::Timestamp;
use eventsmith::state::{Aggregate, Snapshots};
use rules_events::aggregates::CouponEvent;
use rules_events::coupon::{CouponRedemption, CouponReservation, CouponSnapshot, CouponSnapshotStatus};

/// How many transactions a coupon remembers, those of the latest.
const REMEMBERED: usize = 1_000;

/// One coupon, also one that is none.
#[derive(Debug, Clone)]
pub struct Coupon(pub CouponSnapshot);

impl Default for Coupon {
    fn default() -> Self {
        Self(CouponSnapshot {
            status: CouponSnapshotStatus::Unknown,
            promotion_id: None,
            customer_id: None,
            discount: None,
            minimum_subtotal: None,
            remaining_redemptions: 0,
            valid_from: None,
            valid_until: None,
            reservations: BTreeMap::new(),
            redemptions: BTreeMap::new(),
        })
    }
}

impl Aggregate for Coupon {
    type Event = CouponEvent;

    fn apply(&mut self, event: &CouponEvent) {
        let state = &mut self.0;
        match event {
            CouponEvent::Issued(it) => {
                state.status = CouponSnapshotStatus::Issued;
                state.promotion_id = Some(it.promotion_id.clone());
                state.customer_id.clone_from(&it.customer_id);
                state.discount = Some(it.discount.clone());
                state.minimum_subtotal.clone_from(&it.minimum_subtotal);
                state.remaining_redemptions = it.max_redemptions.unwrap_or(1);
                state.valid_from = Some(it.valid_from.clone());
                state.valid_until.clone_from(&it.valid_until);
            }
            CouponEvent::Reserved(it) => {
                let reservation =
                    CouponReservation { customer_id: it.customer_id.clone(), expires_at: it.expires_at.clone() };
                state.reservations.insert(it.transaction_id.to_string(), reservation);
            }
            CouponEvent::Released(it) => {
                // What was released is remembered as a reservation that is over, so that it is not made once more.
                let customer_id = it.customer_id.clone().or_else(|| {
                    state.reservations.get(it.transaction_id.as_str()).map(|before| before.customer_id.clone())
                });
                if let Some(customer_id) = customer_id.or_else(|| "unknown".parse().ok()) {
                    let over = CouponReservation { customer_id, expires_at: it.released_at.clone() };
                    state.reservations.insert(it.transaction_id.to_string(), over);
                }
            }
            CouponEvent::Redeemed(it) => {
                state.reservations.remove(it.transaction_id.as_str());
                state.remaining_redemptions = state.remaining_redemptions.saturating_sub(1);
                let redemption =
                    CouponRedemption { customer_id: it.customer_id.clone(), redeemed_at: it.redeemed_at.clone() };
                state.redemptions.insert(it.transaction_id.to_string(), redemption);
            }
            CouponEvent::Rejected(_) => {}
            CouponEvent::Expired(_) => state.status = CouponSnapshotStatus::Expired,
        }
        self.forget();
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        Some(Snapshots::every(50, |coupon: &Self| coupon.0.clone(), Self))
    }
}

impl Coupon {
    /// Whether it can be redeemed at all.
    pub fn is_issued(&self) -> bool {
        self.0.status == CouponSnapshotStatus::Issued
    }

    /// Whether a transaction has it reserved.
    pub fn holds(&self, transaction: &str, now: Timestamp) -> bool {
        self.0.reservations.get(transaction).is_some_and(|it| it.expires_at.timestamp() > now)
    }

    /// How many uses nobody has reserved.
    pub fn free(&self, now: Timestamp) -> u32 {
        let held = self.0.reservations.values().filter(|it| it.expires_at.timestamp() > now).count();
        self.0.remaining_redemptions.saturating_sub(u32::try_from(held).unwrap_or(u32::MAX))
    }

    fn forget(&mut self) {
        if self.0.reservations.len() > REMEMBERED {
            let at = |entry: &(&String, &CouponReservation)| entry.1.expires_at.timestamp();
            let oldest = self.0.reservations.iter().min_by_key(at).map(|(transaction, _)| transaction.clone());
            oldest.and_then(|transaction| self.0.reservations.remove(&transaction));
        }
        if self.0.redemptions.len() > REMEMBERED {
            let at = |entry: &(&String, &CouponRedemption)| entry.1.redeemed_at.timestamp();
            let oldest = self.0.redemptions.iter().min_by_key(at).map(|(transaction, _)| transaction.clone());
            oldest.and_then(|transaction| self.0.redemptions.remove(&transaction));
        }
    }
}
