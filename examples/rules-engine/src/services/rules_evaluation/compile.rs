//! Compiling rules when they change.

use std::time::Instant;

use eventsmith::bucket::BucketError;
use eventsmith::{Bus, DateTime, HandlerError, Received, RequestError};
use rules_events::common::{RuleId, RuleStatus};
use rules_events::rule::{
    RuleActivated, RuleCompiled, RuleDeactivated, RuleDeleted, RuleGet, RuleGetError, RuleGetReply, RuleUpdated,
};
use sha2::{Digest, Sha256};

use super::desk::Desk;
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
///
/// Two handlers may be at the same rule. What lies in the bucket is looked at first and the rule then, and only what was looked at is
/// replaced: so what was compiled of a newer rule is never replaced by what was made of an older one.
pub(super) async fn keep(bus: &Bus, rule_id: &RuleId) -> Result<bool, HandlerError> {
    loop {
        match try_keep(bus, rule_id).await {
            Err(Kept::Bucket(BucketError::Conflict { .. })) => {}
            Err(Kept::Bucket(error)) => return Err(error.into()),
            Err(Kept::Handler(error)) => return Err(error),
            Ok(is_active) => return Ok(is_active),
        }
    }
}

/// Why a rule was not kept.
enum Kept {
    Bucket(BucketError),
    Handler(HandlerError),
}

impl From<BucketError> for Kept {
    fn from(error: BucketError) -> Self {
        Self::Bucket(error)
    }
}

async fn try_keep(bus: &Bus, rule_id: &RuleId) -> Result<bool, Kept> {
    let bucket = bus.bucket::<RuleCompiled>();
    let before = bucket.get(rule_id).await?.map(|entry| entry.revision);
    let rule = match bus.request(&RuleGet { rule_id: rule_id.clone(), version: None }).await {
        Ok(rule) => Some(rule).filter(|rule| rule.status == RuleStatus::Active),
        Err(RequestError::Refused(RuleGetError::NotFound(_))) => None,
        Err(error) => return Err(Kept::Handler(error.into())),
    };
    let Some(rule) = rule else {
        if let Some(revision) = before {
            bucket.delete_revision(rule_id, revision).await?;
        }
        return Ok(false);
    };
    let compiled = compile(&rule).map_err(|wrong| Kept::Handler(HandlerError::reject(wrong)))?;
    match before {
        Some(revision) => bucket.update(rule_id, &compiled, revision).await?,
        None => bucket.create(rule_id, &compiled).await?,
    };
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
