//! Flattening: what all schemas of a conjunction say together.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::pointer::join;
use crate::references::{Location, Target};
use crate::shape::{Classes, Gap};

use super::conjunction::{Closure, Conjunction, Flat, Members, Part};
use super::context::Context;
use super::dialect::Draft;

/// So many references are followed one behind the other; a longer chain is left to the validator.
const DEEPEST: usize = 64;

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
            depth: 0,
        };
        for location in &conjunction.locations {
            self.add(location, conjunction, &mut flat);
        }
        flat
    }

    /// Adds a schema and what it stands for; returns the parts that it came to.
    fn add(&self, location: &Location, conjunction: &Conjunction, flat: &mut Flat<'a>) -> Vec<usize> {
        if let Some(parts) = flat.done.get(location) {
            return parts.clone();
        }
        flat.done.insert(location.clone(), Vec::new());
        self.budget.look(1);
        let members = match self.schema(location) {
            Value::Object(members) if !is_never(members) => members,
            Value::Bool(true) => return Vec::new(),
            _ => {
                flat.never.get_or_insert_with(|| Gap { location: location.clone(), keyword: "false".to_owned() });
                return Vec::new();
            }
        };
        let draft = Draft::of(self.dialect(location));
        let mut part = Part { location: location.clone(), draft, members, resolved: Vec::new() };
        if members.contains_key("$ref") && !draft.ref_has_siblings() {
            // Nothing beside a reference counts; all that is left of the schema is what it refers to.
            let parts = self.add_reference(location, members, conjunction, flat).unwrap_or_default();
            flat.done.insert(location.clone(), parts.clone());
            return parts;
        }
        flat.parts.push(Part { location: location.clone(), draft, members, resolved: Vec::new() });
        let index = flat.parts.len() - 1;
        let mut parts = vec![index];
        if let Some(found) = self.add_reference(location, members, conjunction, flat) {
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
            if let Some(at) = conjunction.choice(location, keyword) {
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
        let listed = match (part.get("const"), part.get("enum")) {
            (Some(value), _) => Some(Classes::of(value)),
            (None, Some(Value::Array(values))) => {
                Some(values.iter().fold(Classes::NONE, |all, value| all.or(Classes::of(value))))
            }
            _ => None,
        };
        flat.classes = flat.classes.and(listed.unwrap_or(Classes::ALL));
        // Schemas that meet again on many ways count once, or their number doubles with every level.
        parts.sort_unstable();
        parts.dedup();
        self.add_closures(&mut part, &parts, flat);
        flat.parts[index] = part;
        flat.done.insert(location.clone(), parts.clone());
        parts
    }

    fn add_reference(
        &self,
        location: &Location,
        members: &Members,
        conjunction: &Conjunction,
        flat: &mut Flat<'a>,
    ) -> Option<Vec<usize>> {
        members.get("$ref").filter(|reference| reference.is_string())?;
        match self.resolve(location) {
            Some(Target::Location(target)) if flat.depth < DEEPEST => {
                flat.depth += 1;
                let parts = self.add(&target, conjunction, flat);
                flat.depth -= 1;
                Some(parts)
            }
            Some(_) | None => {
                flat.loose.push(Gap { location: location.clone(), keyword: "$ref".to_owned() });
                Some(Vec::new())
            }
        }
    }

    /// Notes what a schema says about properties that it, or what it stands for, does not declare.
    fn add_closures(&self, part: &mut Part<'a>, parts: &[usize], flat: &mut Flat<'a>) {
        let close = |keyword: &str, names, patterns| {
            let schema = part.location.below(&join("", keyword));
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
        if applicators.iter().all(|location| self.speaks_only_of(location, &names)) {
            let closure = close("unevaluatedProperties", names, patterns);
            flat.closures.push(closure);
            part.resolved.push("unevaluatedProperties");
        }
    }

    /// The schemas that may apply to the same object without being part of the conjunction.
    pub(super) fn applied(&self, part: &Part<'a>) -> Vec<Location> {
        let mut locations = Vec::new();
        for keyword in ["anyOf", "oneOf", "$dynamicRef", "$recursiveRef"] {
            match part.get(keyword) {
                Some(Value::Array(all)) => {
                    locations.extend((0..all.len()).map(|at| part.below(keyword, &at.to_string())));
                }
                Some(_) => locations.push(part.location.below(&join("", keyword))),
                None => {}
            }
        }
        if part.get("if").is_some() {
            let present = ["if", "then", "else"].iter().filter(|keyword| part.members.contains_key(**keyword));
            locations.extend(present.map(|keyword| part.location.below(&join("", keyword))));
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            let schemas = part.object(keyword).filter(|(_, schema)| !schema.is_array());
            locations.extend(schemas.map(|(name, _)| part.below(keyword, name)));
        }
        locations
    }

    /// Whether a schema says something about nothing but an object's properties of some names, and about those no
    /// more than comparisons and checks.
    pub(super) fn speaks_only_of(&self, location: &Location, names: &BTreeSet<&str>) -> bool {
        self.speaks_only(location, names, 0, &mut HashSet::new())
    }

    /// Whether a schema only compares a value to constants, or checks what is plain about it.
    fn is_comparison(&self, location: &Location) -> bool {
        const PLAIN: &[&str] = &["const", "enum", "maxLength", "minLength", "pattern", "type"];
        let flat = self.flattened(&Conjunction::of(location.clone()));
        flat.is_resolved() && flat.parts.iter().flat_map(Part::keywords).all(|(keyword, _)| PLAIN.contains(&keyword))
    }

    /// `seen` are schemas that are looked at already: what they say is asked once, on however many ways they are met.
    fn speaks_only(
        &self,
        location: &Location,
        names: &BTreeSet<&str>,
        depth: usize,
        seen: &mut HashSet<Location>,
    ) -> bool {
        const DEEPEST: usize = 8;
        if !seen.insert(location.clone()) {
            return true;
        }
        if self.budget.is_spent() {
            return false;
        }
        let flat = self.flattened(&Conjunction::of(location.clone()));
        if depth > DEEPEST || !flat.loose.is_empty() {
            return false;
        }
        flat.parts.iter().all(|part| {
            part.keywords().all(|(keyword, _)| match keyword {
                "type" => true,
                "required" => part
                    .get(keyword)
                    .and_then(Value::as_array)
                    .is_none_or(|all| all.iter().filter_map(Value::as_str).all(|name| names.contains(name))),
                "properties" => part
                    .object(keyword)
                    .all(|(name, _)| names.contains(name) && self.is_comparison(&part.below(keyword, name))),
                "not" => self.speaks_only(&part.location.below("/not"), names, depth + 1, seen),
                "anyOf" | "oneOf" | "if" | "dependentSchemas" | "dependencies" => {
                    self.applied(part).iter().all(|location| self.speaks_only(location, names, depth + 1, seen))
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

/// Whether a schema forbids what everything is.
fn is_never(members: &Members) -> bool {
    // Beside a reference nothing counts in older drafts.
    !members.contains_key("$ref")
        && members.get("not").is_some_and(|forbidden| match forbidden {
            Value::Bool(all) => *all,
            Value::Object(members) => members.is_empty(),
            _ => false,
        })
}
