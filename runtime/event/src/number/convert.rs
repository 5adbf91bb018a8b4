//! Numbers from those of Rust, and back.

use std::num::TryFromIntError;

use super::Kind::{Double, Natural, Negative, Wide};
use super::Number;

/// Zero.
impl Default for Number {
    fn default() -> Self {
        Self(Natural(0))
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

macro_rules! from_larger {
    ($($large:ty => $half:ty),*) => {$(
        impl From<$large> for Number {
            fn from(value: $large) -> Self {
                <$half>::try_from(value).map_or_else(|_| Self(Wide(value.to_string().into())), Self::from)
            }
        }
    )*};
}

from_larger! { u128 => u64, i128 => i64, usize => u64, isize => i64 }

macro_rules! into_integer {
    ($($integer:ty: $number:ident => $converted:expr;)*) => {$(
        /// The value, if it has no fraction and the type has room for it.
        impl TryFrom<&Number> for $integer {
            type Error = TryFromIntError;

            fn try_from($number: &Number) -> Result<Self, Self::Error> {
                $converted
            }
        }

        impl TryFrom<Number> for $integer {
            type Error = TryFromIntError;

            fn try_from(number: Number) -> Result<Self, Self::Error> {
                Self::try_from(&number)
            }
        }
    )*};
    ($($integer:ty),*) => {
        // What is no integer is refused as one that is too large.
        into_integer! { $($integer: number => number.to_i128().unwrap_or(i128::MAX).try_into();)* }
    };
}

into_integer! { u8, u16, u32, u64, usize, i8, i16, i32, i64, isize }
into_integer! {
    i128: number => number.to_i128().map_or_else(|| u64::try_from(u128::MAX).map(Self::from), Ok);
    u128: number => number.to_u128().map_or_else(|| u64::try_from(u128::MAX).map(Self::from), Ok);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_as_they_went_in() {
        for value in [i128::MIN, i128::from(i64::MIN), -1, 0, 1, i128::from(u64::MAX), i128::MAX] {
            assert_eq!(Number::from(value).to_i128(), Some(value));
        }
        assert_eq!(Number::from(u128::MAX).to_string(), u128::MAX.to_string());
        for value in [0, 1, i128::MAX.unsigned_abs(), i128::MAX.unsigned_abs() + 1, u128::MAX] {
            assert_eq!(u128::try_from(Number::from(value)), Ok(value));
        }
        assert_eq!(i128::try_from(&Number::from(i128::MIN)), Ok(i128::MIN));
        assert_eq!(u128::try_from(Number::from(2e38)), Ok(2 * 10_u128.pow(38)));
        assert_eq!(u8::try_from(Number::from(255)), Ok(255));
        assert_eq!(i32::try_from(&Number::from(-7.0)), Ok(-7));
    }

    #[test]
    fn a_fraction_and_what_has_no_room_are_no_integers() {
        assert!(u8::try_from(Number::from(256)).is_err());
        assert!(u64::try_from(Number::from(-1)).is_err());
        assert!(i64::try_from(Number::from(0.5)).is_err());
        assert!(usize::try_from(Number::from(f64::NAN)).is_err());
        assert!(i128::try_from(Number::from(i128::MAX.unsigned_abs() + 1)).is_err());
        assert!(u128::try_from(Number::from(-1)).is_err());
        assert!(u128::try_from(Number::from(0.5)).is_err());
        assert!(u128::try_from(Number::from(1e39)).is_err());
    }
}
