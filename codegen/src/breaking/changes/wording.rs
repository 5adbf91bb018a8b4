//! How changes of keywords are put into words.

use serde_json::Value;

/// Keywords whose value is shown as it stands.
pub(super) const SCALARS: &[&str] = &[
    "const",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "contentEncoding",
    "contentMediaType",
];

/// Keywords whose value is one schema.
pub(super) const ONE_SCHEMA: &[&str] = &[
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "not",
    "if",
    "then",
    "else",
];

/// A keyword that was added, removed or changed.
pub(super) fn became(keyword: &str, old: Option<&Value>, new: Option<&Value>) -> String {
    let said = |value: &Value| match value {
        Value::Object(_) if ONE_SCHEMA.contains(&keyword) => String::new(),
        Value::Bool(value) => format!(": {value}"),
        value => format!(" {}", short(value)),
    };
    let then = |value: &Value| match value {
        Value::Object(_) if ONE_SCHEMA.contains(&keyword) => "a schema".to_owned(),
        value => short(value),
    };
    match (old, new) {
        (Some(old), Some(new)) => format!("{keyword}{} became {}", said(old), then(new)),
        (None, Some(new)) => format!("{keyword}{} was added", said(new)),
        (Some(old), None) => format!("{keyword}{} was removed", said(old)),
        (None, None) => String::new(),
    }
}

pub(super) fn in_words(types: &[&str]) -> String {
    if types.is_empty() { "any type".to_owned() } else { types.join(" or ") }
}

/// A value as JSON, cut where it would not fit a line.
pub(super) fn short(value: &Value) -> String {
    short_text(&value.to_string())
}

/// The same of a text of JSON.
pub(super) fn short_text(text: &str) -> String {
    const LIMIT: usize = 80;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
