//! Promotions begin and end with their rules.

use eventsmith::state::ExecuteOptions;
use eventsmith::{DateTime, Envelope, HandlerError, Received, RequestError};
use rules_events::aggregates::PromotionEvent;
use rules_events::promotion::{PromotionCreated, PromotionExpired, PromotionExpiredReason};
use rules_events::rule::{RuleActivated, RuleDeactivated, RuleDeleted, RuleGet, RuleGetError};

use super::desk::Desk;
use super::promotion::Promotion;
use crate::rule_text::{Effect, RuleText};

/// A rule was activated: what it offers begins when it takes effect.
pub(super) async fn activated(desk: Desk, event: Received<RuleActivated>) -> Result<(), HandlerError> {
    let rule = match event.request(&RuleGet { rule_id: event.rule_id.clone(), version: None }).await {
        Ok(rule) => rule,
        // Deleted meanwhile: there is nothing to offer.
        Err(RequestError::Refused(RuleGetError::NotFound(_))) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let text = RuleText::read(&rule.definition).map_err(HandlerError::reject)?;
    let offer = text.then.offer();
    let created = PromotionCreated {
        promotion_id: event.rule_id.parse()?,
        name: offer.name.clone(),
        description: matches!(text.then, Effect::Campaign(_)).then(|| CAMPAIGN.to_owned()),
        discount: offer.discount.clone(),
        rule_id: Some(event.rule_id.clone()),
        combinable: Some(!offer.exclusive),
        budget: offer.budget.clone(),
        max_applications: offer.max_applications,
        starts_at: event.effective_at.clone(),
        ends_at: None,
        created_by: desk.actor.parse()?,
        created_at: DateTime::now(),
    };
    let options = ExecuteOptions::caused_by(event.envelope(), "promotions/launch");
    let decide = |promotion: &Promotion| -> Result<Vec<PromotionEvent>, HandlerError> {
        match &promotion.0 {
            Some(state) if state.ended.is_none() => Ok(Vec::new()),
            _ => Ok(vec![created.clone().into()]),
        }
    };
    desk.promotions.execute_with(&event.rule_id, options, decide).await?;
    Ok(())
}

/// How a promotion for those with a coupon is told from others, in its description.
pub(crate) const CAMPAIGN: &str = "With its coupon only.";

pub(super) async fn deactivated(desk: Desk, event: Received<RuleDeactivated>) -> Result<(), HandlerError> {
    end(&desk, event.envelope(), &event.rule_id).await
}

pub(super) async fn deleted(desk: Desk, event: Received<RuleDeleted>) -> Result<(), HandlerError> {
    end(&desk, event.envelope(), &event.rule_id).await
}

async fn end(desk: &Desk, cause: &Envelope, rule_id: &str) -> Result<(), HandlerError> {
    let promotion_id: rules_events::common::PromotionId = rule_id.parse()?;
    let options = ExecuteOptions::caused_by(cause, "promotions/end");
    let decide = |promotion: &Promotion| -> Result<Vec<PromotionEvent>, HandlerError> {
        let Some(state) = promotion.0.as_ref().filter(|state| state.ended.is_none()) else { return Ok(Vec::new()) };
        let expired = PromotionExpired {
            promotion_id: promotion_id.clone(),
            reason: PromotionExpiredReason::Withdrawn,
            times_applied: state.times_applied,
            total_discount: state.budget_used.clone(),
            expired_at: DateTime::now(),
        };
        Ok(vec![expired.into()])
    };
    desk.promotions.execute_with(&promotion_id, options, decide).await?;
    Ok(())
}
