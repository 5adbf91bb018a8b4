//! Values of properties that the schema gives a `default`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::{Map, Value};

use crate::lower::integer_of;
use crate::shape::{Body, Choice, Definition, Field, Id, Program, Shape, Struct, Type, Union, Unknown};

use super::literal::raw_string;
use super::numbers::{integer, into_number};
use super::source::Source;
use super::types::{Types, field_ident};

/// Which structs have defaults: where the schema gives one and leaves nothing open, so that every required property has a default,
/// or is itself such a struct.
pub(super) struct Defaults {
    gives: Vec<bool>,
}

impl Defaults {
    /// Looks at every definition once, and again at those that need it when it is known to have a default. What needs itself
    /// never has.
    pub(super) fn new(source: Source<'_>) -> Self {
        let count = source.program.definitions.len();
        let (mut gives, mut missing, mut users) = (vec![false; count], vec![0_usize; count], vec![Vec::new(); count]);
        let mut ready = Vec::new();
        for (id, definition) in source.program.definitions.iter().enumerate() {
            let Some(Needs { others, has_some }) = needs(source, definition) else { continue };
            missing[id] = others.len();
            if others.is_empty() && has_some {
                ready.push(id);
            }
            others.into_iter().for_each(|other| users[other].push(id));
        }
        while let Some(id) = ready.pop() {
            gives[id] = true;
            for user in std::mem::take(&mut users[id]) {
                missing[user] -= 1;
                if missing[user] == 0 {
                    ready.push(user);
                }
            }
        }
        Self { gives }
    }

    /// `impl Default` for a struct that has one and does not derive it.
    pub(super) fn implementation(&self, source: Source<'_>, id: Id) -> Option<TokenStream> {
        let definition = &source.program.definitions[id];
        let Body::Struct(body) = &definition.body else { return None };
        if !self.gives[id] || self.is_derived(source.program, id) {
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
    pub(super) fn is_derived(&self, program: &Program, id: Id) -> bool {
        let Body::Struct(body) = &program.definitions[id].body else { return false };
        let natural = |field: &Field| match &field.default {
            None => true,
            Some(default) => field.required && is_natural(&field.shape, default),
        };
        self.gives[id] && body.fields.iter().all(natural)
    }
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

/// What a struct needs for a default.
struct Needs {
    /// The structs that required fields take theirs from, once for each field.
    others: Vec<Id>,
    /// Whether some field has a default, its own or that of its struct.
    has_some: bool,
}

/// `None` where a required property has neither, or one has a default that no literal is.
fn needs(source: Source<'_>, definition: &Definition) -> Option<Needs> {
    let Body::Struct(body) = &definition.body else { return None };
    if !body.rules.is_empty() {
        return None;
    }
    let types = Types::new(source, &definition.module);
    let mut needs = Needs { others: Vec::new(), has_some: false };
    for field in &body.fields {
        let has_default = of_field(&types, field).is_some();
        match field.shape {
            _ if has_default => needs.has_some = true,
            // A value without it would not be the default of the schema.
            _ if field.default.is_some() => return None,
            Shape { ty: Type::Named(id) | Type::Boxed(id), nullable: false, .. } if field.required => {
                needs.others.push(id);
                needs.has_some = true;
            }
            _ if field.required => return None,
            _ => {}
        }
    }
    Some(needs)
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
            let (number, value) = (types.runtime().item("Number"), into_number(value));
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
