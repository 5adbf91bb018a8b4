//! A list for an object, a single precision number, a list of what should be a map.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[domain_event("rule.activated", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleActivated {
    rule_id: String,
    region: String,
    actor: Vec<String>,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<BTreeMap<String, String>>,
}

fn main() {}
