//! The proof: keyword by keyword, nothing that is written can break what the reader demands.
//!
//! A proof that fails leaves misses: which demand could not be shown to hold, and values that may break it. They are
//! not believed either; real validators have the last word on a witness.

mod arrays;
mod choices;
mod objects;
mod scalars;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::pointer::join;
use crate::sample::Sampler;

use super::judge::Judge;
use super::types::Types;
use super::writer::{Key, Side, Written};

/// A demand of the reader that could not be shown to hold.
#[derive(Debug, Clone)]
pub(super) struct Miss {
    /// Values that are perhaps written and perhaps break it.
    pub(super) values: Vec<Value>,
    /// JSON pointer of the demand, from the schema at hand or from the root.
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

    /// The same, seen from a schema further out.
    fn within(mut self: Box<Self>, keyword: &str, step: Option<&str>) -> Box<Self> {
        if !self.is_absolute {
            let at = join("", keyword);
            let at = step.map_or(at.clone(), |step| join(&at, step));
            self.pointer = format!("{at}{}", self.pointer);
        }
        self
    }

    /// Both, as one; what is told is told of the first.
    fn and(mut self: Box<Self>, other: &Self) -> Box<Self> {
        self.values.extend(other.values.iter().cloned());
        self
    }
}

/// How many values of one miss are carried on.
const VALUES: usize = 24;

/// How much work one proof may be.
const FUEL: u32 = 60_000;

/// How much work the look for values may be that break a demand.
const FUEL_FOR_MISSES: u32 = 4_000;

/// How many values are made for the misses of one proof.
const FILLS: u32 = 400;

/// How deep the schemas of a proof may stand in each other.
const DEEPEST: u32 = 48;

pub(super) struct Prover<'a> {
    pub(super) judge: &'a Judge<'a>,
    /// Fills in values of the writer's schema; without one, misses come without values.
    sampler: Option<&'a Sampler>,
    /// Whether values are of no interest just now.
    is_quiet: Cell<bool>,
    /// Whether the first miss with values is enough.
    is_hasty: Cell<bool>,
    fuel: Cell<u32>,
    /// How many values may still be made.
    fills: Cell<u32>,
    /// How much work a look for a contradiction may be.
    glance: Cell<u32>,
    depth: Cell<u32>,
    /// What is proved, or being proved: values are finite, so that a proof may rest on itself once it has gone
    /// into a part of the value.
    proved: RefCell<HashSet<(Key, usize)>>,
    trail: RefCell<Vec<(Key, usize)>>,
    /// What cannot be proved, even by resting on itself.
    failed: RefCell<HashMap<(Key, usize), String>>,
}

impl<'a> Prover<'a> {
    pub(super) fn new(judge: &'a Judge<'a>, sampler: Option<&'a Sampler>) -> Self {
        Self {
            judge,
            sampler,
            is_quiet: Cell::new(sampler.is_none()),
            is_hasty: Cell::new(false),
            failed: RefCell::default(),
            fuel: Cell::new(FUEL),
            fills: Cell::new(0),
            glance: Cell::new(0),
            depth: Cell::new(0),
            proved: RefCell::default(),
            trail: RefCell::default(),
        }
    }

    /// The values of the first miss that has any. Most often one of them is a witness.
    pub(super) fn first_miss(&self) -> Fit {
        self.is_hasty.set(true);
        let fit = self.prove();
        self.is_hasty.set(false);
        fit
    }

    /// Whether everything that writers write is accepted by readers.
    pub(super) fn prove(&self) -> Fit {
        self.fuel.set(if self.is_quiet.get() { FUEL } else { FUEL_FOR_MISSES });
        self.fills.set(FILLS);
        let (writer, reader) = (self.judge.root(Side::Writer), self.judge.root(Side::Reader));
        self.fits(&Written::of(self.judge, writer, Side::Writer), reader)
    }

    /// Whether everything that is written at a place is accepted by a schema of the reader.
    fn fits(&self, written: &Written<'a>, reader: &'a Value) -> Fit {
        let members = match reader {
            Value::Object(members) => members,
            Value::Bool(true) => return Ok(()),
            _ if written.is_never(self.judge, 0) => return Ok(()),
            _ => return Err(Miss::new(self.samples(written), "the schema accepts nothing")),
        };
        if written.is_never(self.judge, 0) || self.says_so(written, reader) {
            return Ok(());
        }
        let (fuel, depth) = (self.fuel.get(), self.depth.get());
        if fuel == 0 || depth == DEEPEST {
            return Err(Miss::new(Vec::new(), "the schemas are too large to compare"));
        }
        self.fuel.set(fuel - 1);
        let key = (written.key(), std::ptr::from_ref(members) as usize);
        if self.proved.borrow().contains(&key) {
            return Ok(());
        }
        if self.is_quiet.get()
            && let Some(reason) = self.failed.borrow().get(&key)
        {
            return Err(Miss::new(Vec::new(), reason));
        }
        if !self.is_quiet.get() {
            // What can be proved needs no values.
            self.is_quiet.set(true);
            let fit = self.fits(written, reader);
            self.is_quiet.set(false);
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
        said.into_iter().any(|schema| self.judge.same(schema, reader))
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
        if let Some(alternatives) = written.alternatives(self.judge) {
            let mut found: Option<Box<Miss>> = None;
            for chosen in alternatives {
                if let Err(other) = self.demands_of(&chosen, reader) {
                    found = Some(match found {
                        None => other,
                        Some(known) => known.and(&other),
                    });
                    if self.is_quiet.get() || self.is_enough(found.as_deref()) {
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

    /// Whether no further miss is of interest.
    fn is_enough(&self, found: Option<&Miss>) -> bool {
        self.is_hasty.get() && found.is_some_and(|found| !found.values.is_empty())
    }

    /// How many values of one miss are of interest.
    fn wanted(&self) -> usize {
        if self.is_hasty.get() { 1 } else { VALUES }
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
                if self.is_quiet.get() || self.is_enough(found.as_deref()) {
                    break;
                }
            }
        }
        found.map_or(Ok(()), Err)
    }

    /// The same for a narrower list of what is written.
    fn demands_of(&self, written: &Written<'a>, reader: &'a Map<String, Value>) -> Fit {
        if written.is_never(self.judge, 0) {
            return Ok(());
        }
        let fuel = self.fuel.get();
        if fuel == 0 {
            return Err(Miss::new(Vec::new(), "the schemas are too large to compare"));
        }
        self.fuel.set(fuel - 1);
        self.demands(written, reader)
    }

    /// Every value one by one.
    fn listed(&self, written: &Written<'a>, values: &[Value], reader: &'a Map<String, Value>) -> Fit {
        let schema = Value::Object(reader.clone());
        // In draft 4 `1` and `1.0` are equal, and only the one is an integer: what is listed may be written either way.
        let is_told_apart = self.judge.is_draft_4 && {
            let text = schema.to_string();
            text.contains("\"integer\"") || text.contains("\"$ref\"")
        };
        let is_integer = |schema: &Value| !Types::allowed(schema).meets(Types::FRACTION);
        let is_whole = !self.judge.is_stricter && written.every("type").any(is_integer);
        let strict = |value: &Value| match value {
            Value::Number(number) => is_told_apart && (number.is_f64() || !is_whole),
            Value::Array(_) | Value::Object(_) => is_told_apart,
            _ => false,
        };
        let refused: Vec<(&Value, Option<bool>)> = values
            .iter()
            .map(|value| (value, self.judge.accepts(&schema, Side::Reader, value, 0).filter(|_| !strict(value))))
            .filter(|(_, answer)| *answer != Some(true))
            .collect();
        let Some((first, answer)) = refused.first() else { return Ok(()) };
        let reason = match answer {
            Some(_) => format!("{first} is written"),
            None => format!("whether {first} is accepted cannot be told"),
        };
        let whole = refused.iter().filter(|(value, _)| strict(value)).filter_map(|(value, _)| value.as_f64());
        let either_way = refused.iter().map(|(value, _)| (*value).clone()).chain(whole.map(|number| json!(number)));
        let values = either_way.filter(|value| written.may_be(self.judge, value));
        let mut miss = Miss::new(values.take(self.wanted()).collect(), reason);
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
            "enum" | "const" => self.enumerated(written, operand),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                if types.meets(Types::NUMBER) { self.numeric(written, keyword, operand) } else { Ok(()) }
            }
            "minLength" | "maxLength" | "pattern" | "format" => {
                if types.meets(Types::STRING) {
                    self.textual(written, keyword, operand)
                } else {
                    Ok(())
                }
            }
            "contentEncoding" | "contentMediaType" => {
                if types.meets(Types::STRING) {
                    self.verbatim(written, keyword, operand)
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
                if types.meets(Types::OBJECT) {
                    self.objects(written, reader, keyword, operand)
                } else {
                    Ok(())
                }
            }
            "minItems" | "maxItems" | "uniqueItems" | "contains" | "items" | "prefixItems" | "unevaluatedItems" => {
                if types.meets(Types::ARRAY) {
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
            "$schema" | "$defs" | "definitions" | "then" | "else" | "minContains" | "maxContains" => Ok(()),
            _ => self.verbatim(written, keyword, operand),
        };
        result.map_err(|miss| if miss.pointer.is_empty() { miss.within(keyword, None) } else { miss })
    }

    /// A keyword that is only understood where the writer's schema has the very same one.
    fn verbatim(&self, written: &Written<'a>, keyword: &str, operand: &Value) -> Fit {
        let said = written.parts.iter().any(|(members, side)| {
            *side == Side::Writer && members.get(keyword).is_some_and(|own| self.judge.same(own, operand))
        });
        let own = ["$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems"].contains(&keyword);
        if said && !own {
            return Ok(());
        }
        Err(Miss::new(self.samples(written), format!("{keyword} cannot be reasoned about")))
    }

    fn reference(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        let root = self.judge.root(Side::Reader);
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
        if self.is_quiet.get() {
            return Vec::new();
        }
        if let Some(values) = &written.values {
            return values.iter().take(self.wanted()).cloned().collect();
        }
        let each = written.types.each();
        each.filter_map(|types| self.fill(written, Value::Object(types.schema()))).collect()
    }

    /// A value that is perhaps written and perhaps fulfils a further schema, which must not refer to anything.
    pub(super) fn fill(&self, written: &Written<'a>, more: Value) -> Option<Value> {
        let sampler = self.sampler.filter(|_| !self.is_quiet.get())?;
        self.fills.set(self.fills.get().checked_sub(1)?);
        let own = written.given.iter().filter(|(_, side)| *side == Side::Writer).map(|(schema, _)| (*schema).clone());
        let mut all: Vec<Value> = own.collect();
        if written.types != Types::ALL {
            all.push(Value::Object(written.types.schema()));
        }
        if let Some(values) = &written.values {
            all.push(json!({ "enum": values }));
        }
        for (name, value) in &written.fixed {
            all.push(json!({"properties": {name.as_str(): {"const": value}}, "required": [name]}));
        }
        all.push(more);
        sampler.fill(&json!({ "allOf": all }))
    }

    /// Those of some values that are perhaps written.
    pub(super) fn written_among(&self, written: &Written<'a>, values: Vec<Value>) -> Vec<Value> {
        if self.is_quiet.get() {
            return Vec::new();
        }
        values.into_iter().filter(|value| written.may_be(self.judge, value)).take(self.wanted()).collect()
    }
}
