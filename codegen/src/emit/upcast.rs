//! `From` between two versions of an event, where the schemas prove that it cannot fail.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::evolution;
use crate::load::Loaded;
use crate::shape::{Body, Field, Id, Integer, Program, Shape, Struct, Type};

use super::default::of_field;
use super::types::{Types, field_ident};

/// The implementation of `From`, if every value that a writer of the older version writes fits the newer one and
/// the types can say how.
pub(super) fn derive(
    loaded: &Loaded,
    program: &Program,
    (older, older_file): (Id, &str),
    (newer, newer_file): (Id, &str),
) -> Option<TokenStream> {
    if !evolution::reads(loaded, newer_file, older_file) {
        return None;
    }
    let mut derivation = Derivation { program, done: Vec::new(), impls: TokenStream::new() };
    derivation.convert(older, newer)?;
    Some(derivation.impls)
}

struct Derivation<'a> {
    program: &'a Program,
    /// Pairs whose conversion is written or being written.
    done: Vec<(Id, Id)>,
    impls: TokenStream,
}

impl Derivation<'_> {
    /// Writes the conversion between two definitions, unless it is there already.
    fn convert(&mut self, older: Id, newer: Id) -> Option<()> {
        if self.done.contains(&(older, newer)) {
            return Some(());
        }
        self.done.push((older, newer));
        let (from, into) = (&self.program.definitions[older], &self.program.definitions[newer]);
        let body = match (&from.body, &into.body) {
            (Body::Struct(from), Body::Struct(into)) => {
                self.structure(from, into, &self.program.definitions[newer].module)?
            }
            (Body::Enum(from), Body::Enum(into)) => {
                let path = Types::new(self.program, &self.program.definitions[newer].module).path(older);
                let arms = from.iter().map(|variant| {
                    let twin = into.iter().find(|twin| twin.value == variant.value)?;
                    let (one, other) = (format_ident!("{}", variant.name), format_ident!("{}", twin.name));
                    Some(quote!(#path::#one => Self::#other,))
                });
                let arms = arms.collect::<Option<Vec<_>>>()?;
                quote!(match old { #(#arms)* })
            }
            _ => return None,
        };
        let name = format_ident!("{}", into.name);
        let path = Types::new(self.program, &into.module).path(older);
        self.impls.extend(quote! {
            impl From<#path> for #name {
                fn from(old: #path) -> Self {
                    #body
                }
            }
        });
        Some(())
    }

    fn structure(&mut self, from: &Struct, into: &Struct, module: &[String]) -> Option<TokenStream> {
        let fields = into.fields.iter().map(|field| {
            let name = field_ident(&field.name);
            let value = match from.fields.iter().find(|old| old.property == field.property) {
                Some(old) => self.field(old, field)?,
                None if field.required => return None,
                // A property that the older version does not have is absent without a default.
                None => of_field(&Types::new(self.program, module), field).unwrap_or_else(|| quote!(None)),
            };
            Some(quote!(#name: #value))
        });
        let fields = fields.collect::<Option<Vec<_>>>()?;
        let unknown = match (&from.unknown, &into.unknown) {
            (crate::shape::Unknown::Kept(_), crate::shape::Unknown::Kept(_)) => Some(quote!(unknown: old.unknown,)),
            (_, crate::shape::Unknown::Kept(_)) => Some(quote!(unknown: Default::default(),)),
            _ => None,
        };
        Some(quote!(Self { #(#fields,)* #unknown }))
    }

    fn field(&mut self, old: &Field, new: &Field) -> Option<TokenStream> {
        let name = field_ident(&old.name);
        let place = quote!(old.#name);
        // How many options lie around the value on each side: absence, null.
        let layers = |field: &Field| (!field.required, field.shape.nullable);
        let conversion = self.conversion(&old.shape, &new.shape)?;
        match (layers(old), layers(new)) {
            (one, other) if one == other => Some(match (conversion, one) {
                (None, _) => place,
                (Some(convert), (false, false)) => quote!(#convert(#place)),
                (Some(convert), (true, true)) => quote!(#place.map(|value| value.map(#convert))),
                (Some(convert), _) => quote!(#place.map(#convert)),
            }),
            ((false, false), (true, false) | (false, true)) => Some(match conversion {
                None => quote!(Some(#place)),
                Some(convert) => quote!(Some(#convert(#place))),
            }),
            _ => None,
        }
    }

    /// A function from one type to the other; `Some(None)` when they are the same.
    #[expect(clippy::option_option, reason = "no conversion and none needed are two different answers")]
    fn conversion(&mut self, from: &Shape, into: &Shape) -> Option<Option<TokenStream>> {
        match (&from.ty, &into.ty) {
            (one, other) if one == other => Some(None),
            (Type::Named(one), Type::Named(other)) => {
                self.convert(*one, *other)?;
                Some(Some(quote!(Into::into)))
            }
            (Type::Integer(one), Type::Integer(other)) if widens(*one, *other) => Some(Some(quote!(Into::into))),
            (Type::Integer(Integer::U8 | Integer::U16 | Integer::U32 | Integer::I32), Type::Number) => {
                Some(Some(quote!(Into::into)))
            }
            _ => None,
        }
    }
}

fn widens(from: Integer, into: Integer) -> bool {
    use Integer::{I32, I64, U8, U16, U32, U64};
    matches!(
        (from, into),
        (U8, U16 | U32 | U64 | I32 | I64) | (U16, U32 | U64 | I32 | I64) | (U32, U64 | I64) | (I32, I64)
    )
}
