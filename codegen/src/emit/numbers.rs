//! Numbers as expressions of Rust: integers of any type, and what a `Number` is made of or compared to.

use std::f64::consts;

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Number;

use super::runtime::Runtime;

/// An integer, of whatever type stands beside it.
pub(super) fn integer(value: i128) -> TokenStream {
    let literal = Literal::u128_unsuffixed(value.unsigned_abs());
    if value < 0 { quote!(-#literal) } else { quote!(#literal) }
}

/// What a `Number` is made of. Where nothing else says the type of an integer, it is one of 32 bits.
pub(super) fn into_number(number: &Number) -> TokenStream {
    let suffixed = |value: u64, suffix: &str| format!("{value}{suffix}").parse::<TokenStream>().unwrap_or_default();
    match (number.as_i64(), number.as_u64()) {
        (Some(value), _) if i32::try_from(value).is_ok() => integer(value.into()),
        (Some(value), _) => {
            let literal = suffixed(value.unsigned_abs(), "_i64");
            if value < 0 { quote!(-#literal) } else { literal }
        }
        (None, Some(value)) => suffixed(value, "_u64"),
        (None, None) => float(number),
    }
}

/// What a `Number` is compared to: an `i64`, an `f64`, or beyond both a `Number`.
pub(super) fn compared(runtime: &Runtime, number: &Number) -> TokenStream {
    if let Some(value) = number.as_i64() {
        return integer(value.into());
    }
    if let Some(value) = number.as_u64() {
        let (number, literal) = (runtime.item("Number"), Literal::u64_suffixed(value));
        return quote!(#number::from(#literal));
    }
    float(number)
}

fn float(number: &Number) -> TokenStream {
    let value = number.as_f64().unwrap_or_default();
    let literal = double(value.abs());
    if value.is_sign_negative() { quote!(-#literal) } else { literal }
}

/// Whether two numbers are compared to by expressions of one type, so that they are the ends of a range, and in their order.
pub(super) fn are_alike(min: &Number, max: &Number) -> bool {
    match (min.as_i64(), max.as_i64()) {
        (Some(min), Some(max)) => min <= max,
        (None, None) => min.is_u64() == max.is_u64() && min.as_f64() <= max.as_f64() && min.as_u64() <= max.as_u64(),
        _ => false,
    }
}

/// A double that is not negative, in as few digits as tell it from all others.
fn double(value: f64) -> TokenStream {
    let text = if looks_like_a_constant(value) {
        // The quotient of two integers is rounded as the decimal is, and no linter asks for the constant of the standard library.
        let text = value.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{whole}{fraction}");
        format!("{}.0 / 1{}.0", digits.trim_start_matches('0'), "0".repeat(fraction.len()))
    } else {
        format!("{value:?}")
    };
    text.parse().unwrap_or_default()
}

/// Whether clippy takes a number for a rounded constant of mathematics, as 3.14.
fn looks_like_a_constant(value: f64) -> bool {
    const CONSTANTS: &[f64] = &[
        consts::E,
        consts::FRAC_1_PI,
        consts::FRAC_1_SQRT_2,
        consts::FRAC_2_PI,
        consts::FRAC_2_SQRT_PI,
        consts::FRAC_PI_2,
        consts::FRAC_PI_3,
        consts::FRAC_PI_4,
        consts::FRAC_PI_6,
        consts::FRAC_PI_8,
        consts::LN_2,
        consts::LN_10,
        consts::LOG10_2,
        consts::LOG10_E,
        consts::LOG2_10,
        consts::LOG2_E,
        consts::PI,
        consts::SQRT_2,
        consts::TAU,
        // The golden ratio and the constant of Euler and Mascheroni, which the standard library is about to name.
        1.618_033_988_749_895,
        0.577_215_664_901_532_9,
    ];
    const SHORTEST: usize = 4;
    let text = value.to_string();
    text.len() >= SHORTEST
        && CONSTANTS.iter().any(|constant| {
            let rounded = format!("{constant:.*}", text.len() - 2);
            rounded == text || constant.to_string().starts_with(&text)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let number = serde_json::from_str(text).expect("a number");
        into_number(&number).to_string().replace(' ', "")
    }

    #[test]
    fn an_integer_says_its_type_where_it_has_more_than_32_bits() {
        for (text, expected) in [
            ("2147483647", "2147483647"),
            ("-2147483649", "-2147483649_i64"),
            ("5000000000", "5000000000_i64"),
            ("9223372036854775808", "9223372036854775808_u64"),
        ] {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn a_double_is_short_and_keeps_its_sign() {
        for (text, expected) in
            [("1e20", "1e20"), ("-0.0", "-0.0"), ("2.5", "2.5"), ("1e300", "1e300"), ("100.0", "100.0")]
        {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn what_looks_like_a_constant_is_written_as_a_quotient_of_the_same_value() {
        let digits = [consts::PI, consts::E, consts::LN_2, consts::FRAC_1_PI].map(|constant| constant.to_string());
        let texts = digits.iter().flat_map(|digits| (6..=digits.len()).map(|length| &digits[..length])).chain(["3.14"]);
        for text in texts {
            let expression = written(text);
            let (above, below) = expression.split_once('/').expect("a quotient");
            let [above, below] = [above, below].map(|number| number.parse::<f64>().expect("a double"));

            assert_eq!(above / below, text.parse::<f64>().expect("a double"), "{expression}");
        }
    }
}
