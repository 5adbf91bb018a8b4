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
    (read, written_as): (&Value, &Value),
) -> Option<String> {
    let validator = options().build(schema).ok()?;
    let mut declared = Declared::default();
    collect(read, &mut declared.read, &mut declared.defaults);
    collect(written_as, &mut declared.written, &mut Vec::new());
    let mut some = HashSet::new();
    of_some_alternatives(written_as, written_as, &mut some);
    declared.written.retain(|name| !some.contains(name));
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
    declared: &Declared<'_>,
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
    differs(payload, &back, declared, "").map(|difference| {
        let (how, way_out) = match difference {
            Difference::Null(how) => (
                how,
                "tell null and absence apart, by an `eventsmith::Maybe<..>` with #[serde(default, skip_serializing_if = \
                 \"eventsmith::Maybe::is_absent\")]; for any value at all, by an `Option<serde_json::Value>` with \
                 #[serde(default, deserialize_with = \"eventsmith::present\", skip_serializing_if = \"Option::is_none\")]",
            ),
            Difference::Value(how) => (
                how,
                "let the type of the field keep what it reads, and mend the function that its #[serde(with = ..)], \
                 #[serde(serialize_with = ..)] or #[serde(skip_serializing_if = ..)] names",
            ),
        };
        format!(
            "the struct does not write what it reads:\n   read    {payload}\n   written {back}\n   {how}\n   to agree: {way_out}\n"
        )
    })
}

/// What the schemas of the struct say.
#[derive(Default)]
struct Declared<'a> {
    /// The names of all properties that the struct reads, at any depth.
    read: HashSet<&'a str>,
    /// The names of those that it writes.
    written: HashSet<&'a str>,
    /// All values that stand for absence.
    defaults: Vec<&'a Value>,
}

impl Declared<'_> {
    /// Whether a value may well be left out: it is what an absent property is read as, or nothing at all.
    fn may_be_left_out(&self, value: &Value) -> bool {
        let is_empty = match value {
            Value::Null => false,
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
        };
        is_empty || self.defaults.contains(&value)
    }
}

fn collect<'a>(schema: &'a Value, declared: &mut HashSet<&'a str>, defaults: &mut Vec<&'a Value>) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                if let ("properties", Value::Object(properties)) = (keyword.as_str(), value) {
                    declared.extend(properties.keys().map(String::as_str));
                }
                if keyword == "default" {
                    defaults.push(value);
                }
                collect(value, declared, defaults);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, declared, defaults)),
        _ => {}
    }
}

/// The names of properties that some alternatives of a union declare and others do not: a payload of one may have those of another, which
/// are none of its own.
fn of_some_alternatives<'a>(schema: &'a Value, root: &'a Value, names: &mut HashSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                if let ("oneOf" | "anyOf", Value::Array(alternatives)) = (keyword.as_str(), value) {
                    let each: Vec<HashSet<&str>> =
                        alternatives.iter().filter_map(|alternative| own_properties(alternative, root)).collect();
                    let all = each.iter().flatten();
                    names.extend(all.filter(|name| each.iter().any(|own| !own.contains(*name))));
                }
                of_some_alternatives(value, root, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| of_some_alternatives(item, root, names)),
        _ => {}
    }
}

/// The properties that a schema declares itself, or the definition that it refers to.
fn own_properties<'a>(schema: &'a Value, root: &'a Value) -> Option<HashSet<&'a str>> {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    let schema = reference.map_or(Some(schema), |pointer| root.pointer(pointer))?;
    schema.get("properties")?.as_object().map(|properties| properties.keys().map(String::as_str).collect())
}

/// What is not written as it was read.
enum Difference {
    Null(String),
    Value(String),
}

fn differs(payload: &Value, back: &Value, declared: &Declared<'_>, at: &str) -> Option<Difference> {
    match (payload, back) {
        (Value::Object(payload), Value::Object(back)) => {
            for (name, value) in payload {
                match back.get(name) {
                    None if value.is_null() && declared.read.contains(name.as_str()) => {
                        return Some(Difference::Null(format!("the null at {at}/{name} is lost")));
                    }
                    None if declared.written.contains(name.as_str()) && !declared.may_be_left_out(value) => {
                        return Some(Difference::Value(format!("the value at {at}/{name} is lost")));
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
            added.map(|(name, _)| Difference::Null(format!("{at}/{name} was absent and is written as null")))
        }
        (Value::Array(payload), Value::Array(back)) if payload.len() != back.len() => {
            let (read, written) = (payload.len(), back.len());
            Some(Difference::Value(format!("of the {read} elements at {at} {written} are written")))
        }
        (Value::Array(payload), Value::Array(back)) => payload
            .iter()
            // A set has an order of its own.
            .filter(|item| !back.contains(item))
            .zip(back.iter().filter(|item| !payload.contains(item)))
            .enumerate()
            .find_map(|(index, (payload, back))| differs(payload, back, declared, &format!("{at}/{index}"))),
        (Value::Number(one), Value::Number(other)) if one.as_f64() != other.as_f64() => {
            Some(Difference::Value(format!("the number {one} at {at} is written as {other}")))
        }
        (Value::Bool(one), Value::Bool(other)) if one != other => {
            Some(Difference::Value(format!("{one} at {at} is written as {other}")))
        }
        // Texts may be spelled in several ways: as times and bytes are.
        _ => None,
    }
}
