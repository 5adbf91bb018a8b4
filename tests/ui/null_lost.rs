//! A null would be read as absence, and written as absence.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.noted", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleNoted {
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn main() {}
