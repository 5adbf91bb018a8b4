//! Which properties must be there, as expressions of type `bool`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::shape::{Body, Definition, Field, Program, Rule, Struct, Type};

use super::types::{Types, field_ident};

/// The conditions that the rules of a struct set.
pub(super) fn conditions(program: &Program, definition: &Definition, body: &Struct) -> Vec<TokenStream> {
    body.rules.iter().filter_map(|rule| condition(program, definition, body, rule)).collect()
}

fn condition(program: &Program, definition: &Definition, body: &Struct, rule: &Rule) -> Option<TokenStream> {
    match rule {
        Rule::When { property, values, then, otherwise } => {
            let field = body.fields.iter().find(|field| &field.property == property)?;
            let (holds, fails) = comparison(program, definition, field, values);
            match (all_there(body, then), all_there(body, otherwise)) {
                (None, None) => None,
                (Some(then), None) => Some(quote!((#fails || #then))),
                (None, Some(otherwise)) => Some(quote!((#holds || #otherwise))),
                (Some(then), Some(otherwise)) => Some(quote!(if #holds { #then } else { #otherwise })),
            }
        }
        Rule::With { property, required } => {
            let field = body.fields.iter().find(|field| &field.property == property)?;
            let required = all_there(body, required)?;
            if field.required {
                return Some(required);
            }
            let name = field_ident(&field.name);
            Some(quote!((self.#name.is_none() || #required)))
        }
        Rule::AtLeast(min) => {
            let optional = body.fields.iter().filter(|field| !field.required).map(|field| {
                let name = field_ident(&field.name);
                quote!(self.#name.is_some())
            });
            let required = body.fields.iter().filter(|field| field.required).count();
            let missing = min.saturating_sub(u64::try_from(required).unwrap_or(u64::MAX));
            if missing == 1 {
                return Some(quote!((#(#optional)||*)));
            }
            let missing = Literal::u64_unsuffixed(missing);
            Some(quote!([#(#optional),*].into_iter().filter(|there| *there).count() >= #missing))
        }
    }
}

/// Whether all of some properties are there; `None` when all of them always are.
fn all_there(body: &Struct, properties: &[String]) -> Option<TokenStream> {
    let optional: Vec<TokenStream> = body
        .fields
        .iter()
        .filter(|field| !field.required && properties.contains(&field.property))
        .map(|field| {
            let name = field_ident(&field.name);
            quote!(self.#name.is_some())
        })
        .collect();
    match optional.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(quote!((#(#several)&&*))),
    }
}

/// Whether a field has one of some values, and whether it has none of them.
fn comparison(
    program: &Program,
    definition: &Definition,
    field: &Field,
    values: &[Value],
) -> (TokenStream, TokenStream) {
    let name = field_ident(&field.name);
    let value_of = |value: &Value| match (&field.shape.ty, value) {
        (Type::Bool, Value::Bool(true)) => (quote!(self.#name), quote!(!self.#name)),
        (Type::Bool, _) => (quote!(!self.#name), quote!(self.#name)),
        (Type::Named(id), Value::String(text)) => match &program.definitions[*id].body {
            Body::Enum(variants) => {
                let path = Types::new(program, &definition.module).path(*id);
                let variant = variants.iter().find(|variant| &variant.value == text).map(|variant| &variant.name);
                let variant = format_ident!("{}", variant.map_or("Unknown", String::as_str));
                (quote!(self.#name == #path::#variant), quote!(self.#name != #path::#variant))
            }
            _ => (quote!(self.#name.as_str() == #text), quote!(self.#name.as_str() != #text)),
        },
        (_, Value::String(text)) => (quote!(self.#name == #text), quote!(self.#name != #text)),
        (_, value) => {
            let literal = super::checks::integer(crate::lower::integer_of(value).unwrap_or_default());
            (quote!(self.#name == #literal), quote!(self.#name != #literal))
        }
    };
    let (holds, fails): (Vec<_>, Vec<_>) = values.iter().map(value_of).unzip();
    match holds.len() {
        1 => (quote!(#(#holds)*), quote!(#(#fails)*)),
        _ => (quote!((#(#holds)||*)), quote!((#(#fails)&&*))),
    }
}
