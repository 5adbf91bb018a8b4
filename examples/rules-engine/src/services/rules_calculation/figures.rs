//! What was evaluated, as figures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use eventsmith::Timestamp;
use eventsmith::error::InvalidText;
use rules_events::evaluation::EvaluationCompleted;
use rules_events::metrics::{MetricsSummary, MetricsSummaryReply, RuleUsage};

/// How many evaluations are remembered, those of the latest.
const REMEMBERED: usize = 100_000;

/// The figures. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Arc<Mutex<Vec<Evaluation>>>);

#[derive(Debug)]
struct Evaluation {
    at: Timestamp,
    /// Nothing of one that failed.
    done: Option<Done>,
}

#[derive(Debug)]
struct Done {
    nanoseconds: i64,
    conflicts: i64,
    applied: Vec<String>,
}

impl Figures {
    pub(super) fn completed(&self, event: &EvaluationCompleted) {
        let promotions = event.final_result.get("promotions").and_then(|it| it.as_array());
        let applied = promotions.into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect();
        let done = Done { nanoseconds: event.execution_time, conflicts: event.conflicts_found.into(), applied };
        self.push(Evaluation { at: event.completed_at.timestamp(), done: Some(done) });
    }

    pub(super) fn failed(&self, at: Timestamp) {
        self.push(Evaluation { at, done: None });
    }

    fn push(&self, evaluation: Evaluation) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(evaluation);
        if all.len() > 2 * REMEMBERED {
            all.drain(..REMEMBERED);
        }
    }

    /// The figures of a time, and of one rule if one is asked for.
    pub(super) fn summary(&self, asked: &MetricsSummary) -> Result<MetricsSummaryReply, InvalidText> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (asked.from.timestamp(), asked.to.timestamp());
        let within = all.iter().filter(|it| it.at >= from && it.at < to);
        let is_meant =
            |done: &&Done| asked.rule_id.as_ref().is_none_or(|rule| done.applied.iter().any(|it| it == rule.as_str()));
        let done: Vec<&Done> = within.clone().filter_map(|it| it.done.as_ref()).filter(is_meant).collect();
        let failed = within.filter(|it| it.done.is_none()).count();
        let mut times: Vec<i64> = done.iter().map(|it| it.nanoseconds).collect();
        times.sort_unstable();
        let mut usage: BTreeMap<&str, i64> = BTreeMap::new();
        for rule in done.iter().flat_map(|it| &it.applied) {
            *usage.entry(rule).or_default() += 1;
        }
        let mut usage: Vec<(&str, i64)> = usage.into_iter().collect();
        usage.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        let top = usage.iter().take(usize::from(asked.top_rules.unwrap_or(10)));
        let top_rules = top
            .map(|(rule_id, times_applied)| Ok(RuleUsage { rule_id: rule_id.parse()?, times_applied: *times_applied }))
            .collect::<Result<_, InvalidText>>()?;
        let count = |of: usize| i64::try_from(of).unwrap_or(i64::MAX);
        Ok(MetricsSummaryReply {
            from: asked.from.clone(),
            to: asked.to.clone(),
            evaluations: count(done.len() + failed),
            evaluations_failed: count(failed),
            rules_applied: count(done.iter().map(|it| it.applied.len()).sum()),
            conflicts_found: done.iter().map(|it| it.conflicts).sum(),
            mean_execution_time: times.iter().sum::<i64>().checked_div(count(times.len())),
            p99_execution_time: times.get(times.len().saturating_sub(1) * 99 / 100).copied(),
            success_ratio: None,
            top_rules: Some(top_rules),
        })
    }
}
