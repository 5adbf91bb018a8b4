//! Integers that a schema lists by names: constants of their type.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use crate::load::Loaded;
use crate::shape::identifiers::{Style, distinct};
use crate::shape::{Body, Check, Definition, Type, names};

use super::docs;
use super::numbers::integer;

/// An integer with the name and the description that its alternative has.
struct Named<'a> {
    value: i128,
    name: String,
    description: &'a str,
}

/// The constants of a type that is one of some integers; nothing for any other type, and where no integer has a name.
pub(super) fn constants(definition: &Definition, loaded: &Loaded) -> Option<TokenStream> {
    let named = named(definition, loaded);
    let texts: Vec<String> = named.iter().map(|constant| constant.value.to_string()).collect();
    let pairs = texts.iter().zip(&named).map(|(text, constant)| (text.as_str(), constant.name.as_str()));
    let names: Vec<String> =
        distinct(Style::Field, &[], pairs).iter().map(|name| name.trim_matches('_').to_uppercase()).collect();
    let are_distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    if named.is_empty() || !are_distinct {
        return None;
    }
    let constants = named.iter().zip(&names).map(|(constant, name)| {
        let (name, value) = (format_ident!("{name}"), integer(constant.value));
        let doc = docs::doc(constant.description, || format!("The integer `{}`.", constant.value));
        quote!(#doc pub const #name: Self = Self(#value);)
    });
    let ty = format_ident!("{}", definition.name);
    Some(quote!(impl #ty { #(#constants)* }))
}

/// The integers that have names, each once.
fn named<'a>(definition: &Definition, loaded: &'a Loaded) -> Vec<Named<'a>> {
    let Body::Wrapper(shape) = &definition.body else { return Vec::new() };
    let (Type::Integer(_), [Check::OneOf(values)], false) = (&shape.ty, shape.checks.as_slice(), shape.nullable) else {
        return Vec::new();
    };
    let document = loaded.catalogue.documents.get(&definition.location.file);
    let Some(schema) = document.and_then(|document| document.schema.pointer(&definition.location.pointer)) else {
        return Vec::new();
    };
    let alternatives = ["oneOf", "anyOf"].iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let named = alternatives.filter_map(|alternative| {
        let value = alternative.get("const")?;
        let value = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))?;
        let description = alternative.get("description").and_then(Value::as_str).unwrap_or_default();
        let name = names::chosen(alternative);
        (!name.is_empty() && values.contains(&value)).then_some((value, Named { value, name, description }))
    });
    named.collect::<BTreeMap<_, _>>().into_values().collect()
}
