//! What a violated keyword expects, and what a value is, in words.

use std::collections::HashMap;

use serde_json::Value;

use crate::excerpt::cut;
use crate::pointer::join;
use crate::schema::{Fault, canonical_text};

/// A fault in words.
pub(super) struct ViolationText {
    /// The place below the fault's.
    pub(super) below: String,
    /// What was expected there.
    pub(super) expected: String,
    /// What was found there; `None` if values are masked.
    pub(super) found: Option<String>,
    /// Both in a sentence.
    pub(super) message: String,
    /// Whether the expectation quotes the schema alone.
    is_from_schema: bool,
}

impl ViolationText {
    /// The same without values of the payload.
    pub(super) fn masked(self, keyword: &str) -> Self {
        let message =
            if self.is_from_schema { format!("expected {}", self.expected) } else { format!("violates `{keyword}`") };
        let expected = if self.is_from_schema { self.expected } else { format!("what `{keyword}` demands") };
        Self { expected, found: None, message, ..self }
    }
}

/// A fault of `whole`, a value and its text if it is a wide number, in words: `value` is that of the violated keyword. Every unexpected property is a fault of its own.
pub(super) fn describe(
    keyword: &str,
    fault: &Fault,
    (whole, wide): (&Value, Option<&str>),
    value: Option<&Value>,
) -> Vec<ViolationText> {
    if !fault.unexpected.is_empty() {
        let unexpected = |name: &String| ViolationText {
            below: join("", name),
            expected: "no properties beyond those of the schema".to_owned(),
            found: Some(format!("the property {}", cut(&format!("{name:?}"), LIMIT))),
            message: format!("unexpected property {}", cut(&format!("{name:?}"), LIMIT)),
            is_from_schema: true,
        };
        return fault.unexpected.iter().map(unexpected).collect();
    }
    let of = fault.alternative.as_ref().map(|alternative| format!(" ({alternative})")).unwrap_or_default();
    let (expected, found, message, is_from_schema) = if let Some(name) = &fault.missing {
        let found = only(whole);
        (format!("the property {name:?}{of}"), found, format!("missing property {name:?}{of}"), true)
    } else {
        let found = match &fault.name {
            Some(name) => format!("the name {}", cut(&format!("{name:?}"), LIMIT)),
            None => wide.map_or_else(|| found(keyword, whole), |numeral| cut(numeral, LIMIT)),
        };
        let said = fault.expected.clone().map(|expected| cut(&expected, 2 * LIMIT));
        match said.or_else(|| value.and_then(|value| expected(keyword, value))) {
            Some(expected) => {
                let expected = format!("{expected}{of}");
                let message = format!("expected {expected}, found {found}");
                (expected, found, message, true)
            }
            None => {
                let message = without_middle(&fault.message);
                (message.clone(), found, message, false)
            }
        }
    };
    let below = fault.name.as_ref().map(|name| join("", name)).unwrap_or_default();
    vec![ViolationText { below, expected, found: Some(found), message, is_from_schema }]
}

/// A text of a payload, cut where it is long.
pub(super) fn short_text(text: &str) -> String {
    cut(text, LIMIT)
}

/// What a keyword demands; `None` where its value alone does not say it.
fn expected(keyword: &str, value: &Value) -> Option<String> {
    Some(match (keyword, value) {
        ("type", Value::String(name)) => with_article(name),
        ("type", Value::Array(names)) => {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(with_article).collect();
            names.join(" or ")
        }
        ("const", value) => short(value),
        ("enum", Value::Array(values)) => match values.as_slice() {
            [only] => short(only),
            values => one_of(values),
        },
        ("minimum", limit) => format!("at least {limit}"),
        ("maximum", limit) => format!("at most {limit}"),
        ("exclusiveMinimum", Value::Number(limit)) => format!("more than {limit}"),
        ("exclusiveMaximum", Value::Number(limit)) => format!("less than {limit}"),
        ("multipleOf", factor) => format!("a multiple of {factor}"),
        ("minLength", limit) => format!("at least {}", counted(limit, "character")),
        ("maxLength", limit) => format!("at most {}", counted(limit, "character")),
        ("minItems", limit) => format!("at least {}", counted(limit, "item")),
        ("maxItems", limit) => format!("at most {}", counted(limit, "item")),
        ("minProperties", limit) => format!("at least {}", counted(limit, "member")),
        ("maxProperties", limit) => format!("at most {}", counted(limit, "member")),
        ("pattern", Value::String(pattern)) => format!("a string that matches {pattern}"),
        ("format", Value::String(format)) => format!("a string of the format {format}"),
        ("uniqueItems", _) => "items that all differ".to_owned(),
        ("oneOf", Value::Array(branches)) => format!("a value of exactly one of {} shapes", branches.len()),
        ("anyOf", Value::Array(branches)) => format!("a value of one of {} shapes", branches.len()),
        ("maxContains", limit) => format!("at most {} of the shape that `contains` describes", counted(limit, "item")),
        ("unevaluatedItems", Value::Bool(false)) => "no items beyond those of the schema".to_owned(),
        ("contains" | "minContains", _) => "an item of the shape that `contains` describes".to_owned(),
        ("not", schema) => format!("no match of {}", short(schema)),
        (_, Value::Bool(false)) => "nothing here".to_owned(),
        _ => return None,
    })
}

/// What a value is, as far as a keyword looks at it.
fn found(keyword: &str, value: &Value) -> String {
    match (keyword, value) {
        ("minLength" | "maxLength", Value::String(text)) => {
            format!("{} in {}", counted(&text.chars().count().into(), "character"), short(value))
        }
        ("uniqueItems", Value::Array(items)) => match equal(items) {
            Some((one, other)) => format!("items {one} and {other} equal"),
            None => counted(&items.len().into(), "item"),
        },
        ("minItems" | "maxItems" | "contains" | "maxContains" | "unevaluatedItems", Value::Array(items)) => {
            counted(&items.len().into(), "item")
        }
        ("minProperties" | "maxProperties", Value::Object(members)) => counted(&members.len().into(), "member"),
        ("type", Value::String(_)) => format!("the string {}", short(value)),
        ("type", Value::Number(_)) => format!("the number {value}"),
        (_, Value::Array(_)) => "an array".to_owned(),
        (_, Value::Object(_)) => "an object".to_owned(),
        _ => short(value),
    }
}

/// The first two of the items that are equal as JSON Schema has it, counted from 0.
fn equal(items: &[Value]) -> Option<(usize, usize)> {
    let mut seen = HashMap::new();
    items.iter().enumerate().find_map(|(index, item)| Some((seen.insert(canonical_text(item), index)?, index)))
}

/// The values of an enumeration; of a long one the first.
fn one_of(values: &[Value]) -> String {
    /// More than fit a few lines nobody reads.
    const MOST: usize = 20;
    let named: Vec<String> = values.iter().take(MOST).map(short).collect();
    match values.len().checked_sub(MOST).filter(|more| *more > 0) {
        Some(more) => format!("one of {} and {more} more", named.join(", ")),
        None => format!("one of {}", named.join(", ")),
    }
}

fn with_article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        "array" | "integer" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn counted(count: &Value, noun: &str) -> String {
    if count.as_f64() == Some(1.0) { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The longest value that is quoted, in characters.
const LIMIT: usize = 80;

/// A value as JSON, cut where it would not fit a line.
fn short(value: &Value) -> String {
    cut(&value.to_string(), LIMIT)
}

/// A sentence about a value, which may hold all of it: what is wrong stands at its end.
fn without_middle(text: &str) -> String {
    let end = |count| text.char_indices().nth(count).map(|(at, _)| at);
    match (end(LIMIT), text.char_indices().rev().nth(LIMIT - 1)) {
        (Some(head), Some((tail, _))) if head < tail => format!("{}...{}", &text[..head], &text[tail..]),
        _ => text.to_owned(),
    }
}

/// The names of the members that an object has, as many as fit a line.
fn only(object: &Value) -> String {
    let names: Vec<&String> = object.as_object().map(|members| members.keys().collect()).unwrap_or_default();
    let mut told = String::new();
    for (index, name) in names.iter().enumerate() {
        if told.len() > 2 * LIMIT {
            return format!("only{told} and {} more", names.len() - index);
        }
        told.push_str(if index == 0 { " " } else { ", " });
        told.push_str(&cut(&format!("{name:?}"), LIMIT));
    }
    if told.is_empty() { "no property".to_owned() } else { format!("only{told}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_demand_reads_like_a_sentence() {
        let said = |keyword, value| expected(keyword, &value).unwrap();

        assert_eq!(said("type", json!(["integer", "null"])), "an integer or null");
        assert_eq!(said("minLength", json!(1)), "at least 1 character");
        assert_eq!(said("enum", json!(["a", 1])), "one of \"a\", 1");
        assert_eq!(said("additionalProperties", json!(false)), "nothing here");
        assert_eq!(expected("exclusiveMinimum", &json!(true)), None);
    }

    #[test]
    fn items_that_are_equal_are_named() {
        assert_eq!(found("uniqueItems", &json!([{"a": 1}, 2, {"a": 1.0}])), "items 0 and 2 equal");
    }

    #[test]
    fn a_long_value_is_cut() {
        let text = found("pattern", &json!("ä".repeat(500)));

        assert!(text.ends_with("ä...") && text.chars().count() < 90, "{text}");
    }
}
