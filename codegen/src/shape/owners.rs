//! What a type in the midst of another is named after: the schema that its own one lies in, not the type that came by it first.
//! So what the alternatives of a union have in common is named after the union.

use std::collections::HashMap;

use crate::shape::{Body, Id, Program};

/// The types by the schemas that they come from.
pub(super) struct Owners {
    first: HashMap<(String, String), Id>,
}

impl Owners {
    pub(super) fn new(program: &Program) -> Self {
        let mut first = HashMap::new();
        for (id, definition) in program.definitions.iter().enumerate() {
            let location = &definition.location;
            first.entry((location.file.clone(), location.pointer.clone())).or_insert(id);
        }
        Self { first }
    }

    /// The name of the innermost type that a type lies in, if it has one in `named` by now.
    pub(super) fn of(&self, program: &Program, id: Id, named: &[String]) -> Option<String> {
        self.owner(program, id).and_then(|owner| named.get(owner)).filter(|name| !name.is_empty()).cloned()
    }

    /// All types, each behind the one that it lies in: a union is lowered after its alternatives, which are named after it.
    pub(super) fn order(&self, program: &Program) -> Vec<Id> {
        let mut order = Vec::with_capacity(program.definitions.len());
        let mut seen = vec![false; program.definitions.len()];
        for id in 0..program.definitions.len() {
            let mut inner = vec![id];
            while let Some(owner) = inner.last().and_then(|id| self.owner(program, *id)).filter(|owner| !seen[*owner]) {
                inner.push(owner);
            }
            order.extend(inner.into_iter().rev().filter(|id| !std::mem::replace(&mut seen[*id], true)));
        }
        order
    }

    /// The innermost type that a type lies in.
    pub(super) fn owner(&self, program: &Program, id: Id) -> Option<Id> {
        let location = &program.definitions[id].location;
        let mut outer = location.pointer.as_str();
        while let Some(end) = outer.rfind('/') {
            outer = &outer[..end];
            if let Some(owner) = self.first.get(&(location.file.clone(), outer.to_owned())) {
                // What was lowered later gives no name, but a union to its alternatives.
                let is_union = matches!(program.definitions[*owner].body, Body::Union(_));
                return (*owner < id || is_union).then_some(*owner);
            }
            let is_definition = |keyword: &str| outer.strip_prefix(keyword).is_some_and(|name| !name.contains('/'));
            if is_definition("/$defs/") || is_definition("/definitions/") {
                // It has no type of its own: who takes it in gives the name.
                return None;
            }
        }
        None
    }
}
