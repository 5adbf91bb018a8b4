//! Schemas that hold together: what `allOf`, references with siblings, and a chosen alternative come to.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::pointer::join;
use crate::references::Location;
use crate::schema;
use crate::shape::{Classes, Gap};

use super::dialect::Draft;

/// The members of a schema object.
pub(super) type Members = Map<String, Value>;

/// Schemas that an instance must fulfil all at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Conjunction {
    /// Where they stand, at least one.
    pub(super) locations: Vec<Location>,
    /// The types of JSON at hand; the others are dealt with elsewhere.
    pub(super) classes: Classes,
    /// Which alternative of an `anyOf` or `oneOf` is meant.
    pub(super) choices: Vec<(Location, &'static str, usize)>,
}

impl Conjunction {
    pub(super) fn of(location: Location) -> Self {
        Self::all(vec![location])
    }

    pub(super) fn all(locations: Vec<Location>) -> Self {
        Self { locations, classes: Classes::ALL, choices: Vec::new() }
    }

    /// The same schemas for some types of JSON only.
    pub(super) fn only(&self, classes: Classes) -> Self {
        Self { classes: self.classes.and(classes), ..self.clone() }
    }

    /// The same schemas with one alternative chosen.
    pub(super) fn choosing(&self, location: &Location, keyword: &'static str, index: usize) -> Self {
        let mut chosen = self.clone();
        chosen.choices.push((location.clone(), keyword, index));
        chosen
    }

    pub(super) fn choice(&self, location: &Location, keyword: &str) -> Option<usize> {
        let found = self.choices.iter().find(|(at, of, _)| at == location && *of == keyword);
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
    pub(super) loose: Vec<Gap>,
    /// Keywords that speak of properties that no other one speaks of.
    pub(super) closures: Vec<Closure<'a>>,
    /// The parts that each location came to.
    pub(super) done: HashMap<Location, Vec<usize>>,
    /// How many references are being followed.
    pub(super) depth: usize,
}

/// One schema among those that hold side by side.
pub(super) struct Part<'a> {
    pub(super) location: Location,
    pub(super) draft: Draft,
    pub(super) members: &'a Members,
    /// Keywords that other parts stand for.
    pub(super) resolved: Vec<&'static str>,
}

/// What holds for the properties that a scope does not declare.
pub(super) struct Closure<'a> {
    pub(super) names: BTreeSet<&'a str>,
    pub(super) patterns: Vec<&'a str>,
    /// The schema of all others.
    pub(super) schema: Location,
    pub(super) forbids: bool,
}

/// A declared property of a conjunction.
pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    /// The schemas of its value.
    pub(super) locations: Vec<Location>,
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

    pub(super) fn object(&self, keyword: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let members = self.get(keyword).and_then(Value::as_object);
        members.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
    }

    pub(super) fn below(&self, keyword: &str, step: &str) -> Location {
        self.location.below(&join(&join("", keyword), step))
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
        let lists = self.every("required").filter_map(|(_, names)| names.as_array());
        each_once(lists.flatten().filter_map(Value::as_str)).collect()
    }

    /// The name itself, if a property must be there.
    pub(super) fn required_name(&self, name: &str) -> Option<&'a str> {
        let lists = self.every("required").filter_map(|(_, names)| names.as_array());
        lists.flatten().filter_map(Value::as_str).find(|required| *required == name)
    }

    /// The declared properties in their order.
    pub(super) fn properties(&self) -> Vec<Property<'a>> {
        self.property_names().map(|name| self.property(name)).collect()
    }

    /// The names of the declared properties in their order.
    pub(super) fn property_names(&self) -> impl Iterator<Item = &'a str> {
        each_once(self.parts.iter().flat_map(|part| part.object("properties")).map(|(name, _)| name))
    }

    /// What the schemas say about one property.
    pub(super) fn property(&self, name: &'a str) -> Property<'a> {
        let mut locations = Vec::new();
        for part in &self.parts {
            if part.get("properties").is_some_and(|declared| declared.get(name).is_some()) {
                locations.push(part.below("properties", name));
            }
            for (pattern, _) in part.object("patternProperties") {
                if schema::matches(pattern, name) {
                    locations.push(part.below("patternProperties", pattern));
                }
            }
        }
        let open: Vec<&Closure> = self.closures.iter().filter(|closure| !closure.covers(name)).collect();
        let forbidden = open.iter().any(|closure| closure.forbids);
        locations.extend(open.iter().filter(|closure| !closure.forbids).map(|closure| closure.schema.clone()));
        Property { name, locations, forbidden }
    }

    /// The patterns of `patternProperties` with their schemas.
    pub(super) fn patterns(&self) -> Vec<(&'a str, Location)> {
        let of = |part: &Part<'a>| {
            let location = part.location.clone();
            part.object("patternProperties")
                .map(move |(pattern, _)| (pattern, location.below(&join("/patternProperties", pattern))))
        };
        self.parts.iter().flat_map(of).collect()
    }

    pub(super) fn closures(&self) -> &[Closure<'a>] {
        &self.closures
    }
}

/// Names without those that came before.
fn each_once<'n>(names: impl Iterator<Item = &'n str>) -> impl Iterator<Item = &'n str> {
    let mut seen = HashSet::new();
    names.filter(move |name| seen.insert(*name))
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
