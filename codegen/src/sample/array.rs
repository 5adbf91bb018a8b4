//! Arrays: how many items, and which.

use serde_json::{Map, Value};

use crate::sample::growth::Growth;
use crate::sample::intersect::all_of;
use crate::sample::object::size;

impl Growth<'_> {
    pub(super) fn array(&mut self, flat: &Map<String, Value>) -> Option<Value> {
        let contained = match flat.contains_key("contains") {
            true => size(flat, "minContains").unwrap_or(1),
            false => 0,
        };
        let least = size(flat, "minItems").unwrap_or_default().max(contained);
        let mut count = least;
        if self.takes_optional() {
            count = count.max(1) + self.choices.pick(3);
        }
        count = count.min(size(flat, "maxItems").unwrap_or(count)).max(least);
        if !self.has_room(least) {
            return None;
        }
        let is_unique = flat.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items: Vec<Value> = Vec::new();
        for index in 0..count {
            let mut schema = item(flat, index);
            if index < contained {
                schema = all_of(&schema, flat.get("contains").unwrap_or(&Value::Bool(true)));
            }
            let made = if is_unique {
                self.distinct(
                    |made| items.contains(made),
                    |growth| {
                        growth.spend(items.len());
                        growth.value(&schema)
                    },
                )
            } else {
                self.value(&schema)
            };
            match made {
                Some(made) => items.push(made),
                None if items.len() >= least => break,
                None => return None,
            }
        }
        Some(Value::Array(items))
    }
}

/// What holds for the item at an index, in the words of either generation of drafts.
fn item(flat: &Map<String, Value>, index: usize) -> Value {
    let items = flat.get("items");
    let (first, rest) = match items {
        Some(Value::Array(first)) => (Some(first), flat.get("additionalItems")),
        rest => (flat.get("prefixItems").and_then(Value::as_array), rest),
    };
    first.and_then(|first| first.get(index)).or(rest).cloned().unwrap_or(Value::Bool(true))
}
