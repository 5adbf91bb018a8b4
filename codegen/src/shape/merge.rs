//! Equal types are one type, whichever event, version or file they come from.
//!
//! Definitions that want one name, and have one documentation and one body, become the first of them. So a new version brings new
//! types only where something changed, and what many files have a copy of is written once. Payloads stay apart: each is an event.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::shape::{Body, Id, Program, Shape, Type, Unknown};

use super::homes::Homes;
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

/// Points every use of an equal definition at the first of them, removes the others, and gives all that are left their module.
pub(super) fn merge_equal(
    program: &mut Program,
    origins: Vec<Origin>,
    wanted: &[String],
    homes: &Homes<'_>,
) -> Vec<Origin> {
    let classes = classes(program, wanted);
    let mut members: Vec<Vec<Id>> = vec![Vec::new(); classes.iter().max().map_or(0, |last| last + 1)];
    classes.iter().enumerate().for_each(|(id, class)| members[*class].push(id));
    // A class has the number that its first member gets: classes are numbered in the order of their first members.
    let renumber = |id: Id| classes[id];
    let mut kept = Vec::with_capacity(members.len());
    for ids in &members {
        let locations = ids.iter().map(|id| &program.definitions[*id].location);
        let files: BTreeSet<&str> = locations.clone().map(|location| location.file.as_str()).collect();
        let mut definition = program.definitions[ids[0]].clone();
        definition.is_without_null = ids.iter().any(|id| program.definitions[*id].is_without_null);
        definition.module = homes.of_all(&files);
        definition.copies = files.iter().map(|file| homes.of(file).0).collect();
        definition.copies.remove(&definition.module);
        definition.equals = locations.clone().skip(1).cloned().collect();
        if let Some(at) = definition.equals.iter().position(|location| !homes.is_event(&location.file))
            && homes.is_event(&definition.location.file)
        {
            std::mem::swap(&mut definition.location, &mut definition.equals[at]);
        }
        map_ids(&mut definition.body, &renumber);
        kept.push(definition);
    }
    program.definitions = kept;
    program.roots.values_mut().for_each(|root| *root = renumber(*root));
    let of_first = origins.into_iter().enumerate().filter(|(id, _)| members[classes[*id]][0] == *id);
    let moved = of_first.map(|(_, origin)| match origin {
        Origin::Inline { owner, hint } => Origin::Inline { owner: renumber(owner), hint },
        origin => origin,
    });
    moved.collect()
}

/// The class of each definition: the coarsest in which members of a class are equal once what they name is.
fn classes(program: &Program, wanted: &[String]) -> Vec<usize> {
    let roots: HashSet<Id> = program.roots.values().copied().collect();
    let alike = program.definitions.iter().zip(wanted).enumerate().map(|(id, (definition, name))| {
        let alone = roots.get(&id);
        let gaps: Vec<&str> = definition.gaps.iter().map(|gap| gap.keyword.as_str()).collect();
        let mut body = definition.body.clone();
        map_ids(&mut body, &|_| 0);
        format!("{alone:?} {name} {:?} {gaps:?} {} {body:?}", definition.doc, definition.spells_integers)
    });
    let mut classes = number(alike);
    let names: Vec<Vec<Id>> = program
        .definitions
        .iter()
        .map(|definition| definition.body.names().into_iter().map(|(id, _)| id).collect())
        .collect();
    let mut count = 0;
    loop {
        let found = classes.iter().max().map_or(0, |last| last + 1);
        if found == count {
            return classes;
        }
        count = found;
        let keys = names.iter().zip(&classes).map(|(names, class)| {
            let names: Vec<usize> = names.iter().map(|id| classes[*id]).collect();
            (*class, names)
        });
        classes = number(keys);
    }
}

/// A number for each key, in the order in which they are first seen.
fn number<K: Eq + std::hash::Hash>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers: HashMap<K, usize> = HashMap::new();
    keys.map(|key| {
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
