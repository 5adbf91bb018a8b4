//! `From` between neighbouring versions of an event, where the schemas prove that it cannot fail.

mod derivation;
mod how;
mod proof;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::load::Loaded;
use crate::parallel;
use crate::shape::{Body, Choice, Field, Id, Shape, Struct, Type, Union, Unknown, Variant};

use super::default::{absent, of_field};
use super::source::Source;
use super::source::several_name;
use super::types::{Types, field_ident};
use super::values;

use derivation::{Conversion, Conversions, Derivation};
use how::How;
use proof::Change;

/// Every conversion of a catalogue.
#[derive(Default)]
pub(super) struct Upcasts {
    /// Payloads that the version before becomes by `From`.
    derived: BTreeSet<Id>,
    /// As text, because tokens cannot go from thread to thread.
    conversions: Conversions,
}

impl Upcasts {
    /// Derives what can be derived.
    ///
    /// Two events may need the same conversion between types that they share. It is written once; an event that needs
    /// another one between the same types gets none.
    pub(super) fn new(loaded: &Loaded, source: Source<'_>) -> Self {
        let versions = loaded.catalogue.events.iter().flat_map(|event| event.versions.windows(2));
        let pairs: Vec<(&str, &str)> = versions.map(|pair| (pair[0].file.as_str(), pair[1].file.as_str())).collect();
        let mut upcasts = Self::default();
        for (newer, conversions) in parallel::map(&pairs, |pair| derive(loaded, source, *pair)).into_iter().flatten() {
            let differs =
                |(key, text): (&Conversion, &String)| upcasts.conversions.get(key).is_some_and(|other| other != text);
            if !conversions.iter().any(differs) {
                upcasts.conversions.extend(conversions);
                upcasts.derived.insert(newer);
            }
        }
        upcasts
    }

    /// Whether the version before becomes this payload by `From`; else `Upcast` is asked for.
    pub(super) fn is_derived(&self, newer: Id) -> bool {
        self.derived.contains(&newer)
    }

    /// Whether a definition becomes another by `From`.
    pub(super) fn convert(&self, older: Id, newer: Id) -> bool {
        self.conversions.contains_key(&(older, newer))
    }

    /// The conversions that stand beside a definition.
    pub(super) fn beside(&self, id: Id) -> TokenStream {
        let beside = self.conversions.iter().filter(|((_, newer), _)| *newer == id);
        beside.filter_map(|(_, text)| text.parse::<TokenStream>().ok()).collect()
    }
}

/// The newer payload with the conversions that lead to it, if every value that a writer of the older version writes
/// becomes a valid one, and the types can say how.
fn derive(loaded: &Loaded, source: Source<'_>, (older_file, newer_file): (&str, &str)) -> Option<(Id, Conversions)> {
    let program = source.program;
    let (older, newer) = (program.root_of(older_file)?, program.root_of(newer_file)?);
    let change = Change::new(program, newer);
    let mut derivation = Derivation { source, change, filled: Vec::new(), conversions: BTreeMap::new(), depth: 0 };
    derivation.convert(older, newer)?;
    let reads = proof::reads(loaded, program, (older_file, newer_file), &derivation.filled);
    reads.then_some((newer, derivation.conversions))
}

impl Derivation<'_> {
    /// Writes the conversion between two definitions, unless it is there already.
    fn convert(&mut self, older: Id, newer: Id) -> Option<()> {
        /// So many definitions lie in each other where a conversion is derived: chains of them are longer than stacks.
        const DEEPEST: usize = 64;
        let key = (older, newer);
        if self.conversions.contains_key(&key) {
            return Some(());
        }
        if self.depth == DEEPEST {
            return None;
        }
        self.conversions.insert(key, String::new());
        self.depth += 1;
        let text = self.conversion(older, newer);
        self.depth -= 1;
        self.conversions.insert(key, text?);
        Some(())
    }

    fn conversion(&mut self, older: Id, newer: Id) -> Option<String> {
        let (from, into) = (&self.source.program.definitions[older], &self.source.program.definitions[newer]);
        let path = Types::new(self.source, &into.module).path(older);
        let named = Shape::of(Type::Named(older));
        let body = match (&from.body, &into.body) {
            (Body::Struct(from), Body::Struct(fields)) => self.structure(from, fields, newer)?,
            (Body::Enum(from), Body::Enum(into)) => enumeration(&path, from, into)?,
            (Body::Union(from), Body::Union(union)) => self.union(&path, from, union, &into.module)?,
            (Body::Wrapper(from), Body::Wrapper(shape)) => {
                let value = self.shape(from, shape, &into.module)?.on(quote!(old.0));
                quote!(Self(#value))
            }
            (Body::Enum(_) | Body::Text(_), Body::Text(_)) if values::contains(self.source.program, newer, &named) => {
                quote!(Self(old.into()))
            }
            _ => return None,
        };
        let name = format_ident!("{}", into.name);
        let text = quote! {
            impl From<#path> for #name {
                fn from(old: #path) -> Self {
                    #body
                }
            }
        };
        Some(text.to_string())
    }

    fn structure(&mut self, from: &Struct, into: &Struct, newer: Id) -> Option<TokenStream> {
        let has = |body: &Struct, property: &str| body.fields.iter().any(|field| field.property == property);
        let dropped: Vec<&str> =
            from.fields.iter().map(|field| field.property.as_str()).filter(|name| !has(into, name)).collect();
        let keeps = |body: &Struct| matches!(body.unknown, Unknown::Kept(_));
        let is_new = into.fields.iter().any(|field| !has(from, &field.property));
        if from.tag != into.tag
            // A property without a field may stand among those that are kept, and would have to move.
            || keeps(from) && is_new
            || keeps(into) && !dropped.is_empty()
            || !dropped.is_empty() && !self.change.may_drop(newer, &dropped)
        {
            return None;
        }
        let module = &self.source.program.definitions[newer].module;
        let fields = into.fields.iter().map(|field| {
            let name = field_ident(&field.name);
            let value = match from.fields.iter().find(|old| old.property == field.property) {
                Some(old) => self.field(old, field, newer)?,
                None => self.filling(field, newer)?,
            };
            Some(quote!(#name: #value))
        });
        let fields = fields.collect::<Option<Vec<_>>>()?;
        let unknown = match (&from.unknown, &into.unknown) {
            (Unknown::Kept(from), Unknown::Kept(into)) => {
                let value = self.shape(from, into, module)?.on(quote!(old.unknown));
                Some(quote!(unknown: #value,))
            }
            (_, Unknown::Kept(_)) => Some(quote!(unknown: Default::default(),)),
            _ => None,
        };
        Some(quote!(Self { #(#fields,)* #unknown }))
    }

    fn field(&mut self, old: &Field, new: &Field, newer: Id) -> Option<TokenStream> {
        let name = field_ident(&old.name);
        let place = quote!(old.#name);
        let module = &self.source.program.definitions[newer].module;
        let how = self.shape(&old.shape, &new.shape, module)?;
        Some(match (old.required, new.required) {
            (true, true) => how.on(place),
            (true, false) if new.is_maybe() => How::Into.on(how.on(place)),
            (true, false) => How::some(how).on(place),
            (false, false) if old.is_maybe() => {
                self.shape(&old.shape.not_null(), &new.shape.not_null(), module)?.in_option().on(place)
            }
            (false, false) if new.is_maybe() => {
                let (maybe, how) =
                    (self.source.runtime.item("Maybe"), self.shape(&old.shape, &new.shape.not_null(), module)?);
                let value = how.in_option().on(place);
                quote!(#value.map_or(#maybe::Absent, #maybe::Value))
            }
            (false, false) => how.in_option().on(place),
            (false, true) => {
                let default = self.filling(new, newer)?;
                let place = if old.is_maybe() { quote!(#place.present()) } else { place };
                let value = how.in_option().on(place);
                if how::is_natural(&default) {
                    quote!(#value.unwrap_or_default())
                } else if how::is_literal(&default) {
                    quote!(#value.unwrap_or(#default))
                } else {
                    quote!(#value.unwrap_or_else(|| #default))
                }
            }
        })
    }

    /// What stands for a property that the older value lacks: the default of the schema, wherever it keeps the value
    /// valid. An optional property may stay away.
    fn filling(&mut self, field: &Field, newer: Id) -> Option<TokenStream> {
        let types = Types::new(self.source, &self.source.program.definitions[newer].module);
        let is_sound = field.default.as_ref().is_some_and(|default| {
            self.change.may_fill(newer, &field.property) && values::accepts(self.source.program, &field.shape, default)
        });
        let default = if is_sound { of_field(&types, field) } else { None };
        if default.is_some() && field.required {
            self.filled.push((newer, field.property.clone()));
        }
        default.or_else(|| (!field.required).then(|| absent(&types, field)))
    }

    /// Every alternative becomes the one with its tag, or where there are no tags, with its name.
    fn union(&mut self, path: &TokenStream, from: &Union, into: &Union, module: &[String]) -> Option<TokenStream> {
        let same_tag = match (&from.choice, &into.choice) {
            (Choice::Tag { .. }, Choice::Tag { .. }) => from.choice == into.choice,
            (Choice::Tag { .. }, _) | (_, Choice::Tag { .. }) => false,
            _ => true,
        };
        // What no alternative has room for was never read as one of them.
        if !same_tag || several_name(from, true).is_some() {
            return None;
        }
        let arms = from.variants.iter().map(|variant| {
            let twin = into.variants.iter().find(|twin| match from.choice {
                Choice::Tag { .. } => variant.tags.iter().all(|tag| twin.tags.contains(tag)),
                _ => twin.name == variant.name,
            })?;
            let (one, other) = (format_ident!("{}", variant.name), format_ident!("{}", twin.name));
            let value = self.shape(&variant.shape, &twin.shape, module)?.on(quote!(value));
            Some(quote!(#path::#one(value) => Self::#other(#value),))
        });
        let arms = arms.collect::<Option<Vec<_>>>()?;
        Some(quote!(match old { #(#arms)* }))
    }
}

fn enumeration(path: &TokenStream, from: &[Variant], into: &[Variant]) -> Option<TokenStream> {
    let arms = from.iter().map(|variant| {
        let twin = into.iter().find(|twin| twin.value == variant.value)?;
        let (one, other) = (format_ident!("{}", variant.name), format_ident!("{}", twin.name));
        Some(quote!(#path::#one => Self::#other,))
    });
    let arms = arms.collect::<Option<Vec<_>>>()?;
    Some(quote!(match old { #(#arms)* }))
}
