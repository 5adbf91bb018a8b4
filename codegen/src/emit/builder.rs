//! Builders: how a struct with optional properties is made without naming those that are absent.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::shape::identifiers::unique;
use crate::shape::{Body, Definition, Field, Id, Program, Shape, Struct, Type, Unknown};

use super::types::{Types, field_ident};

/// Which structs have builders, and what the structs of their required properties are called.
pub(super) struct Builders<'a> {
    program: &'a Program,
    /// The names of all types, with their groups, which re-export them.
    taken: HashSet<(&'a [String], &'a str)>,
}

impl<'a> Builders<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        let taken = program.definitions.iter().map(|definition| (group(definition), definition.name.as_str()));
        Self { program, taken: taken.collect() }
    }

    /// The name of the struct of the required properties, where a struct has required and optional ones.
    pub(super) fn required_name(&self, id: Id) -> Option<Ident> {
        let body = self.body(id)?;
        let is_mixed =
            body.fields.iter().any(|field| field.required) && body.fields.iter().any(|field| !field.required);
        let definition = &self.program.definitions[id];
        let is_taken = |name: &str| self.taken.contains(&(group(definition), name));
        is_mixed.then(|| format_ident!("{}", unique(&format!("{}Required", definition.name), is_taken)))
    }

    /// The call of the macro that writes the builder; nothing for what has no optional properties.
    pub(super) fn builder(&self, types: &Types<'_>, id: Id) -> TokenStream {
        let Some(body) = self.body(id).filter(|body| body.fields.iter().any(|field| !field.required)) else {
            return TokenStream::new();
        };
        let name = format_ident!("{}", self.program.definitions[id].name);
        let required = self.required_name(id).map(|required| {
            let fields = body.fields.iter().filter(|field| field.required).map(|field| {
                let (name, ty) = (field_ident(&field.name), types.shape(&field.shape));
                quote!(#name: #ty)
            });
            quote!(from #required { #(#fields),* })
        });
        let setters = body.fields.iter().filter(|field| !field.required).map(|field| setter(types, field));
        let unknown = matches!(body.unknown, Unknown::Kept(_)).then(|| quote!(; unknown));
        let builder = types.runtime().internal("builder");
        quote!(#builder! { #name #required; #(#setters),* #unknown })
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
    let (setter, name, ty) =
        (format_ident!("with_{}", field.name), field_ident(&field.name), types.shape(&field.shape));
    let how = format_ident!("{}", if converts(&field.shape) { "into" } else { "of" });
    quote!(#setter = #name: #how #ty)
}

/// Whether a setter takes whatever becomes the type. A number it takes as it is, as the type of a literal could not be
/// inferred otherwise.
fn converts(shape: &Shape) -> bool {
    shape.nullable || matches!(shape.ty, Type::Text | Type::Named(_) | Type::Boxed(_) | Type::Any)
}
