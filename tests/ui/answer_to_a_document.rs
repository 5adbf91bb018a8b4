//! A document of a bucket is not answered.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.compiled", version = 1, reply = RuleStored, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCompiled {
    rule_id: String,
}

#[domain_event("rule.compiled", version = 1, part = "reply", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleStored {
    rule_id: String,
}

fn main() {}
