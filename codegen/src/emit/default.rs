//! Values of properties that the schema gives a `default`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::{Map, Value};

use crate::lower::integer_of;
use crate::shape::{Body, Choice, Definition, Field, Id, Shape, Struct, Type, Union, Unknown};

use super::literal::raw_string;
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
    let natural = |field: &Field| match &field.default {
        None => true,
        Some(default) => field.required && is_natural(&field.shape, default),
    };
    body.fields.iter().all(natural) && gives_default(source, id, &mut Vec::new())
}

/// Whether a value is the one that the type of Rust has for `Default`.
fn is_natural(shape: &Shape, value: &Value) -> bool {
    match (&shape.ty, value) {
        (_, Value::Null) => shape.nullable || matches!(shape.ty, Type::Null | Type::Any),
        _ if shape.nullable => false,
        (Type::Bool, Value::Bool(value)) => !value,
        (Type::Integer(_), value) => integer_of(value) == Some(0),
        // Negative zero is another one, and keeps its sign.
        (Type::Number, Value::Number(number)) => number.as_i64() == Some(0),
        (Type::Text, Value::String(text)) => text.is_empty(),
        (Type::List(_), Value::Array(items)) => items.is_empty(),
        (Type::Map(_), Value::Object(members)) => members.is_empty(),
        _ => false,
    }
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
        if field.default.is_some() && !has_default {
            // A value without it would not be the default of the schema.
            return false;
        }
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
    of_member(types, field, field.default.as_ref()?)
}

/// A value of a property as an expression of the field's type.
fn of_member(types: &Types<'_>, field: &Field, default: &Value) -> Option<TokenStream> {
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

/// The value of a shape, null if it may be.
fn of_shape(types: &Types<'_>, shape: &Shape, value: &Value) -> Option<TokenStream> {
    if !shape.nullable {
        return literal(types, shape, value);
    }
    Some(match value {
        Value::Null => quote!(None),
        _ => {
            let value = literal(types, shape, value)?;
            quote!(Some(#value))
        }
    })
}

fn literal(types: &Types<'_>, shape: &Shape, value: &Value) -> Option<TokenStream> {
    Some(match (&shape.ty, value) {
        (Type::Bool, Value::Bool(value)) => quote!(#value),
        (Type::Null, Value::Null) => quote!(()),
        (Type::Text, Value::String(value)) => quote!(String::from(#value)),
        (Type::Bytes(encoding), Value::String(value)) => {
            let of = types.runtime().item(encoding.type_path());
            quote!(#of::from_text(#value))
        }
        (Type::Uuid | Type::Date | Type::DateTime, Value::String(text)) => parsed(types, &shape.ty, text)?,
        (Type::Integer(kind), Value::Number(_)) => {
            let (least, most) = kind.bounds();
            integer(integer_of(value).filter(|value| (least..=most).contains(value))?)
        }
        (Type::Number, Value::Number(value)) => {
            let (number, value) = (types.runtime().item("Number"), into_number(types.runtime(), value));
            quote!(#number::from(#value))
        }
        (Type::List(_), Value::Array(items)) if items.is_empty() => quote!(Vec::new()),
        (Type::List(item), Value::Array(items)) => {
            let items = items.iter().map(|value| of_shape(types, item, value)).collect::<Option<Vec<_>>>()?;
            quote!(::std::vec![#(#items),*])
        }
        (Type::Tuple(shapes), Value::Array(items)) if shapes.len() == items.len() => {
            let items = shapes.iter().zip(items).map(|(shape, value)| of_shape(types, shape, value));
            let items = items.collect::<Option<Vec<_>>>()?;
            quote!((#(#items,)*))
        }
        (Type::Map(_), Value::Object(members)) if members.is_empty() => {
            quote!(::std::collections::BTreeMap::new())
        }
        (Type::Map(item), Value::Object(members)) => {
            let members = members.iter().map(|(name, value)| {
                let value = of_shape(types, item, value)?;
                Some(quote!((String::from(#name), #value)))
            });
            let members = members.collect::<Option<Vec<_>>>()?;
            quote!(::std::collections::BTreeMap::from([#(#members),*]))
        }
        (Type::Any, value) => {
            let (literal, text) = (types.runtime().internal("literal"), raw_string(&value.to_string()));
            quote!(#literal(#text))
        }
        (Type::Named(id), _) => named(types, *id, value)?,
        (Type::Boxed(id), _) => {
            let value = named(types, *id, value)?;
            quote!(Box::new(#value))
        }
        _ => return None,
    })
}

/// A value that is read from its text, which it takes.
fn parsed(types: &Types<'_>, ty: &Type, text: &str) -> Option<TokenStream> {
    // A second more than a minute has is legal in texts, and not for everybody who reads them.
    let is_usual = *ty != Type::DateTime || !text.contains(":60");
    let literal = types.runtime().internal("literal");
    let is_legal = types.accepts(&Shape::of(ty.clone()), &Value::from(text));
    (is_usual && is_legal).then(|| quote!(#literal(#text)))
}

fn named(types: &Types<'_>, id: Id, value: &Value) -> Option<TokenStream> {
    let path = types.path(id);
    Some(match (&types.definition(id).body, value) {
        (Body::Enum(variants), Value::String(text)) => {
            let variant = variants.iter().find(|variant| &variant.value == text)?;
            let variant = format_ident!("{}", variant.name);
            quote!(#path::#variant)
        }
        (Body::Wrapper(inner), _) => {
            let value = of_shape(types, inner, value)?;
            quote!(#path(#value))
        }
        (Body::Text(_), Value::String(text)) if types.accepts(&Shape::of(Type::Named(id)), value) => {
            // Only in its own module can a type of text be made without asking whether the text is legal.
            if types.is_own(id) {
                quote!(#path(String::from(#text)))
            } else {
                let literal = types.runtime().internal("literal");
                quote!(#literal(#text))
            }
        }
        (Body::Struct(body), Value::Object(members)) => structure(types, &path, body, members)?,
        (Body::Union(union), _) => alternative(types, &path, union, value)?,
        _ => return None,
    })
}

/// A struct with the properties of a value. What the value leaves out is absent, as where it is read.
fn structure(
    types: &Types<'_>,
    path: &TokenStream,
    body: &Struct,
    members: &Map<String, Value>,
) -> Option<TokenStream> {
    let declared =
        |name: &str| body.fields.iter().any(|field| field.property == name) || body.tag.as_deref() == Some(name);
    let others: Map<String, Value> =
        members.iter().filter(|(name, _)| !declared(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let unknown = match &body.unknown {
        Unknown::Kept(map) => {
            let others = literal(types, map, &Value::Object(others))?;
            Some(quote!(unknown: #others,))
        }
        Unknown::Forbidden if !others.is_empty() => return None,
        Unknown::Ignored | Unknown::Forbidden => None,
    };
    let fields = body.fields.iter().map(|field| {
        let name = field_ident(&field.name);
        let value = match members.get(&field.property) {
            Some(value) => of_member(types, field, value)?,
            None if field.required => return None,
            None => absent(types, field),
        };
        Some(quote!(#name: #value,))
    });
    let fields = fields.collect::<Option<Vec<_>>>()?;
    Some(quote!(#path { #(#fields)* #unknown }))
}

/// The alternative that a value is of: the one of its tag, or the only one that provably takes it.
fn alternative(types: &Types<'_>, path: &TokenStream, union: &Union, value: &Value) -> Option<TokenStream> {
    let variant = match &union.choice {
        Choice::Tag { property, .. } => {
            let tag = value.get(property)?.as_str()?;
            union.variants.iter().find(|variant| variant.tags.iter().any(|other| other == tag))?
        }
        Choice::One | Choice::Any => {
            let mut taking = union.variants.iter().filter(|variant| types.accepts(&variant.shape, value));
            taking.next().filter(|_| taking.next().is_none())?
        }
    };
    let (name, value) = (format_ident!("{}", variant.name), of_shape(types, &variant.shape, value)?);
    Some(quote!(#path::#name(#value)))
}
