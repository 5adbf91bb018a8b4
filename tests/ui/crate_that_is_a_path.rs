//! The name of the dependency is no path.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "schemas", crate = "my::events")]
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
