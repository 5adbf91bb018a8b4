//! What writers write: declared properties only.
//!
//! Writers write what generated types carry. An object whose schema declares properties and says nothing of others is
//! closed: its type has no room for what is not declared. Where the schema speaks of others, by `additionalProperties`,
//! `unevaluatedProperties`, `patternProperties` or `propertyNames`, the type carries them, also where they may be anything. An
//! object without any declared property is free-form.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::sample::local::target;

use super::carried::{OPEN, SEVERAL, WHOLE};
use super::pair::{SchemaPair, Side};

/// The properties that a schema declares for the object it speaks of.
#[derive(Debug, Default, Clone)]
pub(super) struct Declared<'a> {
    /// By name.
    pub(super) names: BTreeSet<&'a str>,
    /// By pattern.
    pub(super) patterns: BTreeSet<&'a str>,
    /// Those that must be there, declared or not.
    pub(super) required: BTreeSet<&'a str>,
    /// Whether all others have a schema of their own, be it one that accepts everything.
    pub(super) is_map: bool,
    /// Whether something is said of the names of others.
    speaks_of_names: bool,
    /// Whether others are forbidden.
    forbids: bool,
    /// Whether something is declared whichever alternative applies.
    is_certain: bool,
    /// How much work it was, in names that were looked at.
    pub(super) touched: usize,
    /// How high schemas were added, by their addresses: the same again adds nothing.
    added: HashMap<*const Map<String, Value>, usize>,
}

/// How deep references and combinators may be nested.
const TALLEST: usize = 24;

impl<'a> Declared<'a> {
    /// Whether a writer writes no others.
    pub(super) fn closes(&self) -> bool {
        self.is_certain && !self.is_map && (self.forbids || !self.speaks_of_names)
    }

    /// Takes others as written unless they are forbidden, where everything counts that a schema accepts.
    pub(super) const fn opens_unless_forbidden(&mut self, is_open: bool) {
        self.is_map |= is_open && !self.forbids;
    }

    /// Adds what a schema declares that may apply, and whatever holds for the same object then.
    pub(super) fn add_uncertain(&mut self, root: &'a Value, schema: &'a Value) {
        let (is_certain, forbids) = (self.is_certain, self.forbids);
        self.add(root, schema, 1);
        (self.is_certain, self.forbids) = (is_certain, forbids);
    }

    /// Adds what a schema declares, and whatever holds for the same object.
    fn add(&mut self, root: &'a Value, schema: &'a Value, height: usize) {
        let Value::Object(members) = schema else { return };
        if self.added.get(&std::ptr::from_ref(members)).is_some_and(|known| *known <= height) {
            self.touched += 1;
            return;
        }
        self.added.insert(members, height);
        self.add_own(members);
        if height < TALLEST {
            in_place(root, members, &mut |schema| self.add(root, schema, height + 1));
        }
    }

    /// Adds what one schema declares itself, of a writer whose type may carry more.
    pub(super) fn add_own(&mut self, members: &'a Map<String, Value>) {
        self.add_said(members);
        self.is_map |= members.contains_key(OPEN);
    }

    /// Adds what one schema says itself. What types carry beyond that is of no help to readers.
    pub(super) fn add_said(&mut self, members: &'a Map<String, Value>) {
        let names = |keyword: &str| members.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let counted = |keyword: &str| members.get(keyword).and_then(Value::as_object).map_or(0, Map::len);
        // A schema takes as long as four names: there are as many keywords to look for.
        self.touched += 4 + counted("properties") + counted("patternProperties");
        self.names.extend(names("properties").map(String::as_str));
        self.patterns.extend(names("patternProperties").map(String::as_str));
        self.is_certain |= names("properties").chain(names("patternProperties")).next().is_some();
        let required = members.get("required").and_then(Value::as_array);
        self.required.extend(required.into_iter().flatten().filter_map(Value::as_str));
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            match members.get(keyword) {
                Some(Value::Bool(false)) => self.forbids = true,
                Some(_) => self.is_map = true,
                None => {}
            }
        }
        self.speaks_of_names |= names("patternProperties").next().is_some();
        self.speaks_of_names |= members.get("propertyNames").is_some_and(|names| *names != Value::Bool(true));
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

/// A schema in the vocabulary of draft 2020-12, with undeclared properties forbidden where a single schema describes an
/// object, by keywords that every prover understands. It accepts everything that is written, and more.
pub(super) fn simply_closed(schema: &Value) -> Value {
    const WITH_OTHERS: &[&str] = &[
        "$ref",
        "allOf",
        "anyOf",
        "contains",
        "dependentSchemas",
        "if",
        "oneOf",
        "patternProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
    ];
    let Value::Object(members) = schema else { return schema.clone() };
    if members.contains_key(WHOLE) || WITH_OTHERS.iter().any(|keyword| members.contains_key(*keyword)) {
        return schema.clone();
    }
    let mut copy = members.clone();
    for (keyword, value) in &mut copy {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(schemas)) => {
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
    let is_open = !members.contains_key("additionalProperties");
    if is_open && let Some(Value::Object(properties)) = copy.get_mut("properties").filter(|_| declared.closes()) {
        for name in &declared.required {
            properties.entry(*name).or_insert(json!(true));
        }
        copy.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(copy)
}

/// Whether a value that a schema of the writer accepts has declared properties only, at every level.
///
/// What counts is what the schemas declare together that apply to the value: of alternatives, those that accept it.
pub(super) fn is_declared<'a>(pair: &SchemaPair<'a>, schemas: &[&'a Value], value: &Value) -> bool {
    let mut applied = Vec::new();
    schemas.iter().for_each(|schema| apply(pair, schema, value, &mut applied, 0));
    if applied.iter().any(|schema| schema.contains_key(WHOLE)) {
        return true;
    }
    match value {
        Value::Object(members) => {
            let mut declared = Declared::default();
            applied.iter().for_each(|schema| declared.add_own(schema));
            members.iter().all(|(name, member)| {
                let is_known = declared.names.contains(name.as_str())
                    || declared.required.contains(name.as_str())
                    || declared.patterns.iter().any(|pattern| pair.matches(pattern, name) == Some(true));
                if declared.closes() && !is_known {
                    return false;
                }
                let mut below: Vec<&Value> = applied.iter().flat_map(|schema| of_member(pair, schema, name)).collect();
                or_unevaluated(&mut below, &applied, "unevaluatedProperties");
                is_declared(pair, &below, member)
            })
        }
        Value::Array(items) => items.iter().enumerate().all(|(index, item)| {
            let mut below: Vec<&Value> = applied.iter().filter_map(|schema| of_item(schema, index)).collect();
            or_unevaluated(&mut below, &applied, "unevaluatedItems");
            let contained = applied.iter().filter_map(|schema| schema.get("contains"));
            below.extend(contained.filter(|schema| pair.accepts(schema, Side::Writer, item, 0) != Some(false)));
            is_declared(pair, &below, item)
        }),
        _ => true,
    }
}

/// Adds the schemas that apply to a value because one does.
fn apply<'a>(
    pair: &SchemaPair<'a>,
    schema: &'a Value,
    value: &Value,
    applied: &mut Vec<&'a Map<String, Value>>,
    height: usize,
) {
    let Value::Object(members) = schema else { return };
    if height > TALLEST || applied.iter().any(|known| std::ptr::eq(*known, members)) {
        return;
    }
    applied.push(members);
    let root = pair.root(Side::Writer);
    let holds = |schema: &Value| pair.accepts(schema, Side::Writer, value, 0) != Some(false);
    let mut also: Vec<&'a Value> = Vec::new();
    also.extend(members.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference)));
    also.extend(members.get("allOf").and_then(Value::as_array).into_iter().flatten());
    for keyword in ["anyOf", "oneOf"] {
        let branches = || members.get(keyword).and_then(Value::as_array).into_iter().flatten();
        also.extend(branches().filter(|branch| holds(branch)));
        if keeps_several(members, keyword) {
            let certain = |branch: &&Value| pair.accepts(branch, Side::Writer, value, 0) == Some(true);
            applied.extend(branches().filter(certain).nth(1).map(|_| &*KEPT));
        }
    }
    if let Some(condition) = members.get("if") {
        if holds(condition) {
            also.push(condition);
            also.extend(members.get("then"));
        } else {
            also.extend(members.get("else"));
        }
    }
    let dependents = members.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten();
    also.extend(dependents.filter(|(name, _)| value.get(name.as_str()).is_some()).map(|(_, schema)| schema));
    also.into_iter().for_each(|schema| apply(pair, schema, value, applied, height + 1));
}

/// What stands for a schema whose value is carried as it is.
static KEPT: LazyLock<Map<String, Value>> = LazyLock::new(|| Map::from_iter([(WHOLE.to_owned(), json!(true))]));

/// Whether a value that several alternatives of a union accept is carried as it is.
pub(super) fn keeps_several(members: &Map<String, Value>, keyword: &str) -> bool {
    let keywords = members.get(SEVERAL).and_then(Value::as_array);
    keywords.is_some_and(|keywords| keywords.iter().any(|known| known == keyword))
}

/// Takes what holds for values that no other keyword speaks of.
fn or_unevaluated<'a>(below: &mut Vec<&'a Value>, applied: &[&'a Map<String, Value>], keyword: &str) {
    if below.is_empty() {
        below.extend(applied.iter().filter_map(|schema| schema.get(keyword)));
    }
}

/// What a schema says of a member.
fn of_member<'a>(pair: &SchemaPair<'_>, schema: &'a Map<String, Value>, name: &str) -> Vec<&'a Value> {
    let map = |keyword: &str| schema.get(keyword).and_then(Value::as_object);
    let mut found: Vec<&Value> = map("properties").and_then(|known| known.get(name)).into_iter().collect();
    let patterns = map("patternProperties").into_iter().flatten();
    found.extend(patterns.filter(|(pattern, _)| pair.matches(pattern, name) == Some(true)).map(|(_, schema)| schema));
    if found.is_empty() {
        found.extend(schema.get("additionalProperties"));
    }
    found
}

/// What a schema says of an element.
fn of_item(schema: &Map<String, Value>, index: usize) -> Option<&Value> {
    let first = schema.get("prefixItems").and_then(Value::as_array);
    first.and_then(|first| first.get(index)).or_else(|| schema.get("items"))
}
