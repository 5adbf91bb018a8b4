//! A query that the catalogue has a reply and a refusal of.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.get", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGet {
    rule_id: String,
}

fn main() {}
