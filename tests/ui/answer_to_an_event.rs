//! An event is not answered.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("order.placed", version = 1, error = OrderRefused, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderPlaced {
    order_id: String,
    total_cents: i64,
}

#[domain_event("order.placed", version = 1, part = "error", schemas = "schemas")]
#[derive(Serialize, Deserialize)]
struct OrderRefused {
    code: String,
}

fn main() {}
