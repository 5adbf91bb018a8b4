//! Finds out what types keep and hold, while they are made.

use std::collections::BTreeMap;

use crate::load::Loaded;
use crate::references::Location;
use crate::shape::{Body, Integer, Program, Shape, Struct, Type, Unknown, settle};

use super::Lowered;
use super::conjunction::{Conjunction, Flat};
use super::context::Context;
use super::keeping::Keeping;

/// What the types of a catalogue keep and hold.
pub(crate) fn keeping(loaded: &Loaded) -> Keeping {
    let (mut context, roots) = super::lowered(loaded);
    let mut keeping = std::mem::take(&mut context.keeping);
    let program =
        Program { definitions: context.definitions, roots: roots.into_iter().collect(), pages: BTreeMap::new() };
    let definitions = settle::apart((program, context.origins)).definitions;
    // What stands for itself is any JSON.
    let is_any = |body: &Body| matches!(body, Body::Wrapper(Shape { ty: Type::Any, .. }));
    let any = definitions.iter().filter(|definition| !definition.gaps.is_empty() && is_any(&definition.body));
    keeping.whole.extend(any.map(|definition| definition.location.clone()));
    keeping.gaps = definitions.into_iter().flat_map(|definition| definition.gaps).collect();
    if !keeping.gaps.is_empty() {
        keeping.several.extend(keeping.perhaps.drain());
    }
    keeping
}

impl Context<'_> {
    /// Notes that values are kept whole, where the type of a conjunction is any JSON though its schemas say more.
    pub(super) fn note_whole(&mut self, conjunction: &Conjunction, lowered: &Lowered, gaps_before: usize) {
        let is_any = |ty: &Type| match ty {
            Type::Any => true,
            Type::List(item) | Type::Map(item) => item.ty == Type::Any,
            _ => false,
        };
        if let Lowered::Shape(Shape { ty, .. }) = lowered
            && self.gaps.len() > gaps_before
            && is_any(ty)
        {
            self.keeping.whole.extend(conjunction.locations.iter().cloned());
        }
    }

    /// Makes a struct keep undeclared properties that it would drop, and notes it.
    pub(super) fn keep_undeclared(&mut self, flat: &Flat<'_>, body: &mut Struct) {
        if body.unknown == Unknown::Ignored {
            self.keeping.open.extend(flat.parts.iter().map(|part| part.location.clone()));
            body.unknown = Unknown::Kept(Box::new(Shape::of(Type::Map(Box::new(Shape::of(Type::Any))))));
        }
    }

    /// Notes a union whose alternatives may accept a value together.
    pub(super) fn note_several(&mut self, union: (Location, &'static str)) {
        let noted = if union.1 == "anyOf" { &mut self.keeping.several } else { &mut self.keeping.perhaps };
        noted.insert(union);
    }

    /// Notes the type of the integers of some schemas. One that is of several types holds what any of those does.
    pub(super) fn note_integer(&mut self, flat: &Flat<'_>, integer: Option<Integer>) {
        for part in flat.parts.iter().filter(|part| part.get("type").is_some()) {
            let bounds = integer.map(Integer::bounds);
            let known = self.keeping.integers.entry(part.location.clone()).or_insert(bounds);
            *known = known.zip(bounds).map(|(one, other)| (one.0.min(other.0), one.1.max(other.1)));
        }
    }
}
