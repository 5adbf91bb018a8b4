//! Evaluating, and looking after the cache.

use std::sync::Arc;
use std::time::Instant;

use eventsmith::{DateTime, Event, PublishError, PublishOptions, Received, Refusal};
use rules_events::cache::{
    CacheInvalidate, CacheInvalidateError, CacheInvalidateReply, CacheWarm, CacheWarmError, CacheWarmReply,
};
use rules_events::common::{CacheScope, RuleId, RuleStatus};
use rules_events::evaluation::{
    EvaluationCompleted, EvaluationEvaluate, EvaluationEvaluateError, EvaluationEvaluateReply, EvaluationFailed,
    EvaluationStarted,
};
use rules_events::rule::{RuleCompiled, RuleList};

use super::compile::keep;
use super::decision::{Decision, ReadyRule, decide};
use super::desk::Desk;
use crate::expression::Context;
use crate::ids::made_of;
use crate::refusals::{limit_reached, not_found};

pub(super) async fn evaluate(
    desk: Desk,
    asked: Received<EvaluationEvaluate>,
) -> Result<EvaluationEvaluateReply, Refusal<EvaluationEvaluateError>> {
    let start = Instant::now();
    let rules = desk.cache.rules().await;
    let rules: Vec<&Arc<ReadyRule>> = match &asked.rule_ids {
        None => rules.iter().collect(),
        Some(only) => {
            let known: Vec<_> = rules.iter().filter(|rule| only.contains(&rule.rule_id)).collect();
            if known.len() < only.len() {
                let what = not_found("one of the rules is unknown, or not active");
                return Err(Refusal::new(what));
            }
            known
        }
    };
    let is_told = !asked.dry_run.unwrap_or_default();
    if is_told {
        tell(&asked, &started(&asked, rules.len())).await?;
    }
    let decision = match Context::of(&asked.facts) {
        Ok(context) => decide(rules.into_iter().map(Arc::as_ref), &context, desk.config.most_promotions),
        Err(why) => return unreadable(&asked, start, (why, is_told)).await,
    };
    let reply = reply(&asked, &decision, start)?;
    if is_told {
        tell(&asked, &completed(&reply)).await?;
    }
    Ok(reply)
}

/// The facts are no context: nothing can be said of the transaction.
async fn unreadable(
    asked: &Received<EvaluationEvaluate>,
    start: Instant,
    (why, is_told): (String, bool),
) -> Result<EvaluationEvaluateReply, Refusal<EvaluationEvaluateError>> {
    if is_told {
        let failed = EvaluationFailed {
            context_id: asked.context_id.clone(),
            transaction_id: asked.transaction_id.clone(),
            error_code: "UNREADABLE_FACTS".parse()?,
            error_message: why.parse()?,
            retryable: false,
            failed_at: DateTime::now(),
        };
        tell(asked, &failed).await?;
    }
    Ok(EvaluationEvaluateReply {
        success: false,
        error_message: Some(why.parse()?),
        final_result: serde_json::Value::Null,
        ..reply(asked, &Decision::default(), start)?
    })
}

fn reply(
    asked: &EvaluationEvaluate,
    decision: &Decision,
    start: Instant,
) -> Result<EvaluationEvaluateReply, Refusal<EvaluationEvaluateError>> {
    Ok(EvaluationEvaluateReply {
        context_id: asked.context_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        success: true,
        execution_time: i64::try_from(start.elapsed().as_nanos())?,
        rules_applied: u32::try_from(decision.promotions.len())?,
        rules_skipped: Some(decision.skipped),
        conflicts_found: decision.conflicts,
        completed_at: DateTime::now(),
        final_result: serde_json::to_value(decision)?,
        error_message: None,
    })
}

fn started(asked: &EvaluationEvaluate, rules: usize) -> EvaluationStarted {
    EvaluationStarted {
        context_id: asked.context_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        customer_id: asked.customer_id.clone(),
        rule_count: u32::try_from(rules).unwrap_or(u32::MAX),
        started_at: DateTime::now(),
    }
}

fn completed(reply: &EvaluationEvaluateReply) -> EvaluationCompleted {
    EvaluationCompleted {
        context_id: reply.context_id.clone(),
        transaction_id: reply.transaction_id.clone(),
        success: true,
        execution_time: reply.execution_time,
        rules_applied: reply.rules_applied,
        rules_skipped: reply.rules_skipped,
        conflicts_found: reply.conflicts_found,
        completed_at: reply.completed_at.clone(),
        final_result: reply.final_result.clone(),
        error_message: None,
    }
}

/// Publishes what a request leads to, once for each request, however often it is asked.
async fn tell<E: Event>(asked: &Received<EvaluationEvaluate>, event: &E) -> Result<(), PublishError> {
    let id = Some(made_of(&[&asked.envelope().id, E::TYPE]));
    asked.bus().publish_with(event, PublishOptions { id, ..asked.follow_up() }).await.map(drop)
}

/// Compiles rules that are active, also those that took effect meanwhile.
pub(super) async fn warm(desk: Desk, asked: Received<CacheWarm>) -> Result<CacheWarmReply, Refusal<CacheWarmError>> {
    let start = Instant::now();
    let (mut loaded, mut failed) = (0, Vec::new());
    for rule_id in active(&asked, &asked.scope).await? {
        match keep(&desk.bus, &rule_id).await {
            Ok(is_active) => loaded += u32::from(is_active),
            Err(_) => failed.push(rule_id),
        }
    }
    let duration = i64::try_from(start.elapsed().as_nanos())?;
    Ok(CacheWarmReply { entries_loaded: loaded, failed_rule_ids: Some(failed), duration })
}

/// Which rules a scope is about.
async fn active(asked: &Received<CacheWarm>, scope: &CacheScope) -> Result<Vec<RuleId>, Refusal<CacheWarmError>> {
    if let CacheScope::Rules(rules) = scope {
        return Ok(rules.rule_ids.clone());
    }
    let mut query = RuleList {
        status: Some(RuleStatus::Active),
        tag: None,
        min_priority: None,
        page_size: Some(200),
        page_token: None,
    };
    let mut found = Vec::new();
    loop {
        let page = asked.request(&query).await?;
        let is_meant = |tags: &Option<Vec<_>>| match scope {
            CacheScope::Tags(scope) => scope.tags.iter().any(|tag| tags.iter().flatten().any(|it| it == tag)),
            CacheScope::All(_) | CacheScope::Rules(_) => true,
        };
        found.extend(page.items.into_iter().filter(|rule| is_meant(&rule.tags)).map(|rule| rule.rule_id));
        if found.len() > 1_000 {
            let limit = limit_reached(1_000, "so many rules are compiled at a time");
            return Err(Refusal::new(limit));
        }
        match page.next_page_token {
            Some(token) => query.page_token = Some(token),
            None => return Ok(found),
        }
    }
}

/// Removes compiled rules. They come back with their next change, or when the cache is warmed.
pub(super) async fn invalidate(
    desk: Desk,
    asked: Received<CacheInvalidate>,
) -> Result<CacheInvalidateReply, Refusal<CacheInvalidateError>> {
    let compiled = desk.bus.bucket::<RuleCompiled>();
    let mut removed = 0;
    for key in compiled.keys(">").await? {
        let Some(rule) = compiled.get(&key).await? else { continue };
        let is_meant = match &asked.scope {
            CacheScope::All(_) => true,
            CacheScope::Rules(scope) => scope.rule_ids.contains(&rule.rule_id),
            CacheScope::Tags(scope) => scope.tags.iter().any(|tag| rule.tags.iter().flatten().any(|it| it == tag)),
        };
        if is_meant {
            compiled.delete(&key).await?;
            removed += 1;
        }
    }
    Ok(CacheInvalidateReply { entries_removed: removed, completed_at: DateTime::now() })
}
