//! What writers write: declared properties only.
//!
//! An object whose schema declares properties is closed, even where the schema says that there may be others: nobody
//! writes what nobody has declared. Where others have a schema of their own they are declared by it, and an object without
//! any declared property is free in form.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::sample::local::target;

/// The properties that a schema declares for the object it speaks of.
#[derive(Debug, Default, Clone)]
pub(super) struct Declared<'a> {
    /// By name.
    pub(super) names: BTreeSet<&'a str>,
    /// By pattern.
    pub(super) patterns: BTreeSet<&'a str>,
    /// Those that must be there, declared or not.
    pub(super) required: BTreeSet<&'a str>,
    /// Whether all others have a schema of their own.
    pub(super) is_map: bool,
}

/// How many references and combinators may stand on each other.
const TALLEST: usize = 24;

impl<'a> Declared<'a> {
    /// Whether a writer writes no others.
    pub(super) fn closes(&self) -> bool {
        !self.is_map && !(self.names.is_empty() && self.patterns.is_empty())
    }

    /// Adds what a schema declares, and whatever holds for the same object.
    pub(super) fn add(&mut self, root: &'a Value, schema: &'a Value, height: usize) {
        let Value::Object(members) = schema else { return };
        self.add_own(members);
        if height < TALLEST {
            in_place(root, members, &mut |schema| self.add(root, schema, height + 1));
        }
    }

    /// Adds what one schema declares itself.
    pub(super) fn add_own(&mut self, members: &'a Map<String, Value>) {
        let names = |keyword: &str| members.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        self.names.extend(names("properties").map(String::as_str));
        self.patterns.extend(names("patternProperties").map(String::as_str));
        let required = members.get("required").and_then(Value::as_array);
        self.required.extend(required.into_iter().flatten().filter_map(Value::as_str));
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            self.is_map |= members.get(keyword).is_some_and(|schema| !schema.is_boolean());
        }
    }
}

/// The schemas that speak of the same object as the one they stand in, but for `not`.
pub(super) fn in_place<'a>(root: &'a Value, members: &'a Map<String, Value>, visit: &mut impl FnMut(&'a Value)) {
    if let Some(found) = members.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference)) {
        visit(found);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        members.get(keyword).and_then(Value::as_array).into_iter().flatten().for_each(&mut *visit);
    }
    ["if", "then", "else"].iter().filter_map(|keyword| members.get(*keyword)).for_each(&mut *visit);
    members.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values).for_each(visit);
}

/// A schema in the words of draft 2020-12 with undeclared properties forbidden where one schema alone declares them, in
/// words that every reasoner understands. It accepts no less than [`closed`].
pub(super) fn simply_closed(schema: &Value) -> Value {
    const IN_PLACE: &[&str] = &["$ref", "allOf", "anyOf", "dependentSchemas", "if", "oneOf"];
    const OTHERS: &[&str] = &["additionalProperties", "patternProperties", "unevaluatedProperties"];
    let Value::Object(members) = schema else { return schema.clone() };
    let mut copy = members.clone();
    for (keyword, value) in &mut copy {
        match (keyword.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| *schema = simply_closed(schema));
            }
            ("prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| *schema = simply_closed(schema));
            }
            ("items" | "additionalProperties", schema) => *schema = simply_closed(schema),
            _ => {}
        }
    }
    let mut declared = Declared::default();
    declared.add_own(members);
    let alone = !IN_PLACE.iter().chain(OTHERS).any(|keyword| members.contains_key(*keyword));
    if alone && let Some(Value::Object(properties)) = copy.get_mut("properties").filter(|_| declared.closes()) {
        for name in &declared.required {
            properties.entry(*name).or_insert(json!(true));
        }
        copy.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(copy)
}

/// A schema in the words of draft 2020-12 with undeclared properties forbidden at every level.
pub(super) fn closed(root: &Value) -> Value {
    site(root, root)
}

/// The schema of a value of its own.
fn site(root: &Value, schema: &Value) -> Value {
    let mut declared = Declared::default();
    declared.add(root, schema, 0);
    let mut copy = part(root, schema);
    // What is a map has no property that nothing has evaluated.
    if !(declared.names.is_empty() && declared.patterns.is_empty())
        && let Value::Object(members) = &mut copy
    {
        let others: Map<String, Value> =
            declared.required.difference(&declared.names).map(|name| ((*name).to_owned(), json!(true))).collect();
        if members.contains_key("unevaluatedProperties") || members.contains_key("additionalProperties") {
            return copy;
        }
        if !others.is_empty() {
            match members.entry("properties").or_insert_with(|| json!({})) {
                Value::Object(properties) => properties.extend(others),
                _ => return copy,
            }
        }
        members.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    copy
}

/// A schema that speaks of the same value as the one it stands in.
fn part(root: &Value, schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut copy = members.clone();
    for (keyword, value) in &mut copy {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| *schema = site(root, schema));
            }
            ("prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| *schema = site(root, schema));
            }
            ("items" | "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems", schema) => {
                *schema = site(root, schema);
            }
            ("$defs" | "definitions" | "dependentSchemas", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| *schema = part(root, schema));
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| *schema = part(root, schema));
            }
            ("then" | "else", schema) => *schema = part(root, schema),
            _ => {}
        }
    }
    Value::Object(copy)
}
