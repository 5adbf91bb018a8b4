//! JSON numbers as they were written.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

/// A number of a schema that allows fractions: an integer of 64 bits, or a double.
///
/// An `f64` alone would write `1` back as `1.0`, and forget the last digits of an integer beyond 2^53. Numbers compare
/// by their value, whatever they were written as:
///
/// ```
/// use eventsmith::Number;
///
/// let number: Number = "9007199254740993".parse()?;
/// assert_eq!(number.to_string(), "9007199254740993");
/// assert!(number > 9007199254740992.0);
/// assert_eq!(Number::from(1), Number::from(1.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Number(Kind);

#[derive(Clone, Copy)]
enum Kind {
    /// Zero or more.
    Natural(u64),
    /// Less than zero.
    Negative(i64),
    Double(f64),
}

use Kind::{Double, Natural, Negative};

impl Number {
    /// The nearest double.
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    pub fn to_f64(self) -> f64 {
        match self.0 {
            Natural(value) => value as f64,
            Negative(value) => value as f64,
            Double(value) => value,
        }
    }

    /// The value, if it is an integer within the range of `i64`.
    pub fn to_i64(self) -> Option<i64> {
        self.whole().and_then(|value| i64::try_from(value).ok())
    }

    /// The value, if it is an integer within the range of `u64`.
    pub fn to_u64(self) -> Option<u64> {
        self.whole().and_then(|value| u64::try_from(value).ok())
    }

    /// Whether JSON can write the number: it has no infinity and no NaN.
    pub fn is_finite(self) -> bool {
        !matches!(self.0, Double(value) if !value.is_finite())
    }

    /// Whether the division by a number leaves nothing, both read as the decimals that they are written as.
    ///
    /// A no is not final beyond 2^53: there validators part ways as soon as a double is involved.
    pub fn is_multiple_of(self, divisor: impl Into<Self>) -> bool {
        let divisor = divisor.into();
        let exact = matches!((self.0, divisor.0), (Natural(_) | Negative(_), Natural(_)));
        if !exact && self.to_f64().abs() >= EXACT_DOUBLES {
            return false;
        }
        let divided = self.decimal().zip(divisor.decimal()).and_then(|(value, divisor)| {
            let exponent = value.exponent.min(divisor.exponent);
            let (value, divisor) = (value.scaled_to(exponent)?, divisor.scaled_to(exponent)?);
            value.checked_rem(divisor)
        });
        divided == Some(0)
    }

    /// The value, if it is an integer.
    fn whole(self) -> Option<i128> {
        match self.0 {
            Natural(value) => Some(value.into()),
            Negative(value) => Some(value.into()),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the bounds")]
            Double(value) if value.fract() == 0.0 && value.abs() < BEYOND_INTEGERS => Some(value as i128),
            Double(_) => None,
        }
    }

    /// The decimal that the number is written as. None for a fraction of more digits than doubles distinguish: two decimals
    /// may be equally near to it, and another writer may choose the other one.
    fn decimal(self) -> Option<Decimal> {
        let Double(value) = self.0 else { return Some(Decimal { digits: self.whole()?, exponent: 0 }) };
        let text = value.is_finite().then(|| format!("{value:e}"))?;
        let (digits, exponent) = text.split_once('e')?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let places = i32::try_from(fraction.len()).ok()?;
        let exponent = exponent.parse::<i32>().ok()? - places;
        let length = u32::try_from(whole.trim_start_matches('-').len() + fraction.len()).ok()?;
        if exponent < 0 && length > f64::DIGITS {
            return None;
        }
        Some(Decimal { digits: format!("{whole}{fraction}").parse().ok()?, exponent })
    }
}

/// The first double that no integer of 64 bits reaches, 2^64.
const BEYOND_INTEGERS: f64 = 18_446_744_073_709_551_616.0;

/// Up to here, 2^53, doubles hold every integer.
const EXACT_DOUBLES: f64 = 9_007_199_254_740_992.0;

struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    /// The digits of the same number with a smaller exponent.
    fn scaled_to(&self, exponent: i32) -> Option<i128> {
        let places = u32::try_from(self.exponent - exponent).ok()?;
        self.digits.checked_mul(10_i128.checked_pow(places)?)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(Double(value))
    }
}

impl From<f32> for Number {
    fn from(value: f32) -> Self {
        Self(Double(value.into()))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(Natural(value))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(u64::try_from(value).map_or(Negative(value), Natural))
    }
}

macro_rules! from_smaller {
    ($($small:ty => $large:ty),*) => {$(
        impl From<$small> for Number {
            fn from(value: $small) -> Self {
                <$large>::from(value).into()
            }
        }
    )*};
}

from_smaller! { u8 => u64, u16 => u64, u32 => u64, i8 => i64, i16 => i64, i32 => i64 }

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.0, other.0) {
            (Double(one), Double(other)) => one.partial_cmp(&other),
            (Double(one), _) => other.compare_double(one).map(Ordering::reverse),
            (_, Double(other)) => self.compare_double(other),
            _ => self.whole().partial_cmp(&other.whole()),
        }
    }
}

impl Number {
    /// Compares an integer to a double without rounding either.
    fn compare_double(self, double: f64) -> Option<Ordering> {
        let integer = self.whole()?;
        if double.is_nan() {
            return None;
        }
        if double.abs() >= BEYOND_INTEGERS {
            return Some(if double > 0.0 { Ordering::Less } else { Ordering::Greater });
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "within the range of 64 bits; the fraction is compared after"
        )]
        let whole = double.trunc() as i128;
        Some(integer.cmp(&whole).then_with(|| 0.0.partial_cmp(&double.fract()).unwrap_or(Ordering::Equal)))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

macro_rules! compare {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Number {
            fn eq(&self, other: &$other) -> bool {
                *self == Self::from(*other)
            }
        }

        impl PartialOrd<$other> for Number {
            fn partial_cmp(&self, other: &$other) -> Option<Ordering> {
                self.partial_cmp(&Self::from(*other))
            }
        }

        impl PartialEq<Number> for $other {
            fn eq(&self, other: &Number) -> bool {
                Number::from(*self) == *other
            }
        }

        impl PartialOrd<Number> for $other {
            fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
                Number::from(*self).partial_cmp(other)
            }
        }
    )*};
}

compare! { i64, f64 }

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Natural(value) => fmt::Display::fmt(&value, f),
            Negative(value) => fmt::Display::fmt(&value, f),
            // As JSON has it: `1.0` keeps its fraction.
            Double(value) => fmt::Debug::fmt(&value, f),
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
        match self.0 {
            Natural(value) => serializer.serialize_u64(value),
            Negative(value) => serializer.serialize_i64(value),
            Double(value) => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
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
        for text in ["1", "1.0", "-3", "0.1", "9007199254740993", "18446744073709551615", "1e300", "-0.0"] {
            assert_eq!(
                serde_json::to_string(&number(text)).unwrap(),
                serde_json::to_string(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap()
            );
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
            "1e300",
        ];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
            assert!(number(pair[1]) > number(pair[0]), "{pair:?}");
        }
        assert_eq!(number("1"), number("1.0"));
        assert!(number("3") >= 3 && number("3") < 3.5 && (0..=5).contains(&number("5")));
        assert_eq!(Number::from(f64::NAN).partial_cmp(&number("1")), None);
    }

    #[test]
    fn multiples_are_those_of_decimals() {
        for (value, divisor) in
            [("0.07", "0.01"), ("19.99", "0.01"), ("0", "0.3"), ("-4.5", "1.5"), ("1e3", "10"), ("4", "0.5")]
        {
            assert!(number(value).is_multiple_of(number(divisor)), "{value} {divisor}");
        }
        for (value, divisor) in [
            ("0.075", "0.01"),
            ("7", "2"),
            ("1e300", "0.001"),
            ("1", "3.0"),
            // As near to …602.2 as to …602.3, which is a multiple.
            ("923711371939602.25", "0.075"),
        ] {
            assert!(!number(value).is_multiple_of(number(divisor)), "{value} {divisor}");
        }
    }
}
