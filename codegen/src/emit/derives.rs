//! Which types can be compared and hashed as a whole.

use crate::shape::{Body, Id, Program, Shape, Type, Unknown};

/// Which definitions implement `Eq` and `Hash`: those that hold no number that may be a fraction. A type that contains itself
/// does unless something else in it does not.
pub(super) fn hashable(program: &Program) -> Vec<bool> {
    let mut hashable: Vec<bool> =
        program.definitions.iter().map(|definition| shapes(&definition.body).into_iter().all(is_hashable)).collect();
    let mut users: Vec<Vec<Id>> = vec![Vec::new(); hashable.len()];
    for (user, definition) in program.definitions.iter().enumerate() {
        definition.body.names().into_iter().for_each(|(used, _)| users[used].push(user));
    }
    let mut open: Vec<Id> = (0..hashable.len()).filter(|id| !hashable[*id]).collect();
    while let Some(id) = open.pop() {
        open.extend(users[id].iter().filter(|user| std::mem::replace(&mut hashable[**user], false)));
    }
    hashable
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

/// Whether a shape has both traits, as far as its definitions do.
fn is_hashable(shape: &Shape) -> bool {
    match &shape.ty {
        Type::Number => false,
        Type::List(item) | Type::Map(item) => is_hashable(item),
        Type::Tuple(items) => items.iter().all(is_hashable),
        _ => true,
    }
}
