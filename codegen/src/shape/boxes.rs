//! Types that contain themselves: what must lie on the heap, and what could never be read.

use std::collections::HashSet;

use crate::shape::{Body, Gap, Id, Program, Shape, Type};

/// Makes any JSON of a type that stands for itself, as in `{"anyOf": [{"$ref": "#"}, ..]}`: whoever reads it would go round
/// and round without reading on. The validator knows what it comes to.
pub(super) fn break_circles(program: &mut Program) {
    // What a value of a type is at the same time.
    let same = |program: &Program, id: Id| -> Vec<Id> {
        let shapes: Vec<&Shape> = match &program.definitions[id].body {
            Body::Wrapper(shape) => vec![shape],
            Body::Union(union) => union.variants.iter().map(|variant| &variant.shape).collect(),
            _ => Vec::new(),
        };
        let named = shapes.into_iter().filter_map(|shape| match shape.ty {
            Type::Named(id) => Some(id),
            _ => None,
        });
        named.collect()
    };
    let mut edges: Vec<Vec<Id>> = (0..program.definitions.len()).map(|id| same(program, id)).collect();
    for id in 0..program.definitions.len() {
        if edges[id].iter().any(|next| reaches(&edges, *next, id)) {
            edges[id].clear();
            let definition = &mut program.definitions[id];
            definition.body = Body::Wrapper(Shape::of(Type::Any));
            definition.gaps.push(Gap { location: definition.location.clone(), keyword: "$ref".to_owned() });
        }
    }
}

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

fn reaches(edges: &[Vec<Id>], from: Id, to: Id) -> bool {
    let mut open = vec![from];
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id) {
            open.extend(&edges[id]);
        }
    }
    false
}
