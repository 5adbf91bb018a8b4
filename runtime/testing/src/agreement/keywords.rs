//! Which keywords only one of two schemas has.

use std::collections::BTreeSet;

use serde_json::Value;

/// What asserts nothing.
const ANNOTATIONS: &[&str] =
    &["$schema", "$id", "title", "description", "default", "examples", "$comment", "readOnly", "writeOnly"];

/// The keywords that only one of two schemas has, each with its value.
pub(super) fn unshared(one: &Value, other: &Value) -> Vec<String> {
    let (mut of_one, mut of_other) = (BTreeSet::new(), BTreeSet::new());
    collect(one, &mut of_one);
    collect(other, &mut of_other);
    of_one.symmetric_difference(&of_other).cloned().collect()
}

fn collect(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                let is_said = !ANNOTATIONS.contains(&keyword.as_str()) && !keyword.starts_with("x-");
                match value {
                    Value::Object(named) if ["properties", "$defs", "definitions"].contains(&keyword.as_str()) => {
                        named.values().for_each(|schema| collect(schema, into));
                    }
                    Value::Object(_) => collect(value, into),
                    Value::Array(items) if items.iter().any(Value::is_object) => collect(value, into),
                    _ if is_said && keyword != "$ref" => drop(into.insert(format!("`{keyword}: {value}`"))),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}
