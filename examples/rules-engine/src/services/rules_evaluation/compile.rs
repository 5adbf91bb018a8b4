//! Compiling rules when they change.

use std::time::Instant;

use eventsmith::{Bus, DateTime, HandlerError, Received, RequestError};
use rules_events::common::{RuleId, RuleStatus};
use rules_events::rule::{
    RuleActivated, RuleCompiled, RuleDeactivated, RuleDeleted, RuleGet, RuleGetError, RuleGetReply, RuleUpdated,
};
use sha2::{Digest, Sha256};

use super::Desk;
use crate::rule_text::RuleText;

/// The version of what compiles: raised where it makes something else of the same text.
const COMPILER: &str = "1.0.0";

pub(super) async fn updated(desk: Desk, event: Received<RuleUpdated>) -> Result<(), HandlerError> {
    keep(&desk.bus, &event.rule_id).await.map(drop)
}

pub(super) async fn activated(desk: Desk, event: Received<RuleActivated>) -> Result<(), HandlerError> {
    keep(&desk.bus, &event.rule_id).await.map(drop)
}

pub(super) async fn deactivated(desk: Desk, event: Received<RuleDeactivated>) -> Result<(), HandlerError> {
    keep(&desk.bus, &event.rule_id).await.map(drop)
}

pub(super) async fn deleted(desk: Desk, event: Received<RuleDeleted>) -> Result<(), HandlerError> {
    keep(&desk.bus, &event.rule_id).await.map(drop)
}

/// Keeps a rule compiled as it is now: events say that something changed, and not what is true by the time they are handled. Returns whether
/// it is active.
pub(super) async fn keep(bus: &Bus, rule_id: &RuleId) -> Result<bool, HandlerError> {
    let compiled = bus.bucket::<RuleCompiled>();
    let rule = match bus.request(&RuleGet { rule_id: rule_id.clone(), version: None }).await {
        Ok(rule) if rule.status == RuleStatus::Active => rule,
        Ok(_) | Err(RequestError::Refused(RuleGetError::NotFound(_))) => {
            if compiled.get(rule_id).await?.is_some() {
                compiled.delete(rule_id).await?;
            }
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    compiled.put(rule_id, &compile(&rule).map_err(HandlerError::reject)?).await?;
    Ok(true)
}

fn compile(rule: &RuleGetReply) -> Result<RuleCompiled, String> {
    let start = Instant::now();
    let text = RuleText::read(&rule.definition)?;
    let action = serde_json::to_string(&text.then).map_err(|error| error.to_string())?;
    let hash = Sha256::digest(rule.definition.as_bytes());
    Ok(RuleCompiled {
        rule_id: rule.rule_id.clone(),
        version: rule.version,
        name: Some(rule.name.clone()),
        status: rule.status,
        priority: rule.priority,
        tags: rule.tags.clone(),
        conditions: text.when,
        actions: vec![action],
        source_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        compiler: COMPILER.to_owned(),
        compiled_at: DateTime::now(),
        compile_time: i64::try_from(start.elapsed().as_nanos()).ok(),
    })
}
