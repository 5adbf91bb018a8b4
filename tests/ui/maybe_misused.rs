//! A `Maybe` stands where nothing is absent, where nothing is null, and without what serde must be told.

use eventsmith::{Maybe, domain_event};
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: String,
    #[serde(default, skip_serializing_if = "Maybe::is_absent")]
    name: Maybe<String>,
    priority: u16,
    #[serde(default, skip_serializing_if = "Maybe::is_absent")]
    description: Maybe<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

#[domain_event("rule.noted", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleNoted {
    note: Maybe<String>,
}

fn main() {}
