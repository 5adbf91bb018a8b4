//! What rules make of a transaction: which apply, in which order, and where they are in conflict.

use rules_events::common::{RuleId, RulePriority};
use serde::Serialize;

use crate::expression::{Condition, Context};
use crate::rule_text::Effect;

/// A rule that is ready to be evaluated.
#[derive(Debug, Clone)]
pub struct ReadyRule {
    /// The rule.
    pub rule_id: RuleId,
    /// Of two rules in conflict the one with more of this wins; of equal ones that whose id is first.
    pub priority: RulePriority,
    /// Its condition.
    pub condition: Condition,
    /// What follows where it holds.
    pub effect: Effect,
}

/// What an evaluation comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The promotions that apply, by priority.
    pub promotions: Vec<RuleId>,
    /// The rules that hold and lost a conflict.
    pub dropped: Vec<RuleId>,
    /// The rules that could not be evaluated, and why.
    pub failed: Vec<(RuleId, String)>,
    /// How many rules were passed over without being evaluated.
    #[serde(skip)]
    pub skipped: u32,
    /// How many conflicts were found: rules that hold, and go with none of those before them.
    #[serde(skip)]
    pub conflicts: u32,
}

/// Evaluates rules by priority. A rule that is exclusive stands alone: it is in conflict with any that won before it, and all behind it are
/// with it.
pub fn decide<'a>(rules: impl IntoIterator<Item = &'a ReadyRule>, context: &Context, most: usize) -> Decision {
    let mut rules: Vec<&ReadyRule> = rules.into_iter().collect();
    rules.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.rule_id.cmp(&b.rule_id)));
    let mut decision = Decision::default();
    let mut is_taken = false;
    for rule in rules {
        let Effect::Promotion(offer) = &rule.effect else {
            decision.skipped += 1;
            continue;
        };
        match rule.condition.holds(context) {
            Err(why) => decision.failed.push((rule.rule_id.clone(), why)),
            Ok(false) => {}
            Ok(true) if is_taken || offer.exclusive && !decision.promotions.is_empty() => {
                decision.conflicts += 1;
                decision.dropped.push(rule.rule_id.clone());
            }
            Ok(true) if decision.promotions.len() >= most => decision.dropped.push(rule.rule_id.clone()),
            Ok(true) => {
                is_taken = offer.exclusive;
                decision.promotions.push(rule.rule_id.clone());
            }
        }
    }
    decision
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn rule(id: &str, priority: u16, when: &str, exclusive: bool) -> ReadyRule {
        let discount = json!({"kind": "percentage", "percentage": "10"});
        let effect = json!({"promotion": {"name": id, "discount": discount, "exclusive": exclusive}});
        ReadyRule {
            rule_id: id.parse().expect("an id"),
            priority: RulePriority(priority),
            condition: Condition::compile(when).expect("a condition"),
            effect: serde_json::from_value(effect).expect("an effect"),
        }
    }

    fn decided(rules: &[ReadyRule]) -> (Vec<&str>, Vec<&str>, u32) {
        let facts = BTreeMap::from([("subtotal".to_owned(), json!(5_000))]);
        let decision = Box::leak(Box::new(decide(rules, &Context::of(&facts).expect("a context"), 3)));
        let texts = |ids: &'static [RuleId]| ids.iter().map(|id| id.as_str()).collect();
        (texts(&decision.promotions), texts(&decision.dropped), decision.conflicts)
    }

    #[test]
    fn rules_that_hold_stack_by_priority() {
        let rules =
            [rule("b", 100, "true", false), rule("a", 100, "true", false), rule("c", 900, "subtotal > 1", false)];
        assert_eq!(decided(&rules), (vec!["c", "a", "b"], vec![], 0));
    }

    #[test]
    fn an_exclusive_rule_of_higher_priority_stands_alone() {
        let rules = [rule("a", 100, "true", false), rule("b", 900, "true", true), rule("c", 200, "false", false)];
        assert_eq!(decided(&rules), (vec!["b"], vec!["a"], 1));
    }

    #[test]
    fn an_exclusive_rule_of_lower_priority_is_dropped() {
        let rules = [rule("a", 900, "true", false), rule("b", 100, "true", true), rule("c", 50, "true", false)];
        assert_eq!(decided(&rules), (vec!["a", "c"], vec!["b"], 1));
    }

    #[test]
    fn no_more_are_applied_than_there_may_be() {
        let rules = ["a", "b", "c", "d"].map(|id| rule(id, 100, "true", false));
        assert_eq!(decided(&rules), (vec!["a", "b", "c"], vec!["d"], 0));
    }

    #[test]
    fn a_rule_that_fails_holds_up_no_other() {
        let rules = [rule("a", 900, "facts.weight > 1", false), rule("b", 100, "true", false)];
        assert_eq!(decided(&rules), (vec!["b"], vec![], 0));
    }
}
