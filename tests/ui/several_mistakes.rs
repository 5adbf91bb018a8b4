//! Every mistake is reported at its own place, all at once, and nothing else is.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: u64,
    name: Option<String>,
    priority: u8,
    description: Option<String>,
    owner: String,
}

fn publish<E: eventsmith::Event>(_: &E) {}

fn create(rule: &RuleCreated) {
    publish(rule);
}

fn main() {}
