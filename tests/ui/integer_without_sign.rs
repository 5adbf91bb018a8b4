//! An unsigned integer for a property without a minimum.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("order.placed", version = 1, schemas = "schemas")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderPlaced {
    order_id: String,
    total_cents: u64,
}

fn main() {}
