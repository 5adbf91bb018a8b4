//! Nothing says how the type that `older` names becomes the struct; and the oldest version is upcast from nothing.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, older = RuleCreated, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct First {
    rule_id: String,
    name: String,
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

#[domain_event("rule.created", version = 2, older = First, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: String,
    name: String,
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
}

fn main() {}
