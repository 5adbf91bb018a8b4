//! A property that may be null is no `Option`.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[domain_event("rule.activated", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleActivated {
    rule_id: String,
    region: String,
    actor: Actor,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<BTreeMap<String, i64>>,
}

#[derive(Serialize, Deserialize)]
struct Actor {
    user_id: String,
}

fn main() {}
