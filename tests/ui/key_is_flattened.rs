//! The ordering key lies in another struct, where the attribute cannot see it.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.activated", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleActivated {
    #[serde(flatten)]
    rule: Rule,
    region: String,
    actor: serde_json::Value,
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Rule {
    rule_id: String,
}

fn main() {}
