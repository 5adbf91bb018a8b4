//! A reply to a command that the catalogue has none of.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.archive", version = 1, reply = RuleArchived, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleArchive {
    rule_id: String,
}

#[domain_event("rule.archive", version = 1, part = "reply", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleArchived {
    rule_id: String,
}

fn main() {}
