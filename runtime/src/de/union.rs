//! Values of several types that nothing tells apart but the types themselves.

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error};
use serde_json::Value;

use super::Strict;
use super::json::Json;

/// Reads a value as one alternative, if it is of that type.
pub fn alternative<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(Strict(value)).ok()
}

/// Reads a value of which exactly one alternative must hold.
///
/// # Errors
/// When none does, or several do.
pub fn read_one_of<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    is_valid: fn(&T) -> bool,
    alternatives: &[fn(&Value) -> Option<T>],
) -> Result<T, D::Error> {
    let value = Json.deserialize(deserializer)?;
    let mut matches = alternatives.iter().filter_map(|read| read(&value)).filter(is_valid);
    match (matches.next(), matches.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(D::Error::custom("more than one alternative matches")),
        (None, _) => Err(no_alternative()),
    }
}

/// Reads a value of which at least one alternative must hold: the one that keeps the most of it, and of equals the first.
///
/// # Errors
/// When none does.
pub fn read_any_of<'de, D: Deserializer<'de>, T: Serialize>(
    deserializer: D,
    is_valid: fn(&T) -> bool,
    alternatives: &[fn(&Value) -> Option<T>],
) -> Result<T, D::Error> {
    let value = Json.deserialize(deserializer)?;
    let mut matches = alternatives.iter().filter_map(|read| read(&value)).filter(is_valid);
    let mut best = matches.next().ok_or_else(no_alternative)?;
    let mut most = None;
    for other in matches {
        let kept_by_best = *most.get_or_insert_with(|| kept_by(&best, &value));
        let kept_by_other = kept_by(&other, &value);
        if kept_by_other > kept_by_best {
            (best, most) = (other, Some(kept_by_other));
        }
    }
    Ok(best)
}

fn no_alternative<E: Error>() -> E {
    E::custom("no alternative matches")
}

/// How much of a value would be written again.
fn kept_by<T: Serialize>(read: &T, value: &Value) -> usize {
    serde_json::to_value(read).map_or(0, |written| kept(value, &written))
}

/// How many scalars, members and elements of a value another one has in the same places.
fn kept(value: &Value, written: &Value) -> usize {
    match (value, written) {
        (Value::Object(members), Value::Object(written)) => {
            members.iter().filter_map(|(name, member)| written.get(name).map(|written| 1 + kept(member, written))).sum()
        }
        (Value::Array(items), Value::Array(written)) => {
            items.iter().zip(written).map(|(item, written)| 1 + kept(item, written)).sum()
        }
        (Value::Number(one), Value::Number(other)) => usize::from(one == other || one.as_f64() == other.as_f64()),
        (one, other) => usize::from(one == other),
    }
}

/// Implements `Deserialize` for an enum of newtype variants of which exactly one must match. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! one_of {
    ($name:ident, $is_valid:expr, [$($variant:ident),+ $(,)?]) => {
        $crate::one_of!(@ read_one_of, $name, $is_valid, [$($variant),+]);
    };
    (@ $read:ident, $name:ident, $is_valid:expr, [$($variant:ident),+]) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::de::$read(
                    deserializer,
                    $is_valid,
                    &[$(|value| $crate::de::alternative(value).map(Self::$variant)),+],
                )
            }
        }
    };
}

/// Implements `Deserialize` for an enum of newtype variants of which at least one must match. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! any_of {
    ($name:ident, $is_valid:expr, [$($variant:ident),+ $(,)?]) => {
        $crate::one_of!(@ read_any_of, $name, $is_valid, [$($variant),+]);
    };
}
