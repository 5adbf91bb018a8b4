//! Changes of what a schema says about the members of objects.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::pointer::join;

use super::Difference;
use super::wording::short;

/// Keywords whose value is an object of schemas, or of lists of names.
const MAPS: &[&str] = &["patternProperties", "dependentRequired", "dependentSchemas", "dependencies"];

impl Difference<'_> {
    pub(super) fn properties(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let (old_required, new_required) = (required(old), required(new));
        let (old, new) = (map(old, "properties"), map(new, "properties"));
        let moved = Moved::new(&old, &new);
        for (name, schema) in &old {
            let at = join(&join(at, "properties"), name);
            match new.get(name) {
                Some(later) => {
                    match (old_required.contains(name), new_required.contains(name)) {
                        (false, true) => self.add(&at, "became required"),
                        (true, false) => self.add(&at, "became optional"),
                        _ => {}
                    }
                    self.schema(schema, later, &at);
                }
                None => match self.renamed(schema, &moved) {
                    Some(name) => self.add(&at, format!("was removed; it may have been renamed to {name:?}")),
                    None => self.add(&at, "was removed"),
                },
            }
        }
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            let demand = if new_required.contains(name) { "required" } else { "optional" };
            self.add(&join(&join(at, "properties"), name), format!("is new and {demand}"));
        }
        let at = join(at, "required");
        let is_declared = |name: &&String| old.contains_key(*name) || new.contains_key(*name);
        for name in old_required.iter().filter(|name| !is_declared(name) && !new_required.contains(*name)) {
            self.add(&at, format!("{name:?} was removed"));
        }
        for name in new_required.iter().filter(|name| !is_declared(name) && !old_required.contains(*name)) {
            self.add(&at, format!("{name:?} was added"));
        }
    }

    /// The one new property that says the same as one that is gone, if no other property is meant by either.
    fn renamed(&self, gone: &Value, moved: &Moved<'_>) -> Option<String> {
        /// Of more nobody wants to know which became which, and to find it out takes the product of both.
        const MOST: usize = 200;
        if moved.gone.len().max(moved.fresh.len()) > MOST {
            return None;
        }
        let twins = moved.gone.iter().filter(|schema| self.is_same(gone, schema));
        let mut heirs = moved.fresh.iter().filter(|(_, schema)| self.is_same(gone, schema));
        match (twins.count(), heirs.next(), heirs.next()) {
            (1, Some((name, _)), None) => Some((*name).clone()),
            _ => None,
        }
    }

    pub(super) fn maps(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        for keyword in MAPS {
            let (old, new) = (map(old, keyword), map(new, keyword));
            for (name, value) in &old {
                let at = join(&join(at, keyword), name);
                match (value, new.get(name)) {
                    (Value::Array(names), Some(Value::Array(later))) => self.elements(names, later, &at),
                    (Value::Array(_), Some(later)) | (_, Some(later @ Value::Array(_))) => {
                        self.add(&at, format!("{} became {}", short(value), short(later)));
                    }
                    (_, Some(later)) => self.schema(value, later, &at),
                    (_, None) => self.add(&at, "was removed"),
                }
            }
            for name in new.keys().filter(|name| !old.contains_key(*name)) {
                self.add(&join(&join(at, keyword), name), "was added");
            }
        }
    }
}

/// The properties that only one of both schemas has.
struct Moved<'a> {
    gone: Vec<&'a Value>,
    fresh: Vec<(&'a String, &'a Value)>,
}

impl<'a> Moved<'a> {
    fn new(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> Self {
        let gone = old.iter().filter(|(name, _)| !new.contains_key(*name)).map(|(_, schema)| schema);
        Self { gone: gone.collect(), fresh: new.iter().filter(|(name, _)| !old.contains_key(*name)).collect() }
    }
}

fn map(members: &Map<String, Value>, keyword: &str) -> Map<String, Value> {
    members.get(keyword).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn required(members: &Map<String, Value>) -> BTreeSet<String> {
    let names = members.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}
