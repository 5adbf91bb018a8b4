//! The two schemas that are compared, and whether a part of one accepts a value, as far as that can be decided.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use eventsmith_exact::schema::EXACT;
use serde_json::{Map, Value, json};

use crate::language::{Automata, Inclusion};
use crate::sample::local::target;
use crate::schema::{Validator, canonical_text};
use crate::walk::{LEAVES, every_schema};

use super::modern::OLD_HOST_NAME;

/// Which document a schema belongs to. References of one document have no meaning in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Writer,
    Reader,
}

/// The schemas of a writer and a reader, with the validators that were compiled for their parts.
pub(super) struct SchemaPair<'a> {
    writer: &'a Value,
    reader: &'a Value,
    /// Validators of keywords without schemas, by their text.
    leaves: RefCell<HashMap<String, Option<Validator>>>,
    /// The keywords without schemas of schemas of both documents, by the address of the schema.
    own_leaves: RefCell<HashMap<*const Map<String, Value>, Rc<Leaf>>>,
    automata: Automata,
    /// What is known of sets of texts.
    inclusions: RefCell<HashMap<String, Inclusion>>,
    /// References that mean the same in both documents.
    common: HashSet<&'a str>,
    /// How much work may still be done, in names of properties and schemas that are looked at.
    work: Cell<usize>,
    /// Whether `1.0` is no integer for the reader, as in draft 4.
    pub(super) is_draft_4: bool,
    /// Whether it is one for the writer all the same: then equal keywords accept less on the reader's side.
    pub(super) is_stricter: bool,
    /// Whether it is none for the writer alone: then equal keywords accept more on the reader's side.
    pub(super) is_looser: bool,
    /// Whether everything counts as written that the writer's schema accepts.
    pub(super) is_open: bool,
}

/// A document, with the drafts that it and its parts are of.
pub(super) type Drafted<'a, 'b> = (&'a Value, &'b [u16]);

/// How deep schemas may be nested.
const DEEPEST: usize = 64;

/// The work for one pair in one direction: about a second.
const WORK: usize = 8_000_000;

impl<'a> SchemaPair<'a> {
    /// A pair of documents.
    pub(super) fn new((writer, of_writer): Drafted<'a, '_>, (reader, of_reader): Drafted<'a, '_>) -> Self {
        let is_draft_4 = of_reader.contains(&4);
        Self {
            writer,
            reader,
            leaves: RefCell::default(),
            own_leaves: RefCell::default(),
            automata: Automata::default(),
            inclusions: RefCell::default(),
            common: common(writer, reader),
            work: Cell::new(WORK),
            is_draft_4,
            is_stricter: is_draft_4 && of_writer.iter().any(|draft| *draft != 4),
            is_looser: of_writer.contains(&4) && of_reader.iter().any(|draft| *draft != 4),
            is_open: false,
        }
    }

    /// The same pair with the sides exchanged, and everything written that the reader accepts.
    pub(super) fn reversed(writer: Drafted<'a, '_>, reader: Drafted<'a, '_>) -> Self {
        Self { is_open: true, work: Cell::new(WORK / 4), ..Self::new(reader, writer) }
    }

    /// Counts work. It is counted and not timed, so that the verdict is the same on every machine.
    pub(super) fn spend(&self, work: usize) {
        self.work.set(self.work.get().saturating_sub(work));
    }

    /// Gives the next phase its share, so that it is not starved by those before.
    pub(super) fn refuel(&self) {
        self.work.set(self.work.get().max(WORK / 4));
    }

    /// Whether nothing more is to be begun.
    pub(super) fn is_spent(&self) -> bool {
        self.work.get() == 0
    }

    pub(super) fn root(&self, side: Side) -> &'a Value {
        match side {
            Side::Writer => self.writer,
            Side::Reader => self.reader,
        }
    }

    /// Whether a schema of the writer is equal to one of the reader, references included.
    pub(super) fn same(&self, writer: &Value, reader: &Value) -> bool {
        if self.is_stricter || writer != reader || self.is_looser && may_ask_for_integers(writer) {
            return false;
        }
        let mut found = Vec::new();
        references(writer, &mut found);
        found.iter().all(|reference| self.common.contains(reference))
    }

    /// One text for all values that are equal as JSON Schema has it.
    pub(super) fn canonical(&self, value: &Value) -> String {
        let text = canonical_text(value);
        self.spend(1 + text.len() / 8);
        text
    }

    /// Whether a pattern matches a text; `None` if the pattern cannot be used.
    pub(super) fn matches(&self, pattern: &str, text: &str) -> Option<bool> {
        self.spend(4);
        self.leaf(&json!({"pattern": pattern}), &Value::String(text.to_owned()))
    }

    /// What is found out about sets of texts, once.
    pub(super) fn inclusion(&self, question: String, find: impl FnOnce(&Automata) -> Inclusion) -> Inclusion {
        self.spend(8 + question.len() / 16);
        if let Some(known) = self.inclusions.borrow().get(&question) {
            return known.clone();
        }
        if self.is_spent() {
            return Inclusion::Unknown;
        }
        let found = find(&self.automata);
        self.spend(self.automata.take_work());
        self.inclusions.borrow_mut().insert(question, found.clone());
        found
    }

    /// Whether a schema without schemas in it accepts a value; `None` if it cannot be used.
    pub(super) fn leaf(&self, schema: &Value, value: &Value) -> Option<bool> {
        let mut leaves = self.leaves.borrow_mut();
        let validator = leaves.entry(schema.to_string()).or_insert_with(|| Validator::new(schema).ok());
        validator.as_ref().map(|validator| validator.is_valid(value))
    }

    /// What a schema of one of the documents says itself, compiled once.
    fn own_leaf(&self, members: &'a Map<String, Value>) -> Rc<Leaf> {
        let known = self.own_leaves.borrow().get(&std::ptr::from_ref(members)).cloned();
        known.unwrap_or_else(|| {
            let leaf = Rc::new(Leaf::of(self, members));
            self.spend(16);
            self.own_leaves.borrow_mut().insert(members, Rc::clone(&leaf));
            leaf
        })
    }

    /// Whether a schema accepts a value; `None` where that cannot be decided, or not with the work that is left.
    pub(super) fn accepts(&self, schema: &'a Value, side: Side, value: &Value, depth: usize) -> Option<bool> {
        match schema {
            Value::Bool(accepts) => Some(*accepts),
            Value::Object(members) => self.accepts_by(members, side, value, depth),
            _ => None,
        }
    }

    /// The same for a schema that is no `true` and no `false`.
    pub(super) fn accepts_by(
        &self,
        members: &'a Map<String, Value>,
        side: Side,
        value: &Value,
        depth: usize,
    ) -> Option<bool> {
        if depth >= DEEPEST || self.is_spent() {
            return None;
        }
        let mut all = All(Some(true));
        let leaf = self.own_leaf(members);
        self.spend(1);
        all.take(leaf.accepts(self, value));
        let below = |schema: &'a Value, value: &Value| self.accepts(schema, side, value, depth + 1);
        for (keyword, operand) in members {
            if all.0 == Some(false) {
                return Some(false);
            }
            all.take(match (keyword.as_str(), operand) {
                // A number that values do not hold.
                (keyword, _) if keyword.starts_with(EXACT) => None,
                ("$ref", Value::String(reference)) => match target(self.root(side), reference) {
                    Some(found) => below(found, value),
                    None => None,
                },
                ("allOf", Value::Array(parts)) => All::of(parts.iter().map(|part| below(part, value))),
                ("anyOf", Value::Array(parts)) => {
                    All::of(parts.iter().map(|part| below(part, value).map(|yes| !yes))).map(|no| !no)
                }
                ("oneOf", Value::Array(parts)) => exactly_one(parts.iter().map(|part| below(part, value))),
                ("not", schema) => below(schema, value).map(|yes| !yes),
                ("if", condition) => {
                    let chosen = |yes| members.get(if yes { "then" } else { "else" });
                    below(condition, value)
                        .and_then(|yes| chosen(yes).map_or(Some(true), |schema| below(schema, value)))
                }
                _ => match value {
                    Value::Object(object) => self.object(keyword, operand, members, object, &below),
                    Value::Array(items) => array(keyword, operand, members, items, &below),
                    _ => scalar(keyword, value),
                },
            });
        }
        all.0
    }

    fn object(
        &self,
        keyword: &str,
        operand: &'a Value,
        schema: &'a Map<String, Value>,
        object: &Map<String, Value>,
        below: &dyn Fn(&'a Value, &Value) -> Option<bool>,
    ) -> Option<bool> {
        let map = |keyword: &str| schema.get(keyword).and_then(Value::as_object);
        match (keyword, operand) {
            ("properties", Value::Object(schemas)) => {
                All::of(object.iter().filter_map(|(name, value)| Some(below(schemas.get(name)?, value))))
            }
            ("patternProperties", Value::Object(schemas)) => All::of(schemas.iter().flat_map(|(pattern, schema)| {
                object.iter().map(move |(name, value)| match self.matches(pattern, name) {
                    Some(true) => below(schema, value),
                    Some(false) => Some(true),
                    None => None,
                })
            })),
            ("additionalProperties", operand) => All::of(object.iter().map(|(name, value)| {
                if map("properties").is_some_and(|known| known.contains_key(name)) {
                    return Some(true);
                }
                let patterns = map("patternProperties").into_iter().flat_map(Map::keys);
                let known = All::of(patterns.map(|pattern| self.matches(pattern, name).map(|yes| !yes)));
                match known {
                    Some(true) => below(operand, value),
                    Some(false) => Some(true),
                    None => None,
                }
            })),
            ("propertyNames", schema) => All::of(object.keys().map(|name| below(schema, &Value::String(name.clone())))),
            ("dependentRequired", Value::Object(rules)) => {
                let holds = rules.iter().filter(|(name, _)| object.contains_key(*name));
                let mut names = holds.flat_map(|(_, names)| names.as_array()).flatten().filter_map(Value::as_str);
                Some(names.all(|name| object.contains_key(name)))
            }
            ("dependentSchemas", Value::Object(schemas)) => {
                let holds = schemas.iter().filter(|(name, _)| object.contains_key(*name));
                All::of(holds.map(|(_, schema)| below(schema, &Value::Object(object.clone()))))
            }
            ("unevaluatedProperties" | "$dynamicRef" | "$recursiveRef", _) => None,
            _ => Some(true),
        }
    }
}

fn array<'a>(
    keyword: &str,
    operand: &'a Value,
    schema: &'a Map<String, Value>,
    items: &[Value],
    below: &dyn Fn(&'a Value, &Value) -> Option<bool>,
) -> Option<bool> {
    let first = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match (keyword, operand) {
        ("prefixItems", Value::Array(schemas)) => {
            All::of(schemas.iter().zip(items).map(|(schema, item)| below(schema, item)))
        }
        ("items", schema) => All::of(items.iter().skip(first.len()).map(|item| below(schema, item))),
        ("contains", inner) => {
            let found: Option<Vec<bool>> = items.iter().map(|item| below(inner, item)).collect();
            let count = found?.into_iter().filter(|yes| *yes).count() as f64;
            let bound = |keyword: &str, other: f64| schema.get(keyword).and_then(Value::as_f64).unwrap_or(other);
            Some(count >= bound("minContains", 1.0) && count <= bound("maxContains", f64::INFINITY))
        }
        ("unevaluatedItems" | "$dynamicRef" | "$recursiveRef", _) => None,
        _ => Some(true),
    }
}

fn scalar(keyword: &str, value: &Value) -> Option<bool> {
    match keyword {
        "contentEncoding" | "contentMediaType" if value.is_string() => None,
        "$dynamicRef" | "$recursiveRef" => None,
        _ => Some(true),
    }
}

/// The keywords of a schema that hold no schemas.
struct Leaf {
    /// The canonical texts of the values of its `enum`, where they are many.
    listed: Option<HashSet<String>>,
    /// All keywords but for an `enum` of many values; nothing where they cannot be used.
    validator: Option<Validator>,
}

/// Fewer values are quickly gone through.
const MANY: usize = 32;

impl Leaf {
    fn of(pair: &SchemaPair<'_>, members: &Map<String, Value>) -> Self {
        let values = members.get("enum").and_then(Value::as_array).filter(|values| values.len() > MANY);
        let listed = values.map(|values| values.iter().map(|value| pair.canonical(value)).collect());
        let is_own = |keyword: &str| LEAVES.contains(&keyword) && (keyword != "enum" || values.is_none());
        let own = members.iter().filter(|(keyword, _)| is_own(keyword));
        let mut leaf: Map<String, Value> = own.map(|(keyword, value)| (keyword.clone(), value.clone())).collect();
        if leaf.get("format").is_some_and(|format| format == OLD_HOST_NAME) {
            leaf.insert("format".to_owned(), json!("hostname"));
            leaf.insert("$schema".to_owned(), json!("http://json-schema.org/draft-06/schema#"));
        }
        Self { listed, validator: Validator::new(&Value::Object(leaf)).ok() }
    }

    fn accepts(&self, pair: &SchemaPair<'_>, value: &Value) -> Option<bool> {
        let is_listed = self.listed.as_ref().is_none_or(|listed| listed.contains(&pair.canonical(value)));
        self.validator.as_ref().map(|validator| is_listed && validator.is_valid(value))
    }
}

/// Answers that must all be yes.
struct All(Option<bool>);

impl All {
    fn take(&mut self, answer: Option<bool>) {
        self.0 = match (self.0, answer) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            _ => Some(true),
        };
    }

    fn of(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
        let mut all = Self(Some(true));
        answers.for_each(|answer| all.take(answer));
        all.0
    }
}

fn exactly_one(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let answers: Vec<Option<bool>> = answers.collect();
    let yes = answers.iter().filter(|answer| **answer == Some(true)).count();
    match answers.contains(&None) {
        _ if yes > 1 => Some(false),
        true => None,
        false => Some(yes == 1),
    }
}

/// Whether a schema, or one that it refers to, may ask for an integer where accepting more is accepting less: within `not`, or in one
/// of several alternatives.
fn may_ask_for_integers(schema: &Value) -> bool {
    match schema {
        Value::String(text) => text == "integer",
        Value::Object(members) => members.contains_key("$ref") || members.values().any(may_ask_for_integers),
        Value::Array(items) => items.iter().any(may_ask_for_integers),
        _ => false,
    }
}

/// Every string in a part of a schema that may be a reference.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// References whose targets are equal in both documents, with everything that those refer to.
fn common<'a>(writer: &'a Value, reader: &'a Value) -> HashSet<&'a str> {
    let mut looked_at = HashSet::new();
    let mut found: HashMap<&'a str, Vec<&'a str>> = HashMap::new();
    every_schema(writer, &mut |_, schema| {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return };
        if looked_at.insert(reference)
            && let (Some(one), Some(other)) = (target(writer, reference), target(reader, reference))
            && one == other
        {
            let mut inner = Vec::new();
            references(one, &mut inner);
            found.insert(reference, inner);
        }
    });
    // From a reference that leads to something else back to all that lead to it.
    let mut users: HashMap<&str, Vec<&str>> = HashMap::new();
    for (reference, inner) in &found {
        inner.iter().for_each(|inner| users.entry(inner).or_default().push(reference));
    }
    let mut equal: HashSet<&str> = found.keys().copied().collect();
    let mut different: Vec<&str> = users.keys().filter(|reference| !equal.contains(*reference)).copied().collect();
    while let Some(reference) = different.pop() {
        for user in users.remove(reference).into_iter().flatten() {
            if equal.remove(user) {
                different.push(user);
            }
        }
    }
    equal
}
