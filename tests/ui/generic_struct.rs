//! A struct with parameters is no event.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated<T> {
    rule_id: T,
}

fn main() {}
