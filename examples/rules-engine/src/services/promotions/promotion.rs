//! A promotion as its events make it.

use std::collections::BTreeMap;

use eventsmith::state::{Aggregate, Snapshots};
use rules_events::aggregates::PromotionEvent;
use rules_events::promotion::{
    PromotionApplication, PromotionApplied, PromotionCreated, PromotionEnd, PromotionEndReason, PromotionExpiredReason,
    PromotionSnapshot,
};

use crate::money::like;

/// How many transactions a promotion remembers, those of the latest. An application that was forgotten cannot be taken back.
const REMEMBERED: usize = 1_000;

/// One promotion: nothing until it is created.
#[derive(Debug, Clone, Default)]
pub struct Promotion(pub Option<PromotionSnapshot>);

impl Aggregate for Promotion {
    type Event = PromotionEvent;

    fn apply(&mut self, event: &PromotionEvent) {
        match (&mut self.0, event) {
            (state, PromotionEvent::Created(created)) => *state = Some(begun(created)),
            (None, _) => {}
            (Some(state), PromotionEvent::Applied(applied)) => {
                state.times_applied += 1;
                spend(state, applied.discount_amount.amount_minor);
                remember(state, applied.transaction_id.as_str(), application(applied));
            }
            (Some(state), PromotionEvent::Cancelled(cancelled)) => {
                let transaction = cancelled.transaction_id.as_str();
                if state.applications.get(transaction).is_some_and(|it| it.discount_amount.amount_minor > 0) {
                    state.times_applied = state.times_applied.saturating_sub(1);
                    spend(state, -cancelled.discount_amount.amount_minor);
                }
                let taken_back = PromotionApplication {
                    customer_id: cancelled.customer_id.clone(),
                    discount_amount: like(&cancelled.discount_amount, 0),
                    applied_at: cancelled.cancelled_at.clone(),
                };
                remember(state, transaction, taken_back);
            }
            (Some(state), PromotionEvent::Expired(expired)) => {
                let reason = match expired.reason {
                    PromotionExpiredReason::EndReached => PromotionEndReason::EndReached,
                    PromotionExpiredReason::BudgetExhausted => PromotionEndReason::BudgetExhausted,
                    PromotionExpiredReason::LimitReached => PromotionEndReason::LimitReached,
                    PromotionExpiredReason::Withdrawn => PromotionEndReason::Withdrawn,
                };
                state.ended = Some(PromotionEnd { reason, expired_at: expired.expired_at.clone() });
            }
        }
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        Some(Snapshots::every_if(50, |promotion: &Self| promotion.0.clone(), |document| Self(Some(document))))
    }
}

/// What is kept of an application. One of nothing was taken back, or will never be made.
pub(super) fn application(applied: &PromotionApplied) -> PromotionApplication {
    PromotionApplication {
        customer_id: applied.customer_id.clone(),
        discount_amount: applied.discount_amount.clone(),
        applied_at: applied.applied_at.clone(),
    }
}

fn begun(created: &PromotionCreated) -> PromotionSnapshot {
    PromotionSnapshot {
        name: created.name.clone(),
        discount: created.discount.clone(),
        rule_id: created.rule_id.clone(),
        combinable: created.combinable,
        budget: created.budget.clone(),
        budget_used: created.budget.as_ref().map(|budget| like(budget, 0)),
        max_applications: created.max_applications,
        times_applied: 0,
        starts_at: created.starts_at.clone(),
        ends_at: created.ends_at.clone(),
        ended: None,
        applications: BTreeMap::new(),
    }
}

fn spend(state: &mut PromotionSnapshot, amount_minor: i64) {
    if let Some(used) = &mut state.budget_used {
        used.amount_minor = (used.amount_minor + amount_minor).max(0);
    }
}

fn remember(state: &mut PromotionSnapshot, transaction: &str, application: PromotionApplication) {
    state.applications.insert(transaction.to_owned(), application);
    if state.applications.len() > REMEMBERED {
        let at = |entry: &(&String, &PromotionApplication)| entry.1.applied_at.timestamp();
        let oldest = state.applications.iter().min_by_key(at).map(|(transaction, _)| transaction.clone());
        oldest.and_then(|transaction| state.applications.remove(&transaction));
    }
}
