//! Single checks as expressions of type `bool`.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Ident, Literal, TokenStream, TokenTree};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::shape::{Check, Integer, Type};

use super::numbers::{self, integer};
use super::runtime::Runtime;

/// How an expression reaches a value.
pub(super) enum Access {
    /// The value itself stands there, as in `self.name`.
    Place(TokenStream),
    /// A reference stands there, as in the argument of a closure.
    Reference(TokenStream),
}

impl Access {
    /// As the receiver of a method.
    pub(super) fn place(&self) -> &TokenStream {
        match self {
            Self::Place(tokens) | Self::Reference(tokens) => tokens,
        }
    }

    pub(super) fn reference(&self) -> TokenStream {
        match self {
            Self::Place(tokens) => quote!(&#tokens),
            Self::Reference(tokens) => tokens.clone(),
        }
    }

    fn value(&self) -> TokenStream {
        match self {
            Self::Place(tokens) => tokens.clone(),
            Self::Reference(tokens) => quote!(*#tokens),
        }
    }
}

/// Conditions that must hold together, as an expression that stands alone: without those that always hold, and without parentheses.
pub(super) fn all_of(conditions: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let conditions: Vec<TokenStream> = conditions.into_iter().filter(|condition| !is_word(condition, "true")).collect();
    if conditions.iter().any(|condition| is_word(condition, "false")) {
        return quote!(false);
    }
    match conditions.as_slice() {
        [] => quote!(true),
        [only] => alone(only),
        several => quote!(#(#several)&&*),
    }
}

/// An expression without the parentheses that it needs among others.
pub(super) fn alone(expression: &TokenStream) -> TokenStream {
    match expression.clone().into_iter().collect::<Vec<_>>().as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => group.stream(),
        _ => expression.clone(),
    }
}

/// The parameter of a closure or the name in a pattern: what stands unused has none.
pub(super) fn parameter(name: &str, expression: &TokenStream) -> Ident {
    fn names(tokens: &TokenStream, name: &str) -> bool {
        tokens.clone().into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == name,
            TokenTree::Group(group) => names(&group.stream(), name),
            _ => false,
        })
    }
    if names(expression, name) { format_ident!("{}", name) } else { format_ident!("_{}", name) }
}

/// Whether a condition is nothing but a constant.
pub(super) fn is_word(condition: &TokenStream, word: &str) -> bool {
    matches!(condition.clone().into_iter().collect::<Vec<_>>().as_slice(), [TokenTree::Ident(ident)] if ident == word)
}

/// A pattern of integers: each once, and those that follow each other as a range.
pub(super) fn integers(values: impl IntoIterator<Item = i128>) -> TokenStream {
    let values: BTreeSet<i128> = values.into_iter().collect();
    let mut runs: Vec<(i128, i128)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(value) => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let patterns = runs.into_iter().flat_map(|(first, last)| {
        let (from, to) = (integer(first), integer(last));
        match last - first {
            0 => vec![from],
            1 => vec![from, to],
            _ => vec![quote!(#from..=#to)],
        }
    });
    let patterns: Vec<TokenStream> = patterns.collect();
    quote!(#(#patterns)|*)
}

/// The checks that say more than the pattern beside them.
pub(super) fn telling(checks: &[Check]) -> impl Iterator<Item = &Check> {
    checks.iter().filter(|check| !super::pattern::implies(checks, check))
}

/// The expression of a check.
pub(super) fn condition(runtime: &Runtime, check: &Check, ty: &Type, access: &Access) -> TokenStream {
    let (place, mut reference, value) = (access.place(), access.reference(), access.value());
    if matches!(ty, Type::DateTime | Type::Date | Type::Bytes(_)) {
        // What is said of their text: they are written as they were read.
        reference = quote!(&#place.to_string());
    }
    match check {
        // Nothing is at least the one and at most the other.
        Check::Length { min: Some(min), max: Some(max) }
        | Check::Items { min: Some(min), max: Some(max) }
        | Check::Members { min: Some(min), max: Some(max) }
            if min > max =>
        {
            quote!(false)
        }
        Check::Range { min: Some(min), max: Some(max) } if min > max => quote!(false),
        Check::Length { min, max } => {
            let (length, range) = (runtime.internal("checks::length"), size_range(*min, *max));
            match ty {
                Type::DateTime | Type::Date | Type::Bytes(_) => quote!(#length(#place.to_string(), #range)),
                _ => quote!(#length(#reference, #range)),
            }
        }
        Check::Pattern(pattern) => super::pattern::matcher(runtime, pattern, &reference).unwrap_or_else(|| {
            let (text, pattern) = (super::literal::raw_string(pattern), runtime.internal("pattern"));
            quote!(#pattern!(#text).is_match(#reference))
        }),
        Check::Format(format) => {
            let has_format = runtime.internal("has_format");
            quote!(#has_format!(#format, #reference))
        }
        Check::Encoded(_) if matches!(ty, Type::Bytes(_)) => quote!(#place.is_exact()),
        Check::Encoded(encoding) => {
            let of = runtime.item(encoding.type_path());
            quote!(#of::is_exact_text(#reference))
        }
        Check::Range { min, max } => match (min, max) {
            (Some(min), Some(max)) => {
                let (min, max) = (integer(*min), integer(*max));
                quote!((#min..=#max).contains(#reference))
            }
            (Some(min), None) => {
                let min = integer(*min);
                quote!(#value >= #min)
            }
            (None, Some(max)) => {
                let max = integer(*max);
                quote!(#value <= #max)
            }
            (None, None) => quote!(true),
        },
        Check::MultipleOf(divisor) => multiple_of(*divisor, ty, place, &value),
        Check::Divisor(divisor) => {
            let divisor = numbers::into_number(divisor);
            quote!(#place.is_multiple_of(#divisor))
        }
        Check::Bounds { min, max, above, below } => {
            if let (Some(min), Some(max), None, None) = (min, max, above, below)
                && numbers::are_alike(min, max)
            {
                let (min, max) = (numbers::compared(runtime, min), numbers::compared(runtime, max));
                return quote!((#min..=#max).contains(#reference));
            }
            let bounds = [(min, quote!(>=)), (max, quote!(<=)), (above, quote!(>)), (below, quote!(<))];
            let conditions = bounds.into_iter().filter_map(|(bound, operator)| {
                let bound = numbers::compared(runtime, bound.as_ref()?);
                Some(quote!(#value #operator #bound))
            });
            quote!(#(#conditions)&&*)
        }
        Check::Constants(values) => {
            let values = super::literal::raw_string(&Value::Array(values.clone()).to_string());
            let constants = runtime.internal("constants");
            quote!(#constants!(#values).contain(#reference))
        }
        Check::Classes(classes) => {
            let are = classes.each().map(|class| {
                let is = format_ident!("is_{}", class.type_name());
                quote!(#place.#is())
            });
            quote!((#(#are)||*))
        }
        // One that asks for nothing holds for all.
        Check::Any(lists) if lists.iter().any(Vec::is_empty) => quote!(true),
        Check::Any(lists) => {
            let lists = lists.iter().map(|checks| parenthesised(runtime, checks, ty, access));
            quote!((#(#lists)||*))
        }
        Check::One(lists) => {
            let lists = lists.iter().map(|checks| parenthesised(runtime, checks, ty, access));
            let count = runtime.internal("checks::count");
            quote!(#count(&[#(#lists),*]) == 1)
        }
        Check::OneOf(values) => {
            let values = integers(values.iter().copied());
            quote!(::std::matches!(#value, #values))
        }
        Check::Equals(true) => value,
        Check::Equals(false) => quote!(!#value),
        Check::Items { min, max } | Check::Members { min, max } => match (min, max) {
            (Some(1), None) => quote!(!#place.is_empty()),
            (None, Some(0)) => quote!(#place.is_empty()),
            (Some(min), None) => {
                let min = Literal::u64_unsuffixed(*min);
                quote!(#place.len() >= #min)
            }
            (None, Some(max)) => {
                let max = Literal::u64_unsuffixed(*max);
                quote!(#place.len() <= #max)
            }
            _ => {
                let range = size_range(*min, *max);
                quote!((#range).contains(&#place.len()))
            }
        },
        Check::Unique { ordered } => {
            let unique = runtime.internal(if *ordered { "checks::unique" } else { "checks::distinct" });
            quote!(#unique(#reference))
        }
        Check::Names(checks) => {
            let name = Access::Reference(quote!(name));
            let holds = all_of(telling(checks).map(|check| condition(runtime, check, &Type::Text, &name)));
            let name = parameter("name", &holds);
            quote!(#place.keys().all(|#name| #holds))
        }
    }
}

/// A list of checks as one operand; of none, one that always holds.
fn parenthesised(runtime: &Runtime, checks: &[Check], ty: &Type, access: &Access) -> TokenStream {
    let mut conditions = checks.iter().map(|check| condition(runtime, check, ty, access));
    let Some(first) = conditions.next() else { return quote!(true) };
    let rest: Vec<TokenStream> = conditions.collect();
    if rest.is_empty() { first } else { quote!((#first #(&& #rest)*)) }
}

fn multiple_of(divisor: u64, ty: &Type, place: &TokenStream, value: &TokenStream) -> TokenStream {
    let Type::Integer(integer) = ty else { return quote!(true) };
    if i128::from(divisor) > integer.bounds().1 {
        return quote!(#value == 0);
    }
    let divisor = Literal::u64_unsuffixed(divisor);
    match integer {
        Integer::I32 | Integer::I64 => quote!(#value % #divisor == 0),
        _ => quote!(#place.is_multiple_of(#divisor)),
    }
}

fn size_range(min: Option<u64>, max: Option<u64>) -> TokenStream {
    let min = min.map(Literal::u64_unsuffixed);
    match max.map(Literal::u64_unsuffixed) {
        Some(max) => quote!(#min..=#max),
        None => quote!(#min..),
    }
}

/// The parameter and the conditions of a text type's check.
pub(super) fn text_conditions(runtime: &Runtime, checks: &[Check]) -> (TokenStream, TokenStream) {
    let text = Access::Reference(quote!(text));
    let holds = all_of(telling(checks).map(|check| condition(runtime, check, &Type::Text, &text)));
    if checks.is_empty() {
        return (quote!(_), holds);
    }
    let text = parameter("text", &holds);
    (quote!(#text), holds)
}
