//! What the quickstart publishes, appends and asks. Every type here comes from a schema file.

use eventsmith::DateTime;
use eventsmith::error::InvalidText;
use rules_events::common::{RulePriority, RuleStatus, RuleVersion};
use rules_events::evaluation::{v1, v2};
use rules_events::rule::{RuleActivate, RuleCreated};
use serde_json::json;

/// An identifier is a type of its own: what cannot be one cannot be made.
pub(crate) fn completed() -> Result<v2::EvaluationCompleted, InvalidText> {
    Ok(v2::EvaluationCompleted {
        context_id: "context-2".parse()?,
        transaction_id: "order-5521".parse()?,
        success: true,
        execution_time: 3_871_250,
        rules_applied: 2,
        rules_skipped: Some(40),
        conflicts_found: 0,
        completed_at: DateTime::now(),
        final_result: json!({"shipping": 0}),
        error_message: None,
    })
}

pub(crate) fn completed_in_version_1() -> Result<v1::EvaluationCompleted, InvalidText> {
    Ok(v1::EvaluationCompleted {
        context_id: "context-1".parse()?,
        transaction_id: "order-5520".parse()?,
        success: true,
        execution_time: 90_417,
        rules_applied: 1,
        conflicts_found: 0,
        completed_at: "2025-11-23T10:00:00+01:00".parse()?,
        final_result: json!(null),
        error_message: None,
    })
}

pub(crate) fn created(rule_id: &str) -> Result<RuleCreated, InvalidText> {
    Ok(RuleCreated {
        rule_id: rule_id.parse()?,
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

pub(crate) fn activate(rule_id: &str) -> Result<RuleActivate, InvalidText> {
    Ok(RuleActivate {
        rule_id: rule_id.parse()?,
        expected_version: None,
        effective_at: None,
        requested_by: "alice".parse()?,
    })
}
