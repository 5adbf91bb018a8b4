//! Structs, enums, unions and newtypes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::pages::{PayloadPage, token};
use crate::shape::{
    Alternative, Body, Check, Choice, Definition, Field, Id, Integer, Shape, Struct, Type, Union, Unknown, Variant,
};

use super::derives::is_copy;
use super::docs::{code, doc, doc_and, lines, with_source};
use super::runtime::Runtime;
use super::source::Source;

/// How the values of a definition are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// By its type alone.
    Nothing,
    /// By its method `is_valid`.
    Method,
    /// By the validator.
    Gap,
}

/// What is known of a definition beside its types.
pub(super) struct Facts {
    pub(super) checked: Checked,
    /// Whether it implements `Ord`.
    pub(super) is_ordered: bool,
    /// Whether `Default` is derived.
    pub(super) has_derived_default: bool,
    /// What becomes a union by itself, for each alternative.
    pub(super) alternatives: Vec<TokenStream>,
    /// The parameter and the conditions of a text type's check.
    pub(super) text: (TokenStream, TokenStream),
}

/// The re-exports of one module, each with the module that it is taken from.
pub(super) type Exports = BTreeMap<Id, Vec<String>>;

/// Writes types with paths that are right inside one module.
pub(super) struct Types<'a> {
    source: Source<'a>,
    /// The module that the text will stand in.
    module: &'a [String],
    /// Types of other modules that are imported, so that their names suffice.
    imported: BTreeSet<Id>,
}

impl<'a> Types<'a> {
    /// Paths from a module that imports nothing.
    pub(super) fn new(source: Source<'a>, module: &'a [String]) -> Self {
        Self { source, module, imported: BTreeSet::new() }
    }

    /// Paths from a module that imports what its types are made of, where no two have the same name. The names of what it
    /// `exports`, and of the structs of `required` properties, are taken.
    pub(super) fn importing(
        source: Source<'a>,
        module: &'a [String],
        own: &[Id],
        exports: &Exports,
        required: &HashSet<String>,
    ) -> Self {
        let program = source.program;
        let mut names: BTreeMap<&str, BTreeSet<Id>> = BTreeMap::new();
        for id in exports.keys() {
            names.entry(&program.definitions[*id].name).or_default().insert(*id);
        }
        for id in own {
            let definition = &program.definitions[*id];
            names.entry(&definition.name).or_default().insert(*id);
            for (used, _) in definition.body.names() {
                names.entry(&program.definitions[used].name).or_default().insert(used);
            }
        }
        names.retain(|name, ids| ids.len() == 1 && !required.contains(*name));
        let unambiguous = names.into_values().flatten();
        let imported = unambiguous.filter(|id| program.definitions[*id].module != module).collect();
        Self { source, module, imported }
    }

    /// Whether the types stand beside the modules at the top of the text.
    pub(super) fn is_at_top(&self) -> bool {
        self.module.is_empty()
    }

    /// Where the runtime is.
    pub(super) fn runtime(&self) -> &'a Runtime {
        self.source.runtime
    }

    /// A definition by its number.
    pub(super) fn definition(&self, id: Id) -> &'a Definition {
        &self.source.program.definitions[id]
    }

    /// Whether a definition stands in the module at hand.
    pub(super) fn is_own(&self, id: Id) -> bool {
        self.source.program.definitions[id].module == self.module
    }

    /// Whether a shape provably accepts a value.
    pub(super) fn accepts(&self, shape: &Shape, value: &serde_json::Value) -> bool {
        super::values::accepts(self.source.program, shape, value)
    }

    /// The `use` lines of a module for what it does not re-export.
    pub(super) fn imports(&self, exports: &Exports) -> TokenStream {
        let mut modules: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
        for id in self.imported.iter().filter(|id| !exports.contains_key(id)) {
            let definition = &self.source.program.definitions[*id];
            modules.entry(&definition.module).or_default().insert(&definition.name);
        }
        let uses = modules.into_iter().map(|(module, names)| {
            let path = self.module_path(module);
            let names = names.into_iter().map(|name| format_ident!("{}", name));
            quote!(use #path{#(#names),*};)
        });
        quote!(#(#uses)*)
    }

    /// The declaration of a type.
    pub(super) fn declaration(&self, id: Id, facts: Facts) -> TokenStream {
        let Facts { checked, is_ordered, has_derived_default, alternatives, text } = facts;
        let definition = &self.source.program.definitions[id];
        let page =
            definition.location.pointer.is_empty().then(|| self.source.program.pages.get(&definition.location.file));
        let page = page.flatten();
        let doc = with_source(definition, page.map(|page| page.version.as_str()));
        let order = if is_ordered { quote!(, Eq, Hash, PartialOrd, Ord) } else { quote!(, Eq, Hash) };
        let name = format_ident!("{}", definition.name);
        let declaration = match &definition.body {
            Body::Struct(body) => {
                let default = has_derived_default.then(|| quote!(, Default));
                self.structure(&name, body, &quote!(#order #default), page)
            }
            Body::Enum(variants) => enumeration(&name, variants),
            Body::Union(union) => self.union(&name, union, checked, (&order, &alternatives)),
            Body::Text(checks) => return self.text(&doc, &name, checks, text),
            Body::Wrapper(shape) => self.wrapper(&name, shape, &order),
            Body::Open => TokenStream::new(),
        };
        quote!(#doc #declaration)
    }

    fn structure(&self, name: &Ident, body: &Struct, derives: &TokenStream, page: Option<&PayloadPage>) -> TokenStream {
        let fields = body.fields.iter().map(|field| self.field(field, page));
        let closed = (body.unknown == Unknown::Forbidden).then(|| quote!(#[serde(deny_unknown_fields)]));
        let kept = match &body.unknown {
            Unknown::Kept(map) => {
                let (map, kept) = (self.shape(map), self.runtime().internal_text("de::kept"));
                Some(quote! {
                    /// Properties that the schema does not name.
                    #[serde(flatten, deserialize_with = #kept)]
                    pub unknown: #map,
                })
            }
            _ => None,
        };
        quote! {
            #[derive(Debug, Clone, PartialEq #derives, ::serde::Serialize, ::serde::Deserialize)]
            #closed
            pub struct #name { #(#fields)* #kept }
        }
    }

    fn field(&self, field: &Field, page: Option<&PayloadPage>) -> TokenStream {
        let name = field_ident(&field.name);
        let default = field.default.as_ref().map(|default| format!("The default is {}.", code(&default.to_string())));
        let link = page.map(|page| format!("[In the catalogue]({}{}).", page.fields, token(&field.property)));
        let ours = match (default, link) {
            (Some(default), Some(link)) => Some(format!("{default} {link}")),
            (default, link) => default.or(link),
        };
        let doc = match ours {
            Some(ours) => doc_and(&field.doc, &ours),
            None => doc(&field.doc, || format!("The property {}.", code(&field.property))),
        };
        let mut ty = self.shape(&field.shape);
        let exact = self.needs_exact(&field.shape);
        let reader = |path| {
            let path = self.runtime().internal_text(path);
            quote!(deserialize_with = #path)
        };
        let mut options = Vec::new();
        if field.name != field.property {
            let property = &field.property;
            options.push(quote!(rename = #property));
        }
        if field.required {
            let with = if exact { Some("de::exact") } else { self.takes_null(&field.shape).then_some("de::required") };
            options.extend(with.map(reader));
        } else if field.is_maybe() {
            ty = self.maybe(&field.shape);
            options.push(quote!(default));
            options.extend(exact.then(|| reader("de::exact")));
            options.push(quote!(skip_serializing_if = "Maybe::is_absent"));
        } else {
            ty = quote!(Option<#ty>);
            options.push(quote!(default));
            options.push(reader(if exact { "de::exact_present" } else { "de::present" }));
            options.push(quote!(skip_serializing_if = "Option::is_none"));
        }
        let options = (!options.is_empty()).then(|| quote!(#[serde(#(#options),*)]));
        quote!(#doc #options pub #name: #ty,)
    }

    fn union(
        &self,
        name: &Ident,
        union: &Union,
        checked: Checked,
        (derives, alternatives): (&TokenStream, &[TokenStream]),
    ) -> TokenStream {
        let names: Vec<Ident> = union.variants.iter().map(|variant| format_ident!("{}", variant.name)).collect();
        let variants = union.variants.iter().zip(&names).map(|(variant, name)| {
            let doc = if variant.doc.is_empty() {
                self.alternative_doc(union, variant)
            } else {
                doc(&variant.doc, String::new)
            };
            let rename = match (&union.choice, variant.tags.as_slice()) {
                (Choice::Tag { kept: false, .. }, [tag]) => Some(quote!(#[serde(rename = #tag)])),
                _ => None,
            };
            let ty = self.shape(&variant.shape);
            quote!(#doc #rename #name(#ty),)
        });
        let several = super::source::several_name(union, checked == Checked::Gap);
        let value = self.runtime().item("Value");
        let several_variant = several.as_ref().map(|name| {
            quote! {
                /// What fits several alternatives, of which none has room for all of it.
                #name(#value),
            }
        });
        let several = several.map(|name| quote!(, or #name));
        let is_valid = (checked == Checked::Method).then(|| quote!(Self::is_valid,));
        let [tagged_union, one_of, any_of] =
            ["tagged_union", "one_of", "any_of"].map(|name| self.runtime().internal(name));
        let (style, reading) = match &union.choice {
            Choice::Tag { property, kept } => {
                let arms = union.variants.iter().zip(&names).zip(alternatives).map(|((variant, name), alternative)| {
                    let tags = &variant.tags;
                    quote!(#(#tags)|* => #name #alternative)
                });
                let keep = kept.then(|| quote!(keep,));
                let style = if *kept { quote!(untagged) } else { quote!(tag = #property) };
                (style, quote!(#tagged_union!(#name, #property, #keep { #(#arms),* });))
            }
            // What is left to the validator may fit several alternatives.
            Choice::One if checked != Checked::Gap => {
                (quote!(untagged), quote!(#one_of!(#name, #is_valid [#(#names),*]);))
            }
            Choice::One | Choice::Any => (quote!(untagged), quote!(#any_of!(#name, #is_valid [#(#names),*] #several);)),
        };
        quote! {
            #[derive(Debug, Clone, PartialEq #derives, ::serde::Serialize)]
            #[serde(#style)]
            pub enum #name { #(#variants)* #several_variant }

            #reading
        }
    }

    /// The documentation of an alternative that has no description of its own.
    fn alternative_doc(&self, union: &Union, variant: &Alternative) -> TokenStream {
        match (&union.choice, variant.tags.as_slice()) {
            (Choice::Tag { property, .. }, [tag]) => lines(&format!("{} is {}.", code(property), code(tag))),
            (Choice::Tag { property, .. }, tags) => {
                let tags: Vec<String> = tags.iter().map(|tag| code(tag)).collect();
                lines(&format!("{} is one of {}.", code(property), tags.join(", ")))
            }
            _ => match &variant.shape.ty {
                Type::Named(id) | Type::Boxed(id) => {
                    let definition = &self.source.program.definitions[*id];
                    doc(&definition.doc, || format!("A `{}`.", definition.name))
                }
                ty => lines(&format!("{}.", type_description(ty))),
            },
        }
    }

    fn wrapper(&self, name: &Ident, shape: &Shape, derives: &TokenStream) -> TokenStream {
        let ty = self.shape(shape);
        let reader = self.runtime().internal_text("de::exact");
        let exact = self.needs_exact(shape).then(|| quote!(#[serde(deserialize_with = #reader)]));
        let copy = is_copy(self.source.program, shape).then(|| quote!(, Copy));
        quote! {
            #[derive(Debug, Clone #copy, PartialEq #derives, ::serde::Serialize, ::serde::Deserialize)]
            #[serde(transparent)]
            pub struct #name(#exact pub #ty);
        }
    }

    fn text(
        &self,
        doc: &TokenStream,
        name: &Ident,
        checks: &[Check],
        (parameter, conditions): (TokenStream, TokenStream),
    ) -> TokenStream {
        let expected = expectation(checks);
        let text_type = self.runtime().internal("text_type");
        quote! {
            #doc
            #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize)]
            #[serde(transparent)]
            pub struct #name(String);

            impl #name {
                /// What the type asks for.
                pub const EXPECTED: &'static str = #expected;

                fn is_legal(#parameter: &str) -> bool {
                    #conditions
                }
            }

            #text_type!(#name);
        }
    }

    /// A type with null, if null is one of its values.
    pub(super) fn shape(&self, shape: &Shape) -> TokenStream {
        let ty = self.ty(&shape.ty);
        if shape.nullable { quote!(Option<#ty>) } else { ty }
    }

    /// The type of an optional property that may be null.
    pub(super) fn maybe(&self, shape: &Shape) -> TokenStream {
        let (maybe, ty) = (self.runtime().item("Maybe"), self.ty(&shape.ty));
        quote!(#maybe<#ty>)
    }

    fn ty(&self, ty: &Type) -> TokenStream {
        match ty {
            Type::Named(id) => self.path(*id),
            Type::Boxed(id) => {
                let path = self.path(*id);
                quote!(Box<#path>)
            }
            Type::Text => quote!(String),
            Type::Uuid => self.runtime().item("Uuid"),
            Type::DateTime => self.runtime().item("DateTime"),
            Type::Date => self.runtime().item("Date"),
            Type::Bytes(encoding) => self.runtime().item(encoding.type_path()),
            Type::Integer(integer) => {
                let name = format_ident!("{}", integer.rust_name());
                quote!(#name)
            }
            Type::Number => self.runtime().item("Number"),
            Type::Bool => quote!(bool),
            Type::Null => quote!(()),
            Type::List(item) => {
                let item = self.shape(item);
                quote!(Vec<#item>)
            }
            Type::Map(item) => {
                let item = self.shape(item);
                quote!(::std::collections::BTreeMap<String, #item>)
            }
            Type::Tuple(items) => {
                let items = items.iter().map(|item| self.shape(item));
                quote!((#(#items,)*))
            }
            Type::Any => self.runtime().item("Value"),
        }
    }

    /// The type of a function's parameter: strings as slices.
    pub(super) fn parameter(&self, shape: &Shape) -> TokenStream {
        match shape.ty {
            Type::Text => quote!(&str),
            _ => {
                let ty = self.shape(shape);
                quote!(&#ty)
            }
        }
    }

    /// The path of a definition from the module at hand.
    pub(super) fn path(&self, id: Id) -> TokenStream {
        let definition = &self.source.program.definitions[id];
        let name = format_ident!("{}", definition.name);
        if self.imported.contains(&id) {
            return quote!(#name);
        }
        let module = self.module_path(&definition.module);
        quote!(#module #name)
    }

    /// The path from the module at hand to another, with a separator at its end.
    pub(super) fn module_path(&self, module: &[String]) -> TokenStream {
        let shared = self.module.iter().zip(module).take_while(|(one, other)| one == other).count();
        let up = std::iter::repeat_n(quote!(super::), self.module.len() - shared);
        let down = module[shared..].iter().map(|step| {
            let step = field_ident(step);
            quote!(#step::)
        });
        quote!(#(#up)* #(#down)*)
    }

    /// Whether serde's own reading of a type takes more than the schema: UUIDs in other spellings.
    fn needs_exact(&self, shape: &Shape) -> bool {
        match &shape.ty {
            Type::Uuid => true,
            Type::List(item) | Type::Map(item) => self.needs_exact(item),
            _ => false,
        }
    }

    /// Whether serde would take a missing property for null.
    fn takes_null(&self, shape: &Shape) -> bool {
        shape.nullable
            || match &shape.ty {
                // A box is read as what lies in it.
                Type::Named(id) | Type::Boxed(id) => {
                    matches!(&self.source.program.definitions[*id].body, Body::Wrapper(inner) if self.takes_null(inner))
                }
                _ => false,
            }
    }
}

impl Integer {
    fn rust_name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }
}

fn enumeration(name: &Ident, variants: &[Variant]) -> TokenStream {
    let variants = variants.iter().map(|variant| {
        let doc = doc(&variant.doc, || code(&variant.value));
        let name = format_ident!("{}", variant.name);
        quote!(#doc #name,)
    });
    quote! {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum #name { #(#variants)* }
    }
}

/// A type, as the message of a violation names it.
fn type_description(ty: &Type) -> &'static str {
    match ty {
        Type::Text => "A string",
        Type::Uuid => "A UUID",
        Type::DateTime => "A date-time",
        Type::Date => "A date",
        Type::Bytes(_) => "Bytes, as text",
        Type::Integer(_) => "An integer",
        Type::Number => "A number",
        Type::Bool => "A boolean",
        Type::Null => "Null",
        Type::List(_) | Type::Tuple(_) => "An array",
        Type::Map(_) => "An object",
        Type::Any | Type::Named(_) | Type::Boxed(_) => "Any other JSON",
    }
}

/// What a text type asks for, as the message of a violation says it.
fn expectation(checks: &[Check]) -> String {
    let mut parts = Vec::new();
    for check in checks {
        parts.push(match check {
            Check::Length { min: Some(min), max: Some(max) } => format!("{min} to {max} characters"),
            Check::Length { min: Some(min), max: None } => format!("at least {min} characters"),
            Check::Length { min: None, max: Some(max) } => format!("at most {max} characters"),
            Check::Pattern(pattern) => format!("a match of {pattern}"),
            Check::Format(format) => format!("the format {format}"),
            _ => continue,
        });
    }
    if parts.is_empty() { "any text".to_owned() } else { parts.join(", ") }
}

/// An identifier for a field or module, raw where the name is a keyword: `gen` is one since edition 2024.
pub(crate) fn field_ident(name: &str) -> Ident {
    let plain = syn::parse_str::<Ident>(name).ok().filter(|_| name != "gen");
    plain.unwrap_or_else(|| format_ident!("r#{}", name))
}
