//! `oneOf` and `anyOf`, and several types of JSON: null as an alternative, enums whose values are documented, objects
//! that a constant property distinguishes, and types that are tried one after the other.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::references::Location;
use crate::shape::names;
use crate::shape::{Alternative, Body, Check, Choice, Classes, Shape, Type, Union, Variant};

use super::Lowered;
use super::alternative_names;
use super::branch::Branch;
use super::conjunction::{Conjunction, Flat, Part};
use super::context::Context;
use super::scalar::{integer_for, integer_of};

/// More alternatives than anybody wants to see in one enum.
const MOST: usize = 64;

/// So many ways to choose an alternative of every union beside each other have a type each; nobody reads more of them.
const MOST_COMBINATIONS: usize = 128;

impl<'a> Context<'a> {
    /// Lowers `oneOf` or `anyOf`, if there is one that is not a mere rule about properties.
    pub(super) fn alternatives(&mut self, conjunction: &Conjunction, flat: &Flat<'a>, hint: &str) -> Option<Lowered> {
        let (part, keyword, branches) = self.first_union(conjunction, flat)?;
        if conjunction.choices.is_empty() && self.combinations(&branches, MOST_COMBINATIONS).is_none() {
            // Distributed over each other they would multiply: the wider type and the validator take over.
            self.gap(&part.location, keyword);
            return Some(Lowered::of(Type::Any));
        }
        match branches.as_slice() {
            [] => {
                self.gap(&part.location, keyword);
                return Some(Lowered::of(Type::Any));
            }
            [only] => {
                let plain = self.plain(&only.conjunction);
                return Some(match self.reference(&plain) {
                    Some(shape) => Lowered::Shape(shape),
                    None => self.analyse(&plain, hint),
                });
            }
            _ => {}
        }
        let exactly_one = keyword == "oneOf";
        if let Some(shape) = self.null_or_others(conjunction, &branches, exactly_one, hint) {
            return Some(Lowered::Shape(shape));
        }
        if let Some(variants) = self.documented(&branches, exactly_one) {
            return Some(Lowered::Body(Body::Enum(variants)));
        }
        if let Some(lowered) = self.texts(&branches, exactly_one) {
            return Some(lowered);
        }
        if let Some(shape) = self.integers(&branches, exactly_one) {
            // Where they have names, a type has constants of these.
            let are_named = branches.iter().any(|branch| !names::chosen(self.schema(&branch.location)).is_empty());
            return Some(if are_named { Lowered::Body(Body::Wrapper(shape)) } else { Lowered::Shape(shape) });
        }
        if let Some(union) = self.tagged(&branches) {
            return Some(Lowered::Body(Body::Union(union)));
        }
        let choice = if exactly_one { Choice::One } else { Choice::Any };
        let variants = branches.iter().enumerate().map(|(at, branch)| {
            let others = branches.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, branch)| branch);
            let hint = self.hint(branch, others);
            self.alternative(&branch.conjunction, &branch.location, &hint)
        });
        let variants = variants.collect();
        let has_parts =
            |branch: &&Branch<'_>| branch.flat.classes.has(Classes::OBJECT) || branch.flat.classes.has(Classes::ARRAY);
        let overlaps = branches.iter().filter(has_parts).count() > 1;
        if overlaps {
            self.note_several((part.location.clone(), keyword));
        }
        Some(Lowered::Body(Body::Union(Union { choice, variants, overlaps })))
    }

    /// The first union of a conjunction: the part that it stands in, its keyword and its alternatives.
    fn first_union<'f>(
        &self,
        conjunction: &Conjunction,
        flat: &'f Flat<'a>,
    ) -> Option<(&'f Part<'a>, &'static str, Vec<Branch<'a>>)> {
        flat.parts.iter().find_map(|part| {
            let found = |keyword| Some((part, keyword, self.branches(conjunction, flat, part, keyword)?));
            ["oneOf", "anyOf"].into_iter().find_map(found)
        })
    }

    /// The alternatives of a keyword that are possible together with everything beside them; `None` where there are
    /// none, or they are mere rules about declared properties.
    fn branches(
        &self,
        conjunction: &Conjunction,
        flat: &Flat<'a>,
        part: &Part<'a>,
        keyword: &'static str,
    ) -> Option<Vec<Branch<'a>>> {
        let count = part.get(keyword)?.as_array()?.len();
        if count > MOST {
            return None;
        }
        let branch = |index: usize| {
            let location = part.below(keyword, &index.to_string());
            let conjunction = conjunction.choosing(&part.location, keyword, index);
            let flat = self.flattened(&conjunction);
            Branch { location, conjunction, flat }
        };
        let is_possible = |branch: &Branch<'a>| {
            let is_object = branch.flat.classes == Classes::OBJECT;
            branch.flat.never.is_none()
                && !branch.flat.classes.is_empty()
                && !(is_object && self.lacks_value(&branch.flat))
        };
        let branches: Vec<Branch<'a>> = (0..count).map(branch).filter(is_possible).collect();
        let names: BTreeSet<&str> = flat.property_names().collect();
        let are_rules = flat.classes == Classes::OBJECT
            && !names.is_empty()
            && branches.len() > 1
            && branches.iter().all(|branch| self.speaks_only_of(&branch.location, &names));
        (!are_rules).then_some(branches)
    }

    /// How many ways there are to choose from a union and all that hold together with it; `None` for more than `left`.
    fn combinations(&self, branches: &[Branch<'a>], left: usize) -> Option<usize> {
        let mut count = 0;
        for branch in branches {
            if self.budget.is_spent() {
                return None;
            }
            let is_plain = self.plain(&branch.conjunction).choices.is_empty();
            // Without a choice it is a schema of its own, whose type is shared.
            let next = if is_plain { None } else { self.first_union(&branch.conjunction, &branch.flat) };
            count += match next {
                Some((_, _, branches)) => self.combinations(&branches, left.checked_sub(count)?)?,
                None => 1,
            };
            if count > left {
                return None;
            }
        }
        Some(count.max(1))
    }

    /// Alternatives of which one is null and the others are not.
    fn null_or_others(
        &mut self,
        conjunction: &Conjunction,
        branches: &[Branch<'a>],
        exactly_one: bool,
        hint: &str,
    ) -> Option<Shape> {
        let is_null = |branch: &&Branch<'a>| {
            let lists =
                || branch.flat.only_lists() && self.values(&branch.flat).is_some_and(|values| !values.is_empty());
            branch.flat.classes == Classes::NULL && (branch.flat.is_bare(Classes::NULL) || lists())
        };
        let (nulls, others): (Vec<&Branch<'a>>, Vec<&Branch<'a>>) = branches.iter().partition(is_null);
        // Of exactly one null may be no value of another; of any it may, and is one all the same.
        let takes_null = |branch: &&Branch<'a>| self.possible(&branch.conjunction, &branch.flat, 0).has(Classes::NULL);
        if nulls.is_empty() && others.iter().any(takes_null) {
            return self.null_beside_others(conjunction, branches, exactly_one, hint);
        }
        if nulls.is_empty() || exactly_one && (nulls.len() > 1 || others.iter().any(takes_null)) {
            return None;
        }
        let mut shape = match others.as_slice() {
            [other] if takes_null(other) => {
                self.lower(&other.conjunction.only(Classes::ALL.without(Classes::NULL)), hint)
            }
            [other] => self.lower(&other.conjunction, hint),
            _ => self.lower(&conjunction.only(Classes::ALL.without(Classes::NULL)), hint),
        };
        shape.nullable = shape.ty != Type::Any;
        if shape.ty == Type::Any {
            // Null has room in it, and the validator sees to the rest.
            shape.checks.clear();
            self.gap(&others.first()?.location, "type");
        }
        Some(shape)
    }

    /// Alternatives of which none is null alone, but some take null beside other types of JSON, and the rest surely does not.
    fn null_beside_others(
        &mut self,
        conjunction: &Conjunction,
        branches: &[Branch<'a>],
        exactly_one: bool,
        hint: &str,
    ) -> Option<Shape> {
        let surely = |branch: &&Branch<'a>| {
            let lists = || {
                let values = self.values(&branch.flat);
                branch.flat.only_lists() && values.is_some_and(|values| values.contains(&Value::Null))
            };
            branch.flat.classes.has(Classes::NULL) && (branch.flat.is_bare(Classes::NULL) || lists())
        };
        let (sure, others): (Vec<&Branch<'a>>, Vec<&Branch<'a>>) = branches.iter().partition(surely);
        let may_be = |branch: &&Branch<'a>| self.possible(&branch.conjunction, &branch.flat, 0).has(Classes::NULL);
        let is_open = |branch: &Branch<'a>| branch.flat.classes == Classes::ALL;
        if sure.is_empty() || others.iter().any(may_be) || branches.iter().any(is_open) {
            return None;
        }
        // Of exactly one, null is no value where it is one of several.
        let takes_null = !exactly_one || sure.len() == 1;
        let mut shape = self.lower(&conjunction.only(Classes::ALL.without(Classes::NULL)), hint);
        if shape.ty == Type::Any {
            // Null has room in it, and the validator sees to the rest.
            shape.checks.clear();
            self.gap(&branches.first()?.location, "type");
        } else {
            shape.nullable |= takes_null;
        }
        Some(shape)
    }

    /// The types of JSON that schemas may accept, as far as their alternatives say.
    fn possible(&self, conjunction: &Conjunction, flat: &Flat<'a>, depth: usize) -> Classes {
        const DEEPEST: usize = 2;
        let mut possible = flat.classes;
        if depth == DEEPEST || self.budget.is_spent() {
            return possible;
        }
        for part in &flat.parts {
            for keyword in ["anyOf", "oneOf"] {
                let Some(count) =
                    part.get(keyword).and_then(Value::as_array).map(Vec::len).filter(|count| *count <= MOST)
                else {
                    continue;
                };
                let of = (0..count).map(|index| {
                    let chosen = conjunction.choosing(&part.location, keyword, index);
                    let flat = self.flattened(&chosen);
                    if flat.never.is_some() { Classes::NONE } else { self.possible(&chosen, &flat, depth + 1) }
                });
                possible = possible.and(of.fold(Classes::NONE, Classes::or));
            }
        }
        possible
    }

    /// Whether a property that must be there has no value: several schemas list values for it, and share none.
    fn lacks_value(&self, flat: &Flat<'a>) -> bool {
        let lists = |schema: &Value| schema.get("const").is_some() || schema.get("enum").is_some();
        let mut seen = HashSet::new();
        let listed = flat.parts.iter().flat_map(|part| part.object("properties")).filter(|(_, schema)| lists(schema));
        let twice: BTreeSet<&str> = listed.map(|(name, _)| name).filter(|name| !seen.insert(*name)).collect();
        twice.into_iter().filter(|name| flat.required_name(name).is_some()).any(|name| {
            let flat = self.flattened(&Conjunction::all(flat.property(name).locations));
            self.values(&flat).is_some_and(|values| values.is_empty())
        })
    }

    /// Alternatives that are strings, each with a description of its own: an enum that is written out.
    fn documented(&self, branches: &[Branch<'_>], exactly_one: bool) -> Option<Vec<Variant>> {
        let mut variants: Vec<Variant> = Vec::new();
        let mut seen = HashSet::new();
        for branch in branches {
            let doc = [self.text(&branch.location, "description"), self.text(&branch.location, "title")];
            let doc = doc.into_iter().find(|doc| !doc.is_empty()).unwrap_or_default();
            let name = names::chosen(self.schema(&branch.location));
            let values = self.values(&branch.flat)?;
            // Of several values none is what the title names.
            let name = if values.len() == 1 { name } else { String::new() };
            for value in values {
                let Value::String(value) = value else { return None };
                if !seen.insert(value.clone()) {
                    if exactly_one {
                        return None;
                    }
                    continue;
                }
                variants.push(Variant { value, name: name.clone(), doc: doc.to_owned() });
            }
            if !branch.flat.only_lists() {
                return None;
            }
        }
        Some(variants)
    }

    /// Alternatives that are strings with checks: a string with alternatives of checks.
    fn texts(&mut self, branches: &[Branch<'_>], exactly_one: bool) -> Option<Lowered> {
        let plain = ["type", "minLength", "maxLength", "pattern", "format"];
        let is_text = |branch: &Branch<'_>| {
            let mut keywords = branch.flat.parts.iter().flat_map(|part| part.keywords());
            branch.flat.classes == Classes::STRING && keywords.all(|(keyword, _)| plain.contains(&keyword))
        };
        if !branches.iter().all(is_text) {
            return None;
        }
        let lists = branches.iter().map(|branch| self.text_checks(&branch.flat).1);
        let lists: Vec<Vec<Check>> = lists.collect();
        let check = if exactly_one { Check::One(lists) } else { Check::Any(lists) };
        Some(Lowered::Shape(Shape { checks: vec![check], ..Shape::of(Type::Text) }))
    }

    /// Alternatives that each list integers: an integer that is one of them.
    fn integers(&self, branches: &[Branch<'_>], exactly_one: bool) -> Option<Shape> {
        let mut alternatives: BTreeMap<i128, usize> = BTreeMap::new();
        for branch in branches {
            if !branch.flat.only_lists() || branch.flat.parts.iter().any(Part::lists_rounded) {
                return None;
            }
            let listed: Option<BTreeSet<i128>> = self.values(&branch.flat)?.iter().map(integer_of).collect();
            listed?.into_iter().for_each(|value| *alternatives.entry(value).or_default() += 1);
        }
        if exactly_one {
            // What several list is no value.
            alternatives.retain(|_, count| *count == 1);
        }
        let integers: Vec<i128> = alternatives.into_keys().collect();
        let integer = integer_for(Some(*integers.first()?), integers.last().copied())?;
        Some(Shape { checks: vec![Check::OneOf(integers)], ..Shape::of(Type::Integer(integer)) })
    }

    /// Alternatives that are objects, with a required property that has other constants in each.
    fn tagged(&mut self, branches: &[Branch<'a>]) -> Option<Union> {
        if !branches.iter().all(|branch| branch.flat.classes == Classes::OBJECT) {
            return None;
        }
        let declared = alternative_names::in_order(branches.first()?.flat.property_names());
        let (tag, values) = declared.into_iter().find_map(|tag| {
            let mut all: Vec<Vec<String>> = Vec::new();
            let mut seen = HashSet::new();
            for branch in branches {
                let values = self.tag_values(&branch.flat, tag)?;
                // Within one alternative a value may be listed twice.
                let own: HashSet<&String> = values.iter().collect();
                if !own.into_iter().all(|value| seen.insert(value.clone())) {
                    return None;
                }
                all.push(values);
            }
            Some((tag.to_owned(), all))
        })?;
        let is_pure = |branch: &Branch<'_>| {
            branch
                .flat
                .parts
                .iter()
                .all(|part| part.keywords().all(|(keyword, classes)| classes != Classes::ALL || keyword == "type"))
        };
        let kept = values.iter().any(|values| values.len() != 1) || !branches.iter().all(is_pure);
        let mut variants = Vec::new();
        for (branch, tags) in branches.iter().zip(values) {
            let left_out = (!kept).then_some(tag.as_str());
            let hint = alternative_names::of_tags(&tags);
            let conjunction = self.target(&branch.conjunction);
            let id = match self.known(&conjunction, left_out) {
                Some(id) => id,
                None => {
                    let origin = match conjunction.locations.as_slice() {
                        [location] if conjunction.choices.is_empty() => self.origin_of(location, &hint),
                        _ => self.inline(&hint),
                    };
                    self.define(conjunction, left_out, origin)
                }
            };
            let doc = self.text(&branch.location, "description").to_owned();
            let chosen = names::chosen_for(self.schema(&branch.location), &hint);
            let name = if chosen.is_empty() { hint } else { chosen };
            variants.push(Alternative { name, tags, doc, shape: Shape::of(Type::Named(id)) });
        }
        Some(Union { choice: Choice::Tag { property: tag, kept }, variants, overlaps: false })
    }

    /// The constants that a required property must have, all of them strings.
    fn tag_values(&self, flat: &Flat<'a>, tag: &str) -> Option<Vec<String>> {
        let name = flat.required_name(tag)?;
        let property = flat.property(name);
        if property.locations.is_empty() || property.forbidden {
            return None;
        }
        let flat = self.flattened(&Conjunction::all(property.locations));
        if !flat.only_lists() || !flat.is_resolved() || flat.never.is_some() {
            return None;
        }
        let values = self.values(&flat)?;
        let texts: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
        texts.filter(|texts| !texts.is_empty())
    }

    /// The conjunction at the end of references that have nothing beside them.
    fn target(&self, conjunction: &Conjunction) -> Conjunction {
        const DEEPEST: usize = 32;
        let mut target = self.plain(conjunction);
        for _ in 0..DEEPEST {
            match self.referred(&target) {
                Some(location) => target = self.plain(&Conjunction::of(location)),
                None => break,
            }
        }
        target
    }

    /// Lowers schemas that allow several types of JSON.
    pub(super) fn of_several_classes(&mut self, conjunction: &Conjunction, flat: &Flat<'_>, hint: &str) -> Lowered {
        /// From so many types on of which nothing more is said, they are any JSON together.
        const MANY: u32 = 3;
        let spoken = flat.spoken_of();
        let others = flat.classes.without(spoken);
        if spoken.is_empty() && (flat.classes == Classes::ALL || others.len() >= MANY) {
            self.gaps_but(flat, flat.classes, &[]);
            return Lowered::Shape(of_classes(flat.classes));
        }
        let nulls = flat.classes.has(Classes::NULL) && others.len() < MANY;
        if nulls {
            let mut shape = self.lower(&conjunction.only(Classes::ALL.without(Classes::NULL)), hint);
            shape.nullable = true;
            return Lowered::Shape(shape);
        }
        let single = if others.len() >= MANY { spoken } else { flat.classes };
        let mut variants = Vec::new();
        for class in single.each() {
            let conjunction = conjunction.only(class);
            let location = conjunction.locations[0].clone();
            variants.push(self.alternative(&conjunction, &location, class.type_name()));
        }
        if single != flat.classes {
            let shape = of_classes(flat.classes.without(single));
            let (name, doc) = ("other".to_owned(), "Any other JSON.".to_owned());
            variants.push(Alternative { tags: Vec::new(), name, doc, shape });
        }
        Lowered::Body(Body::Union(Union { choice: Choice::Any, variants, overlaps: false }))
    }

    fn alternative(&mut self, conjunction: &Conjunction, location: &Location, hint: &str) -> Alternative {
        let plain = self.plain(conjunction);
        let mut shape = self.lower(&plain, hint);
        if shape.nullable || shape.ty != self.read_by_serde(shape.clone()).ty {
            // What the reading of a union cannot say about a type, a type of its own can.
            let outer = self.open_gaps();
            let body = Body::Wrapper(shape);
            shape = Shape::of(Type::Named(self.define_body(plain, hint, body, outer)));
        }
        let doc = self.text(location, "description").to_owned();
        let doc = if conjunction.choices.is_empty() { String::new() } else { doc };
        // A type of its own has the title already.
        let is_named = matches!(shape.ty, Type::Named(_) | Type::Boxed(_));
        let schema = self.schema(location);
        let name = if is_named { names::chosen_for(schema, "named") } else { names::chosen(schema) };
        let name = if conjunction.choices.is_empty() { String::new() } else { name };
        Alternative { tags: Vec::new(), name, doc, shape }
    }
}

/// Any JSON of some types.
fn of_classes(classes: Classes) -> Shape {
    let mut shape = Shape::of(Type::Any);
    if classes != Classes::ALL {
        shape.checks.push(Check::Classes(classes));
    }
    shape
}
