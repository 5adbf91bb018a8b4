//! What linters would say of types that are as large as their schemas, and say nothing to whoever uses them.

use proc_macro2::TokenStream;
use quote::quote;

use crate::shape::{Body, Program, Shape, Struct, Type, Union, Unknown};

/// How many parts of types within types a linter bears in a field.
const MOST_COMPLEX: usize = 250;

/// How many bytes more than all others a linter bears in one variant; far fewer here, as sizes are estimated.
const MOST_LARGER: usize = 120;

/// Lets a type have a field whose type is long.
pub(super) fn of_shapes<'s>(mut shapes: impl Iterator<Item = &'s Shape>) -> Option<TokenStream> {
    // Optional properties have a type around that of the shape.
    let is_complex = |shape: &Shape| complexity(shape, 2) + 10 > MOST_COMPLEX / 2;
    shapes.any(is_complex).then(|| quote!(#[allow(clippy::type_complexity, reason = "the schema nests as much")]))
}

/// The same for the fields of a struct.
pub(super) fn of_struct(body: &Struct) -> Option<TokenStream> {
    let kept = match &body.unknown {
        Unknown::Kept(shape) => Some(&**shape),
        _ => None,
    };
    of_shapes(body.fields.iter().map(|field| &field.shape).chain(kept))
}

/// Lets an enum have one variant that is far larger than the others.
pub(super) fn of_union(program: &Program, union: &Union) -> Option<TokenStream> {
    const DEEPEST: usize = 16;
    let mut sizes: Vec<usize> = union.variants.iter().map(|variant| size(program, &variant.shape, DEEPEST)).collect();
    sizes.sort_unstable();
    let is_large = matches!(sizes.as_slice(), [.., second, first] if first - second > MOST_LARGER);
    is_large.then(
        || quote!(#[allow(clippy::large_enum_variant, reason = "the alternatives are as large as their schemas")]),
    )
}

fn complexity(shape: &Shape, depth: usize) -> usize {
    let (own, depth) = if shape.nullable { (20 * depth, depth + 1) } else { (10 * depth, depth) };
    own + match &shape.ty {
        Type::List(item) => complexity(item, depth + 1),
        Type::Map(item) => 10 * (depth + 1) + complexity(item, depth + 1),
        Type::Tuple(items) => items.iter().map(|item| complexity(item, depth + 1)).sum(),
        _ => 0,
    }
}

/// About how many bytes a value takes, without those on the heap.
fn size(program: &Program, shape: &Shape, depth: usize) -> usize {
    let Some(below) = depth.checked_sub(1) else { return 0 };
    let sum =
        |shapes: &mut dyn Iterator<Item = &Shape>| -> usize { shapes.map(|shape| size(program, shape, below)).sum() };
    match &shape.ty {
        Type::Named(id) => match &program.definitions[*id].body {
            Body::Struct(body) => sum(&mut body.fields.iter().map(|field| &field.shape)) + 24,
            Body::Union(union) => {
                union.variants.iter().map(|variant| size(program, &variant.shape, below)).max().unwrap_or_default() + 8
            }
            Body::Wrapper(shape) => size(program, shape, below),
            Body::Enum(_) => 1,
            Body::Text(_) | Body::Open => 24,
        },
        Type::Tuple(items) => sum(&mut items.iter()),
        Type::Bool | Type::Null => 1,
        Type::Integer(_) | Type::Boxed(_) | Type::Date => 8,
        Type::Any => 80,
        Type::Bytes(_) => 48,
        _ => 24,
    }
}
