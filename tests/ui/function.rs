//! A function is no event.

use eventsmith::domain_event;

#[domain_event("rule.created", version = 1, schemas = "schemas")]
fn rule_created() {}

fn main() {}
