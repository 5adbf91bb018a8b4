//! What users of the standard library expect of a type: each kind of type has a macro of the runtime that writes it.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::shape::{Alternative, Body, Choice, Id, Shape, Type, Union, Variant};

use super::types::Types;
use super::upcast::Upcasts;

/// The call of the macro for a definition; nothing for what has none.
pub(super) fn habits(types: &Types<'_>, id: Id, upcasts: &Upcasts) -> TokenStream {
    match &types.definition(id).body {
        Body::Enum(variants) => text_enum(types, id, variants),
        Body::Wrapper(shape) => wrapper(types, id, shape, upcasts),
        // The macro that reads a tagged union takes them, too.
        Body::Union(Union { choice: Choice::Tag { .. }, .. }) => TokenStream::new(),
        Body::Union(union) => from_alternatives(types, id, union, upcasts),
        Body::Struct(_) | Body::Text(_) | Body::Open => TokenStream::new(),
    }
}

fn text_enum(types: &Types<'_>, id: Id, variants: &[Variant]) -> TokenStream {
    let (text_enum, name) = (types.runtime().internal("text_enum"), format_ident!("{}", types.definition(id).name));
    let values = variants.iter().map(|variant| {
        let (name, value) = (format_ident!("{}", variant.name), &variant.value);
        quote!(#name => #value)
    });
    quote!(#text_enum!(#name, { #(#values),* });)
}

fn wrapper(types: &Types<'_>, id: Id, shape: &Shape, upcasts: &Upcasts) -> TokenStream {
    if let Type::Named(inner) | Type::Boxed(inner) = shape.ty
        && (inner == id || upcasts.convert(inner, id) || upcasts.convert(id, inner))
    {
        return TokenStream::new();
    }
    let (wrapper, name) = (types.runtime().internal("wrapper"), format_ident!("{}", types.definition(id).name));
    let inner = types.shape(shape);
    let displayed = (!shape.nullable && is_shown(types, &shape.ty)).then(|| quote!(, displayed));
    quote!(#wrapper!(#name, #inner #displayed);)
}

/// For each alternative of a union what follows its name in the call of a macro: its type, in parentheses, where it becomes the union
/// by itself, as no other alternative is of that type.
pub(super) fn alternatives(types: &Types<'_>, id: Id, union: &Union, upcasts: &Upcasts) -> Vec<TokenStream> {
    let becomes = |variant: &Alternative| {
        let (ty, boxed) = match &variant.shape.ty {
            Type::Boxed(inner) => (Type::Named(*inner), Some(quote!(boxed))),
            // Any JSON at all would be taken for this alternative.
            Type::Any => return None,
            ty => (ty.clone(), None),
        };
        if variant.shape.nullable || matches!(ty, Type::Named(inner) if inner == id || upcasts.convert(inner, id)) {
            return None;
        }
        let ty = types.shape(&Shape::of(ty));
        Some((ty.to_string(), quote!((#boxed #ty))))
    };
    let all: Vec<Option<(String, TokenStream)>> = union.variants.iter().map(becomes).collect();
    let count = |ty: &str| all.iter().flatten().filter(|(other, _)| other == ty).count();
    let only =
        all.iter().map(|one| one.as_ref().filter(|(ty, _)| count(ty) == 1).map(|(_, argument)| argument.clone()));
    only.map(Option::unwrap_or_default).collect()
}

fn from_alternatives(types: &Types<'_>, id: Id, union: &Union, upcasts: &Upcasts) -> TokenStream {
    let alternatives = alternatives(types, id, union, upcasts);
    let named = union.variants.iter().zip(alternatives).filter(|(_, argument)| !argument.is_empty());
    let calls: Vec<TokenStream> = named
        .map(|(variant, argument)| {
            let name = format_ident!("{}", variant.name);
            quote!(#name #argument)
        })
        .collect();
    if calls.is_empty() {
        return TokenStream::new();
    }
    let from_alternatives = types.runtime().internal("from_alternatives");
    let name = format_ident!("{}", types.definition(id).name);
    quote!(#from_alternatives!(#name, { #(#calls),* });)
}

/// Whether a type is shown as a text, itself or as what it wraps.
fn is_shown(types: &Types<'_>, ty: &Type) -> bool {
    match ty {
        Type::Named(id) => match &types.definition(*id).body {
            Body::Enum(_) | Body::Text(_) => true,
            Body::Wrapper(shape) => !shape.nullable && is_shown(types, &shape.ty),
            _ => false,
        },
        ty => is_scalar(ty),
    }
}

/// Whether a type is one of a single value that texts show.
fn is_scalar(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Text
            | Type::Uuid
            | Type::DateTime
            | Type::Date
            | Type::Bytes(_)
            | Type::Integer(_)
            | Type::Number
            | Type::Bool
    )
}
