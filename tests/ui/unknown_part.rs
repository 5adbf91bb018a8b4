//! A part that no request has.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.get", version = 1, part = "answer", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: String,
    name: String,
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

fn main() {}
