//! Values of properties that the schema gives a `default`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use crate::lower::integer_of;
use crate::shape::{Body, Definition, Field, Id, Shape, Struct, Type, Unknown};

use super::numbers::{integer, into_number};
use super::source::Source;
use super::types::{Types, field_ident};

/// `impl Default` for a struct where the schema gives a default and leaves nothing open: every required property has
/// a default, or is itself such a struct.
pub(super) fn implementation(source: Source<'_>, id: Id) -> Option<TokenStream> {
    let definition = &source.program.definitions[id];
    let Body::Struct(body) = &definition.body else { return None };
    if !gives_default(source, id, &mut Vec::new()) || is_derived(source, id) {
        return None;
    }
    let types = Types::new(source, &definition.module);
    let fields = body.fields.iter().map(|field| {
        let name = field_ident(&field.name);
        let value = match (of_field(&types, field), field.required) {
            (Some(value), _) => value,
            (None, true) => quote!(Default::default()),
            (None, false) => absent(&types, field),
        };
        quote!(#name: #value)
    });
    let unknown = matches!(body.unknown, Unknown::Kept(_)).then(|| quote!(unknown: Default::default(),));
    let name = format_ident!("{}", definition.name);
    Some(quote! {
        /// The defaults of the schema, those of optional properties, too.
        impl Default for #name {
            fn default() -> Self {
                Self { #(#fields,)* #unknown }
            }
        }
    })
}

/// Whether the defaults of a struct are those of its fields' types, so that deriving `Default` says it all.
pub(super) fn is_derived(source: Source<'_>, id: Id) -> bool {
    let Body::Struct(body) = &source.program.definitions[id].body else { return false };
    let natural = |field: &Field| match (&field.default, field.required) {
        (None, _) => true,
        (Some(Value::Null), true) => true,
        (Some(default), true) if !field.shape.nullable && !matches!(field.shape.ty, Type::Named(_)) => match default {
            Value::Bool(value) => !value,
            // Negative zero is another one, and keeps its sign.
            Value::Number(number) => number.as_i64() == Some(0),
            Value::String(text) => text.is_empty() && field.shape.ty == Type::Text,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Null => false,
        },
        _ => false,
    };
    body.fields.iter().all(natural) && gives_default(source, id, &mut Vec::new())
}

fn gives_default(source: Source<'_>, id: Id, open: &mut Vec<Id>) -> bool {
    let definition = &source.program.definitions[id];
    let Body::Struct(body) = &definition.body else { return false };
    if open.contains(&id) || !body.rules.is_empty() {
        return false;
    }
    open.push(id);
    let found = complete(source, definition, body, open);
    open.pop();
    found
}

fn complete(source: Source<'_>, definition: &Definition, body: &Struct, open: &mut Vec<Id>) -> bool {
    let types = Types::new(source, &definition.module);
    let mut some = false;
    for field in &body.fields {
        let has_default = of_field(&types, field).is_some();
        let inner = match field.shape {
            Shape { ty: Type::Named(id), nullable: false, .. } if field.required && !has_default => {
                gives_default(source, id, open)
            }
            _ => false,
        };
        if field.required && !has_default && !inner {
            return false;
        }
        some |= has_default || inner;
    }
    some
}

/// The absence of an optional property.
pub(super) fn absent(types: &Types<'_>, field: &Field) -> TokenStream {
    if field.is_maybe() {
        let maybe = types.runtime().item("Maybe");
        return quote!(#maybe::Absent);
    }
    quote!(None)
}

/// The default of a field as an expression of the field's type; `None` if it has none, or one that takes more than a
/// literal.
pub(super) fn of_field(types: &Types<'_>, field: &Field) -> Option<TokenStream> {
    let default = field.default.as_ref()?;
    let maybe = types.runtime().item("Maybe");
    let value = match default {
        Value::Null if field.shape.nullable => None,
        _ => Some(literal(types, &field.shape, default)?),
    };
    Some(match (field.required, field.shape.nullable, value) {
        (true, _, None) => quote!(None),
        (true, false, Some(value)) => value,
        (true, true, Some(value)) | (false, false, Some(value)) => quote!(Some(#value)),
        (false, _, None) => quote!(#maybe::Null),
        (false, true, Some(value)) => quote!(#maybe::Value(#value)),
    })
}

fn literal(types: &Types<'_>, shape: &Shape, value: &Value) -> Option<TokenStream> {
    Some(match (&shape.ty, value) {
        (Type::Bool, Value::Bool(value)) => quote!(#value),
        (Type::Text, Value::String(value)) => quote!(String::from(#value)),
        (Type::Bytes(encoding), Value::String(value)) => {
            let of = types.runtime().item(encoding.type_path());
            quote!(#of::from_text(#value))
        }
        (Type::Integer(kind), Value::Number(_)) => {
            let (least, most) = kind.bounds();
            integer(integer_of(value).filter(|value| (least..=most).contains(value))?)
        }
        (Type::Number, Value::Number(value)) => {
            let (number, value) = (types.runtime().item("Number"), into_number(types.runtime(), value));
            quote!(#number::from(#value))
        }
        (Type::List(_), Value::Array(items)) if items.is_empty() => quote!(Vec::new()),
        (Type::List(item), Value::Array(items)) if !item.nullable => {
            let items = items.iter().map(|value| literal(types, item, value)).collect::<Option<Vec<_>>>()?;
            quote!(vec![#(#items),*])
        }
        (Type::Map(_), Value::Object(members)) if members.is_empty() => {
            quote!(::std::collections::BTreeMap::new())
        }
        (Type::Named(id), _) => named(types, *id, value)?,
        _ => return None,
    })
}

fn named(types: &Types<'_>, id: Id, value: &Value) -> Option<TokenStream> {
    let path = types.path(id);
    Some(match (&types.definition(id).body, value) {
        (Body::Enum(variants), Value::String(text)) => {
            let variant = variants.iter().find(|variant| &variant.value == text)?;
            let variant = format_ident!("{}", variant.name);
            quote!(#path::#variant)
        }
        (Body::Wrapper(inner), _) if !inner.nullable => {
            let value = literal(types, inner, value)?;
            quote!(#path(#value))
        }
        // Only in its own module can a type of text be made without asking whether the text is legal.
        (Body::Text(_), Value::String(text)) if types.is_own(id) && types.accepts(id, value) => {
            quote!(#path(String::from(#text)))
        }
        _ => return None,
    })
}
