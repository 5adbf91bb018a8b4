//! The refusal in place of the reply.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.get", version = 1, reply = RuleGetError, error = RuleGetError, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGet {
    rule_id: String,
}

#[domain_event("rule.get", version = 1, part = "error", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGetError {
    code: Code,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Code {
    NotFound,
    NotAllowed,
}

fn main() {}
