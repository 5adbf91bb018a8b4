//! Null moves from a type with a name to where it is used: `Option<Note>`, and no `Note` that holds an `Option`.

use std::collections::{HashMap, HashSet};

use crate::shape::{Body, Id, Program, Shape, Type, Unknown};

use super::names::Origin;

/// Takes null out of every type that others name, and gives it to its uses. Payloads keep it, and so do alternatives of unions,
/// whose reading tells them apart by their types.
pub(super) fn move_to_uses(program: &mut Program, origins: &[Origin]) {
    let kept: HashSet<Id> = program.roots.values().copied().chain(alternatives(program)).collect();
    let mut moved: Vec<Id> = Vec::new();
    loop {
        let is_next = |id: &Id| !kept.contains(id) && takes_null(&program.definitions[*id].body);
        let next: HashSet<Id> = (0..program.definitions.len()).filter(is_next).collect();
        if next.is_empty() {
            break;
        }
        for id in &next {
            let definition = &mut program.definitions[*id];
            definition.is_without_null = true;
            if let Body::Wrapper(shape) = &mut definition.body {
                shape.nullable = false;
            }
        }
        each_use(program, &|shape| {
            if matches!(shape.ty, Type::Named(id) if next.contains(&id)) {
                shape.nullable = true;
            }
        });
        moved.extend(next);
    }
    unwrap(program, origins, &kept, &moved);
}

/// Without null a type may be nothing but the one that it wraps: a text, the schema's own body, or another type with a name.
fn unwrap(program: &mut Program, origins: &[Origin], kept: &HashSet<Id>, moved: &[Id]) {
    let mut instead: HashMap<Id, Id> = HashMap::new();
    for id in moved.iter().copied() {
        let definition = &program.definitions[id];
        let Body::Wrapper(shape) = definition.body.clone() else { continue };
        match shape.ty {
            Type::Text => program.definitions[id].body = Body::Text(shape.checks),
            Type::Named(inner) if shape.checks.is_empty() && inner != id => {
                let is_own = !kept.contains(&inner)
                    && program.definitions[inner].location == definition.location
                    && matches!(origins[inner], Origin::Inline { .. });
                if is_own {
                    let inner_definition = program.definitions[inner].clone();
                    let definition = &mut program.definitions[id];
                    definition.body = inner_definition.body;
                    definition.gaps.extend(inner_definition.gaps);
                    definition.spells_integers |= inner_definition.spells_integers;
                    instead.insert(inner, id);
                } else if definition.gaps.is_empty() && !definition.spells_integers {
                    instead.insert(id, inner);
                }
            }
            _ => {}
        }
    }
    let last = |mut id: Id| {
        // As often as there are any: no chain is longer.
        for _ in 0..instead.len() {
            let Some(next) = instead.get(&id) else { break };
            id = *next;
        }
        id
    };
    each_use(program, &|shape| {
        if let Type::Named(id) = &mut shape.ty {
            *id = last(*id);
        }
    });
}

fn takes_null(body: &Body) -> bool {
    matches!(body, Body::Wrapper(shape) if shape.nullable && !matches!(shape.ty, Type::Any | Type::Null))
}

/// What unions name as alternatives.
fn alternatives(program: &Program) -> Vec<Id> {
    let unions = program.definitions.iter().filter_map(|definition| match &definition.body {
        Body::Union(union) => Some(union),
        _ => None,
    });
    let named = unions.flat_map(|union| &union.variants).filter_map(|variant| match variant.shape.ty {
        Type::Named(id) => Some(id),
        _ => None,
    });
    named.collect()
}

/// Changes every shape, and every shape within one.
fn each_use(program: &mut Program, change: &dyn Fn(&mut Shape)) {
    for definition in &mut program.definitions {
        if let Body::Struct(body) = &mut definition.body
            && let Unknown::Kept(shape) = &mut body.unknown
        {
            within(shape, change);
        }
        definition.body.shapes_mut().into_iter().for_each(|shape| within(shape, change));
    }
}

fn within(shape: &mut Shape, change: &dyn Fn(&mut Shape)) {
    change(shape);
    match &mut shape.ty {
        Type::List(item) | Type::Map(item) => within(item, change),
        Type::Tuple(items) => items.iter_mut().for_each(|item| within(item, change)),
        _ => {}
    }
}
