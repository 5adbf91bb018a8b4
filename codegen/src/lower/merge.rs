//! Equal types of two versions are one type.
//!
//! Definitions of one group with one name, one documentation and one body become the oldest of them, so that a new
//! version of an event brings new types only where something changed. Payloads stay apart: each is an event.

use std::collections::{HashMap, HashSet};

use crate::shape::{Body, Id, Program, Shape, Type, Unknown};

use super::names::Origin;

/// Keeps what payloads are made of. What was lowered on the way to a type without a name goes.
pub(super) fn keep_reachable(program: &mut Program, origins: Vec<Origin>) -> Vec<Origin> {
    let mut reachable: HashSet<Id> = HashSet::new();
    for root in program.roots.values() {
        reachable.extend(program.reachable(*root));
    }
    let mut numbers: HashMap<Id, Id> = HashMap::new();
    let mut kept = Vec::new();
    let definitions = std::mem::take(&mut program.definitions);
    for (id, definition) in definitions.into_iter().enumerate().filter(|(id, _)| reachable.contains(id)) {
        numbers.insert(id, kept.len());
        kept.push(definition);
    }
    let renumber = |id: Id| numbers.get(&id).copied().unwrap_or_default();
    kept.iter_mut().for_each(|definition| map_ids(&mut definition.body, &renumber));
    program.roots.values_mut().for_each(|root| *root = renumber(*root));
    program.definitions = kept;
    // The owner of a name may have gone: then its own owner gives the name.
    let owner_of = |mut owner: Id| loop {
        match (numbers.get(&owner), &origins[owner]) {
            (Some(number), _) => return *number,
            (None, Origin::Inline { owner: outer, .. }) if *outer < owner => owner = *outer,
            (None, _) => return 0,
        }
    };
    let moved = |origin: &Origin| match origin {
        Origin::Inline { owner, hint } => Origin::Inline { owner: owner_of(*owner), hint: hint.clone() },
        Origin::Definition { name } => Origin::Definition { name: name.clone() },
        Origin::Root => Origin::Root,
    };
    let all = origins.iter().enumerate();
    all.filter(|(id, _)| numbers.contains_key(id)).map(|(_, origin)| moved(origin)).collect()
}

/// Points every use of an equal definition at the first of them, and removes the others.
pub(super) fn merge_equal(program: &mut Program) {
    let classes = classes(program);
    let mut first: HashMap<usize, Id> = HashMap::new();
    for (id, class) in classes.iter().enumerate() {
        first.entry(*class).or_insert(id);
    }
    let mut numbers = HashMap::new();
    let mut kept = Vec::new();
    for (id, definition) in std::mem::take(&mut program.definitions).into_iter().enumerate() {
        if first[&classes[id]] == id {
            numbers.insert(id, kept.len());
            kept.push(definition);
        }
    }
    let renumber = |id: Id| numbers[&first[&classes[id]]];
    for definition in &mut kept {
        map_ids(&mut definition.body, &renumber);
    }
    for root in program.roots.values_mut() {
        *root = renumber(*root);
    }
    program.definitions = kept;
}

/// The class of each definition: the coarsest in which members of a class are equal once what they name is.
fn classes(program: &Program) -> Vec<usize> {
    let roots: HashSet<Id> = program.roots.values().copied().collect();
    let mut keys: Vec<String> = program
        .definitions
        .iter()
        .enumerate()
        .map(|(id, definition)| {
            let group = definition.module.split_last().map(|(_, group)| group.join("."));
            let alone = roots.get(&id);
            let gaps: Vec<&str> = definition.gaps.iter().map(|gap| gap.keyword.as_str()).collect();
            let spells = definition.spells_integers;
            format!("{alone:?} {group:?} {} {:?} {gaps:?} {spells}", definition.name, definition.doc)
        })
        .collect();
    let mut count = 0;
    loop {
        let classes = number(&keys);
        let found = classes.iter().max().map_or(0, |last| last + 1);
        if found == count {
            return classes;
        }
        count = found;
        keys = program
            .definitions
            .iter()
            .zip(&classes)
            .map(|(definition, class)| {
                let mut body = definition.body.clone();
                map_ids(&mut body, &|id| classes[id]);
                format!("{class} {body:?}")
            })
            .collect();
    }
}

fn number(keys: &[String]) -> Vec<usize> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    keys.iter()
        .map(|key| {
            let next = numbers.len();
            *numbers.entry(key).or_insert(next)
        })
        .collect()
}

fn map_ids(body: &mut Body, map: &dyn Fn(Id) -> Id) {
    match body {
        Body::Open | Body::Enum(_) | Body::Text(_) => {}
        Body::Struct(body) => {
            body.fields.iter_mut().for_each(|field| map_shape(&mut field.shape, map));
            if let Unknown::Kept(shape) = &mut body.unknown {
                map_shape(shape, map);
            }
        }
        Body::Union(union) => union.variants.iter_mut().for_each(|variant| map_shape(&mut variant.shape, map)),
        Body::Wrapper(shape) => map_shape(shape, map),
    }
}

fn map_shape(shape: &mut Shape, map: &dyn Fn(Id) -> Id) {
    match &mut shape.ty {
        Type::Named(id) | Type::Boxed(id) => *id = map(*id),
        Type::List(item) | Type::Map(item) => map_shape(item, map),
        Type::Tuple(items) => items.iter_mut().for_each(|item| map_shape(item, map)),
        _ => {}
    }
}
