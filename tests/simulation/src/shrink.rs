//! A failing plan made smaller, as long as it still fails.

use crate::mutation::Mutation;
use crate::plan::Plan;
use crate::run::run;

/// The smallest plan that was found that still fails, and how many were tried.
pub fn shrink(plan: &Plan, mutation: Option<Mutation>, most: usize) -> (Plan, usize) {
    let (mut smallest, mut tried) = (plan.clone(), 0);
    'again: while tried < most {
        for smaller in smallest.clone().smaller() {
            tried += 1;
            if !run(&smaller, mutation, false).violations.is_empty() {
                smallest = smaller;
                continue 'again;
            }
            if tried >= most {
                break;
            }
        }
        break;
    }
    (smallest, tried)
}
