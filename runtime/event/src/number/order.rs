//! How numbers compare: by their value, whatever they were written as.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Kind::{Double, Natural, Negative};
use super::{EXACT_DOUBLES, Number};

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Natural(one), Natural(other)) => one.cmp(other),
            (Negative(one), Negative(other)) => one.cmp(other),
            (Natural(_), Negative(_)) => Ordering::Greater,
            (Negative(_), Natural(_)) => Ordering::Less,
            (Double(one), Double(other)) => doubles(*one, *other),
            (Double(one), _) => other.compare_double(*one).reverse(),
            (_, Double(other)) => self.compare_double(*other),
            _ => self.decimal().cmp(&other.decimal()),
        }
    }
}

/// NaN, which no JSON holds, is above all else.
fn doubles(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

impl Number {
    /// Compares what is no double to one, without rounding either.
    fn compare_double(&self, double: f64) -> Ordering {
        match self.to_i128() {
            Some(integer) if double.abs() < EXACT_DOUBLES => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "within the range of 64 bits; the fraction is compared after"
                )]
                let whole = double.trunc() as i128;
                integer.cmp(&whole).then_with(|| doubles(0.0, double.fract()))
            }
            _ if !double.is_finite() => doubles(self.to_f64(), double),
            _ => self.decimal().cmp(&Self(Double(double)).decimal()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Number {}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.to_i128(), self.decimal()) {
            (Some(integer), _) => integer.hash(state),
            (None, Some(decimal)) => decimal.hash(state),
            // Infinities, and one NaN of many.
            (None, None) => doubles(self.to_f64(), 0.0).hash(state),
        }
    }
}

macro_rules! compare {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Number {
            fn eq(&self, other: &$other) -> bool {
                self.cmp(&Self::from(*other)) == Ordering::Equal
            }
        }

        impl PartialOrd<$other> for Number {
            fn partial_cmp(&self, other: &$other) -> Option<Ordering> {
                Some(self.cmp(&Self::from(*other)))
            }
        }

        impl PartialEq<Number> for $other {
            fn eq(&self, other: &Number) -> bool {
                Number::from(*self).cmp(other) == Ordering::Equal
            }
        }

        impl PartialOrd<Number> for $other {
            fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
                Some(Number::from(*self).cmp(other))
            }
        }
    )*};
}

compare! { i64, f64 }

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn equal_numbers_have_one_hash_however_they_are_written() {
        let hasher = RandomState::new();
        let hash = |text: &str| hasher.hash_one(text.parse::<Number>().unwrap());

        for (one, other) in [
            ("1", "1.0"),
            ("0", "-0.0"),
            ("1e3", "1000"),
            ("0.5", "5e-1"),
            ("18446744073709551617", "18446744073709551617.0"),
            ("1000000000000000000000", "1e21"),
            ("0.1000000000000000000001", "0.10000000000000000000010"),
        ] {
            assert_eq!(one.parse::<Number>().unwrap(), other.parse::<Number>().unwrap(), "{one} {other}");
            assert_eq!(hash(one), hash(other), "{one} {other}");
        }
    }

    #[test]
    fn what_json_cannot_write_has_its_place_in_the_order() {
        let [nan, infinite, least] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Number::from);
        let wide: Number = "18446744073709551617".parse().unwrap();

        assert_eq!(nan, nan.clone());
        assert!(nan > infinite && infinite > wide && wide > least && nan > wide && nan > Number::from(1));
    }
}
