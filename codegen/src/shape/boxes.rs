//! Types that contain themselves, or too much: what must lie on the heap, and what could never be read.

use std::collections::HashSet;

use crate::shape::{Body, Gap, Id, Program, Shape, Type};

use super::circles::circles;
use super::sizes::{Sizes, inside_out};

/// The most bytes that a type may take, about, before what lies in it goes to the heap. JSON is read to a depth of 127, a
/// level of it holds a value or two on the stack, and a thread of Rust has 2 MiB of stack: that is some 4 KiB for each.
const LARGEST: usize = 4_096;

/// What is smaller stays where it is: a pointer to it would save little.
const WORTH_A_BOX: usize = 64;

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
    let edges: Vec<Vec<Id>> = (0..program.definitions.len()).map(|id| same(program, id)).collect();
    for (id, _) in circles(&edges) {
        let definition = &mut program.definitions[id];
        definition.body = Body::Wrapper(Shape::of(Type::Any));
        definition.gaps.push(Gap { location: definition.location.clone(), keyword: "$ref".to_owned() });
    }
}

/// Puts on the heap what would contain itself otherwise.
pub(super) fn box_recursion(program: &mut Program) {
    let inside = |program: &Program, id: Id| -> Vec<Id> {
        let names = program.definitions[id].body.names();
        names.into_iter().filter(|(_, inside)| *inside).map(|(id, _)| id).collect()
    };
    let inside: Vec<Vec<Id>> = (0..program.definitions.len()).map(|id| inside(program, id)).collect();
    for (owner, members) in circles(&inside) {
        let members: HashSet<Id> = members.into_iter().collect();
        for shape in program.definitions[owner].body.shapes_mut().into_iter().flat_map(leaves) {
            if let Type::Named(id) = shape.ty
                && members.contains(&id)
            {
                shape.ty = Type::Boxed(id);
            }
        }
    }
}

/// Puts on the heap what would make a type large: a type that holds two of a type that holds two of a third, and so on,
/// would double its size with each, until no stack has room for it. What a type holds directly stays in it.
pub(super) fn box_large(program: &mut Program) {
    let mut sizes = Sizes::none(program);
    for id in inside_out(program) {
        sizes.learn(id, &program.definitions[id]);
        if sizes.of_definition(id) <= LARGEST {
            continue;
        }
        for shape in program.definitions[id].body.shapes_mut().into_iter().flat_map(leaves) {
            if let Type::Named(inner) = shape.ty
                && sizes.of_definition(inner) > WORTH_A_BOX
            {
                shape.ty = Type::Boxed(inner);
            }
        }
        sizes.learn(id, &program.definitions[id]);
    }
}

/// The types that lie directly in a shape.
fn leaves(shape: &mut Shape) -> Vec<&mut Shape> {
    match shape.ty {
        Type::Tuple(ref mut items) => items.iter_mut().flat_map(leaves).collect(),
        _ => vec![shape],
    }
}
