//! The events that the quickstart publishes, and what it asks and answers. Every type here comes from a schema file.

use std::collections::BTreeMap;

use eventsmith::DateTime;
use eventsmith::error::InvalidText;
use rules_events::common::{Money, RulePriority, RuleStatus, RuleVersion, WrongState};
use rules_events::rule::{PropertyChange, v1, v2};
use rules_events::{coupon, rule};

/// An identifier is a type of its own: what cannot be one cannot be made.
pub(crate) fn created() -> Result<rule::RuleCreated, InvalidText> {
    Ok(v2::RuleCreated {
        rule_id: "rule-1".parse()?,
        name: "Free shipping".parse()?,
        description: "Orders above 50 euros ship for free.".to_owned(),
        status: RuleStatus::Draft,
        priority: RulePriority(400),
        tags: Some(vec!["shipping".parse()?]),
        created_by: "alice".parse()?,
        created_at: DateTime::now(),
        version: RuleVersion(1),
    })
}

pub(crate) fn created_in_version_1() -> Result<v1::RuleCreated, InvalidText> {
    Ok(v1::RuleCreated {
        rule_id: "rule-0".parse()?,
        name: "Ten for nine".parse()?,
        description: String::new(),
        status: RuleStatus::Active,
        priority: v1::PriorityLevel::High,
        created_by: "bob".parse()?,
        created_at: "2025-11-23T10:00:00+01:00".parse()?,
        version: RuleVersion(1),
    })
}

pub(crate) fn updated() -> Result<rule::RuleUpdated, InvalidText> {
    let status = PropertyChange { from: "draft".into(), to: "active".into() };
    Ok(rule::RuleUpdated {
        rule_id: "rule-1".parse()?,
        name: None,
        changes: BTreeMap::from([("status".to_owned(), status)]),
        previous_version: RuleVersion(1),
        new_version: 2,
        updated_by: "alice".parse()?,
        updated_at: DateTime::now(),
    })
}

pub(crate) fn redeemed() -> Result<coupon::CouponRedeemed, InvalidText> {
    Ok(coupon::CouponRedeemed {
        coupon_code: "WELCOME10".parse()?,
        promotion_id: "promo-1".parse()?,
        customer_id: "customer-1".parse()?,
        transaction_id: "order-5521".parse()?,
        discount_amount: Money { amount_minor: 1_000, currency: "EUR".parse()? },
        remaining_redemptions: None,
        redeemed_at: DateTime::now(),
    })
}

pub(crate) fn activate(rule_id: &str) -> Result<rule::RuleActivate, InvalidText> {
    Ok(rule::RuleActivate {
        rule_id: rule_id.parse()?,
        expected_version: None,
        effective_at: None,
        requested_by: "alice".parse()?,
    })
}

pub(crate) fn activated(request: &rule::RuleActivate) -> rule::RuleActivateReply {
    let now = DateTime::now();
    rule::RuleActivateReply {
        rule_id: request.rule_id.clone(),
        version: None,
        activated_at: now.clone(),
        effective_at: request.effective_at.clone().unwrap_or(now),
    }
}

pub(crate) fn wrong_state() -> Result<WrongState, InvalidText> {
    Ok(WrongState { state: "archived".parse()?, wanted: vec!["draft".parse()?, "inactive".parse()?], message: None })
}
