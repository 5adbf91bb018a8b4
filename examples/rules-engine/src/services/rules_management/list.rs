//! The list of rules: a read model of all of them, in the bucket of their snapshots.

use eventsmith::state::{Documents, Projection, ReadModel};
use eventsmith::{Bus, HandlerError, NoRefusal, Received, Refusal};
use rules_events::common::{RuleId, RulePriority, RuleStatus, RuleVersion};
use rules_events::rule::{
    RuleActivated, RuleCreated, RuleDeactivated, RuleDeleted, RuleList, RuleListReply, RuleSnapshot,
    RuleSnapshotStatus, RuleSummary, RuleUpdated,
};

/// The name of the projection.
const NAME: &str = "rules";

/// Makes a document of each rule, and keeps it up to date.
pub(super) fn projection() -> Projection<Documents<RuleSnapshot>> {
    Projection::in_bucket::<RuleSnapshot>(NAME, 1)
        .on(|it: &RuleCreated| [it.rule_id.to_string()], created)
        .on(|it: &RuleUpdated| [it.rule_id.to_string()], updated)
        .on(|it: &RuleActivated| [it.rule_id.to_string()], activated)
        .on(|it: &RuleDeactivated| [it.rule_id.to_string()], deactivated)
        .on(|it: &RuleDeleted| [it.rule_id.to_string()], deleted)
}

/// The rules of a page, by their ids. A page token is the id that the page before ended with.
pub(super) async fn list(bus: Bus, asked: Received<RuleList>) -> Result<RuleListReply, Refusal<NoRefusal>> {
    let view = ReadModel::<RuleSnapshot>::of(&bus, NAME).view().await?;
    let size = usize::from(asked.page_size.unwrap_or(50));
    let mut keys = view.keys(">").await?;
    keys.sort_unstable();
    let mut items = Vec::new();
    for key in keys {
        if asked.page_token.as_ref().is_some_and(|token| key.as_str() <= token.as_str()) {
            continue;
        }
        let Some(rule) = view.get(&key).await? else { continue };
        let Some(status) = status(rule.status) else { continue };
        let is_wanted = asked.status.is_none_or(|wanted| wanted == status)
            && asked.min_priority.is_none_or(|least| rule.priority >= least)
            && asked.tag.as_ref().is_none_or(|tag| rule.tags.iter().flatten().any(|it| it == tag));
        if !is_wanted {
            continue;
        }
        if items.len() == size {
            let last: Option<&RuleSummary> = items.last();
            let next_page_token = last.map(|last| last.rule_id.parse()).transpose()?;
            return Ok(RuleListReply { items, next_page_token });
        }
        let rule_id: RuleId = key.parse()?;
        items.push(RuleSummary {
            rule_id,
            name: rule.name.clone(),
            status,
            priority: rule.priority,
            tags: rule.tags.clone(),
            version: rule.version,
            updated_at: rule.stored.into(),
        });
    }
    Ok(RuleListReply { items, next_page_token: None })
}

/// A rule that was deleted is none.
fn status(status: RuleSnapshotStatus) -> Option<RuleStatus> {
    match status {
        RuleSnapshotStatus::Draft => Some(RuleStatus::Draft),
        RuleSnapshotStatus::Active => Some(RuleStatus::Active),
        RuleSnapshotStatus::Inactive => Some(RuleStatus::Inactive),
        RuleSnapshotStatus::Archived => Some(RuleStatus::Archived),
        RuleSnapshotStatus::Deleted => None,
    }
}

type Document = Option<RuleSnapshot>;

fn created(rule: &mut Document, it: &Received<RuleCreated>) -> Result<(), HandlerError> {
    let status = match it.status {
        RuleStatus::Draft => RuleSnapshotStatus::Draft,
        RuleStatus::Active => RuleSnapshotStatus::Active,
        RuleStatus::Inactive => RuleSnapshotStatus::Inactive,
        RuleStatus::Archived => RuleSnapshotStatus::Archived,
    };
    *rule = Some(RuleSnapshot {
        status,
        version: it.version,
        name: it.name.clone(),
        description: it.description.clone(),
        definition: None,
        priority: it.priority,
        tags: it.tags.clone(),
        effective_at: None,
    });
    Ok(())
}

fn updated(rule: &mut Document, it: &Received<RuleUpdated>) -> Result<(), HandlerError> {
    let rule = known(rule)?;
    rule.version = RuleVersion(it.new_version);
    rule.name = it.name.clone().unwrap_or_else(|| rule.name.clone());
    for (property, change) in &it.changes {
        let to = change.to.clone();
        match property.as_str() {
            "description" => rule.description = serde_json::from_value(to)?,
            "definition" => rule.definition = serde_json::from_value(to)?,
            "priority" => rule.priority = serde_json::from_value::<RulePriority>(to)?,
            "tags" => rule.tags = serde_json::from_value(to)?,
            _ => {}
        }
    }
    Ok(())
}

fn activated(rule: &mut Document, it: &Received<RuleActivated>) -> Result<(), HandlerError> {
    let rule = known(rule)?;
    rule.status = RuleSnapshotStatus::Active;
    rule.effective_at = Some(it.effective_at.clone());
    Ok(())
}

fn deactivated(rule: &mut Document, _: &Received<RuleDeactivated>) -> Result<(), HandlerError> {
    known(rule)?.status = RuleSnapshotStatus::Inactive;
    Ok(())
}

fn deleted(rule: &mut Document, _: &Received<RuleDeleted>) -> Result<(), HandlerError> {
    *rule = None;
    Ok(())
}

fn known(rule: &mut Document) -> Result<&mut RuleSnapshot, HandlerError> {
    rule.as_mut().ok_or_else(|| HandlerError::reject("the rule was not created"))
}
