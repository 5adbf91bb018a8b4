//! The keywords of two flat schemas in one.

use std::collections::HashSet;

use eventsmith_exact::Decimal;
use serde_json::{Map, Value, json};

use crate::sample::number::decimal;
use crate::schema::canonical_text;

/// Where the patterns beyond the first go; no keyword of any draft.
pub(super) const MORE_PATTERNS: &str = "x-more-patterns";

/// A schema that accepts what both accept, as nearly as flat keywords can say it; `None` where nothing can.
pub(super) fn intersect(one: Map<String, Value>, other: Map<String, Value>) -> Option<Map<String, Value>> {
    let properties = properties(&one, &other);
    let mut both = one;
    for (keyword, b) in other {
        let Some(a) = both.get(&keyword) else {
            both.insert(keyword, b);
            continue;
        };
        if *a == b {
            continue;
        }
        let merged = match keyword.as_str() {
            "const" if canonical_text(a) == canonical_text(&b) => continue,
            "const" => return None,
            "type" => types(a, &b)?,
            "enum" => common(a, &b)?,
            "minimum" | "minLength" | "minItems" | "minProperties" | "minContains" | "exclusiveMinimum" => {
                if number(a) >= number(&b) { a.clone() } else { b }
            }
            "maximum" | "maxLength" | "maxItems" | "maxProperties" | "maxContains" | "exclusiveMaximum" => {
                if number(a) <= number(&b) { a.clone() } else { b }
            }
            "multipleOf" => {
                if number(a) >= number(&b) {
                    a.clone()
                } else {
                    b
                }
            }
            "uniqueItems" => Value::Bool(true),
            "required" => union(a, &b),
            "patternProperties" | "dependentSchemas" | "dependentRequired" | "dependencies" => by_name(a, &b),
            "prefixItems" => by_index(a, &b),
            "items" | "additionalItems" | "additionalProperties" | "propertyNames" | "contains"
                if !a.is_array() && !b.is_array() =>
            {
                all_of(a, &b)
            }
            "pattern" => {
                let more = json!([b]);
                let more = both.get(MORE_PATTERNS).map_or(more.clone(), |known| union(known, &more));
                both.insert(MORE_PATTERNS.to_owned(), more);
                continue;
            }
            MORE_PATTERNS => union(a, &b),
            _ => continue,
        };
        both.insert(keyword, merged);
    }
    if let Some(properties) = properties {
        both.insert("properties".to_owned(), Value::Object(properties));
    }
    Some(both)
}

/// The properties of both; what one of them does not know, its `additionalProperties` speak about.
fn properties(one: &Map<String, Value>, other: &Map<String, Value>) -> Option<Map<String, Value>> {
    let of = |side: &Map<String, Value>| side.get("properties").and_then(Value::as_object).cloned();
    let (a, b) = (of(one), of(other));
    if a.is_none() && b.is_none() {
        return None;
    }
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let rest = |side: &Map<String, Value>| match side.get("additionalProperties") {
        Some(rest) if !side.contains_key("patternProperties") => rest.clone(),
        _ => Value::Bool(true),
    };
    let mut both = Map::new();
    for (name, schema) in &a {
        let schema = all_of(schema, b.get(name).unwrap_or(&rest(other)));
        both.insert(name.clone(), schema);
    }
    for (name, schema) in &b {
        if !a.contains_key(name) {
            both.insert(name.clone(), all_of(&rest(one), schema));
        }
    }
    Some(both)
}

pub(super) fn all_of(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
        (Value::Bool(true), only) | (only, Value::Bool(true)) => only.clone(),
        _ => json!({"allOf": [a, b]}),
    }
}

fn number(value: &Value) -> Option<Decimal> {
    decimal(value)
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    }
}

fn types(a: &Value, b: &Value) -> Option<Value> {
    let (a, b) = (list(a), list(b));
    let (integer, number) = (json!("integer"), json!("number"));
    let in_both = |name: &Value, other: &[Value]| other.contains(name) || *name == integer && other.contains(&number);
    let mut both: Vec<Value> = a.iter().filter(|name| in_both(name, &b)).cloned().collect();
    both.extend(b.iter().filter(|name| in_both(name, &a) && !a.contains(name)).cloned());
    (!both.is_empty()).then_some(Value::Array(both))
}

fn common(a: &Value, b: &Value) -> Option<Value> {
    let b = list(b);
    // 1 and 1.0 are one value.
    let listed: HashSet<String> = b.iter().map(canonical_text).collect();
    let both: Vec<Value> = list(a).into_iter().filter(|value| listed.contains(&canonical_text(value))).collect();
    (!both.is_empty()).then_some(Value::Array(both))
}

fn union(a: &Value, b: &Value) -> Value {
    let (a, b) = (list(a), list(b));
    let known: HashSet<&Value> = a.iter().collect();
    let more: Vec<Value> = b.into_iter().filter(|value| !known.contains(value)).collect();
    Value::Array(a.iter().cloned().chain(more).collect())
}

fn by_name(a: &Value, b: &Value) -> Value {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a.clone() };
    let mut both = a.clone();
    for (name, schema) in b {
        let merged = match a.get(name) {
            Some(Value::Array(names)) if schema.is_array() => union(&Value::Array(names.clone()), schema),
            Some(known) => all_of(known, schema),
            None => schema.clone(),
        };
        both.insert(name.clone(), merged);
    }
    Value::Object(both)
}

fn by_index(a: &Value, b: &Value) -> Value {
    let (a, b) = (list(a), list(b));
    let any = Value::Bool(true);
    let at = |index| all_of(a.get(index).unwrap_or(&any), b.get(index).unwrap_or(&any));
    (0..a.len().max(b.len())).map(at).collect()
}
