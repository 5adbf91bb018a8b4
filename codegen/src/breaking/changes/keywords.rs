//! Changes of keywords that say something about one value: types, lists of values, limits, single subschemas.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::pointer::join;

use super::Difference;
use super::wording::{became, in_words, short};

/// Keywords that mean something even when they demand nothing; the others may as well not be there.
const MATTERS_WHEN_EMPTY: &[&str] = &["contains", "not", "if"];

impl Difference<'_> {
    /// Another value of a keyword that only the root may have.
    pub(super) fn keyword_of_root(&mut self, keyword: &str) {
        let (old, new) = (self.old.get(keyword), self.new.get(keyword));
        if old != new {
            self.add("", became(keyword, old, new));
        }
    }

    pub(super) fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let (old, new) = (type_names(old), type_names(new));
        let has_all = |some: &[&str], others: &[&str]| some.iter().all(|name| others.contains(name));
        if !(has_all(&old, &new) && has_all(&new, &old)) {
            self.add(at, format!("{} became {}", in_words(&old), in_words(&new)));
        }
    }

    pub(super) fn enumeration(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let values = |members: &Map<String, Value>| members.get("enum").and_then(Value::as_array).cloned();
        match (values(old), values(new)) {
            (None, None) => {}
            (None, Some(new)) => self.add(at, format!("enum {} was added", short(&Value::Array(new)))),
            (Some(old), None) => self.add(at, format!("enum {} was removed", short(&Value::Array(old)))),
            (Some(old), Some(new)) => self.elements(&old, &new, &join(at, "enum")),
        }
    }

    /// What was removed from and added to a list whose order says nothing.
    pub(super) fn elements(&mut self, old: &[Value], new: &[Value], at: &str) {
        // Long lists are compared by their texts: comparing each with each would take their square.
        const FEW: usize = 1_000;
        let is_few = old.len().max(new.len()) < FEW;
        let texts = |values: &[Value]| values.iter().map(Value::to_string).collect::<HashSet<String>>();
        let (then, now) = (texts(old), texts(new));
        let has = |known: &HashSet<String>, list: &[Value], value: &Value| {
            known.contains(&value.to_string()) || is_few && list.contains(value)
        };
        for gone in old.iter().filter(|value| !has(&now, new, value)) {
            self.add(at, format!("{} was removed", short(gone)));
        }
        for added in new.iter().filter(|value| !has(&then, old, value)) {
            self.add(at, format!("{} was added", short(added)));
        }
    }

    pub(super) fn scalar(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str, at: &str) {
        let (old, new) = (old.get(keyword), new.get(keyword));
        let is_same_number = |(old, new): (&Value, &Value)| old.as_f64().is_some() && old.as_f64() == new.as_f64();
        if old != new && !old.zip(new).is_some_and(is_same_number) {
            self.add(at, became(keyword, old, new));
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
                self.add(at, message);
            }
            _ => {}
        }
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
