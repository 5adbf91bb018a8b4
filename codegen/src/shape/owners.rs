//! What a type in the midst of another is named after: the schema that its own one lies in, not the type that came by it first.
//! So what the alternatives of a union have in common is named after the union.

use std::collections::HashMap;

use crate::shape::{Id, Program};

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
        let location = &program.definitions[id].location;
        let mut outer = location.pointer.as_str();
        while let Some(end) = outer.rfind('/') {
            outer = &outer[..end];
            if let Some(owner) = self.first.get(&(location.file.clone(), outer.to_owned())) {
                return named.get(*owner).cloned();
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
