//! What must hold between the properties of a struct, as expressions of type `bool`.

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::shape::{Body, Definition, Field, Rule, Struct, Type, Unknown};

use super::conditions::{Access, all_of, alone, integers, is_word, parameter};
use super::numbers::integer;
use super::runtime::Runtime;
use super::source::Source;
use super::types::{Types, field_ident};

/// The conditions that the rules of a struct set.
pub(super) fn conditions(source: Source<'_>, definition: &Definition, body: &Struct) -> Vec<TokenStream> {
    let rules = Rules { source, definition, body };
    body.rules.iter().map(|rule| rules.condition(rule)).collect()
}

struct Rules<'a> {
    source: Source<'a>,
    definition: &'a Definition,
    body: &'a Struct,
}

impl Rules<'_> {
    fn condition(&self, rule: &Rule) -> TokenStream {
        match rule {
            Rule::Present(property) => self.with(property, |field, name| match field.required {
                true => quote!(true),
                false => is_there(field, &name),
            }),
            Rule::Null(property) => self.with(property, |field, name| match field.required {
                true => quote!(self.#name.is_none()),
                false => quote!(self.#name.is_null()),
            }),
            Rule::Equals { property, values } => self.with(property, |field, name| match plain_bool(field, values) {
                Some(true) => quote!(self.#name),
                Some(false) => quote!(!self.#name),
                None => self.equals(field, values),
            }),
            Rule::Passes { property, checks } => self.with(property, |field, name| {
                let on = |access| {
                    all_of(checks.iter().map(|check| {
                        super::conditions::condition(self.source.runtime, check, &field.shape.ty, &access)
                    }))
                };
                let on_value = || {
                    let holds = on(Access::Reference(quote!(value)));
                    let value = parameter("value", &holds);
                    (holds, value)
                };
                match (field.required, field.shape.nullable) {
                    (true, false) => operand(on(Access::Place(quote!(self.#name)))),
                    (true, true) => {
                        let (holds, value) = on_value();
                        quote!(self.#name.as_ref().is_none_or(|#value| #holds))
                    }
                    (false, false) => {
                        let (holds, value) = on_value();
                        quote!(self.#name.as_ref().is_some_and(|#value| #holds))
                    }
                    (false, true) => {
                        let (holds, value) = on_value();
                        quote!((!self.#name.is_absent() && self.#name.value().is_none_or(|#value| #holds)))
                    }
                }
            }),
            Rule::All(rules) => self.joined(rules, &quote!(&&), true),
            Rule::Any(rules) => self.joined(rules, &quote!(||), false),
            Rule::One(rules) => {
                let rules: Vec<TokenStream> = rules.iter().map(|rule| self.condition(rule)).collect();
                match rules.as_slice() {
                    [one, other] => {
                        let (one, other) = (operand(one.clone()), operand(other.clone()));
                        quote!((#one != #other))
                    }
                    _ => {
                        let count = self.source.runtime.internal("checks::count");
                        quote!(#count(&[#(#rules),*]) == 1)
                    }
                }
            }
            Rule::Not(rule) => match &**rule {
                Rule::Present(property) => {
                    self.with(property, |field, name| match (field.required, field.is_maybe()) {
                        (true, _) => quote!(false),
                        (false, true) => quote!(self.#name.is_absent()),
                        (false, false) => quote!(self.#name.is_none()),
                    })
                }
                Rule::Null(property) => self.with(property, |field, name| match field.required {
                    true => quote!(self.#name.is_some()),
                    false => quote!(!self.#name.is_null()),
                }),
                Rule::Equals { property, values } => {
                    self.with(property, |field, name| match plain_bool(field, values) {
                        Some(true) => quote!(!self.#name),
                        Some(false) => quote!(self.#name),
                        None => {
                            let holds = self.equals(field, values);
                            quote!(!#holds)
                        }
                    })
                }
                Rule::One(rules) if rules.len() == 2 => {
                    let (one, other) = (operand(self.condition(&rules[0])), operand(self.condition(&rules[1])));
                    quote!((#one == #other))
                }
                _ => {
                    let holds = alone(&self.condition(rule));
                    quote!(!(#holds))
                }
            },
            Rule::Count { min, max } => self.count(*min, *max),
        }
    }

    fn with(&self, property: &str, condition: impl FnOnce(&Field, Ident) -> TokenStream) -> TokenStream {
        match self.body.fields.iter().find(|field| field.property == property) {
            Some(field) => condition(field, field_ident(&field.name)),
            None => quote!(false),
        }
    }

    /// Conditions with `&&` between them, which without any holds, or with `||`, which without any does not.
    fn joined(&self, rules: &[Rule], operator: &TokenStream, of_none: bool) -> TokenStream {
        let (idle, decisive) = if of_none { ("true", "false") } else { ("false", "true") };
        let conditions: Vec<TokenStream> = rules.iter().map(|rule| self.condition(rule)).collect();
        if conditions.iter().any(|condition| is_word(condition, decisive)) {
            let decided = !of_none;
            return quote!(#decided);
        }
        let mut conditions = conditions.into_iter().filter(|condition| !is_word(condition, idle));
        let Some(first) = conditions.next() else { return quote!(#of_none) };
        let rest: Vec<TokenStream> = conditions.collect();
        if rest.is_empty() { first } else { quote!((#first #(#operator #rest)*)) }
    }

    fn count(&self, min: Option<u64>, max: Option<u64>) -> TokenStream {
        let optional: Vec<TokenStream> = self
            .body
            .fields
            .iter()
            .filter(|field| !field.required)
            .map(|field| is_there(field, &field_ident(&field.name)))
            .collect();
        let required = u64::try_from(self.body.fields.len() - optional.len()).unwrap_or(u64::MAX);
        let unknown = ::std::matches!(self.body.unknown, Unknown::Kept(_));
        let min = min.map(|min| min.saturating_sub(required));
        let Some(max) = max else {
            let min = min.unwrap_or_default();
            if min == 1 {
                let unknown = unknown.then(|| quote!(|| !self.unknown.is_empty()));
                return match (optional.is_empty(), &unknown) {
                    (true, None) => quote!(false),
                    (true, Some(_)) => quote!(!self.unknown.is_empty()),
                    (false, _) => quote!((#(#optional)||* #unknown)),
                };
            }
            let (count, min) = (counted(self.source.runtime, &optional, unknown), Literal::u64_unsuffixed(min));
            return quote!(#count >= #min);
        };
        if max < required {
            return quote!(false);
        }
        let count = counted(self.source.runtime, &optional, unknown);
        if max == required {
            return match (optional.is_empty(), unknown) {
                (true, false) => quote!(true),
                (true, true) => quote!(self.unknown.is_empty()),
                _ => quote!(#count == 0),
            };
        }
        let max = Literal::u64_unsuffixed(max - required);
        match min.filter(|min| *min > 0).map(Literal::u64_unsuffixed) {
            Some(min) => quote!((#min..=#max).contains(&(#count))),
            None => quote!(#count <= #max),
        }
    }

    /// Whether a field has one of some values.
    fn equals(&self, field: &Field, values: &[Value]) -> TokenStream {
        let name = field_ident(&field.name);
        let is_text = match &field.shape.ty {
            Type::Text => true,
            Type::Named(id) => ::std::matches!(self.source.program.definitions[*id].body, Body::Text(_)),
            _ => false,
        };
        let whole: Option<Vec<i128>> = values.iter().map(crate::lower::integer_of).collect();
        let patterns = match whole {
            Some(whole) => integers(whole),
            None => {
                let patterns = values.iter().map(|value| self.pattern(field, value));
                quote!(#(#patterns)|*)
            }
        };
        match (field.required, field.shape.nullable, is_text) {
            (true, false, false) => quote!(::std::matches!(self.#name, #patterns)),
            (true, false, true) => quote!(::std::matches!(self.#name.as_str(), #patterns)),
            (false, true, false) => quote!(::std::matches!(self.#name.value(), Some(#patterns))),
            (false, true, true) => {
                quote!(self.#name.value().is_some_and(|value| ::std::matches!(value.as_str(), #patterns)))
            }
            (_, _, false) => quote!(::std::matches!(self.#name, Some(#patterns))),
            (_, _, true) => quote!(::std::matches!(self.#name.as_deref(), Some(#patterns))),
        }
    }

    fn pattern(&self, field: &Field, value: &Value) -> TokenStream {
        match (&field.shape.ty, value) {
            (Type::Named(id), Value::String(text)) => match &self.source.program.definitions[*id].body {
                Body::Enum(variants) => {
                    let path = Types::new(self.source, &self.definition.module).path(*id);
                    let variant = variants.iter().find(|variant| &variant.value == text).map(|variant| &variant.name);
                    let variant = format_ident!("{}", variant.map_or("Unknown", String::as_str));
                    quote!(#path::#variant)
                }
                _ => quote!(#text),
            },
            (_, Value::String(text)) => quote!(#text),
            (_, Value::Bool(value)) => quote!(#value),
            (_, value) => integer(crate::lower::integer_of(value).unwrap_or_default()),
        }
    }
}

/// An expression that any operator may stand beside.
fn operand(expression: TokenStream) -> TokenStream {
    let is_operator = |token: TokenTree| matches!(token, TokenTree::Punct(punct) if "&|=<>".contains(punct.as_char()));
    if expression.clone().into_iter().any(is_operator) { quote!((#expression)) } else { expression }
}

/// Whether an optional property is there.
fn is_there(field: &Field, name: &Ident) -> TokenStream {
    if field.is_maybe() { quote!(!self.#name.is_absent()) } else { quote!(self.#name.is_some()) }
}

/// The constant that a required boolean is compared to.
fn plain_bool(field: &Field, values: &[Value]) -> Option<bool> {
    match values {
        [Value::Bool(value)] if field.required && !field.shape.nullable => Some(*value),
        _ => None,
    }
}

/// How many optional properties and kept ones are there.
fn counted(runtime: &Runtime, optional: &[TokenStream], unknown: bool) -> TokenStream {
    let count = runtime.internal("checks::count");
    let declared = quote!(#count(&[#(#optional),*]));
    match (optional.is_empty(), unknown) {
        (true, true) => quote!(self.unknown.len()),
        (true, false) => quote!(0),
        (false, true) => quote!(#declared + self.unknown.len()),
        (false, false) => declared,
    }
}
