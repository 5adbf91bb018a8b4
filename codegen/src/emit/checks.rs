//! What must hold beyond the types, as expressions of type `bool`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::shape::{Alternative, Body, Check, Definition, Field, Id, Integer, Shape, Type, Unknown};

use super::Source;
use super::runtime::Runtime;

/// Which definitions have something to check beyond their types: of their own, or in what they are made of.
pub(super) fn checked(source: Source<'_>) -> Vec<bool> {
    let program = source.program;
    let none = vec![false; program.definitions.len()];
    let mut checked = crate::parallel::map(&program.definitions, |definition| {
        !definition_checks(source, definition, &none).is_empty()
    });
    let mut users: Vec<Vec<Id>> = vec![Vec::new(); program.definitions.len()];
    for (user, definition) in program.definitions.iter().enumerate() {
        definition.body.names().into_iter().for_each(|(used, _)| users[used].push(user));
    }
    let mut open: Vec<Id> = (0..checked.len()).filter(|id| checked[*id]).collect();
    while let Some(id) = open.pop() {
        for user in &users[id] {
            if !std::mem::replace(&mut checked[*user], true) {
                open.push(*user);
            }
        }
    }
    checked
}

/// The method `is_valid` of a definition; none when the type says it all.
pub(super) fn is_valid(source: Source<'_>, id: Id, checked: &[bool]) -> Option<TokenStream> {
    let definition = &source.program.definitions[id];
    let conditions = definition_checks(source, definition, checked);
    if conditions.is_empty() {
        return None;
    }
    let name = format_ident!("{}", definition.name);
    let body = match &definition.body {
        Body::Union(union) => {
            let arms = union.variants.iter().map(|alternative| {
                let variant = format_ident!("{}", alternative.name);
                let conditions = alternative_checks(source.runtime, alternative, checked);
                if conditions.is_empty() {
                    quote!(Self::#variant(_) => true)
                } else {
                    quote!(Self::#variant(inner) => #(#conditions)&&*)
                }
            });
            // The validator judges what is of no single alternative.
            let several = super::several_name(union, false).map(|name| quote!(, Self::#name(_) => false));
            quote!(match self { #(#arms),* #several })
        }
        _ => quote!(#(#conditions)&&*),
    };
    Some(quote! {
        impl #name {
            pub(crate) fn is_valid(&self) -> bool {
                #body
            }
        }
    })
}

fn definition_checks(source: Source<'_>, definition: &Definition, checked: &[bool]) -> Vec<TokenStream> {
    let runtime = source.runtime;
    match &definition.body {
        Body::Struct(body) => {
            let mut conditions: Vec<TokenStream> =
                body.fields.iter().flat_map(|field| field_checks(runtime, field, checked)).collect();
            if let Unknown::Kept(map) = &body.unknown {
                conditions.extend(shape_checks(runtime, map, &Access::Place(quote!(self.unknown)), checked));
                if !body.fields.is_empty() || body.tag.is_some() {
                    let declared = body.fields.iter().map(|field| &field.property).chain(&body.tag);
                    let undeclared = runtime.internal("checks::undeclared");
                    conditions.push(quote!(#undeclared(&self.unknown, &[#(#declared),*])));
                }
            }
            conditions.extend(super::rules::conditions(source, definition, body));
            conditions
        }
        Body::Union(union) => {
            let several = super::several_name(union, false).map(|_| quote!(false));
            union
                .variants
                .iter()
                .flat_map(|alternative| alternative_checks(runtime, alternative, checked))
                .chain(several)
                .collect()
        }
        Body::Wrapper(shape) => {
            nullable_checks(runtime, shape, &Access::Place(quote!(self.0)), shape.nullable, checked)
        }
        // The constructor of a text type has checked it already.
        Body::Open | Body::Enum(_) | Body::Text(_) => Vec::new(),
    }
}

fn alternative_checks(runtime: &Runtime, alternative: &Alternative, checked: &[bool]) -> Vec<TokenStream> {
    shape_checks(runtime, &alternative.shape, &Access::Reference(quote!(inner)), checked)
}

fn field_checks(runtime: &Runtime, field: &Field, checked: &[bool]) -> Vec<TokenStream> {
    let name = super::types::field_ident(&field.name);
    let place = Access::Place(quote!(self.#name));
    if !field.required && field.shape.nullable {
        let holds = predicate(runtime, &field.shape, &quote!(value), checked);
        return holds.map(|holds| quote!(self.#name.iter().flatten().all(#holds))).into_iter().collect();
    }
    nullable_checks(runtime, &field.shape, &place, !field.required || field.shape.nullable, checked)
}

fn nullable_checks(
    runtime: &Runtime,
    shape: &Shape,
    place: &Access,
    is_option: bool,
    checked: &[bool],
) -> Vec<TokenStream> {
    if !is_option {
        return shape_checks(runtime, shape, place, checked);
    }
    let place = place.place();
    let holds = predicate(runtime, shape, &quote!(value), checked);
    holds.map(|holds| quote!(#place.as_ref().is_none_or(#holds))).into_iter().collect()
}

/// A function that tells whether a value that is there and not null is valid; none where every one is.
fn predicate(runtime: &Runtime, shape: &Shape, name: &TokenStream, checked: &[bool]) -> Option<TokenStream> {
    match shape.ty {
        Type::DateTime => return Some(runtime.internal("checks::date_time")),
        Type::Date => return Some(runtime.internal("checks::date")),
        _ => {}
    }
    let conditions = shape_checks(runtime, shape, &Access::Reference(name.clone()), checked);
    (!conditions.is_empty()).then(|| quote!(|#name| #(#conditions)&&*))
}

/// How an expression reaches a value.
pub(super) enum Access {
    /// The value itself stands there, as in `self.name`.
    Place(TokenStream),
    /// A reference stands there, as in the argument of a closure.
    Reference(TokenStream),
}

impl Access {
    /// As the receiver of a method.
    fn place(&self) -> &TokenStream {
        match self {
            Self::Place(tokens) | Self::Reference(tokens) => tokens,
        }
    }

    fn reference(&self) -> TokenStream {
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

/// The conditions on a value that is there and not null.
fn shape_checks(runtime: &Runtime, shape: &Shape, access: &Access, checked: &[bool]) -> Vec<TokenStream> {
    let place = access.place();
    let mut conditions: Vec<TokenStream> =
        telling(&shape.checks).map(|check| condition(runtime, check, &shape.ty, access)).collect();
    match &shape.ty {
        Type::Named(id) | Type::Boxed(id) if checked[*id] => conditions.push(quote!(#place.is_valid())),
        // JSON has no infinity and no NaN, and they would be written as null.
        Type::Number => conditions.push(quote!(#place.is_finite())),
        // RFC 3339 has no years beyond four digits, which jiff has.
        Type::DateTime => {
            let (is_valid, reference) = (runtime.internal("checks::date_time"), access.reference());
            conditions.push(quote!(#is_valid(#reference)));
        }
        Type::Date => {
            let (is_valid, reference) = (runtime.internal("checks::date"), access.reference());
            conditions.push(quote!(#is_valid(#reference)));
        }
        Type::List(item) => conditions.extend(each(runtime, item, quote!(#place.iter()), checked)),
        Type::Map(item) => conditions.extend(each(runtime, item, quote!(#place.values()), checked)),
        Type::Tuple(items) => conditions.extend(items.iter().enumerate().flat_map(|(index, item)| {
            let index = Literal::usize_unsuffixed(index);
            nullable_checks(runtime, item, &Access::Place(quote!(#place.#index)), item.nullable, checked)
        })),
        _ => {}
    }
    conditions
}

fn each(runtime: &Runtime, item: &Shape, iterator: TokenStream, checked: &[bool]) -> Option<TokenStream> {
    let holds = predicate(runtime, item, &quote!(item), checked)?;
    let all = if item.nullable { quote!(flatten().all) } else { quote!(all) };
    Some(quote!(#iterator.#all(#holds)))
}

/// Conditions that must hold together.
pub(super) fn all_of(conditions: impl Iterator<Item = TokenStream>) -> TokenStream {
    quote!(#(#conditions)&&*)
}

/// The checks that say more than the pattern beside them.
pub(super) fn telling(checks: &[Check]) -> impl Iterator<Item = &Check> {
    checks.iter().filter(|check| !super::pattern::implies(checks, check))
}

/// The expression of a check.
pub(super) fn condition(runtime: &Runtime, check: &Check, ty: &Type, access: &Access) -> TokenStream {
    let (place, reference, value) = (access.place(), access.reference(), access.value());
    match check {
        Check::Length { min, max } => {
            let (length, range) = (runtime.internal("checks::length"), size_range(*min, *max));
            quote!(#length(#reference, #range))
        }
        Check::Pattern(pattern) => super::pattern::matcher(runtime, pattern, &reference).unwrap_or_else(|| {
            let (text, pattern) = (super::raw_string(pattern), runtime.internal("pattern"));
            quote!(#pattern!(#text).is_match(#reference))
        }),
        Check::Format(format) => {
            let has_format = runtime.internal("has_format");
            quote!(#has_format!(#format, #reference))
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
            let divisor = number(runtime, divisor);
            quote!(#place.is_multiple_of(#divisor))
        }
        Check::Bounds { min, max, above, below } => {
            if let (Some(min), Some(max), None, None) = (min, max, above, below)
                && min.is_f64() == max.is_f64()
            {
                let (min, max) = (number(runtime, min), number(runtime, max));
                return quote!((#min..=#max).contains(#reference));
            }
            let bounds = [(min, quote!(>=)), (max, quote!(<=)), (above, quote!(>)), (below, quote!(<))];
            let conditions = bounds.into_iter().filter_map(|(bound, operator)| {
                let bound = number(runtime, bound.as_ref()?);
                Some(quote!(#value #operator #bound))
            });
            quote!(#(#conditions)&&*)
        }
        Check::Constants(values) => {
            let values = super::raw_string(&Value::Array(values.clone()).to_string());
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
        Check::Any(lists) => {
            let lists = lists.iter().map(|checks| parenthesised(runtime, checks, ty, access));
            quote!((#(#lists)||*))
        }
        Check::One(lists) => {
            let lists = lists.iter().map(|checks| parenthesised(runtime, checks, ty, access));
            quote!([#(#lists),*].into_iter().filter(|holds| *holds).count() == 1)
        }
        Check::OneOf(values) => {
            let values = values.iter().map(|value| integer(*value));
            quote!(matches!(#value, #(#values)|*))
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
            let conditions = telling(checks).map(|check| condition(runtime, check, &Type::Text, &name));
            quote!(#place.keys().all(|name| #(#conditions)&&*))
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

/// A number as an expression that compares to a `Number`.
pub(super) fn number(runtime: &Runtime, number: &serde_json::Number) -> TokenStream {
    if let Some(value) = number.as_i64() {
        return integer(value.into());
    }
    match (number.as_u64(), number.as_f64()) {
        (Some(value), _) => {
            let (number, literal) = (runtime.item("Number"), Literal::u64_suffixed(value));
            quote!(#number::from(#literal))
        }
        (None, Some(value)) => {
            let literal = Literal::f64_unsuffixed(value.abs());
            if value < 0.0 { quote!(-#literal) } else { quote!(#literal) }
        }
        (None, None) => quote!(0),
    }
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

pub(super) fn integer(value: i128) -> TokenStream {
    let literal = Literal::u128_unsuffixed(value.unsigned_abs());
    if value < 0 { quote!(-#literal) } else { quote!(#literal) }
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
    if checks.is_empty() {
        return (quote!(_), quote!(true));
    }
    let text = Access::Reference(quote!(text));
    let conditions = telling(checks).map(|check| condition(runtime, check, &Type::Text, &text));
    (quote!(text), quote!(#(#conditions)&&*))
}
