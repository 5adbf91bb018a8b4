//! From schemas to types.
//!
//! Two things hold for every schema. The type has room for every instance that the schema accepts. And whatever the
//! schema forbids beyond the type is a check, or else a gap that sends the event to the validator.

mod alternative_names;
mod branch;
mod budget;
mod conjunction;
mod context;
mod data;
pub(crate) mod dialect;
mod exact;
mod flatten;
pub(crate) mod keeping;
pub(crate) mod kept;
mod list;
mod literal;
mod object;
mod rules;
mod scalar;
mod union;

use serde_json::Value;

use crate::load::Loaded;
use crate::pages;
use crate::references::Target;
use crate::shape::names::Origin;
use crate::shape::{Body, Classes, Id, Program, Shape, Type};

use conjunction::Conjunction;
use context::Context;
pub(crate) use scalar::integer_of;

/// Lowers every payload of a catalogue. The types have no names yet, only where each name will come from.
pub(crate) fn lower(loaded: &Loaded) -> (Program, Vec<Origin>) {
    let (context, roots) = lowered(loaded);
    (
        Program {
            definitions: context.definitions,
            roots: roots.into_iter().collect(),
            pages: pages::of_payloads(&loaded.catalogue),
        },
        context.origins,
    )
}

fn lowered(loaded: &Loaded) -> (Context<'_>, Vec<(String, Id)>) {
    let mut context = Context::new(loaded);
    let mut roots = Vec::new();
    // Payloads first: their names have precedence over the names of what they contain.
    for file in loaded.catalogue.versions().flat_map(|(_, version)| version.files()) {
        roots.push((file.clone(), context.reserve_root(file)));
    }
    for (file, root) in &roots {
        context.lower_root(file, *root);
        context.definitions[*root].gaps.extend(exact::rounded(loaded, file));
    }
    (context, roots)
}

/// What schemas became: a type that others have too, or one that needs a name of its own.
enum Lowered {
    Shape(Shape),
    Body(Body),
}

impl Lowered {
    fn of(ty: Type) -> Self {
        Self::Shape(Shape::of(ty))
    }
}

impl Context<'_> {
    /// Lowers schemas in the midst of another. `hint` names the type if it needs a name.
    fn lower(&mut self, conjunction: &Conjunction, hint: &str) -> Shape {
        let conjunction = self.plain(conjunction);
        if let Some(shape) = self.reference(&conjunction) {
            return shape;
        }
        if let Some(id) = self.known(&conjunction, None) {
            return Shape::of(Type::Named(id));
        }
        // Several schemas may come around to themselves, so that they need a number before they are read.
        if conjunction.locations.len() > 1 || !conjunction.choices.is_empty() {
            let origin = self.inline(hint);
            let id = self.define(conjunction, None, origin);
            let unnamed = match &self.definitions[id].body {
                Body::Wrapper(shape) if !self.is_used(id) => Some(shape.clone()),
                Body::Text(checks) if !self.is_used(id) => {
                    Some(Shape { ty: Type::Text, nullable: false, checks: checks.clone() })
                }
                _ => None,
            };
            let Some(shape) = unnamed else { return Shape::of(Type::Named(id)) };
            self.forget(id);
            let gaps = std::mem::take(&mut self.definitions[id].gaps);
            self.gaps.extend(gaps);
            if self.definitions[id].spells_integers {
                self.spells_integers();
            }
            return shape;
        }
        let outer = self.open_gaps();
        match self.analyse(&conjunction, hint) {
            Lowered::Shape(shape) => {
                self.keep_gaps(outer);
                shape
            }
            Lowered::Body(body) => Shape::of(Type::Named(self.define_body(conjunction, hint, body, outer))),
        }
    }

    /// Lowers what a definition is, once it has a number.
    fn lower_body(&mut self, id: Id) {
        let (conjunction, tag) = self.key(id);
        let outer_owner = self.enter(id);
        let outer = self.open_gaps();
        let lowered = match tag {
            Some(tag) => {
                let flat = self.flatten(&conjunction);
                Lowered::Body(Body::Struct(self.structure(&flat, Some(&tag))))
            }
            None => match self.reference(&conjunction) {
                Some(shape) => Lowered::Shape(shape),
                None => self.analyse(&conjunction, "value"),
            },
        };
        self.definitions[id].body = match lowered {
            Lowered::Body(body) => body,
            Lowered::Shape(Shape { ty: Type::Text, nullable: false, checks }) => Body::Text(checks),
            Lowered::Shape(shape) => Body::Wrapper(shape),
        };
        self.definitions[id].gaps = self.close_gaps(outer);
        self.budget.write(&self.definitions[id]);
        self.leave(outer_owner);
    }

    /// A conjunction without wrappings that say nothing: an `allOf` of one schema, an alternative chosen from nothing
    /// but alternatives.
    fn plain(&self, conjunction: &Conjunction) -> Conjunction {
        const DEEPEST: usize = 32;
        let mut plain = conjunction.clone();
        for _ in 0..DEEPEST {
            let [location] = plain.locations.as_slice() else { break };
            let Value::Object(members) = self.schema(location) else { break };
            let draft = dialect::Draft::of(self.dialect(location));
            let mut keywords = members.keys().filter(|keyword| !draft.asserts(keyword).is_empty());
            let (Some(keyword), None) = (keywords.next(), keywords.next()) else { break };
            let chosen = plain.choices.iter().position(|(at, of, _)| at == location && of == keyword);
            let index = match (keyword.as_str(), chosen) {
                ("allOf", _) if members[keyword].as_array().is_some_and(|all| all.len() == 1) => 0,
                ("anyOf" | "oneOf", Some(chosen)) => plain.choices.remove(chosen).2,
                _ => break,
            };
            plain.locations = vec![location.below(&format!("/{keyword}/{index}"))];
        }
        // A limit to some types of JSON says nothing where the schemas allow no others anyway.
        let unlimited = Conjunction { classes: Classes::ALL, ..plain.clone() };
        if plain.classes != Classes::ALL && plain.classes.has(self.flattened(&unlimited).classes) {
            return unlimited;
        }
        plain
    }

    /// The type of a schema that is nothing but a reference: it has a name, because somebody thought it worth one.
    fn reference(&mut self, conjunction: &Conjunction) -> Option<Shape> {
        if !self.is_reference(conjunction) {
            return None;
        }
        Some(match self.referred(conjunction) {
            Some(target) => Shape::of(Type::Named(self.definition_of(&target))),
            None => {
                self.gap(&conjunction.locations[0], "$ref");
                Shape::of(Type::Any)
            }
        })
    }

    fn is_reference(&self, conjunction: &Conjunction) -> bool {
        let [location] = conjunction.locations.as_slice() else { return false };
        let Value::Object(members) = self.schema(location) else { return false };
        let draft = dialect::Draft::of(self.dialect(location));
        let has_more = members.keys().any(|keyword| keyword != "$ref" && !draft.asserts(keyword).is_empty());
        conjunction.classes == Classes::ALL
            && conjunction.choices.is_empty()
            && members.get("$ref").is_some_and(Value::is_string)
            && !(has_more && draft.ref_has_siblings())
    }

    /// Where a schema that is nothing but a reference leads.
    fn referred(&self, conjunction: &Conjunction) -> Option<crate::references::Location> {
        let location = conjunction.locations.first().filter(|_| self.is_reference(conjunction))?;
        match self.resolve(location)? {
            Target::Location(target) => Some(target),
            Target::MetaSchema => None,
        }
    }

    fn analyse(&mut self, conjunction: &Conjunction, hint: &str) -> Lowered {
        let before = self.gaps.len();
        let lowered = self.analysed(conjunction, hint);
        self.note_whole(conjunction, &lowered, before);
        lowered
    }

    fn analysed(&mut self, conjunction: &Conjunction, hint: &str) -> Lowered {
        if self.budget.is_spent() {
            self.gap(&conjunction.locations[0], "$ref");
            return Lowered::of(Type::Any);
        }
        let flat = self.flatten(conjunction);
        if let Some(never) = &flat.never {
            self.gap(&never.location, &never.keyword);
            return Lowered::of(Type::Any);
        }
        if flat.classes.is_empty() {
            self.gaps_but(&flat, Classes::ALL, &[]);
            self.gap(&conjunction.locations[0], "type");
            return Lowered::of(Type::Any);
        }
        if let Some(lowered) = self.literals(conjunction, &flat, hint) {
            return lowered;
        }
        if let Some(lowered) = self.alternatives(conjunction, &flat, hint) {
            return lowered;
        }
        if flat.classes.len() == 1 {
            return self.of_one_class(&flat);
        }
        let takes_null = flat.classes.has(Classes::NULL) && flat.classes != Classes::ALL;
        if takes_null && flat.is_bare(Classes::NULL) {
            let mut shape = self.lower(&conjunction.only(Classes::ALL.without(Classes::NULL)), hint);
            shape.nullable |= shape.ty != Type::Any;
            return Lowered::Shape(shape);
        }
        self.of_several_classes(conjunction, &flat, hint)
    }

    /// Lowers schemas that allow one type of JSON.
    fn of_one_class(&mut self, flat: &conjunction::Flat<'_>) -> Lowered {
        match flat.classes {
            Classes::STRING => Lowered::Shape(self.text_shape(flat)),
            Classes::NUMBER if flat.whole => Lowered::Shape(self.integer(flat)),
            Classes::NUMBER => Lowered::Shape(self.number(flat)),
            Classes::ARRAY => Lowered::Shape(self.list(flat)),
            Classes::OBJECT if object::is_too_wide(flat) => Lowered::Shape(self.any_object(flat)),
            Classes::OBJECT if Self::is_struct(flat) => Lowered::Body(Body::Struct(self.structure(flat, None))),
            Classes::OBJECT => Lowered::Shape(self.map(flat)),
            Classes::BOOLEAN => {
                self.gaps_but(flat, Classes::BOOLEAN, &[]);
                Lowered::of(Type::Bool)
            }
            _ => {
                self.gaps_but(flat, Classes::NULL, &[]);
                Lowered::of(Type::Null)
            }
        }
    }
}
