//! Which types can be ordered, and copied, as a whole. All can be compared and hashed.

use crate::shape::{Body, Id, Program, Shape, Type, Unknown};

use super::source::several_name;

/// Which definitions implement `Ord`: those that hold no JSON of any kind. A type that contains itself does unless something else
/// in it does not.
pub(super) fn ordered(program: &Program, leaves_overlaps: impl Fn(Id) -> bool) -> Vec<bool> {
    let holds_any = |id: Id| match &program.definitions[id].body {
        Body::Union(union) => several_name(union, leaves_overlaps(id)).is_some(),
        _ => false,
    };
    let ids = 0..program.definitions.len();
    let of = |id: Id| !holds_any(id) && shapes(&program.definitions[id].body).into_iter().all(is_ordered);
    let mut ordered: Vec<bool> = ids.map(of).collect();
    let mut users: Vec<Vec<Id>> = vec![Vec::new(); ordered.len()];
    for (user, definition) in program.definitions.iter().enumerate() {
        definition.body.names().into_iter().for_each(|(used, _)| users[used].push(user));
    }
    let mut open: Vec<Id> = (0..ordered.len()).filter(|id| !ordered[*id]).collect();
    while let Some(id) = open.pop() {
        open.extend(users[id].iter().filter(|user| std::mem::replace(&mut ordered[**user], false)));
    }
    ordered
}

fn shapes(body: &Body) -> Vec<&Shape> {
    match body {
        Body::Struct(body) => {
            let kept = match &body.unknown {
                Unknown::Kept(shape) => Some(&**shape),
                _ => None,
            };
            body.fields.iter().map(|field| &field.shape).chain(kept).collect()
        }
        Body::Union(union) => union.variants.iter().map(|variant| &variant.shape).collect(),
        Body::Wrapper(shape) => vec![shape],
        Body::Open | Body::Enum(_) | Body::Text(_) => Vec::new(),
    }
}

/// Whether a shape has an order, as far as its definitions do.
fn is_ordered(shape: &Shape) -> bool {
    match &shape.ty {
        Type::Any => false,
        Type::List(item) | Type::Map(item) => is_ordered(item),
        // The standard library has traits for tuples of up to twelve.
        Type::Tuple(items) => items.iter().all(is_ordered),
        _ => true,
    }
}

/// Whether a wrapper of a shape is `Copy`.
pub(super) fn is_copy(program: &Program, shape: &Shape) -> bool {
    match shape.ty {
        Type::Uuid | Type::Date | Type::Integer(_) | Type::Bool | Type::Null => true,
        Type::Named(id) => match &program.definitions[id].body {
            Body::Enum(_) => true,
            Body::Wrapper(inner) => is_copy(program, inner),
            _ => false,
        },
        _ => false,
    }
}
