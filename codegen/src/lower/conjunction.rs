//! Schemas that hold together: what `allOf`, references with siblings, and a chosen alternative come to.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::pointer::join;
use crate::references::{Place, Target};
use crate::schema;
use crate::shape::{Classes, Gap};

use super::Members;
use super::context::Context;
use super::dialect::Draft;

/// Schemas that an instance must fulfil all at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Conjunction {
    /// Where they stand, at least one.
    pub(super) places: Vec<Place>,
    /// The types of JSON at hand; the others are dealt with elsewhere.
    pub(super) classes: Classes,
    /// Which alternative of an `anyOf` or `oneOf` is meant.
    pub(super) choices: Vec<(Place, &'static str, usize)>,
}

impl Conjunction {
    pub(super) fn of(place: Place) -> Self {
        Self::all(vec![place])
    }

    pub(super) fn all(places: Vec<Place>) -> Self {
        Self { places, classes: Classes::ALL, choices: Vec::new() }
    }

    /// The same schemas for some types of JSON only.
    pub(super) fn only(&self, classes: Classes) -> Self {
        Self { classes: self.classes.and(classes), ..self.clone() }
    }

    /// The same schemas with one alternative chosen.
    pub(super) fn choosing(&self, place: &Place, keyword: &'static str, index: usize) -> Self {
        let mut chosen = self.clone();
        chosen.choices.push((place.clone(), keyword, index));
        chosen
    }

    fn choice(&self, place: &Place, keyword: &str) -> Option<usize> {
        let found = self.choices.iter().find(|(at, of, _)| at == place && *of == keyword);
        found.map(|(_, _, index)| *index)
    }
}

/// A conjunction without `allOf` and references: a list of schemas that hold side by side.
pub(super) struct Flat<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// The types of JSON that all of them allow.
    pub(super) classes: Classes,
    /// Whether numbers must be integers.
    pub(super) whole: bool,
    /// Whether `1.0` is no integer, as in draft 4.
    pub(super) without_fraction: bool,
    /// What says that nothing is valid.
    pub(super) never: Option<Gap>,
    /// References that lead nowhere.
    loose: Vec<Gap>,
    /// Keywords that speak of properties that no other one speaks of.
    closures: Vec<Closure<'a>>,
    /// The parts that each place came to.
    done: HashMap<Place, Vec<usize>>,
}

/// One schema among those that hold side by side.
pub(super) struct Part<'a> {
    pub(super) place: Place,
    pub(super) draft: Draft,
    members: &'a Members,
    /// Keywords that other parts stand for.
    resolved: Vec<&'static str>,
}

/// What holds for the properties that a scope does not declare.
pub(super) struct Closure<'a> {
    names: BTreeSet<&'a str>,
    patterns: Vec<&'a str>,
    /// The schema of all others.
    pub(super) schema: Place,
    pub(super) forbids: bool,
}

/// A declared property of a conjunction.
pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    /// The schemas of its value.
    pub(super) places: Vec<Place>,
    /// Whether another schema forbids it.
    pub(super) forbidden: bool,
}

impl<'a> Part<'a> {
    /// The value of a keyword that asserts something here.
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Value> {
        let value = self.members.get(keyword)?;
        (!self.draft.asserts(keyword).is_empty() && !self.resolved.contains(&keyword)).then_some(value)
    }

    /// The keywords that assert something, with the types of JSON that they speak of.
    pub(super) fn keywords(&self) -> impl Iterator<Item = (&'a str, Classes)> {
        let all = self.members.keys().map(|keyword| (keyword.as_str(), self.draft.asserts(keyword)));
        all.filter(|(keyword, classes)| !classes.is_empty() && !self.resolved.contains(keyword))
    }

    /// The value of a keyword that works together with another one.
    pub(super) fn sibling(&self, keyword: &str) -> Option<&'a Value> {
        self.members.get(keyword)
    }

    fn object(&self, keyword: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let members = self.get(keyword).and_then(Value::as_object);
        members.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
    }

    pub(super) fn below(&self, keyword: &str, step: &str) -> Place {
        self.place.below(&join(&join("", keyword), step))
    }
}

impl<'a> Flat<'a> {
    /// Every value of a keyword, with the schema that has it.
    pub(super) fn every(&self, keyword: &'static str) -> impl Iterator<Item = (&Part<'a>, &'a Value)> {
        self.parts.iter().filter_map(move |part| part.get(keyword).map(|value| (part, value)))
    }

    pub(super) fn has(&self, keyword: &'static str) -> bool {
        self.every(keyword).next().is_some()
    }

    /// Whether every reference has been followed.
    pub(super) fn is_resolved(&self) -> bool {
        self.loose.is_empty()
    }

    /// Whether the schemas say nothing about the types of JSON at hand but which ones they are.
    pub(super) fn is_bare(&self, classes: Classes) -> bool {
        if classes.has(Classes::OBJECT) && !self.closures.is_empty() {
            return false;
        }
        let speaks = |(keyword, of): (&str, Classes)| keyword != "type" && !of.and(classes).is_empty();
        !self.parts.iter().flat_map(Part::keywords).any(speaks)
    }

    /// Whether nothing but `type`, `enum` and `const` speaks of values of every type of JSON.
    pub(super) fn only_lists(&self) -> bool {
        let mut keywords = self.parts.iter().flat_map(Part::keywords);
        keywords.all(|(keyword, of)| of != Classes::ALL || ["type", "enum", "const"].contains(&keyword))
    }

    /// The types of JSON that some keyword speaks of on its own.
    pub(super) fn spoken_of(&self) -> Classes {
        let keywords = self.parts.iter().flat_map(Part::keywords).filter(|(_, classes)| *classes != Classes::ALL);
        let closed = if self.closures.is_empty() { Classes::NONE } else { Classes::OBJECT };
        keywords.fold(closed, |all, (_, classes)| all.or(classes)).and(self.classes)
    }

    pub(super) fn required(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.every("required").filter_map(|(_, names)| names.as_array()).flatten().filter_map(Value::as_str)
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The declared properties in their order.
    pub(super) fn properties(&self) -> Vec<Property<'a>> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.parts.iter().flat_map(|part| part.object("properties")) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter().map(|name| self.property(name)).collect()
    }

    /// What the schemas say about one property.
    pub(super) fn property(&self, name: &'a str) -> Property<'a> {
        let mut places = Vec::new();
        for part in &self.parts {
            if part.object("properties").any(|(declared, _)| declared == name) {
                places.push(part.below("properties", name));
            }
            for (pattern, _) in part.object("patternProperties") {
                if schema::matches(pattern, name) {
                    places.push(part.below("patternProperties", pattern));
                }
            }
        }
        let open: Vec<&Closure> = self.closures.iter().filter(|closure| !closure.covers(name)).collect();
        let forbidden = open.iter().any(|closure| closure.forbids);
        places.extend(open.iter().filter(|closure| !closure.forbids).map(|closure| closure.schema.clone()));
        Property { name, places, forbidden }
    }

    /// The patterns of `patternProperties` with their schemas.
    pub(super) fn patterns(&self) -> Vec<(&'a str, Place)> {
        let of = |part: &Part<'a>| {
            let place = part.place.clone();
            part.object("patternProperties")
                .map(move |(pattern, _)| (pattern, place.below(&join("/patternProperties", pattern))))
        };
        self.parts.iter().flat_map(of).collect()
    }

    pub(super) fn closures(&self) -> &[Closure<'a>] {
        &self.closures
    }
}

impl Closure<'_> {
    fn covers(&self, name: &str) -> bool {
        self.names.contains(name) || self.patterns.iter().any(|pattern| schema::matches(pattern, name))
    }

    /// Whether it leaves out what matches a pattern.
    pub(super) fn excepts(&self, pattern: &str) -> bool {
        self.patterns.contains(&pattern)
    }
}

impl<'a> Context<'a> {
    /// Flattens a conjunction. What it cannot resolve becomes a gap.
    pub(super) fn flatten(&mut self, conjunction: &Conjunction) -> Flat<'a> {
        let flat = self.flattened(conjunction);
        self.gaps.extend(flat.loose.iter().cloned());
        flat
    }

    /// Flattens a conjunction only to look at it.
    pub(super) fn flattened(&self, conjunction: &Conjunction) -> Flat<'a> {
        let mut flat = Flat {
            parts: Vec::new(),
            classes: conjunction.classes,
            whole: false,
            without_fraction: false,
            never: None,
            loose: Vec::new(),
            closures: Vec::new(),
            done: HashMap::new(),
        };
        for place in &conjunction.places {
            self.add(place, conjunction, &mut flat);
        }
        flat
    }

    /// Adds a schema and what it stands for; returns the parts that it came to.
    fn add(&self, place: &Place, conjunction: &Conjunction, flat: &mut Flat<'a>) -> Vec<usize> {
        if let Some(parts) = flat.done.get(place) {
            return parts.clone();
        }
        flat.done.insert(place.clone(), Vec::new());
        let members = match self.schema(place) {
            Value::Object(members) => members,
            Value::Bool(true) => return Vec::new(),
            _ => {
                flat.never.get_or_insert_with(|| Gap { place: place.clone(), keyword: "false".to_owned() });
                return Vec::new();
            }
        };
        let draft = Draft::of(self.document(place));
        let mut part = Part { place: place.clone(), draft, members, resolved: Vec::new() };
        if members.contains_key("$ref") && !draft.ref_has_siblings() {
            // Nothing beside a reference counts; all that is left of the schema is what it refers to.
            let parts = self.add_reference(place, members, conjunction, flat).unwrap_or_default();
            flat.done.insert(place.clone(), parts.clone());
            return parts;
        }
        flat.parts.push(Part { place: place.clone(), draft, members, resolved: Vec::new() });
        let index = flat.parts.len() - 1;
        let mut parts = vec![index];
        if let Some(found) = self.add_reference(place, members, conjunction, flat) {
            part.resolved.push("$ref");
            parts.extend(found);
        }
        if let Some(Value::Array(all)) = part.get("allOf") {
            for at in 0..all.len() {
                parts.extend(self.add(&part.below("allOf", &at.to_string()), conjunction, flat));
            }
            part.resolved.push("allOf");
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(at) = conjunction.choice(place, keyword) {
                parts.extend(self.add(&part.below(keyword, &at.to_string()), conjunction, flat));
                part.resolved.push(keyword);
            }
        }
        if let Some(names) = part.get("type") {
            let (classes, whole) = classes(names);
            flat.classes = flat.classes.and(classes);
            flat.whole |= whole;
            flat.without_fraction |= whole && draft == Draft::D4;
        }
        self.add_closures(&mut part, &parts, flat);
        flat.parts[index] = part;
        flat.done.insert(place.clone(), parts.clone());
        parts
    }

    fn add_reference(
        &self,
        place: &Place,
        members: &Members,
        conjunction: &Conjunction,
        flat: &mut Flat<'a>,
    ) -> Option<Vec<usize>> {
        members.get("$ref").filter(|reference| reference.is_string())?;
        match self.resolve(place) {
            Some(Target::Place(target)) => Some(self.add(&target, conjunction, flat)),
            Some(Target::MetaSchema) | None => {
                flat.loose.push(Gap { place: place.clone(), keyword: "$ref".to_owned() });
                Some(Vec::new())
            }
        }
    }

    /// Notes what a schema says about properties that it, or what it stands for, does not declare.
    fn add_closures(&self, part: &mut Part<'a>, parts: &[usize], flat: &mut Flat<'a>) {
        let close = |keyword: &str, names, patterns| {
            let schema = part.place.below(&join("", keyword));
            let forbids = self.schema(&schema) == &Value::Bool(false);
            Closure { names, patterns, schema, forbids }
        };
        if part.get("additionalProperties").is_some() {
            let names = part.object("properties").map(|(name, _)| name).collect();
            let patterns = part.object("patternProperties").map(|(pattern, _)| pattern).collect();
            flat.closures.push(close("additionalProperties", names, patterns));
            part.resolved.push("additionalProperties");
        }
        if part.get("unevaluatedProperties").is_none() {
            return;
        }
        let scope = || parts.iter().filter_map(|index| flat.parts.get(*index));
        let names: BTreeSet<&str> = scope().flat_map(|part| part.object("properties")).map(|(name, _)| name).collect();
        let patterns = scope().flat_map(|part| part.object("patternProperties")).map(|(pattern, _)| pattern).collect();
        let all_evaluated = scope().any(|part| {
            ["additionalProperties", "unevaluatedProperties"].iter().any(|keyword| part.resolved.contains(keyword))
        }) || part.resolved.contains(&"additionalProperties");
        if all_evaluated {
            part.resolved.push("unevaluatedProperties");
            return;
        }
        // Other keywords that evaluate properties must not speak of any that nobody declares.
        let applicators = scope().chain([&*part]).flat_map(|part| self.applied(part)).collect::<Vec<_>>();
        if applicators.iter().all(|place| self.speaks_only_of(place, &names)) {
            let closure = close("unevaluatedProperties", names, patterns);
            flat.closures.push(closure);
            part.resolved.push("unevaluatedProperties");
        }
    }

    /// The schemas that may apply to the same object without being part of the conjunction.
    pub(super) fn applied(&self, part: &Part<'a>) -> Vec<Place> {
        let mut places = Vec::new();
        for keyword in ["anyOf", "oneOf", "$dynamicRef", "$recursiveRef"] {
            match part.get(keyword) {
                Some(Value::Array(all)) => {
                    places.extend((0..all.len()).map(|at| part.below(keyword, &at.to_string())));
                }
                Some(_) => places.push(part.place.below(&join("", keyword))),
                None => {}
            }
        }
        if part.get("if").is_some() {
            let present = ["if", "then", "else"].iter().filter(|keyword| part.members.contains_key(**keyword));
            places.extend(present.map(|keyword| part.place.below(&join("", keyword))));
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            let schemas = part.object(keyword).filter(|(_, schema)| !schema.is_array());
            places.extend(schemas.map(|(name, _)| part.below(keyword, name)));
        }
        places
    }

    /// Whether a schema says something about nothing but an object's properties of some names, and about those no
    /// more than comparisons and checks.
    pub(super) fn speaks_only_of(&self, place: &Place, names: &BTreeSet<&str>) -> bool {
        self.speaks_only(place, names, 0)
    }

    /// Whether a schema only compares a value to constants, or checks what is plain about it.
    fn is_comparison(&self, place: &Place) -> bool {
        const PLAIN: &[&str] = &["const", "enum", "maxLength", "minLength", "pattern", "type"];
        let flat = self.flattened(&Conjunction::of(place.clone()));
        flat.is_resolved() && flat.parts.iter().flat_map(Part::keywords).all(|(keyword, _)| PLAIN.contains(&keyword))
    }

    fn speaks_only(&self, place: &Place, names: &BTreeSet<&str>, depth: usize) -> bool {
        const DEEPEST: usize = 8;
        let flat = self.flattened(&Conjunction::of(place.clone()));
        if depth > DEEPEST || !flat.loose.is_empty() {
            return false;
        }
        flat.parts.iter().all(|part| {
            part.keywords().all(|(keyword, _)| match keyword {
                "type" => true,
                "required" => flat.required().iter().all(|name| names.contains(name)),
                "properties" => part
                    .object(keyword)
                    .all(|(name, _)| names.contains(name) && self.is_comparison(&part.below(keyword, name))),
                "not" => self.speaks_only(&part.place.below("/not"), names, depth + 1),
                "anyOf" | "oneOf" | "if" | "dependentSchemas" | "dependencies" => {
                    self.applied(part).iter().all(|place| self.speaks_only(place, names, depth + 1))
                }
                "dependentRequired" => true,
                _ => false,
            })
        })
    }
}

/// The types of JSON that the keyword `type` names, and whether numbers must be integers.
fn classes(names: &Value) -> (Classes, bool) {
    let names: Vec<&str> = match names {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return (Classes::ALL, false),
    };
    let classes = names.iter().fold(Classes::NONE, |all, name| all.or(Classes::named(name)));
    (classes, names.contains(&"integer") && !names.contains(&"number"))
}
