//! What must lie on the heap.

use std::collections::HashSet;

use crate::shape::{Id, Program, Shape, Type};

/// Puts on the heap what would contain itself otherwise.
pub(super) fn box_recursion(program: &mut Program) {
    let inside = |program: &Program, id: Id| -> Vec<Id> {
        let names = program.definitions[id].body.names();
        names.into_iter().filter(|(_, inside)| *inside).map(|(id, _)| id).collect()
    };
    let mut inside: Vec<Vec<Id>> = (0..program.definitions.len()).map(|id| inside(program, id)).collect();
    for owner in 0..program.definitions.len() {
        for shape in program.definitions[owner].body.shapes_mut() {
            for shape in leaves(shape) {
                if let Type::Named(id) = shape.ty
                    && reaches(&inside, id, owner)
                {
                    shape.ty = Type::Boxed(id);
                    inside[owner].retain(|named| *named != id);
                }
            }
        }
    }
}

/// The types that lie directly in a shape.
fn leaves(shape: &mut Shape) -> Vec<&mut Shape> {
    match shape.ty {
        Type::Tuple(ref mut items) => items.iter_mut().flat_map(leaves).collect(),
        _ => vec![shape],
    }
}

fn reaches(inside: &[Vec<Id>], from: Id, to: Id) -> bool {
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
}
