//! A struct is said to be a part of what has none.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, part = "reply", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct ReplyToAnEvent {
    rule_id: String,
}

#[domain_event("rule.archive", version = 1, part = "reply", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct ReplyWithoutFile {
    rule_id: String,
}

#[domain_event("rule.get", version = 1, part = "error", older = none, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct ErrorThatIsUpcast {
    code: String,
}

fn main() {}
