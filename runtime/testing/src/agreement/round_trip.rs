//! Whether a struct reads what its schema accepts, and writes what it has read: through serde itself, as schemars only says what it
//! was told.

use std::collections::HashSet;

use eventsmith_event::schema::{options, violations};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::payloads;

/// The first of many payloads that the schema accepts and the struct does not read, or does not write as the schema has it, or
/// that comes back with a null gone or a null more; and how.
pub(super) fn problem<T: Serialize + DeserializeOwned>(
    decode: fn(&[u8]) -> Result<T, String>,
    schema: &Value,
    read: &Value,
) -> Option<String> {
    let validator = options().build(schema).ok()?;
    let mut declared = HashSet::new();
    collect(read, &mut declared);
    let mut problem = None;
    payloads::suggest(schema, read, &mut |payload| {
        if problem.is_some() || !validator.is_valid(&payload) || is_beyond_64_bits(&payload) {
            return;
        }
        problem = match decode(payload.to_string().as_bytes()) {
            Err(error) => Some(unread::<T>(&payload, &error)),
            Ok(value) => written(&payload, &value, &validator, &declared),
        };
    });
    problem
}

/// A type may well end where 64 bits end: that is said when such a payload comes.
fn is_beyond_64_bits(payload: &Value) -> bool {
    match payload {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() >= -(i64::MIN as f64)),
        Value::Array(items) => items.iter().any(is_beyond_64_bits),
        Value::Object(members) => members.values().any(is_beyond_64_bits),
        _ => false,
    }
}

fn unread<T: DeserializeOwned>(payload: &Value, error: &str) -> String {
    // One member stands on each line, so that the line that serde stops at names the property.
    let lines = serde_json::to_string_pretty(payload).unwrap_or_default();
    let stopped = serde_json::from_str::<T>(&lines).err().map(|error| (error.line(), error.to_string()));
    let (place, error) = match stopped {
        Some((line, error)) => {
            let error = error.split(" at line ").next().unwrap_or_default().to_owned();
            let place = line.checked_sub(1).and_then(|line| lines.lines().nth(line));
            let place = place.map(|line| line.trim().trim_end_matches(',')).filter(|line| line.starts_with('"'));
            (place.map(|line| format!("at {line}: ")).unwrap_or_default(), error)
        }
        None => (String::new(), error.to_owned()),
    };
    format!(
        "the schema accepts a payload that the struct does not read:\n   {payload}\n   {place}{error}\n   to agree: mend the type of \
         the field, or the function that its #[serde(with = ..)] or #[serde(deserialize_with = ..)] names; what schemars is told of \
         a field does not change what serde reads\n"
    )
}

fn written<T: Serialize>(
    payload: &Value,
    value: &T,
    validator: &jsonschema::Validator,
    declared: &HashSet<&str>,
) -> Option<String> {
    let back = match serde_json::to_value(value) {
        Ok(back) => back,
        Err(error) => {
            return Some(format!(
                "the struct reads a payload and cannot be written:\n   {payload}\n   {error}\n   to agree: mend the function that \
                 #[serde(with = ..)] or #[serde(serialize_with = ..)] of the field names\n"
            ));
        }
    };
    if let Err(error) = validator.validate(&back) {
        let reasons: Vec<String> = violations(&error).iter().map(ToString::to_string).collect();
        let reasons = reasons.join("; ");
        return Some(format!(
            "the struct writes what the schema rejects:\n   read    {payload}\n   written {back}\n   {reasons}\n   to agree: mend the \
             type of the field, or the function that its #[serde(with = ..)] or #[serde(serialize_with = ..)] names; what schemars \
             is told of a field does not change what serde writes\n"
        ));
    }
    differs(payload, &back, declared, "").map(|how| {
        format!(
            "the struct does not write what it reads:\n   read    {payload}\n   written {back}\n   {how}\n   to agree: \
             tell null and absence apart, by an `eventsmith::Maybe<..>` with #[serde(default, skip_serializing_if = \
             \"eventsmith::Maybe::is_absent\")]; for any value at all, by an `Option<serde_json::Value>` with \
             #[serde(default, deserialize_with = \"eventsmith::present\", skip_serializing_if = \"Option::is_none\")]\n"
        )
    })
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
