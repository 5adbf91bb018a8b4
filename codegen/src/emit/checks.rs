//! What must hold beyond the types, as expressions of type `bool`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use crate::shape::{Alternative, Body, Definition, Field, Id, Shape, Type, Unknown};

use super::conditions::{Access, all_of, condition, is_word, parameter, telling};
use super::runtime::Runtime;
use super::source::Source;

/// Which definitions have something to check beyond their types: of their own, or in what they are made of.
pub(super) fn checked(source: Source<'_>) -> Vec<bool> {
    let program = source.program;
    let none = vec![false; program.definitions.len()];
    let mut checked = crate::parallel::map(&program.definitions, |definition| {
        !definition_checks(source, definition, &none).is_empty()
    });
    let mut users: Vec<Vec<Id>> = vec![Vec::new(); program.definitions.len()];
    for (user, definition) in program.definitions.iter().enumerate() {
        definition.body.names().into_iter().for_each(|(used, _)| users[used].push(user));
    }
    let mut open: Vec<Id> = (0..checked.len()).filter(|id| checked[*id]).collect();
    while let Some(id) = open.pop() {
        for user in &users[id] {
            if !std::mem::replace(&mut checked[*user], true) {
                open.push(*user);
            }
        }
    }
    checked
}

/// The method `is_valid` of a definition; none when the type says it all.
pub(super) fn is_valid(source: Source<'_>, id: Id, checked: &[bool]) -> Option<TokenStream> {
    let definition = &source.program.definitions[id];
    let conditions = definition_checks(source, definition, checked);
    if conditions.is_empty() {
        return None;
    }
    let name = format_ident!("{}", definition.name);
    let body = match &definition.body {
        Body::Union(union) => {
            let arms = union.variants.iter().map(|alternative| {
                let variant = format_ident!("{}", alternative.name);
                let holds = all_of(alternative_checks(source.runtime, alternative, checked));
                if is_word(&holds, "true") || is_word(&holds, "false") {
                    quote!(Self::#variant(_) => #holds)
                } else {
                    quote!(Self::#variant(inner) => #holds)
                }
            });
            // The validator decides about what is of no single alternative.
            let several = super::source::several_name(union, false).map(|name| quote!(, Self::#name(_) => false));
            quote!(match self { #(#arms),* #several })
        }
        _ => all_of(conditions),
    };
    // `inline` is for the crate of the events: it is compiled where a payload is checked, and nowhere else.
    Some(quote! {
        impl #name {
            #[inline]
            pub(crate) fn is_valid(&self) -> bool {
                #body
            }
        }
    })
}

fn definition_checks(source: Source<'_>, definition: &Definition, checked: &[bool]) -> Vec<TokenStream> {
    let runtime = source.runtime;
    match &definition.body {
        Body::Struct(body) => {
            let mut conditions: Vec<TokenStream> =
                body.fields.iter().flat_map(|field| field_checks(runtime, field, checked)).collect();
            if let Unknown::Kept(map) = &body.unknown {
                conditions.extend(shape_checks(runtime, map, &Access::Place(quote!(self.unknown)), checked));
                if !body.fields.is_empty() || body.tag.is_some() {
                    let declared = body.fields.iter().map(|field| &field.property).chain(&body.tag);
                    let undeclared = runtime.internal("checks::undeclared");
                    conditions.push(quote!(#undeclared(&self.unknown, &[#(#declared),*])));
                }
            }
            conditions.extend(super::rules::conditions(source, definition, body));
            conditions
        }
        Body::Union(union) => {
            let several = super::source::several_name(union, false).map(|_| quote!(false));
            union
                .variants
                .iter()
                .flat_map(|alternative| alternative_checks(runtime, alternative, checked))
                .chain(several)
                .collect()
        }
        Body::Wrapper(shape) => {
            nullable_checks(runtime, shape, &Access::Place(quote!(self.0)), shape.nullable, checked)
        }
        // The constructor of a text type has checked it already.
        Body::Open | Body::Enum(_) | Body::Text(_) => Vec::new(),
    }
}

fn alternative_checks(runtime: &Runtime, alternative: &Alternative, checked: &[bool]) -> Vec<TokenStream> {
    shape_checks(runtime, &alternative.shape, &Access::Reference(quote!(inner)), checked)
}

fn field_checks(runtime: &Runtime, field: &Field, checked: &[bool]) -> Vec<TokenStream> {
    let name = super::types::field_ident(&field.name);
    let place = Access::Place(quote!(self.#name));
    if field.is_maybe() {
        let holds = predicate(runtime, &field.shape, "value", checked);
        return holds.map(|holds| quote!(self.#name.value().is_none_or(#holds))).into_iter().collect();
    }
    nullable_checks(runtime, &field.shape, &place, !field.required || field.shape.nullable, checked)
}

fn nullable_checks(
    runtime: &Runtime,
    shape: &Shape,
    place: &Access,
    is_option: bool,
    checked: &[bool],
) -> Vec<TokenStream> {
    if !is_option {
        return shape_checks(runtime, shape, place, checked);
    }
    let place = place.place();
    let holds = predicate(runtime, shape, "value", checked);
    holds.map(|holds| quote!(#place.as_ref().is_none_or(#holds))).into_iter().collect()
}

/// A function that decides whether a value that is there and not null is valid; none where every one is.
fn predicate(runtime: &Runtime, shape: &Shape, name: &str, checked: &[bool]) -> Option<TokenStream> {
    match shape.ty {
        Type::DateTime if shape.checks.is_empty() => return Some(runtime.internal("checks::date_time")),
        Type::Date if shape.checks.is_empty() => return Some(runtime.internal("checks::date")),
        _ => {}
    }
    let place = format_ident!("{}", name);
    let conditions = shape_checks(runtime, shape, &Access::Reference(quote!(#place)), checked);
    (!conditions.is_empty()).then(|| {
        let holds = all_of(conditions);
        let name = parameter(name, &holds);
        quote!(|#name| #holds)
    })
}

/// The conditions on a value that is there and not null.
fn shape_checks(runtime: &Runtime, shape: &Shape, access: &Access, checked: &[bool]) -> Vec<TokenStream> {
    let place = access.place();
    let mut conditions: Vec<TokenStream> =
        telling(&shape.checks).map(|check| condition(runtime, check, &shape.ty, access)).collect();
    match &shape.ty {
        Type::Named(id) | Type::Boxed(id) if checked[*id] => conditions.push(quote!(#place.is_valid())),
        // JSON has no infinity and no NaN, and they would be written as null.
        Type::Number => conditions.push(quote!(#place.is_finite())),
        // RFC 3339 has no years beyond four digits, which jiff has.
        Type::DateTime => {
            let (is_valid, reference) = (runtime.internal("checks::date_time"), access.reference());
            conditions.push(quote!(#is_valid(#reference)));
        }
        Type::Date => {
            let (is_valid, reference) = (runtime.internal("checks::date"), access.reference());
            conditions.push(quote!(#is_valid(#reference)));
        }
        Type::List(item) => conditions.extend(each(runtime, item, quote!(#place.iter()), checked)),
        Type::Map(item) => conditions.extend(each(runtime, item, quote!(#place.values()), checked)),
        Type::Tuple(items) => conditions.extend(items.iter().enumerate().flat_map(|(index, item)| {
            let index = Literal::usize_unsuffixed(index);
            nullable_checks(runtime, item, &Access::Place(quote!(#place.#index)), item.nullable, checked)
        })),
        _ => {}
    }
    conditions
}

fn each(runtime: &Runtime, item: &Shape, iterator: TokenStream, checked: &[bool]) -> Option<TokenStream> {
    let holds = predicate(runtime, item, "item", checked)?;
    let all = if item.nullable { quote!(flatten().all) } else { quote!(all) };
    Some(quote!(#iterator.#all(#holds)))
}
