//! JSON numbers as they were written.

mod convert;
mod order;

use std::fmt;
use std::str::FromStr;

use eventsmith_exact::{Decimal, is_wide};
use serde::de::{self, Deserialize, Deserializer, Error as _, MapAccess, Unexpected};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::de::{RAW_VALUE, Text};

/// A number of a schema that allows fractions, of any length.
///
/// An `f64` alone would write `1` back as `1.0`, and forget the last digits of an integer beyond 2^53. Numbers compare
/// by their value, whatever they were written as: `1` is `1.0`, and has its hash. A double is the shortest decimal that is read
/// as it. What JSON cannot write has a place in the order, too, so that there is one: NaN equals itself and is above all else.
/// A number of any length is not `Copy`.
///
/// ```
/// use eventsmith::Number;
///
/// let number: Number = "18446744073709551617".parse()?;
/// assert_eq!(number.to_string(), "18446744073709551617");
/// assert!(number > "18446744073709551616".parse::<Number>()?);
/// assert_eq!(Number::from(1), Number::from(1.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Number(Kind);

#[derive(Clone)]
enum Kind {
    /// Zero or more.
    Natural(u64),
    /// Less than zero.
    Negative(i64),
    Double(f64),
    /// What none of them holds, as it was written.
    Wide(Box<str>),
}

use Kind::{Double, Natural, Negative, Wide};

impl Number {
    /// The nearest double.
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Natural(value) => *value as f64,
            Negative(value) => *value as f64,
            Double(value) => *value,
            Wide(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// The value, if it is an integer within the range of `i64`.
    pub fn to_i64(&self) -> Option<i64> {
        self.to_i128().and_then(|value| i64::try_from(value).ok())
    }

    /// The value, if it is an integer within the range of `u64`.
    pub fn to_u64(&self) -> Option<u64> {
        self.to_i128().and_then(|value| u64::try_from(value).ok())
    }

    /// The value, if it is an integer within the range of `i128`.
    pub fn to_i128(&self) -> Option<i128> {
        match &self.0 {
            Natural(value) => Some((*value).into()),
            Negative(value) => Some((*value).into()),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the bounds")]
            Double(value) if value.abs() < EXACT_DOUBLES => (value.fract() == 0.0).then_some(*value as i128),
            Double(_) | Wide(_) => self.decimal()?.to_i128(),
        }
    }

    /// The value, if it is an integer within the range of `u128`.
    pub fn to_u128(&self) -> Option<u128> {
        match &self.0 {
            Double(_) | Wide(_) => self.decimal()?.to_u128(),
            Natural(_) | Negative(_) => self.to_i128().and_then(|value| u128::try_from(value).ok()),
        }
    }

    /// Whether JSON can write the number: it has no infinity and no NaN.
    pub fn is_finite(&self) -> bool {
        !matches!(self.0, Double(value) if !value.is_finite())
    }

    /// Whether the division by a number leaves nothing, both read as the decimals that they are written as.
    pub fn is_multiple_of(&self, divisor: impl Into<Self>) -> bool {
        let divisor = divisor.into();
        if let (Natural(value), Natural(divisor)) = (&self.0, &divisor.0) {
            return *divisor != 0 && value.is_multiple_of(*divisor);
        }
        let both = self.decimal().zip(divisor.decimal());
        both.is_some_and(|(value, divisor)| value.is_multiple_of(&divisor))
    }

    /// The decimal that the number is written as; none for infinity and NaN.
    fn decimal(&self) -> Option<Decimal> {
        match &self.0 {
            Double(value) => Decimal::parse(&format!("{value:e}")),
            _ => Decimal::parse(&self.to_string()),
        }
    }

    /// A number by its text, if JSON writes it so, and some double is near to it.
    fn of_text(text: &str) -> Option<Self> {
        if !text.contains(['.', 'e', 'E']) {
            if let Ok(value) = text.parse::<u64>() {
                return Some(value.into());
            }
            if let Ok(value) = text.parse::<i64>() {
                return Some(if value == 0 { Self(Double(-0.0)) } else { value.into() });
            }
        }
        // The first character tells a number from all other JSON, and from what Rust reads besides.
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let nearest = text.parse::<f64>().ok().filter(|nearest| is_number && nearest.is_finite())?;
        if !is_wide(text) {
            return Some(nearest.into());
        }
        let double = Self(Double(nearest));
        let decimal = Decimal::parse(text)?;
        Some(if double.decimal()? == decimal { double } else { Self(Wide(text.into())) })
    }
}

/// Up to here, 2^53, doubles hold every integer.
const EXACT_DOUBLES: f64 = 9_007_199_254_740_992.0;

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Natural(value) => fmt::Display::fmt(value, f),
            Negative(value) => fmt::Display::fmt(value, f),
            // As JSON has it: `1.0` keeps its fraction.
            Double(value) => fmt::Debug::fmt(value, f),
            Wide(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Number {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Natural(value) => serializer.serialize_u64(*value),
            Negative(value) => serializer.serialize_i64(*value),
            // JSON has no text for the others, and serde_json would write null.
            Double(value) if !value.is_finite() => Err(S::Error::custom(format_args!("{value} is no number of JSON"))),
            Double(value) => serializer.serialize_f64(*value),
            Wide(text) => {
                let raw: &RawValue = serde_json::from_str(text).map_err(S::Error::custom)?;
                raw.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW_VALUE, Visitor)
    }
}

/// Reads the text of a number from serde_json, and from others what they make of it.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Number, A::Error> {
        access.next_key_seed(Text)?;
        let text = access.next_value_seed(Text)?;
        Number::of_text(&text).ok_or_else(|| A::Error::invalid_value(Unexpected::Other("what is there"), &self))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_f64(self)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
        Ok(value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_is_written_as_it_was_read() {
        for text in ["1", "1.0", "-3", "0.1", "9007199254740993", "18446744073709551615", "1e300", "-0.0", "-0"] {
            assert_eq!(
                serde_json::to_string(&number(text)).unwrap(),
                serde_json::to_string(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap()
            );
        }
        let long = "9".repeat(300);
        for text in ["18446744073709551617", "9007199254740993.0", "0.1000000000000000000001", "1e-400", &long] {
            assert_eq!(serde_json::to_string(&number(text)).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_number_or_beyond_every_double_is_refused() {
        for text in ["\"1\"", "null", "[1]", "{}", r#"{"$serde_json::private::RawValue": "1"}"#, "1e400", "true"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_compare_without_rounding() {
        let ascending = [
            "-1e300",
            "-9223372036854775808",
            "-2",
            "-1.5",
            "-1",
            "0",
            "0.5",
            "1",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "18446744073709551616.5",
            "18446744073709551617",
            "1e300",
        ];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
            assert!(number(pair[1]) > number(pair[0]), "{pair:?}");
        }
        assert_eq!(number("1"), number("1.0"));
        assert!(number("3") >= 3 && number("3") < 3.5 && (0..=5).contains(&number("5")));
    }

    #[test]
    fn multiples_are_those_of_decimals() {
        for (value, divisor) in [
            ("0.07", "0.01"),
            ("19.99", "0.01"),
            ("0", "0.3"),
            ("-4.5", "1.5"),
            ("1e3", "10"),
            ("4", "0.5"),
            ("1e300", "0.001"),
            ("1", "1e-320"),
            ("-18446744073709551618", "2"),
        ] {
            assert!(number(value).is_multiple_of(number(divisor)), "{value} {divisor}");
        }
        for (value, divisor) in [
            ("0.075", "0.01"),
            ("7", "2"),
            ("1", "3.0"),
            ("923711371939602.25", "0.075"),
            ("18446744073709551617", "2"),
            ("1", "0"),
        ] {
            assert!(!number(value).is_multiple_of(number(divisor)), "{value} {divisor}");
        }
    }
}
