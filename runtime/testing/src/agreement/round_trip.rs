//! Whether a struct writes what it has read: null as null, and absence as absence.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use super::payloads;

/// The first of many payloads that comes back from the struct with a null gone or a null more, and how.
pub(super) fn loss<T: Serialize>(decode: fn(&[u8]) -> Option<T>, schema: &Value, read: &Value) -> Option<String> {
    let mut declared = HashSet::new();
    collect(read, &mut declared);
    let mut loss = None;
    payloads::suggest(schema, read, &mut |payload| {
        if loss.is_some() {
            return;
        }
        // What the schema rejects the struct need not keep.
        let Some(event) = decode(payload.to_string().as_bytes()) else { return };
        let Ok(back) = serde_json::to_value(&event) else { return };
        loss = differs(&payload, &back, &declared, "").map(|how| {
            format!(
                "the struct does not write what it reads:\n   read    {payload}\n   written {back}\n   {how}\n   to agree: \
                 tell null and absence apart, by an `Option<Option<..>>` with #[serde(default, deserialize_with = \
                 \"eventsmith::present\", skip_serializing_if = \"Option::is_none\")]; for any value at all, by an \
                 `Option<serde_json::Value>` with the same\n"
            )
        });
    });
    loss
}

/// The names of all properties that the struct has, at any depth.
fn collect<'a>(schema: &'a Value, declared: &mut HashSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                if let ("properties", Value::Object(properties)) = (keyword.as_str(), value) {
                    declared.extend(properties.keys().map(String::as_str));
                }
                collect(value, declared);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, declared)),
        _ => {}
    }
}

fn differs(payload: &Value, back: &Value, declared: &HashSet<&str>, at: &str) -> Option<String> {
    match (payload, back) {
        (Value::Object(payload), Value::Object(back)) => {
            for (name, value) in payload {
                match back.get(name) {
                    None if value.is_null() && declared.contains(name.as_str()) => {
                        return Some(format!("the null at {at}/{name} is lost"));
                    }
                    None => {}
                    Some(back) => {
                        if let Some(how) = differs(value, back, declared, &format!("{at}/{name}")) {
                            return Some(how);
                        }
                    }
                }
            }
            let added = back.iter().find(|(name, value)| value.is_null() && !payload.contains_key(*name));
            added.map(|(name, _)| format!("{at}/{name} was absent and is written as null"))
        }
        (Value::Array(payload), Value::Array(back)) => payload
            .iter()
            .zip(back)
            .enumerate()
            .find_map(|(index, (payload, back))| differs(payload, back, declared, &format!("{at}/{index}"))),
        _ => None,
    }
}
