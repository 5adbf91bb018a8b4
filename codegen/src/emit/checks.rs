//! What must hold beyond the types, as expressions of type `bool`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use crate::shape::{Body, Check, Definition, Field, Id, Integer, Program, Shape, Type, Unknown};

/// Which definitions have something to check beyond their types.
pub(super) fn checked(program: &Program) -> Vec<bool> {
    let mut checked = vec![false; program.definitions.len()];
    loop {
        let next: Vec<bool> = program
            .definitions
            .iter()
            .map(|definition| !definition_checks(program, definition, &checked).is_empty())
            .collect();
        if next == checked {
            return checked;
        }
        checked = next;
    }
}

/// The method `is_valid` of a definition; none when the type says it all.
pub(super) fn is_valid(program: &Program, id: Id, checked: &[bool]) -> Option<TokenStream> {
    let definition = &program.definitions[id];
    let conditions = definition_checks(program, definition, checked);
    if conditions.is_empty() {
        return None;
    }
    let name = format_ident!("{}", definition.name);
    let body = match &definition.body {
        Body::Union(union) => {
            let arms = union.variants.iter().map(|(variant, id)| {
                let variant = format_ident!("{}", variant.name);
                if checked[*id] {
                    quote!(Self::#variant(inner) => inner.is_valid())
                } else {
                    quote!(Self::#variant(_) => true)
                }
            });
            quote!(match self { #(#arms),* })
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

fn definition_checks(program: &Program, definition: &Definition, checked: &[bool]) -> Vec<TokenStream> {
    match &definition.body {
        Body::Struct(body) => {
            let mut conditions: Vec<TokenStream> =
                body.fields.iter().flat_map(|field| field_checks(field, checked)).collect();
            if let Unknown::Kept(shape) = &body.unknown {
                conditions.extend(shape_checks(
                    &Shape { ty: Type::Map(shape.clone()), nullable: false, checks: Vec::new() },
                    &Access::Place(quote!(self.unknown)),
                    checked,
                ));
            }
            conditions.extend(super::rules::conditions(program, definition, body));
            conditions
        }
        Body::Union(union) => {
            union.variants.iter().filter(|(_, id)| checked[*id]).map(|_| quote!(inner.is_valid())).collect()
        }
        Body::Wrapper(shape) => nullable_checks(shape, &Access::Place(quote!(self.0)), shape.nullable, checked),
        // The constructor of a text type has checked it already.
        Body::Open | Body::Enum(_) | Body::Text(_) => Vec::new(),
    }
}

fn field_checks(field: &Field, checked: &[bool]) -> Vec<TokenStream> {
    let name = super::types::field_ident(&field.name);
    let place = Access::Place(quote!(self.#name));
    if !field.required && field.shape.nullable {
        let conditions = shape_checks(&field.shape, &Access::Reference(quote!(value)), checked);
        return if conditions.is_empty() {
            Vec::new()
        } else {
            vec![quote!(self.#name.iter().flatten().all(|value| #(#conditions)&&*))]
        };
    }
    nullable_checks(&field.shape, &place, !field.required || field.shape.nullable, checked)
}

fn nullable_checks(shape: &Shape, place: &Access, is_option: bool, checked: &[bool]) -> Vec<TokenStream> {
    if !is_option {
        return shape_checks(shape, place, checked);
    }
    let conditions = shape_checks(shape, &Access::Reference(quote!(value)), checked);
    if conditions.is_empty() {
        return Vec::new();
    }
    let place = place.place();
    vec![quote!(#place.as_ref().is_none_or(|value| #(#conditions)&&*))]
}

/// How an expression reaches a value.
enum Access {
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
fn shape_checks(shape: &Shape, access: &Access, checked: &[bool]) -> Vec<TokenStream> {
    let place = access.place();
    let mut conditions: Vec<TokenStream> =
        telling(&shape.checks).map(|check| condition(check, &shape.ty, access)).collect();
    match &shape.ty {
        Type::Named(id) | Type::Boxed(id) if checked[*id] => conditions.push(quote!(#place.is_valid())),
        // JSON has no infinity and no NaN, and they would be written as null.
        Type::Number => conditions.push(quote!(#place.is_finite())),
        Type::List(item) => conditions.extend(each(item, quote!(#place.iter()), checked)),
        Type::Map(item) => conditions.extend(each(item, quote!(#place.values()), checked)),
        _ => {}
    }
    conditions
}

fn each(item: &Shape, iterator: TokenStream, checked: &[bool]) -> Option<TokenStream> {
    let conditions = shape_checks(item, &Access::Reference(quote!(item)), checked);
    let all = if item.nullable { quote!(flatten().all) } else { quote!(all) };
    (!conditions.is_empty()).then(|| quote!(#iterator.#all(|item| #(#conditions)&&*)))
}

/// The checks that say more than the pattern beside them.
fn telling(checks: &[Check]) -> impl Iterator<Item = &Check> {
    checks.iter().filter(|check| !super::pattern::implies(checks, check))
}

fn condition(check: &Check, ty: &Type, access: &Access) -> TokenStream {
    let (place, reference, value) = (access.place(), access.reference(), access.value());
    match check {
        Check::Length { min, max } => {
            let range = size_range(*min, *max);
            quote!(::eventsmith::checks::length(#reference, #range))
        }
        Check::Pattern(pattern) => super::pattern::matcher(pattern, &reference).unwrap_or_else(|| {
            let pattern = super::raw_string(pattern);
            quote!(::eventsmith::pattern!(#pattern).is_match(#reference))
        }),
        Check::Format(format) => quote!(::eventsmith::has_format!(#format, #reference)),
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
        Check::Bounds { min, max, above, below } => {
            let bound = |bound: &f64, operator: TokenStream| {
                let bound = Literal::f64_unsuffixed(*bound);
                quote!(#value #operator #bound)
            };
            if let (Some(min), Some(max), None, None) = (min, max, above, below) {
                let (min, max) = (Literal::f64_unsuffixed(*min), Literal::f64_unsuffixed(*max));
                return quote!((#min..=#max).contains(#reference));
            }
            let conditions = [
                min.as_ref().map(|min| bound(min, quote!(>=))),
                max.as_ref().map(|max| bound(max, quote!(<=))),
                above.as_ref().map(|above| bound(above, quote!(>))),
                below.as_ref().map(|below| bound(below, quote!(<))),
            ];
            let conditions = conditions.into_iter().flatten();
            quote!(#(#conditions)&&*)
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
        Check::Unique => quote!(::eventsmith::checks::unique(#reference)),
        Check::Names(checks) => {
            let name = Access::Reference(quote!(name));
            let conditions = telling(checks).map(|check| condition(check, &Type::Text, &name));
            quote!(#place.keys().all(|name| #(#conditions)&&*))
        }
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
pub(super) fn text_conditions(checks: &[Check]) -> (TokenStream, TokenStream) {
    if checks.is_empty() {
        return (quote!(_), quote!(true));
    }
    let text = Access::Reference(quote!(text));
    let conditions = telling(checks).map(|check| condition(check, &Type::Text, &text));
    (quote!(text), quote!(#(#conditions)&&*))
}
