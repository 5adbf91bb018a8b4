//! The saga `activation`: a rule that takes effect at a time to come is made ready when it is there.
//!
//! It waits where nothing runs, and then asks for the rule as it is by then. So it does no harm where the rule was deactivated or changed
//! meanwhile, and there is nothing to undo.

use std::time::Duration;

use eventsmith::state::{Saga, SagaRetry, Step};
use rules_events::cache::CacheWarm;
use rules_events::common::{CacheScope, RulesScope};
use rules_events::rule::{RuleActivated, RuleActivation};

/// How long rules-evaluation may be away: then somebody is told, as the saga is compensated.
const DAY: Duration = Duration::from_secs(86_400);

/// The definition of the saga.
pub fn activation() -> Saga<RuleActivation> {
    Saga::new("activation", 1)
        .starts_on(|it: &RuleActivated| {
            let effective_at = it.effective_at.timestamp();
            let id = format!("{}-{}", it.rule_id, effective_at.as_second());
            let state = RuleActivation {
                rule_id: it.rule_id.clone(),
                effective_at: it.effective_at.clone(),
                activated_by: it.activated_by.clone(),
            };
            (effective_at > it.activated_at.timestamp()).then_some((id, state))
        })
        .step(Step::waits("effective_at").deadline(|it: &RuleActivation| Some(it.effective_at.clone())))
        .step(
            Step::asks("warm", |it: &RuleActivation| CacheWarm {
                scope: CacheScope::Rules(RulesScope { rule_ids: vec![it.rule_id.clone()] }),
                refresh: Some(true),
                requested_by: it.activated_by.clone(),
            })
            .retry(SagaRetry { max_attempts: None, ..SagaRetry::default() })
            .timeout(DAY),
        )
}
