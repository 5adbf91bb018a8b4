//! Chains of types that the compiler does not follow to their ends.
//!
//! Payloads are `Send` and `Sync`, and the compiler looks through all that a type holds to find that out, to a depth of 128 unless the
//! crate says otherwise. A property that would lie deeper is a value of any JSON, and the validator checks what it holds.

use crate::shape::{Body, Gap, Id, Program, Shape, Type, Unknown};

use super::circles::components;

/// How deep a type may lie, in steps of the compiler: services hold payloads within types of their own.
const DEEPEST: usize = 100;

/// Ends chains that are too long. Types that contain themselves count once: the compiler does not go round.
pub(super) fn cut(program: &mut Program) {
    let edges: Vec<Vec<Id>> = program.definitions.iter().map(|definition| held(&definition.body)).collect();
    let mut depths = vec![0; edges.len()];
    for component in components(&edges) {
        for id in &component {
            cut_at(program, *id, &depths, &component);
        }
        let deepest = component.iter().map(|id| depth(&program.definitions[*id].body, &depths)).max();
        component.iter().for_each(|id| depths[*id] = deepest.unwrap_or_default());
    }
}

/// Ends what a definition holds beyond its own circle, where that lies too deep. Alternatives stay as they are: what holds the union
/// ends the chain.
fn cut_at(program: &mut Program, id: Id, depths: &[usize], circle: &[Id]) {
    let definition = &mut program.definitions[id];
    let is_too_deep = |shape: &Shape, required: bool| {
        let mut held = Vec::new();
        names(shape, &mut held);
        of_shape(shape, required, depths) >= DEEPEST && !held.iter().any(|inner| circle.contains(inner))
    };
    let mut is_cut = false;
    let mut end = |shape: &mut Shape, required: bool| {
        if is_too_deep(shape, required) {
            *shape = Shape::of(Type::Any);
            is_cut = true;
        }
    };
    match &mut definition.body {
        Body::Struct(body) => {
            body.fields.iter_mut().for_each(|field| end(&mut field.shape, field.required));
            if let Unknown::Kept(shape) = &mut body.unknown {
                end(shape, true);
            }
        }
        Body::Wrapper(shape) => end(shape, true),
        Body::Union(_) | Body::Open | Body::Enum(_) | Body::Text(_) => {}
    }
    if is_cut {
        definition.gaps.push(Gap { location: definition.location.clone(), keyword: "$ref".to_owned() });
    }
}

/// How deep the types lie that a definition holds, from itself on.
fn depth(body: &Body, depths: &[usize]) -> usize {
    let held = match body {
        Body::Struct(body) => {
            let fields = body.fields.iter().map(|field| of_shape(&field.shape, field.required, depths)).max();
            let unknown = match &body.unknown {
                Unknown::Kept(shape) => of_shape(shape, true, depths) + 3,
                _ => 0,
            };
            fields.unwrap_or_default().max(unknown)
        }
        Body::Union(union) => {
            union.variants.iter().map(|variant| of_shape(&variant.shape, true, depths)).max().unwrap_or_default()
        }
        Body::Wrapper(shape) => of_shape(shape, true, depths),
        Body::Open | Body::Enum(_) | Body::Text(_) => 0,
    };
    held + 1
}

/// The steps through a shape: an `Option` is one, a box two, a list or map three.
fn of_shape(shape: &Shape, required: bool, depths: &[usize]) -> usize {
    let inner = match &shape.ty {
        Type::Named(id) => depths[*id],
        Type::Boxed(id) => depths[*id] + 2,
        Type::List(item) | Type::Map(item) => of_shape(item, true, depths) + 3,
        Type::Tuple(items) => items.iter().map(|item| of_shape(item, true, depths)).max().unwrap_or_default() + 1,
        _ => 0,
    };
    inner + usize::from(shape.nullable || !required)
}

fn held(body: &Body) -> Vec<Id> {
    body.names().into_iter().map(|(id, _)| id).collect()
}

fn names(shape: &Shape, found: &mut Vec<Id>) {
    match &shape.ty {
        Type::Named(id) | Type::Boxed(id) => found.push(*id),
        Type::List(item) | Type::Map(item) => names(item, found),
        Type::Tuple(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}
