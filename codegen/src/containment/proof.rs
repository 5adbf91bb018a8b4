//! The proof: keyword by keyword, nothing that is written can violate the reader's schema.
//!
//! A proof that fails leaves misses: the keyword that could not be proved, and values that may violate it. Those are
//! candidates: validators of both schemas decide whether one is a witness.

mod arrays;
mod choices;
mod objects;
mod others;
mod scalars;
mod wide;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use eventsmith_exact::schema::EXACT;
use serde_json::{Map, Value, json};

use crate::excerpt::cut;
use crate::pointer::join;
use crate::sample::{Sampler, weight};

use super::carried::{OPEN, SEVERAL, WHOLE};
use super::modern::is_mute;
use super::pair::{SchemaPair, Side};
use super::types::TypeSet;
use super::writer::{Key, Written};

/// A keyword of the reader that could not be proved to hold.
#[derive(Debug, Clone)]
pub(super) struct Miss {
    /// Values that may be written and may violate it.
    pub(super) values: Vec<Value>,
    /// JSON pointer of the keyword, from the current schema or from the root.
    pub(super) pointer: String,
    is_absolute: bool,
    /// What stopped the proof.
    pub(super) reason: String,
}

/// Whether everything that is written is accepted.
pub(super) type Fit = Result<(), Box<Miss>>;

impl Miss {
    fn new(values: Vec<Value>, reason: impl Into<String>) -> Box<Self> {
        Box::new(Self { values, pointer: String::new(), is_absolute: false, reason: reason.into() })
    }

    /// The same, with the pointer from an outer schema.
    fn within(mut self: Box<Self>, keyword: &str, step: Option<&str>) -> Box<Self> {
        if !self.is_absolute {
            let at = join("", keyword);
            let at = step.map_or(at.clone(), |step| join(&at, step));
            self.pointer = format!("{at}{}", self.pointer);
        }
        self
    }

    /// Both, as one, with the pointer and the reason of the first.
    fn and(mut self: Box<Self>, other: &Self) -> Box<Self> {
        self.values.extend(other.values.iter().cloned());
        self
    }
}

/// How many values of one miss are kept.
const VALUES: usize = 24;

/// The budget of steps for one proof.
const FUEL: u32 = 60_000;

/// The budget of steps for the search for values that violate a keyword.
const FUEL_FOR_MISSES: u32 = 4_000;

/// The budget of steps for a proof that one alternative covers another.
const FUEL_FOR_COVERING: u32 = 2_000;

/// The longest text of a value in a reason.
const LONGEST: usize = 120;

/// How many values are made for the misses of one proof.
const FILLS: u32 = 400;

/// How deep the schemas of a proof may be nested.
const DEEPEST: u32 = 48;

pub(super) struct Prover<'a> {
    pub(super) pair: &'a SchemaPair<'a>,
    /// Proves of schemas of the reader that everything that they accept is accepted by one of the writer.
    reverse: Option<&'a Prover<'a>>,
    /// Fills in values of the writer's schema; without one, misses come without values.
    sampler: Option<&'a Sampler>,
    /// Whether misses come without values for now.
    skips_values: Cell<bool>,
    /// Whether the first miss with values is enough.
    stops_at_first: Cell<bool>,
    pub(super) fuel: Cell<u32>,
    /// How many values may still be made.
    fills: Cell<u32>,
    /// The budget of steps for one test of emptiness.
    emptiness_fuel: Cell<u32>,
    depth: Cell<u32>,
    /// What is proved, or being proved. Values are finite: a proof by induction may assume itself for a part of the value.
    proved: RefCell<HashSet<(Key, usize)>>,
    trail: RefCell<Vec<(Key, usize)>>,
    /// What cannot be proved, even by induction.
    failed: RefCell<HashMap<(Key, usize), String>>,
}

impl<'a> Prover<'a> {
    pub(super) fn new(pair: &'a SchemaPair<'a>, reverse: Option<&'a Prover<'a>>, sampler: Option<&'a Sampler>) -> Self {
        Self {
            pair,
            reverse,
            sampler,
            skips_values: Cell::new(sampler.is_none()),
            stops_at_first: Cell::new(false),
            failed: RefCell::default(),
            fuel: Cell::new(FUEL),
            fills: Cell::new(0),
            emptiness_fuel: Cell::new(0),
            depth: Cell::new(0),
            proved: RefCell::default(),
            trail: RefCell::default(),
        }
    }

    /// The values of the first miss that has any. Most often one of them is a witness.
    pub(super) fn first_miss(&self) -> Fit {
        self.stops_at_first.set(true);
        let fit = self.prove();
        self.stops_at_first.set(false);
        fit
    }

    /// Whether everything that writers write is accepted by readers.
    pub(super) fn prove(&self) -> Fit {
        self.fuel.set(if self.skips_values.get() { FUEL } else { FUEL_FOR_MISSES });
        self.fills.set(FILLS);
        let (writer, reader) = (self.pair.root(Side::Writer), self.pair.root(Side::Reader));
        self.fits(&Written::of(self.pair, writer, Side::Writer), reader)
    }

    /// Whether everything that a schema of the one side accepts is accepted by one of the other.
    fn covers(&self, reader: &'a Value, writer: &'a Value) -> bool {
        self.fuel.set(FUEL_FOR_COVERING);
        self.fits(&Written::of(self.pair, writer, Side::Writer), reader).is_ok()
    }

    /// Whether everything that is written at a place is accepted by a schema of the reader.
    fn fits(&self, written: &Written<'a>, reader: &'a Value) -> Fit {
        let members = match reader {
            Value::Object(members) => members,
            Value::Bool(true) => return Ok(()),
            _ if written.is_never(self.pair, 0) => return Ok(()),
            _ => return Err(Miss::new(self.samples(written), "the schema accepts nothing")),
        };
        if written.is_never(self.pair, 0) || self.says_so(written, reader) || self.is_impossible(written) {
            return Ok(());
        }
        let (fuel, depth) = (self.fuel.get(), self.depth.get());
        if fuel == 0 || depth == DEEPEST || self.pair.is_spent() {
            return Err(Miss::new(Vec::new(), "the schemas are too large to compare"));
        }
        self.fuel.set(fuel - 1);
        self.pair.spend(written.weight());
        let key = (written.key(), std::ptr::from_ref(members) as usize);
        if self.proved.borrow().contains(&key) {
            return Ok(());
        }
        if self.skips_values.get()
            && let Some(reason) = self.failed.borrow().get(&key)
        {
            return Err(Miss::new(Vec::new(), reason));
        }
        if !self.skips_values.get() {
            // What can be proved needs no values.
            self.skips_values.set(true);
            let fit = self.fits(written, reader);
            self.skips_values.set(false);
            if fit.is_ok() {
                return fit;
            }
        }
        let mark = self.trail.borrow().len();
        self.proved.borrow_mut().insert(key.clone());
        self.trail.borrow_mut().push(key.clone());
        self.depth.set(depth + 1);
        let result = self.demands(written, members);
        self.depth.set(depth);
        if let Err(miss) = &result {
            // Whatever was proved meanwhile may rest on what is now known to be wrong.
            for key in self.trail.borrow_mut().drain(mark..) {
                self.proved.borrow_mut().remove(&key);
            }
            self.failed.borrow_mut().insert(key, miss.reason.clone());
        }
        result
    }

    /// Whether one of the writer's schemas says the same as the reader's.
    fn says_so(&self, written: &Written<'a>, reader: &'a Value) -> bool {
        let said = written.given.iter().filter(|(_, side)| *side == Side::Writer).map(|(schema, _)| *schema);
        said.into_iter().any(|schema| self.pair.same(schema, reader))
    }

    fn demands(&self, written: &Written<'a>, reader: &'a Map<String, Value>) -> Fit {
        if let Some(values) = &written.values {
            return self.listed(written, values, reader);
        }
        let mut misses: Option<Box<Miss>> = None;
        for (keyword, operand) in reader {
            if let Err(miss) = self.demand(written, reader, keyword, operand) {
                misses = Some(match misses {
                    None => miss,
                    Some(known) => known.and(&miss),
                });
                if self.is_enough(misses.as_deref()) {
                    break;
                }
            }
        }
        let Some(mut miss) = misses else { return Ok(()) };
        if self.is_enough(Some(&miss)) && written.choices.is_empty() {
            return Err(miss);
        }
        if let Some(alternatives) = written.alternatives(self.pair) {
            let mut found: Option<Box<Miss>> = None;
            for chosen in alternatives {
                if let Err(other) = self.demands_of(&chosen, reader) {
                    found = Some(match found {
                        None => other,
                        Some(known) => known.and(&other),
                    });
                    if self.skips_values.get() || self.is_enough(found.as_deref()) {
                        break;
                    }
                }
            }
            match found {
                None => return Ok(()),
                Some(other) => miss = other.and(&miss),
            }
        }
        miss.values.truncate(VALUES * 4);
        Err(miss)
    }

    /// Whether no further miss is needed.
    fn is_enough(&self, found: Option<&Miss>) -> bool {
        self.stops_at_first.get() && found.is_some_and(|found| !found.values.is_empty())
    }

    /// How many values of one miss are needed.
    fn wanted(&self) -> usize {
        if self.stops_at_first.get() { 1 } else { VALUES }
    }

    /// Copies of the first values, as many as are needed and work is left for: a single one may be as large as the schema.
    fn copied<'v>(&self, values: impl IntoIterator<Item = &'v Value>) -> Vec<Value> {
        let copied = |value: &Value| {
            self.pair.spend(weight(value));
            (!self.pair.is_spent()).then(|| value.clone())
        };
        values.into_iter().take(self.wanted()).map_while(copied).collect()
    }

    /// All of several demands; the misses come together.
    pub(super) fn all(&self, fits: impl Iterator<Item = Fit>) -> Fit {
        let mut found: Option<Box<Miss>> = None;
        for fit in fits {
            if let Err(miss) = fit {
                found = Some(match found {
                    None => miss,
                    Some(known) => known.and(&miss),
                });
                if self.skips_values.get() || self.is_enough(found.as_deref()) {
                    break;
                }
            }
        }
        found.map_or(Ok(()), Err)
    }

    /// The same for a narrower list of what is written.
    fn demands_of(&self, written: &Written<'a>, reader: &'a Map<String, Value>) -> Fit {
        if written.is_never(self.pair, 0) || self.is_impossible(written) {
            return Ok(());
        }
        let fuel = self.fuel.get();
        if fuel == 0 || self.pair.is_spent() {
            return Err(Miss::new(Vec::new(), "the schemas are too large to compare"));
        }
        self.fuel.set(fuel - 1);
        self.demands(written, reader)
    }

    /// Every value one by one.
    fn listed(&self, written: &Written<'a>, values: &[&'a Value], reader: &'a Map<String, Value>) -> Fit {
        // In draft 4 `1` and `1.0` are equal, and only the one is an integer: what is listed may be written either way.
        let is_told_apart = self.pair.is_draft_4 && {
            let text = Value::Object(reader.clone()).to_string();
            text.contains("\"integer\"") || text.contains("\"$ref\"")
        };
        let is_integer = |schema: &Value| !TypeSet::allowed(schema).meets(TypeSet::FRACTION);
        let is_whole = !self.pair.is_stricter && written.every("type").any(is_integer);
        let strict = |value: &Value| match value {
            Value::Number(number) => is_told_apart && (number.is_f64() || !is_whole),
            Value::Array(_) | Value::Object(_) => is_told_apart,
            _ => false,
        };
        let refused: Vec<(&Value, Option<bool>)> = values
            .iter()
            .map(|value| (*value, self.pair.accepts_by(reader, Side::Reader, value, 0).filter(|_| !strict(value))))
            .filter(|(_, answer)| *answer != Some(true))
            .collect();
        let Some((first, answer)) = refused.first() else { return Ok(()) };
        let reason = match answer {
            Some(_) => format!("{} is written", cut(&first.to_string(), LONGEST)),
            None => format!("whether {} is accepted is unknown", cut(&first.to_string(), LONGEST)),
        };
        let whole = refused.iter().filter(|(value, _)| strict(value)).filter_map(|(value, _)| value.as_f64());
        let whole: Vec<Value> = whole.map(|number| json!(number)).collect();
        let either_way = refused.iter().map(|(value, _)| *value).chain(&whole);
        let values = self.copied(either_way.filter(|value| written.may_be(self.pair, value)));
        let mut miss = Miss::new(values, reason);
        if let Some(keyword) = ["enum", "const", "type"].into_iter().find(|keyword| reader.contains_key(*keyword)) {
            miss = miss.within(keyword, None);
        }
        Err(miss)
    }

    /// Whether everything that is written fulfils one keyword of the reader.
    fn demand(
        &self,
        written: &Written<'a>,
        reader: &'a Map<String, Value>,
        keyword: &'a str,
        operand: &'a Value,
    ) -> Fit {
        let types = written.types;
        let result = match keyword {
            "type" => self.types(written, operand),
            "enum" | "const" => self.enumerated(written, keyword, operand),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                if types.meets(TypeSet::NUMBER) { self.numeric(written, keyword, operand) } else { Ok(()) }
            }
            "minLength" | "maxLength" | "pattern" | "format" => {
                if types.meets(TypeSet::STRING) {
                    self.textual(written, keyword, operand)
                } else {
                    Ok(())
                }
            }
            "contentEncoding" | "contentMediaType" => {
                if types.meets(TypeSet::STRING) {
                    self.content(written, reader, keyword)
                } else {
                    Ok(())
                }
            }
            "required"
            | "minProperties"
            | "maxProperties"
            | "propertyNames"
            | "dependentRequired"
            | "dependentSchemas"
            | "properties"
            | "patternProperties"
            | "additionalProperties"
            | "unevaluatedProperties" => {
                if types.meets(TypeSet::OBJECT) {
                    self.objects(written, reader, keyword, operand)
                } else {
                    Ok(())
                }
            }
            "minItems" | "maxItems" | "uniqueItems" | "contains" | "items" | "prefixItems" | "unevaluatedItems" => {
                if types.meets(TypeSet::ARRAY) {
                    self.arrays(written, reader, keyword, operand)
                } else {
                    Ok(())
                }
            }
            "$ref" => return self.reference(written, operand),
            "allOf" => return self.all_of(written, operand),
            "anyOf" => self.any_of(written, operand),
            "oneOf" => self.one_of(written, operand),
            "not" => self.not(written, operand),
            "if" => return self.condition(written, reader, operand),
            OPEN | SEVERAL | WHOLE => Ok(()),
            "$schema" | "$defs" | "definitions" | "then" | "else" | "minContains" | "maxContains" => Ok(()),
            _ if keyword.starts_with(EXACT) && keyword.ends_with("imum") => {
                if types.meets(TypeSet::NUMBER) {
                    self.wide_bound(written, keyword, operand)
                } else {
                    Ok(())
                }
            }
            _ if is_mute(keyword) => Ok(()),
            _ => self.verbatim(written, keyword, operand),
        };
        let keyword = keyword.trim_start_matches(EXACT).trim_start_matches('-');
        result.map_err(|miss| if miss.pointer.is_empty() { miss.within(keyword, None) } else { miss })
    }

    /// A keyword that is only understood where the writer's schema has the very same one.
    fn verbatim(&self, written: &Written<'a>, keyword: &str, operand: &Value) -> Fit {
        let said = written.parts.iter().any(|(members, side)| {
            *side == Side::Writer && members.get(keyword).is_some_and(|own| self.pair.same(own, operand))
        });
        let own = ["$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems"].contains(&keyword);
        if said && !own {
            return Ok(());
        }
        Err(Miss::new(self.samples(written), format!("{} cannot be reasoned about", keyword.replace(EXACT, "exact"))))
    }

    fn reference(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        let root = self.pair.root(Side::Reader);
        let reference = operand.as_str().unwrap_or_default();
        match crate::sample::local::target(root, reference) {
            Some(found) => self.fits(written, found).map_err(|mut miss| {
                if !miss.is_absolute {
                    let at = reference.strip_prefix('#').unwrap_or_default();
                    miss.pointer = format!("{at}{}", miss.pointer);
                    miss.is_absolute = true;
                }
                miss
            }),
            None => Err(Miss::new(self.samples(written), format!("the reference {reference} leads nowhere"))
                .within("$ref", None)),
        }
    }

    /// Some values that are perhaps written.
    pub(super) fn samples(&self, written: &Written<'a>) -> Vec<Value> {
        if self.skips_values.get() {
            return Vec::new();
        }
        if let Some(values) = &written.values {
            return self.copied(values.iter().copied());
        }
        let each = written.types.each();
        each.filter_map(|types| self.fill(written, Value::Object(types.schema()))).collect()
    }

    /// A value that is perhaps written and perhaps fulfils a further schema, which must not refer to anything.
    pub(super) fn fill(&self, written: &Written<'a>, more: Value) -> Option<Value> {
        let sampler = self.sampler.filter(|_| !self.skips_values.get())?;
        self.fills.set(self.fills.get().checked_sub(1)?);
        let own = written.given.iter().filter(|(_, side)| *side == Side::Writer).map(|(schema, _)| *schema);
        let listed = written.values.iter().flatten().chain(written.fixed.iter().map(|(_, value)| value)).copied();
        self.pair.spend(own.clone().chain(listed).chain([&more]).map(weight).sum());
        if self.pair.is_spent() {
            return None;
        }
        let mut all: Vec<Value> = own.cloned().collect();
        if written.types != TypeSet::ALL {
            all.push(Value::Object(written.types.schema()));
        }
        if let Some(values) = &written.values {
            all.push(json!({ "enum": values }));
        }
        for (name, value) in &written.fixed {
            all.push(json!({"properties": {name.as_str(): {"const": value}}, "required": [name]}));
        }
        all.push(more);
        // Moved, as `json!` would copy them once more.
        sampler.fill(&Value::Object(Map::from_iter([("allOf".to_owned(), Value::Array(all))])))
    }

    /// Those of some values that are perhaps written.
    pub(super) fn written_among(&self, written: &Written<'a>, values: Vec<Value>) -> Vec<Value> {
        if self.skips_values.get() {
            return Vec::new();
        }
        values.into_iter().filter(|value| written.may_be(self.pair, value)).take(self.wanted()).collect()
    }
}
