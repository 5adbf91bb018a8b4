//! A reply whose fields are not those of its schema, and arguments that only a request has.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.get", version = 1, part = "reply", error = RuleGetError, older = none, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGetReply {
    name: u32,
    prioritee: u16,
}

#[domain_event("rule.get", version = 1, part = "answer", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGetError {
    code: String,
}

fn main() {}
