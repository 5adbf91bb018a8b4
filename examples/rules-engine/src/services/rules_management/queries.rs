//! What can be asked about one rule.

use eventsmith::state::{Aggregates, HistoryEvent};
use eventsmith::{Bus, Received, Refusal};
use rules_events::aggregates::RuleEvent;
use rules_events::audit::{AuditAction, AuditEntry, AuditTrail, AuditTrailError, AuditTrailReply};
use rules_events::common::{Actor, RuleVersion};
use rules_events::rule::{RuleGet, RuleGetError, RuleGetReply};

use super::rule::Rule;
use crate::refusals::not_found;

/// A rule as it is. Its status is that of the moment: a rule that takes effect later is inactive until then.
pub(super) async fn get(bus: Bus, asked: Received<RuleGet>) -> Result<RuleGetReply, Refusal<RuleGetError>> {
    let rule = Aggregates::of(&bus).load::<Rule>(&asked.rule_id).await?;
    let missing = |what| Err(Refusal::new(not_found(what)));
    let Some(known) = rule.known.as_ref() else { return missing("there is no such rule") };
    if asked.version.is_some_and(|version| version != known.version) {
        return missing("only the newest version is kept");
    }
    let Some(definition) = known.definition.clone() else { return missing("the rule has no text yet") };
    let (updated_by, updated_at) = known.updated.clone().unzip();
    Ok(RuleGetReply {
        rule_id: asked.rule_id.clone(),
        name: known.name.clone(),
        description: known.description.clone(),
        definition,
        status: known.status_at(bus.now()),
        priority: known.priority,
        tags: Some(known.tags.clone()),
        version: known.version,
        created_by: known.created.0.clone(),
        created_at: known.created.1.clone(),
        updated_by,
        updated_at,
    })
}

/// What happened to a rule: its history, page by page. A page token is how many entries come before it.
pub(super) async fn trail(
    rules: Aggregates,
    asked: Received<AuditTrail>,
) -> Result<AuditTrailReply, Refusal<AuditTrailError>> {
    let history = rules.history::<Rule>(&asked.rule_id).await?;
    if history.events.is_empty() {
        return Err(Refusal::new(not_found("there is no such rule")));
    }
    let mut version = RuleVersion(1);
    let mut entries = Vec::new();
    for event in &history.events {
        let entry = entry(event, &mut version)?;
        let is_before = asked.to.as_ref().is_none_or(|to| entry.occurred_at.timestamp() < to.timestamp());
        let is_since = asked.from.as_ref().is_none_or(|from| entry.occurred_at.timestamp() >= from.timestamp());
        if is_before && is_since && asked.actor.as_ref().is_none_or(|actor| *actor == entry.actor) {
            entries.push(entry);
        }
    }
    let from: usize = asked.page_token.as_ref().and_then(|token| token.parse().ok()).unwrap_or(0);
    let to = from + usize::from(asked.page_size.unwrap_or(50));
    let next_page_token = (to < entries.len()).then(|| to.to_string().parse()).transpose()?;
    let items = entries.into_iter().take(to).skip(from).collect();
    Ok(AuditTrailReply { items, next_page_token })
}

fn entry(event: &HistoryEvent<RuleEvent>, version: &mut RuleVersion) -> Result<AuditEntry, Refusal<AuditTrailError>> {
    let (action, actor, at, reason): (_, &Actor, _, Option<&String>) = match &**event {
        RuleEvent::Created(it) => {
            *version = it.version;
            (AuditAction::Created, &it.created_by, &it.created_at, None)
        }
        RuleEvent::Updated(it) => {
            *version = RuleVersion(it.new_version);
            (AuditAction::Updated, &it.updated_by, &it.updated_at, None)
        }
        RuleEvent::Activated(it) => (AuditAction::Activated, &it.activated_by, &it.activated_at, None),
        RuleEvent::Deactivated(it) => {
            (AuditAction::Deactivated, &it.deactivated_by, &it.deactivated_at, it.reason.as_ref())
        }
        RuleEvent::Deleted(it) => (AuditAction::Deleted, &it.deleted_by, &it.deleted_at, None),
    };
    Ok(AuditEntry {
        event_id: event.envelope.id.parse()?,
        action,
        rule_version: *version,
        actor: actor.clone(),
        reason: reason.cloned(),
        occurred_at: at.clone(),
    })
}
