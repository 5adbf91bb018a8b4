//! Builders: how a struct is made without naming the optional properties that are absent, or that come with a later schema.

use std::collections::{BTreeSet, HashSet};

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use crate::shape::identifiers::unique;
use crate::shape::{Body, Definition, Field, Id, Program, Shape, Struct, Type, Unknown};

use super::docs::visible;
use super::types::{Types, field_ident};

/// Which structs have builders, and what the structs of their required properties are called.
pub(super) struct Builders<'a> {
    program: &'a Program,
    /// The names of all types, with their groups, which re-export them.
    taken: HashSet<(&'a [String], &'a str)>,
    /// The payloads of events, requests and replies.
    roots: BTreeSet<Id>,
}

impl<'a> Builders<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        let taken = program.definitions.iter().map(|definition| (group(definition), definition.name.as_str()));
        Self { program, taken: taken.collect(), roots: program.roots.values().copied().collect() }
    }

    /// The name of the struct of the required properties: of a payload, and of all else that has optional ones.
    pub(super) fn required_name(&self, id: Id) -> Option<Ident> {
        let body = self.body(id)?;
        let is_built = self.roots.contains(&id) || body.fields.iter().any(|field| !field.required);
        let definition = &self.program.definitions[id];
        let is_taken = |name: &str| self.taken.contains(&(group(definition), name));
        is_built.then(|| format_ident!("{}", unique(&format!("{}Required", definition.name), is_taken)))
    }

    /// The call of the macro that writes the builder; nothing for what has none.
    pub(super) fn builder(&self, types: &Types<'_>, id: Id) -> Option<TokenStream> {
        let (body, required) = (self.body(id)?, self.required_name(id)?);
        let name = format_ident!("{}", self.program.definitions[id].name);
        let fields = body.fields.iter().filter(|field| field.required).map(|field| {
            let (name, ty) = (field_ident(&field.name), types.shape(&field.shape));
            quote!(#name: #ty)
        });
        let unknown = matches!(body.unknown, Unknown::Kept(_)).then(|| quote!(+ unknown));
        let optional = body.fields.iter().filter(|field| !field.required);
        let setters: Vec<TokenStream> = optional.map(|field| setter(types, field)).collect();
        let setters = (!setters.is_empty()).then(|| quote!(; #(#setters),*));
        let builder = types.runtime().internal("builder");
        Some(quote!(#builder! { #name from #required { #(#fields),* } #unknown #setters }))
    }

    fn body(&self, id: Id) -> Option<&'a Struct> {
        match &self.program.definitions[id].body {
            Body::Struct(body) => Some(body),
            _ => None,
        }
    }
}

/// The module above that of the version.
fn group(definition: &Definition) -> &[String] {
    definition.module.split_last().map_or(&[], |(_, group)| group)
}

fn setter(types: &Types<'_>, field: &Field) -> TokenStream {
    let (setter, name) = (format_ident!("with_{}", field.name), field_ident(&field.name));
    let ty = types.shape(&field.shape.not_null());
    let how = match (field.is_maybe(), converts(&field.shape)) {
        (true, _) => "maybe",
        (false, true) => "into",
        (false, false) => "of",
    };
    let how = format_ident!("{}", how);
    // The macro puts it into a code span.
    let property = (name != field.property.as_str())
        .then(|| literal(&visible(&field.property.replace('\n', "\\n")).replace('`', "'")));
    quote!(#setter = #name #property: #how #ty)
}

/// A literal without spaces, as those of a macro's call are laid out.
fn literal(text: &str) -> Option<Literal> {
    format!("{text:?}").replace(' ', "\\u{20}").parse().ok()
}

/// Whether a setter takes whatever becomes the type. A number it takes as it is, as the type of a literal could not be
/// inferred otherwise.
fn converts(shape: &Shape) -> bool {
    matches!(shape.ty, Type::Text | Type::Bytes(_) | Type::Named(_) | Type::Boxed(_) | Type::Any)
}
