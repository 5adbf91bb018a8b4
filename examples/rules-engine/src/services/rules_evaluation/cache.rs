//! The rules that are active, ready to be evaluated: what the bucket of compiled rules has, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use eventsmith::Bus;
use eventsmith::bucket::{BucketError, Change};
use rules_events::common::RuleStatus;
use rules_events::rule::RuleCompiled;
use tokio::sync::watch;

use super::decision::ReadyRule;
use crate::expression::Condition;
use crate::parts::Stopped;

/// The rules, by their ids. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    rules: Arc<RwLock<BTreeMap<String, Arc<ReadyRule>>>>,
    /// Whether all that the bucket had is in here.
    is_complete: Arc<watch::Sender<bool>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { rules: Arc::default(), is_complete: Arc::new(watch::Sender::new(false)) }
    }
}

impl Cache {
    /// The rules, once all are in here.
    pub(super) async fn rules(&self) -> Vec<Arc<ReadyRule>> {
        // The sender is this cache's own.
        let _ = self.is_complete.subscribe().wait_for(|is_complete| *is_complete).await;
        self.rules.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Takes in what the bucket has, and every change from then on.
    pub(super) async fn watch(&self, bus: &Bus, stopped: Stopped) -> anyhow::Result<()> {
        let mut watcher =
            bus.bucket::<RuleCompiled>().watch(">").await.context("the compiled rules cannot be watched")?;
        while let Some(change) = watcher.next_stored().await {
            self.take(change)?;
        }
        self.is_complete.send_replace(true);
        let mut stopped = Box::pin(stopped.wait());
        loop {
            tokio::select! {
                () = &mut stopped => return Ok(()),
                change = watcher.next() => match change {
                    Some(change) => self.take(change)?,
                    None => return Ok(()),
                },
            }
        }
    }

    fn take(&self, change: Result<Change<RuleCompiled>, BucketError>) -> anyhow::Result<()> {
        match change {
            Ok(Change::Put(entry)) => self.put(&entry.key, &entry),
            Ok(Change::Removed(removed)) => self.remove(&removed.key),
            Err(error @ BucketError::Undecodable { .. }) => tracing::warn!(%error, "a compiled rule cannot be read"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn put(&self, rule_id: &str, compiled: &RuleCompiled) {
        match ready(compiled) {
            Ok(rule) if compiled.status == RuleStatus::Active => {
                let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
                rules.insert(rule_id.to_owned(), Arc::new(rule));
            }
            Ok(_) => self.remove(rule_id),
            Err(reason) => {
                tracing::warn!(rule_id, reason, "a compiled rule is none");
                self.remove(rule_id);
            }
        }
    }

    fn remove(&self, rule_id: &str) {
        self.rules.write().unwrap_or_else(PoisonError::into_inner).remove(rule_id);
    }
}

fn ready(compiled: &RuleCompiled) -> Result<ReadyRule, String> {
    let action = compiled.actions.first().ok_or("it does nothing")?;
    Ok(ReadyRule {
        rule_id: compiled.rule_id.clone(),
        priority: compiled.priority,
        condition: Condition::compile(&compiled.conditions)?,
        effect: serde_json::from_str(action).map_err(|error| error.to_string())?,
    })
}
