//! The catalogue has no event whose name is nearly that.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("warehouse.stocked", version = 1, schemas = "schemas")]
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
