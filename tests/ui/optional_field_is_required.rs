//! An optional property is no `Option` and has no default.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: String,
    name: String,
    priority: u16,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

fn main() {}
