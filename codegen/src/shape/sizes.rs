//! About how many bytes values of types take, without those on the heap.

use crate::shape::{Body, Definition, Id, Program, Shape, Type};

/// The size of every type of a program, as an optional property.
pub(super) struct Sizes(Vec<usize>);

impl Sizes {
    /// Sizes that are yet to be learnt.
    pub(super) fn none(program: &Program) -> Self {
        Self(vec![0; program.definitions.len()])
    }

    /// Learns the size of a definition by those of the definitions that lie in it.
    pub(super) fn learn(&mut self, id: Id, definition: &Definition) {
        self.0[id] = match &definition.body {
            Body::Struct(body) => self.sum(body.fields.iter().map(|field| &field.shape)).saturating_add(24),
            Body::Union(union) => {
                let largest = union.variants.iter().map(|variant| self.of_shape(&variant.shape)).max();
                largest.unwrap_or_default().saturating_add(8)
            }
            Body::Wrapper(shape) => self.of_shape(shape),
            Body::Enum(_) => 1,
            Body::Text(_) | Body::Open => 24,
        };
    }

    /// The size of a definition.
    pub(super) fn of_definition(&self, id: Id) -> usize {
        self.0[id]
    }

    fn of_shape(&self, shape: &Shape) -> usize {
        match &shape.ty {
            Type::Named(id) => self.0[*id],
            Type::Tuple(items) => self.sum(items.iter()),
            Type::Bool | Type::Null => 1,
            Type::Boxed(_) | Type::Date => 8,
            Type::Integer(_) => 16,
            Type::Any => 80,
            Type::Bytes(_) => 48,
            _ => 24,
        }
    }

    fn sum<'s>(&self, shapes: impl Iterator<Item = &'s Shape>) -> usize {
        shapes.fold(0, |sum, shape| sum.saturating_add(self.of_shape(shape)))
    }
}

/// All definitions, each behind those that lie in it. Without recursion, as chains of definitions are long.
pub(super) fn inside_out(program: &Program) -> Vec<Id> {
    let count = program.definitions.len();
    let inside = |id: Id| {
        let names = program.definitions[id].body.names().into_iter();
        names.filter(|(_, inside)| *inside).map(|(id, _)| id).collect::<Vec<_>>().into_iter()
    };
    let (mut found, mut is_entered) = (Vec::with_capacity(count), vec![false; count]);
    for start in 0..count {
        if std::mem::replace(&mut is_entered[start], true) {
            continue;
        }
        let mut path = vec![(start, inside(start))];
        while let Some((id, rest)) = path.last_mut() {
            match rest.next() {
                Some(next) if !std::mem::replace(&mut is_entered[next], true) => path.push((next, inside(next))),
                Some(_) => {}
                None => {
                    found.push(*id);
                    path.pop();
                }
            }
        }
    }
    found
}
