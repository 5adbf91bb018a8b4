//! A date-time and a date in types that are none: the remedy is the type that reads the format.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.scheduled", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct RuleScheduled {
    actor: serde_json::Value,
    region: String,
    at: i64,
    on: u32,
    weight: f64,
}

fn main() {}
