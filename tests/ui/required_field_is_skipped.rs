//! A required property is left out now and then.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

fn main() {}
