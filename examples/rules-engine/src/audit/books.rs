//! What the streams hold of promotions, coupons and accounts, by transaction.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith::Bus;
use eventsmith::state::{Aggregate, Aggregates, HistoryEvent};
use rules_events::aggregates::{CouponEvent, LoyaltyEvent, PromotionEvent};
use rules_events::checkout::CheckoutStart;

use crate::services::coupons::coupon::Coupon;
use crate::services::loyalty::account::Account;
use crate::services::promotions::promotion::Promotion;
use crate::world::World;

/// What happened, by transaction. Each entry is one event.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// What promotions took off (`true`), and gave up again.
    pub(super) promotions: BTreeMap<String, Vec<(String, bool, i64)>>,
    /// What coupons did.
    pub(super) coupons: BTreeMap<String, Vec<(String, &'static str)>>,
    /// What points did: how many, and in which way.
    pub(super) points: BTreeMap<String, Vec<(&'static str, i64)>>,
    /// What caused each event of a transaction.
    pub(super) causes: BTreeMap<String, Vec<(String, Option<String>)>>,
    /// Each account: what was added or taken, and the balance afterwards.
    pub(super) accounts: BTreeMap<String, Vec<(i64, i64)>>,
    /// How often each coupon was redeemed, and how often it may be.
    pub(super) uses: BTreeMap<String, (u32, u32)>,
    /// How many events these are.
    pub(super) events: usize,
}

impl Books {
    pub(super) async fn read(bus: &Bus, world: &World, started: &[CheckoutStart]) -> anyhow::Result<Self> {
        let (aggregates, mut books) = (Aggregates::of(bus), Self::default());
        for id in &world.promotions {
            for event in books.history::<Promotion>(&aggregates, id).await? {
                books.promotion(id, &event);
            }
        }
        for code in &world.coupons {
            for event in books.history::<Coupon>(&aggregates, code).await? {
                books.coupon(code, &event);
            }
        }
        let customers: BTreeSet<&str> = started.iter().map(|start| start.customer_id.as_str()).collect();
        for customer in customers {
            for event in books.history::<Account>(&aggregates, customer).await? {
                books.points(customer, &event);
            }
        }
        Ok(books)
    }

    async fn history<A: Aggregate>(
        &mut self,
        aggregates: &Aggregates,
        id: &str,
    ) -> anyhow::Result<Vec<HistoryEvent<A::Event>>> {
        let events = aggregates.history::<A>(id).await?.events;
        self.events += events.len();
        Ok(events)
    }

    fn cause<E>(&mut self, transaction: &str, event: &HistoryEvent<E>) {
        let cause = (event.envelope.event_type.clone(), event.envelope.causation_id.clone());
        self.causes.entry(transaction.to_owned()).or_default().push(cause);
    }

    fn promotion(&mut self, id: &str, event: &HistoryEvent<PromotionEvent>) {
        let (transaction, is_applied, amount) = match &**event {
            PromotionEvent::Applied(it) => (&it.transaction_id, true, it.discount_amount.amount_minor),
            PromotionEvent::Cancelled(it) => (&it.transaction_id, false, it.discount_amount.amount_minor),
            PromotionEvent::Created(_) | PromotionEvent::Expired(_) => return,
        };
        self.cause(transaction, event);
        self.promotions.entry(transaction.to_string()).or_default().push((id.to_owned(), is_applied, amount));
    }

    fn coupon(&mut self, code: &str, event: &HistoryEvent<CouponEvent>) {
        let uses = self.uses.entry(code.to_owned()).or_default();
        let (transaction, what) = match &**event {
            CouponEvent::Issued(it) => {
                uses.1 += it.max_redemptions.unwrap_or(1);
                return;
            }
            CouponEvent::Redeemed(it) => {
                uses.0 += 1;
                (&it.transaction_id, "redeemed")
            }
            CouponEvent::Reserved(it) => (&it.transaction_id, "reserved"),
            CouponEvent::Released(it) => (&it.transaction_id, "released"),
            CouponEvent::Rejected(_) | CouponEvent::Expired(_) => return,
        };
        self.cause(transaction, event);
        self.coupons.entry(transaction.to_string()).or_default().push((code.to_owned(), what));
    }

    fn points(&mut self, customer: &str, event: &HistoryEvent<LoyaltyEvent>) {
        let (transaction, what, points, change, balance) = match &**event {
            LoyaltyEvent::PointsEarned(it) => (it.transaction_id.clone(), "earned", it.points, it.points, it.balance),
            LoyaltyEvent::PointsRedeemed(it) => {
                (Some(it.transaction_id.clone()), "redeemed", it.points, -it.points, it.balance)
            }
            LoyaltyEvent::PointsRestored(it) => {
                (Some(it.transaction_id.clone()), "restored", it.points, it.points, it.balance)
            }
            LoyaltyEvent::TierChanged(_) => return,
        };
        self.accounts.entry(customer.to_owned()).or_default().push((change, balance));
        if let Some(transaction) = transaction {
            self.cause(&transaction, event);
            self.points.entry(transaction.to_string()).or_default().push((what, points));
        }
    }
}
