//! Changes of keywords that say something about one value: types, lists of values, limits, single subschemas.

use serde_json::{Map, Value};

use crate::pointer::join;

use super::Difference;

/// Keywords whose value is told as it stands.
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

/// Keywords that mean something even when they demand nothing; the others may as well not be there.
const MATTERS_WHEN_EMPTY: &[&str] = &["contains", "not", "if"];

impl Difference<'_> {
    /// Another value of a keyword that only the root may have.
    pub(super) fn keyword_of_root(&mut self, keyword: &str) {
        let (old, new) = (self.old.get(keyword), self.new.get(keyword));
        if old != new {
            self.tell("", became(keyword, old, new));
        }
    }

    pub(super) fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let (old, new) = (type_names(old), type_names(new));
        let has_all = |some: &[&str], others: &[&str]| some.iter().all(|name| others.contains(name));
        if !(has_all(&old, &new) && has_all(&new, &old)) {
            self.tell(at, format!("{} became {}", in_words(&old), in_words(&new)));
        }
    }

    pub(super) fn enumeration(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let values = |members: &Map<String, Value>| members.get("enum").and_then(Value::as_array).cloned();
        match (values(old), values(new)) {
            (None, None) => {}
            (None, Some(new)) => self.tell(at, format!("enum {} was added", short(&Value::Array(new)))),
            (Some(old), None) => self.tell(at, format!("enum {} was removed", short(&Value::Array(old)))),
            (Some(old), Some(new)) => self.elements(&old, &new, &join(at, "enum")),
        }
    }

    /// What was removed from and added to a list whose order says nothing.
    pub(super) fn elements(&mut self, old: &[Value], new: &[Value], at: &str) {
        for gone in old.iter().filter(|value| !new.contains(value)) {
            self.tell(at, format!("{} was removed", short(gone)));
        }
        for added in new.iter().filter(|value| !old.contains(value)) {
            self.tell(at, format!("{} was added", short(added)));
        }
    }

    pub(super) fn scalar(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str, at: &str) {
        let (old, new) = (old.get(keyword), new.get(keyword));
        let is_same_number = |(old, new): (&Value, &Value)| old.as_f64().is_some() && old.as_f64() == new.as_f64();
        if old != new && !old.zip(new).is_some_and(is_same_number) {
            self.tell(at, became(keyword, old, new));
        }
    }

    pub(super) fn one_schema(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str, at: &str) {
        let counts = |schema: &&Value| MATTERS_WHEN_EMPTY.contains(&keyword) || !demands_nothing(schema);
        let (old, new) = (old.get(keyword).filter(counts), new.get(keyword).filter(counts));
        match (old, new) {
            // Arrays of schemas are compared by position.
            (Some(Value::Array(_)), _) | (_, Some(Value::Array(_))) => {}
            (Some(Value::Object(_)), Some(Value::Object(_))) => {
                if let (Some(old), Some(new)) = (old, new) {
                    self.schema(old, new, &join(at, keyword));
                }
            }
            (old, new) if old != new => {
                let message = became(keyword, old, new);
                self.tell(at, message);
            }
            _ => {}
        }
    }
}

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

fn demands_nothing(schema: &Value) -> bool {
    *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty)
}

fn type_names(members: &Map<String, Value>) -> Vec<&str> {
    match members.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn in_words(types: &[&str]) -> String {
    if types.is_empty() { "any type".to_owned() } else { types.join(" or ") }
}

/// A value as JSON, cut where it would not fit a line.
pub(super) fn short(value: &Value) -> String {
    const LIMIT: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
