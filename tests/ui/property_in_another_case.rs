//! The schema writes its properties in camel case.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("order.placed", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct OrderPlaced {
    order_id: String,
    total_cents: i64,
}

fn main() {}
