//! From properties of a payload to fields of its type: ordering keys and subject templates.

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostic::Diagnostic;
use crate::load::Loaded;
use crate::model::Token;
use crate::pointer;
use crate::shape::{Body, Field, Id, Program, Shape, Type};

use super::types::field_ident;

/// The required scalar field that a property of a payload became.
pub(super) fn field_of<'a>(program: &'a Program, root: Id, property: &str) -> Option<&'a Field> {
    let Body::Struct(body) = &program.definitions[root].body else { return None };
    let field = body.fields.iter().find(|field| field.property == property)?;
    (field.required && is_scalar(program, &field.shape)).then_some(field)
}

/// The expression behind `self.` that a JSON pointer became, if every step is required and the last one scalar.
pub(super) fn key_field(program: &Program, root: Id, key: &str) -> Option<TokenStream> {
    let mut steps = pointer::steps(key)?;
    let last = steps.pop()?;
    let mut owner = root;
    let mut path = TokenStream::new();
    for step in steps {
        let Body::Struct(body) = &program.definitions[owner].body else { return None };
        let field = body.fields.iter().find(|field| field.property == step && field.required)?;
        let (Type::Named(next) | Type::Boxed(next)) = field.shape.ty else { return None };
        let name = field_ident(&field.name);
        path.extend(quote!(#name.));
        owner = next;
    }
    let name = field_ident(&field_of(program, owner, &last)?.name);
    Some(quote!(#path #name))
}

fn is_scalar(program: &Program, shape: &Shape) -> bool {
    let scalar = match &shape.ty {
        Type::Text | Type::Uuid | Type::Date | Type::Bytes(_) | Type::Integer(_) | Type::Bool => true,
        Type::Named(id) => match &program.definitions[*id].body {
            Body::Text(_) | Body::Enum(_) => true,
            Body::Wrapper(shape) => is_scalar(program, shape),
            _ => false,
        },
        _ => false,
    };
    scalar && !shape.nullable
}

/// Adds an error for every key and template that does not lead to required scalar properties.
pub(crate) fn check(loaded: &Loaded, program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    const HELP: &str = "name a property that is required and a string, integer or boolean";
    for version in loaded.catalogue.events.iter().flat_map(|event| &event.versions) {
        let Some(document) = loaded.catalogue.documents.get(&version.file) else { continue };
        let Some(root) = program.root_of(&version.file) else { continue };
        if let Some(key) = version.key.as_ref().filter(|key| key_field(program, root, key).is_none()) {
            let message = format!("the key {key} leads to no required scalar property");
            diagnostics.push(document.error("bad-x-event", "/x-event/key", message, HELP));
        }
        for token in version.template.iter().flat_map(|template| &template.tokens) {
            if let Token::Property(property) = token
                && field_of(program, root, property).is_none()
            {
                let message = format!("the subject template names {property:?}, which is no required scalar property");
                diagnostics.push(document.error("template-over-optional", "/x-event/subject", message, HELP));
            }
        }
    }
}
