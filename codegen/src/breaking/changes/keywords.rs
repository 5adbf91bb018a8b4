//! Changes of keywords that say something about one value: types, lists of values, limits, single subschemas.

use std::collections::HashSet;

use eventsmith_exact::schema::{decimal, spelled, text_of, wide_text};
use serde_json::{Map, Value};

use crate::pointer::join;
use crate::schema::{Tape, canonical_text};

use super::Difference;
use super::wording::{became, in_words, short, short_text};

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
            (Some(_), Some(_)) if [old, new].iter().any(|members| wide_text(members, "enum").is_some()) => {
                self.wide_elements(&listed(old), &listed(new), &join(at, "enum"));
            }
            (Some(old), Some(new)) => self.elements(&old, &new, &join(at, "enum")),
        }
    }

    /// What was removed from and added to a list whose order says nothing.
    pub(super) fn elements(&mut self, old: &[Value], new: &[Value], at: &str) {
        // By a text that equal values share: comparing each with each would take the square of long lists.
        let texts = |values: &[Value]| values.iter().map(canonical_text).collect::<HashSet<String>>();
        let (then, now) = (texts(old), texts(new));
        for gone in old.iter().filter(|value| !now.contains(&canonical_text(value))) {
            self.add(at, format!("{} was removed", short(gone)));
        }
        for added in new.iter().filter(|value| !then.contains(&canonical_text(value))) {
            self.add(at, format!("{} was added", short(added)));
        }
    }

    /// The same of lists with numbers that their values round, by what is written there.
    fn wide_elements(&mut self, old: &[String], new: &[String], at: &str) {
        let known = |texts: &[String]| texts.iter().cloned().collect::<HashSet<String>>();
        let (then, now) = (known(old), known(new));
        for gone in old.iter().filter(|text| !now.contains(*text)) {
            self.add(at, format!("{} was removed", short_text(gone)));
        }
        for added in new.iter().filter(|text| !then.contains(*text)) {
            self.add(at, format!("{} was added", short_text(added)));
        }
    }

    pub(super) fn scalar(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str, at: &str) {
        let wide = [old, new].map(|members| wide_text(members, keyword));
        let is_same_number = decimal(old, keyword).zip(decimal(new, keyword)).is_some_and(|(old, new)| old == new);
        if is_same_number || old.get(keyword) == new.get(keyword) && wide[0] == wide[1] {
            return;
        }
        let message = match (old.get(keyword), new.get(keyword)) {
            // Their values would be the same number.
            (Some(then), Some(now)) if wide != [None, None] => {
                let text = |members, value| short_text(&spelled(members, keyword, value));
                format!("{keyword} {} became {}", text(old, then), text(new, now))
            }
            (then, now) => became(keyword, then, now),
        };
        self.add(at, message);
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

/// The values of an `enum` as they are written.
fn listed(members: &Map<String, Value>) -> Vec<String> {
    let values = members.get("enum").and_then(Value::as_array).into_iter().flatten();
    let mut tape = Tape::default();
    match wide_text(members, "enum").and_then(|text| tape.read(text)) {
        Some(list) => list.children().into_iter().map(|(_, value)| text_of(value)).collect(),
        None => values.map(Value::to_string).collect(),
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
