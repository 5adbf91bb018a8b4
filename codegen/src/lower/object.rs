//! Objects: structs where properties are declared, maps where they are not.

use std::collections::HashSet;

use eventsmith_exact::schema::is_rounded;
use serde_json::{Map, Value};

use crate::references::{Location, Target};
use crate::shape::names;
use crate::shape::{Check, Classes, Field, Rule, Shape, Struct, Type, Unknown};

use super::conjunction::{Conjunction, Flat};
use super::context::Context;
use super::data::is_data;

/// Keywords that fields, rules and maps express, or note a gap for.
const HANDLED: &[&str] = &[
    "anyOf",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "properties",
    "propertyNames",
    "required",
];

/// Fields that a struct may have: compilers take minutes for more, and more memory than most machines have.
const MOST_FIELDS: usize = 4096;

/// Names that may be held against patterns: that many take a moment.
const MOST_MATCHES: usize = 1 << 20;

/// Whether an object has more properties than a struct may have fields, or more patterns than those are held against. What must be
/// there is a field, too.
pub(super) fn is_too_wide(flat: &Flat<'_>) -> bool {
    let required = flat.every("required").filter_map(|(_, names)| names.as_array()).flatten().filter_map(Value::as_str);
    let names: HashSet<&str> = flat.property_names().chain(required).take(2 * MOST_FIELDS + 1).collect();
    let names = names.len();
    names > MOST_FIELDS
        || names * flat.every("patternProperties").filter_map(|(_, all)| all.as_object()).map(Map::len).sum::<usize>()
            > MOST_MATCHES
}

impl<'a> Context<'a> {
    /// Lowers an object of which the validator checks everything.
    pub(super) fn any_object(&mut self, flat: &Flat<'_>) -> Shape {
        self.gaps_but(flat, Classes::OBJECT, &[]);
        if let Some(closure) = flat.closures().first() {
            self.gap(&closure.schema.clone(), "additionalProperties");
        }
        Shape::of(Type::Map(Box::new(Shape::of(Type::Any))))
    }

    /// Whether an object has properties with names of their own.
    pub(super) fn is_struct(flat: &Flat<'_>) -> bool {
        let closed = flat.closures().iter().any(|closure| closure.forbids) && flat.patterns().is_empty();
        closed || flat.property_names().next().is_some() || !flat.required().is_empty()
    }

    /// Lowers a struct, without the property `tag` if it is the alternative of a union.
    pub(super) fn structure(&mut self, flat: &Flat<'_>, tag: Option<&str>) -> Struct {
        let before = self.gaps.len();
        self.gaps_but(flat, Classes::OBJECT, HANDLED);
        let mut has_gaps = self.gaps.len() > before;
        let required = flat.required();
        let required_names: HashSet<&str> = required.iter().copied().collect();
        let unknown = self.unknown(flat);
        let mut rules = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        let mut declared: HashSet<&str> = HashSet::new();
        for property in flat.properties() {
            let is_required = required_names.contains(property.name);
            if Some(property.name) == tag {
                continue;
            }
            if property.forbidden {
                // Another schema takes it for undeclared and forbids it, so that the struct refuses it.
                if is_required {
                    self.gap(&property.locations[0], "required");
                }
                continue;
            }
            let never = property.locations.iter().any(|location| self.schema(location) == &Value::Bool(false));
            let shape = if never {
                rules.push(Rule::Not(Box::new(Rule::Present(property.name.to_owned()))));
                Shape::of(Type::Any)
            } else {
                self.lower(&Conjunction::all(property.locations.clone()), property.name)
            };
            fields.push(self.field(property.name, &property.locations, shape, is_required));
            declared.insert(property.name);
        }
        for name in required.into_iter().filter(|name| Some(*name) != tag) {
            if declared.contains(name) {
                continue;
            }
            let property = flat.property(name);
            if property.forbidden {
                if let Some((part, _)) = flat.every("required").next() {
                    self.gap(&part.location, "required");
                }
                continue;
            }
            let shape = match property.locations.as_slice() {
                [] => Shape::of(Type::Any),
                locations => self.lower(&Conjunction::all(locations.to_vec()), name),
            };
            fields.push(self.field(name, &property.locations, shape, true));
        }
        let mut body = Struct { fields, unknown, rules, tag: tag.map(str::to_owned) };
        let before = self.gaps.len();
        self.add_rules(flat, &mut body);
        has_gaps |= self.gaps.len() > before;
        if has_gaps {
            // The validator looks at properties that are not declared: what is written must have them, too.
            self.keep_undeclared(flat, &mut body);
        }
        body
    }

    fn field(&self, name: &str, locations: &[Location], shape: Shape, required: bool) -> Field {
        let doc = locations.iter().map(|location| self.text(location, "description")).find(|doc| !doc.is_empty());
        let own = locations.iter().find_map(|location| self.default_of(location));
        let default = own.or_else(|| locations.iter().find_map(|location| self.referred_default(location)));
        let (doc, default) = (doc.unwrap_or_default().to_owned(), default.cloned());
        let mut chosen = locations.iter().map(|location| names::chosen_for(self.schema(location), name));
        let chosen = chosen.find(|chosen| !chosen.is_empty()).unwrap_or_default();
        Field { property: name.to_owned(), name: chosen, doc, shape, required, default }
    }

    fn default_of(&self, location: &Location) -> Option<&'a Value> {
        let schema = self.schema(location).as_object()?;
        schema.get("default").filter(|default| !is_data(default) && !is_rounded(schema, "default"))
    }

    /// The default of what a schema refers to: annotations apply through references.
    fn referred_default(&self, location: &Location) -> Option<&'a Value> {
        const DEEPEST: usize = 32;
        let mut at = location.clone();
        for _ in 0..DEEPEST {
            let Some(Target::Location(target)) = self.resolve(&at) else { return None };
            if let Some(default) = self.default_of(&target) {
                return Some(default);
            }
            at = target;
        }
        None
    }

    /// What happens to the properties that nobody declares.
    fn unknown(&mut self, flat: &Flat<'_>) -> Unknown {
        let patterns = flat.patterns();
        let forbids = flat.closures().iter().any(|closure| closure.forbids);
        let others: Vec<Location> =
            flat.closures().iter().filter(|closure| !closure.forbids).map(|closure| closure.schema.clone()).collect();
        let mut checks = self.name_checks(flat);
        let item = match patterns.as_slice() {
            [] if forbids => return Unknown::Forbidden,
            [] if others.is_empty() && checks.is_empty() => return Unknown::Ignored,
            [] if others.is_empty() => Shape::of(Type::Any),
            [] => self.lower(&Conjunction::all(others), "value"),
            [(pattern, schema)] if forbids && others.is_empty() && self.all_except(flat, pattern) => {
                checks.push(Check::Pattern((*pattern).to_owned()));
                self.lower(&Conjunction::of(schema.clone()), "value")
            }
            several => {
                for (_, schema) in several {
                    if !self.accepts_all(schema) {
                        self.gap(schema, "patternProperties");
                    }
                }
                if forbids || !others.iter().all(|schema| self.accepts_all(schema)) {
                    self.gap(&flat.closures()[0].schema.clone(), "additionalProperties");
                }
                let all = several.iter().map(|(_, schema)| schema.clone()).chain(others);
                self.keeping.whole.extend(all);
                Shape::of(Type::Any)
            }
        };
        let checks = if checks.is_empty() { Vec::new() } else { vec![Check::Names(checks)] };
        Unknown::Kept(Box::new(Shape { ty: Type::Map(Box::new(item)), nullable: false, checks }))
    }

    fn all_except(&self, flat: &Flat<'_>, pattern: &str) -> bool {
        flat.closures().iter().all(|closure| closure.excepts(pattern))
    }

    fn accepts_all(&self, location: &Location) -> bool {
        match self.schema(location) {
            Value::Bool(accepts) => *accepts,
            _ => {
                let flat = self.flattened(&Conjunction::of(location.clone()));
                flat.never.is_none() && flat.classes == Classes::ALL && flat.is_bare(Classes::ALL)
            }
        }
    }

    /// Lowers an object without declared properties.
    pub(super) fn map(&mut self, flat: &Flat<'_>) -> Shape {
        let handled =
            ["patternProperties", "properties", "required", "propertyNames", "minProperties", "maxProperties"];
        self.gaps_but(flat, Classes::OBJECT, &handled);
        let mut shape = match self.unknown(flat) {
            Unknown::Kept(map) => *map,
            Unknown::Ignored | Unknown::Forbidden => Shape::of(Type::Map(Box::new(Shape::of(Type::Any)))),
        };
        let (min, max) = self.sizes(flat, "minProperties", "maxProperties");
        if min.is_some() || max.is_some() {
            shape.checks.insert(0, Check::Members { min, max });
        }
        shape
    }

    /// What must hold for the names of undeclared properties. Declared names that do not hold make a gap.
    fn name_checks(&mut self, flat: &Flat<'_>) -> Vec<Check> {
        let mut checks = Vec::new();
        for (part, _) in flat.every("propertyNames") {
            let location = part.location.below("/propertyNames");
            let names = self.flattened(&Conjunction::of(location.clone()).only(Classes::STRING));
            let plain = ["type", "minLength", "maxLength", "pattern"];
            let is_plain = names.never.is_none()
                && names.classes == Classes::STRING
                && names.parts.iter().flat_map(|part| part.keywords()).all(|(keyword, _)| plain.contains(&keyword));
            let mut declared: Vec<Value> = flat.required().into_iter().map(Value::from).collect();
            declared.extend(flat.property_names().map(Value::from));
            let is_plain = is_plain
                && names.parts.iter().all(|part| {
                    let validator = self.plain_validator(part);
                    validator.is_some_and(|validator| declared.iter().all(|name| validator.is_valid(name)))
                });
            if is_plain {
                checks.extend(self.text_shape(&names).checks);
            } else if !self.accepts_all(&location) {
                self.gap(&part.location, "propertyNames");
            }
        }
        checks
    }
}
