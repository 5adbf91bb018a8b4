//! From schemas to types.
//!
//! Two things hold for every schema. The type has room for every instance that the schema accepts. And whatever the
//! schema forbids beyond the type is a check, or else a gap that sends the event to the validator.

mod context;
mod merge;
pub(crate) mod names;
mod object;
mod rules;
mod scalar;
mod union;

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::load::Loaded;
use crate::references::{Place, Target};
use crate::shape::{Body, Id, Program, Shape, Type};

use context::Context;
pub(crate) use scalar::integer_of;

/// Lowers every payload of a catalogue.
pub(crate) fn lower(loaded: &Loaded) -> Program {
    let mut context = Context::new(loaded);
    let mut roots = Vec::new();
    // Payloads first: their names have precedence over the names of what they contain.
    for event in &loaded.catalogue.events {
        for version in &event.versions {
            for file in [Some(&version.file), version.reply.as_ref()].into_iter().flatten() {
                roots.push((file.clone(), context.reserve_root(file)));
            }
        }
    }
    for (_, root) in &roots {
        context.lower_body(*root);
    }
    let mut program = Program { definitions: context.definitions, roots: roots.into_iter().collect() };
    names::assign(&mut program, &context.origins, loaded);
    merge::merge_equal(&mut program);
    box_recursion(&mut program);
    program
}

/// The members of a schema object.
type Members = Map<String, Value>;

/// Keywords that say nothing about what is accepted.
const ANNOTATIONS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$id",
    "$schema",
    "$vocabulary",
    "contentSchema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "id",
    "readOnly",
    "title",
    "writeOnly",
];

/// The keywords of a schema that may restrict what it accepts. Extensions (`x-`) never do.
fn assertions(members: &Members) -> Vec<&str> {
    let all = members.keys().map(String::as_str);
    all.filter(|keyword| !ANNOTATIONS.contains(keyword) && !keyword.starts_with("x-")).collect()
}

/// What a schema became: a type that others have too, or one that needs a name of its own.
enum Lowered {
    Shape(Shape),
    Body(Body),
}

impl Context<'_> {
    /// Lowers the schema at a place in the midst of another. `hint` names the type if it needs a name.
    fn lower(&mut self, place: &Place, hint: &str) -> Shape {
        let outer = self.open_gaps();
        match self.analyse(place) {
            Lowered::Shape(shape) => {
                self.keep_gaps(outer);
                shape
            }
            Lowered::Body(body) => Shape::of(Type::Named(self.define_inline(place, hint, body, outer))),
        }
    }

    /// Lowers what a definition is, once it has a number.
    fn lower_body(&mut self, id: Id) {
        let place = self.definitions[id].place.clone();
        let outer_owner = self.enter(id);
        let outer = self.open_gaps();
        let body = match self.analyse(&place) {
            Lowered::Body(body) => body,
            Lowered::Shape(Shape { ty: Type::Text, nullable: false, checks }) => Body::Text(checks),
            Lowered::Shape(shape) => Body::Wrapper(shape),
        };
        self.definitions[id].body = body;
        self.definitions[id].gaps = self.close_gaps(outer);
        self.leave(outer_owner);
    }

    fn analyse(&mut self, place: &Place) -> Lowered {
        let members = match self.schema(place) {
            Value::Bool(true) => return Lowered::Shape(Shape::of(Type::Any)),
            Value::Object(members) => members,
            _ => {
                self.gap(place, "false");
                return Lowered::Shape(Shape::of(Type::Any));
            }
        };
        let keywords = assertions(members);
        if keywords.is_empty() {
            return Lowered::Shape(Shape::of(Type::Any));
        }
        if let Some(Value::String(reference)) = members.get("$ref") {
            if self.ref_has_siblings(place) {
                self.gaps_but(place, &keywords, &["$ref"]);
            }
            return Lowered::Shape(self.reference(place, reference));
        }
        if keywords == ["allOf"] && members["allOf"].as_array().is_some_and(|all| all.len() == 1) {
            return self.analyse(&place.below("/allOf/0"));
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(lowered) = self.alternatives(place, members, keyword, &keywords) {
                return lowered;
            }
        }
        if let Some(lowered) = self.literals(place, members, &keywords) {
            return lowered;
        }
        self.typed(place, members, &keywords)
    }

    /// Lowers a schema by its `type`.
    fn typed(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Lowered {
        let (names, nullable) = type_names(members);
        let mut shape = match names.as_slice() {
            ["string"] => self.text(place, members, keywords),
            ["integer"] => self.integer(place, members, keywords),
            ["number"] => self.number(place, members, keywords),
            ["array"] => self.list(place, members, keywords),
            ["object"] if self.is_struct(members) && !nullable => {
                return Lowered::Body(Body::Struct(self.structure(place, members, keywords, None)));
            }
            ["object"] if self.is_struct(members) => {
                let outer = self.open_gaps();
                let body = Body::Struct(self.structure(place, members, keywords, None));
                Shape::of(Type::Named(self.define_inline(place, "", body, outer)))
            }
            ["object"] => self.map(place, members, keywords),
            ["boolean"] => {
                self.gaps_but(place, keywords, &["type"]);
                Shape::of(Type::Bool)
            }
            [] if nullable => {
                self.gaps_but(place, keywords, &["type"]);
                return Lowered::Shape(Shape::of(Type::Null));
            }
            _ => {
                self.gaps_but(place, keywords, &[]);
                return Lowered::Shape(Shape::of(Type::Any));
            }
        };
        shape.nullable = nullable;
        Lowered::Shape(shape)
    }

    /// The type of a referenced schema: it has a name, because somebody thought it worth one.
    fn reference(&mut self, place: &Place, reference: &str) -> Shape {
        match self.resolve(place, reference) {
            Some(Target::Place(target)) => {
                let id = self.definition_of(&target, None);
                Shape::of(Type::Named(id))
            }
            Some(Target::MetaSchema) | None => {
                self.gap(place, "$ref");
                Shape::of(Type::Any)
            }
        }
    }
}

/// The names in `type` without null, and whether null is among them.
fn type_names(members: &Map<String, Value>) -> (Vec<&str>, bool) {
    let names: Vec<&str> = match members.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let nullable = names.contains(&"null");
    (names.into_iter().filter(|name| *name != "null").collect(), nullable)
}

/// Puts on the heap what would contain itself otherwise.
fn box_recursion(program: &mut Program) {
    let inside: Vec<Vec<Id>> = program
        .definitions
        .iter()
        .map(|definition| definition.body.names().into_iter().filter(|(_, inside)| *inside).map(|(id, _)| id).collect())
        .collect();
    let reaches = |from: Id, to: Id| {
        let mut open = vec![from];
        let mut seen = HashSet::new();
        while let Some(id) = open.pop() {
            if id == to {
                return true;
            }
            if seen.insert(id) {
                open.extend(&inside[id]);
            }
        }
        false
    };
    for owner in 0..program.definitions.len() {
        for shape in program.definitions[owner].body.shapes_mut() {
            if let Type::Named(id) = shape.ty
                && reaches(id, owner)
            {
                shape.ty = Type::Boxed(id);
            }
        }
    }
}
