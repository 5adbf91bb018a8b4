//! What can be done to a rule.

use eventsmith::state::{Aggregates, ExecuteOptions};
use eventsmith::{DateTime, Received, Refusal};
use rules_events::aggregates::RuleEvent;
use rules_events::common::{RuleId, RuleStatus, RuleVersion, VersionConflict};
use rules_events::rule::{
    PropertyChange, RuleActivate, RuleActivateError, RuleActivateReply, RuleActivated, RuleCreate, RuleCreateError,
    RuleCreateReply, RuleCreated, RuleDeactivate, RuleDeactivateError, RuleDeactivateReply, RuleDeactivated,
    RuleDelete, RuleDeleteError, RuleDeleteReply, RuleDeleted, RuleUpdate, RuleUpdateError, RuleUpdateReply,
    RuleUpdated,
};
use serde_json::Value;

use super::rule::{Known, Rule};
use crate::refusals::{not_allowed, not_found, refusal, wrong_state};
use crate::rule_text::RuleText;

/// Creates a rule, as a draft: version 1 without its text, version 2 with it, as the event of its creation does not hold it.
pub(super) async fn create(
    rules: Aggregates,
    asked: Received<RuleCreate>,
) -> Result<RuleCreateReply, Refusal<RuleCreateError>> {
    if let Err(wrong) = RuleText::read(&asked.definition) {
        return Err(Refusal::new(not_allowed(wrong)));
    }
    let rule_id = asked.rule_id.clone().map_or_else(|| made_up(&asked.envelope().id), Ok)?;
    let options = ExecuteOptions::caused_by(asked.envelope(), "rules-management/create");
    let decide = |rule: &Rule| -> Result<Vec<RuleEvent>, Refusal<RuleCreateError>> {
        if let Some(known) = &rule.known {
            return Err(Refusal::new(wrong_state(known.status.as_str(), &["unknown"])?));
        }
        if rule.is_deleted {
            return Err(Refusal::new(wrong_state("deleted", &["unknown"])?));
        }
        let now = DateTime::now();
        let created = RuleCreated {
            rule_id: rule_id.clone(),
            name: asked.name.clone(),
            description: asked.description.clone().unwrap_or_default(),
            status: RuleStatus::Draft,
            priority: asked.priority,
            tags: asked.tags.clone(),
            created_by: asked.requested_by.clone(),
            created_at: now.clone(),
            version: RuleVersion(1),
        };
        let text = PropertyChange { from: Value::Null, to: Value::from(asked.definition.as_str()) };
        let defined = RuleUpdated {
            rule_id: rule_id.clone(),
            name: None,
            changes: [("definition".to_owned(), text)].into(),
            previous_version: RuleVersion(1),
            new_version: 2,
            updated_by: asked.requested_by.clone(),
            updated_at: now,
        };
        Ok(vec![created.into(), defined.into()])
    };
    let executed = rules.execute_with(&rule_id, options, decide).await.map_err(refusal)?;
    let Some(known) = &executed.state.known else { return Err(Refusal::failed("the rule is gone already")) };
    let created_at = known.created.1.clone();
    Ok(RuleCreateReply { rule_id, status: RuleStatus::Draft, version: known.version, created_at })
}

/// Changes a rule, which gives it a new version.
pub(super) async fn update(
    rules: Aggregates,
    asked: Received<RuleUpdate>,
) -> Result<RuleUpdateReply, Refusal<RuleUpdateError>> {
    if let Some(definition) = &asked.changes.definition
        && let Err(wrong) = RuleText::read(definition)
    {
        return Err(Refusal::new(not_allowed(wrong)));
    }
    let options = ExecuteOptions::caused_by(asked.envelope(), "rules-management/update");
    let decide = |rule: &Rule| -> Result<Vec<RuleEvent>, Refusal<RuleUpdateError>> {
        let Some(known) = &rule.known else {
            return Err(Refusal::new(not_found("there is no such rule")));
        };
        if let Some(conflict) = conflict(known, Some(asked.expected_version)) {
            return Err(Refusal::new(conflict));
        }
        let changes = known.changes(&asked.changes);
        if changes.is_empty() {
            return Err(Refusal::new(not_allowed("nothing would change")));
        }
        let updated = RuleUpdated {
            rule_id: asked.rule_id.clone(),
            name: asked.changes.name.clone(),
            changes,
            previous_version: known.version,
            new_version: known.version.0 + 1,
            updated_by: asked.requested_by.clone(),
            updated_at: DateTime::now(),
        };
        Ok(vec![updated.into()])
    };
    let executed = rules.execute_with(&asked.rule_id, options, decide).await.map_err(refusal)?;
    let [RuleEvent::Updated(event)] = executed.events.as_slice() else { return Err(other_events()) };
    Ok(RuleUpdateReply {
        rule_id: event.rule_id.clone(),
        previous_version: event.previous_version,
        new_version: event.new_version,
        updated_at: event.updated_at.clone(),
    })
}

/// Activates a rule, at once or at a time to come.
pub(super) async fn activate(
    rules: Aggregates,
    asked: Received<RuleActivate>,
) -> Result<RuleActivateReply, Refusal<RuleActivateError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "rules-management/activate");
    let decide = |rule: &Rule| -> Result<Vec<RuleEvent>, Refusal<RuleActivateError>> {
        let Some(known) = &rule.known else {
            return Err(Refusal::new(not_found("there is no such rule")));
        };
        if let Some(conflict) = conflict(known, asked.expected_version) {
            return Err(Refusal::new(conflict));
        }
        if !matches!(known.status, RuleStatus::Draft | RuleStatus::Inactive) {
            let state = wrong_state(known.status.as_str(), &["draft", "inactive"])?;
            return Err(Refusal::new(state));
        }
        let now = DateTime::now();
        let activated = RuleActivated {
            rule_id: asked.rule_id.clone(),
            name: known.name.clone(),
            activated_by: asked.requested_by.clone(),
            effective_at: asked.effective_at.clone().unwrap_or_else(|| now.clone()),
            activated_at: now,
        };
        Ok(vec![activated.into()])
    };
    let executed = rules.execute_with(&asked.rule_id, options, decide).await.map_err(refusal)?;
    let [RuleEvent::Activated(event)] = executed.events.as_slice() else { return Err(other_events()) };
    Ok(RuleActivateReply {
        rule_id: event.rule_id.clone(),
        version: executed.state.known.as_ref().map(|known| known.version),
        activated_at: event.activated_at.clone(),
        effective_at: event.effective_at.clone(),
    })
}

/// Deactivates a rule that is active, or will be.
pub(super) async fn deactivate(
    rules: Aggregates,
    asked: Received<RuleDeactivate>,
) -> Result<RuleDeactivateReply, Refusal<RuleDeactivateError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "rules-management/deactivate");
    let decide = |rule: &Rule| -> Result<Vec<RuleEvent>, Refusal<RuleDeactivateError>> {
        let Some(known) = &rule.known else {
            return Err(Refusal::new(not_found("there is no such rule")));
        };
        if let Some(conflict) = conflict(known, asked.expected_version) {
            return Err(Refusal::new(conflict));
        }
        if known.status != RuleStatus::Active {
            let state = wrong_state(known.status.as_str(), &["active"])?;
            return Err(Refusal::new(state));
        }
        let deactivated = RuleDeactivated {
            rule_id: asked.rule_id.clone(),
            name: known.name.clone(),
            deactivated_by: asked.requested_by.clone(),
            deactivated_at: DateTime::now(),
            reason: asked.reason.clone(),
        };
        Ok(vec![deactivated.into()])
    };
    let executed = rules.execute_with(&asked.rule_id, options, decide).await.map_err(refusal)?;
    let [RuleEvent::Deactivated(event)] = executed.events.as_slice() else { return Err(other_events()) };
    let version = executed.state.known.as_ref().map(|known| known.version);
    Ok(RuleDeactivateReply { rule_id: event.rule_id.clone(), version, deactivated_at: event.deactivated_at.clone() })
}

/// Deletes a rule that is not active.
pub(super) async fn delete(
    rules: Aggregates,
    asked: Received<RuleDelete>,
) -> Result<RuleDeleteReply, Refusal<RuleDeleteError>> {
    let options = ExecuteOptions::caused_by(asked.envelope(), "rules-management/delete");
    let decide = |rule: &Rule| -> Result<Vec<RuleEvent>, Refusal<RuleDeleteError>> {
        let Some(known) = &rule.known else {
            return Err(Refusal::new(not_found("there is no such rule")));
        };
        if let Some(conflict) = conflict(known, asked.expected_version) {
            return Err(Refusal::new(conflict));
        }
        if known.status == RuleStatus::Active {
            let state = wrong_state("active", &["draft", "inactive", "archived"])?;
            return Err(Refusal::new(state));
        }
        let deleted = RuleDeleted {
            rule_id: asked.rule_id.clone(),
            name: known.name.clone(),
            deleted_by: asked.requested_by.clone(),
            deleted_at: DateTime::now(),
            final_version: known.version,
        };
        Ok(vec![deleted.into()])
    };
    let executed = rules.execute_with(&asked.rule_id, options, decide).await.map_err(refusal)?;
    let [RuleEvent::Deleted(event)] = executed.events.as_slice() else { return Err(other_events()) };
    let (final_version, deleted_at) = (event.final_version, event.deleted_at.clone());
    Ok(RuleDeleteReply { rule_id: event.rule_id.clone(), final_version, deleted_at })
}

/// The versions, where somebody expects another one.
fn conflict(known: &Known, expected: Option<RuleVersion>) -> Option<VersionConflict> {
    let expected = expected.filter(|expected| *expected != known.version)?;
    Some(VersionConflict { expected, found: known.version })
}

/// The id of a rule that the sender leaves to us: the same for the same command.
fn made_up<E>(command: &str) -> Result<RuleId, Refusal<E>> {
    let token: String = command.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    Ok(format!("rul_{token}").parse()?)
}

fn other_events<E>() -> Refusal<E> {
    Refusal::failed("the command made other events than it should")
}
