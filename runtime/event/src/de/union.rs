//! Values of several types that nothing distinguishes but the types themselves.

use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;

use super::buffered::Buffered;
use super::digits;
use super::readings::{Refusal, once};

const NO_ALTERNATIVE: Refusal = Refusal("no alternative matches");

/// Reads a value as one alternative, if it is of that type.
pub fn alternative<T: DeserializeOwned>(value: &Buffered) -> Option<T> {
    value.to().ok()
}

/// Reads a value of which exactly one alternative must hold.
///
/// `is_valid` may refuse what only the validator can judge, and is asked again about the whole payload. So where it
/// refuses every alternative, the one that keeps the most is taken all the same.
///
/// # Errors
/// When the value is of none, or several hold.
pub fn read_one_of<'de, D: Deserializer<'de>, T: Serialize + Clone + 'static>(
    deserializer: D,
    is_valid: fn(&T) -> bool,
    alternatives: &[fn(&Buffered) -> Option<T>],
) -> Result<T, D::Error> {
    let value = Buffered::read(deserializer)?;
    // Whichever reading comes first may be the one that is kept.
    if has_beyond_i64(&value.value) {
        digits::doubtful();
    }
    let read = |value: Buffered| {
        let (mut valid, others): (Vec<T>, Vec<T>) =
            alternatives.iter().filter_map(|read| read(&value)).partition(is_valid);
        match valid.len() {
            0 => best(value.value, others, None),
            1 => valid.pop().ok_or(NO_ALTERNATIVE),
            _ => Err(Refusal("more than one alternative matches")),
        }
    };
    once(value, read).map_err(|Refusal(why)| D::Error::custom(why))
}

/// Whether a value holds an integer that an `i64` has no room for: an alternative that is read as one passes it over, though it
/// may match. The validator decides.
fn has_beyond_i64(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64() && !number.is_i64(),
        Value::Array(items) => items.iter().any(has_beyond_i64),
        Value::Object(members) => members.values().any(has_beyond_i64),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Reads a value of which at least one alternative must hold: the one that keeps the most of it, and of equals the first.
/// Where another one keeps what that one drops, it becomes what `several` makes of it. As for [`read_one_of`], a no of
/// `is_valid` is not final.
///
/// # Errors
/// When the value is of none.
pub fn read_any_of<'de, D: Deserializer<'de>, T: Serialize + Clone + 'static>(
    deserializer: D,
    is_valid: fn(&T) -> bool,
    alternatives: &[fn(&Buffered) -> Option<T>],
    several: Option<fn(Value) -> T>,
) -> Result<T, D::Error> {
    let read = |value: Buffered| {
        let (valid, others): (Vec<T>, Vec<T>) = alternatives.iter().filter_map(|read| read(&value)).partition(is_valid);
        best(value.value, if valid.is_empty() { others } else { valid }, several)
    };
    once(Buffered::read(deserializer)?, read).map_err(|Refusal(why)| D::Error::custom(why))
}

/// Of several readings of a value the one that keeps the most of it.
fn best<T: Serialize>(value: Value, mut read: Vec<T>, several: Option<fn(Value) -> T>) -> Result<T, Refusal> {
    if read.len() < 2 {
        return read.pop().ok_or(NO_ALTERNATIVE);
    }
    let written: Vec<Value> = read.iter().map(|read| serde_json::to_value(read).unwrap_or_default()).collect();
    // Of equals `max_by_key` takes the last.
    let (best, _) =
        written.iter().enumerate().rev().max_by_key(|(_, written)| kept(&value, written)).ok_or(NO_ALTERNATIVE)?;
    match several {
        Some(several) if written.iter().any(|other| keeps_more(&value, other, &written[best])) => Ok(several(value)),
        _ => Ok(read.swap_remove(best)),
    }
}

/// Whether something of a value is kept in one place and dropped in another.
fn keeps_more(value: &Value, one: &Value, other: &Value) -> bool {
    match (value, one, other) {
        (Value::Object(members), Value::Object(one), Value::Object(other)) => {
            members.iter().any(|(name, member)| match (one.get(name), other.get(name)) {
                (Some(one), Some(other)) => keeps_more(member, one, other),
                (one, _) => one.is_some(),
            })
        }
        (Value::Array(items), Value::Array(one), Value::Array(other)) => {
            items.iter().zip(one.iter().zip(other)).any(|(item, (one, other))| keeps_more(item, one, other))
        }
        _ => false,
    }
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
    ($name:ident, [$($variant:ident),+ $(,)?]) => {
        $crate::one_of!($name, |_| true, [$($variant),+]);
    };
    ($name:ident, $is_valid:expr, [$($variant:ident),+ $(,)?]) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                $crate::de::read_one_of(
                    deserializer,
                    $is_valid,
                    &[$(|value| $crate::de::alternative(value).map(Self::$variant)),+],
                )
            }
        }
    };
}

/// Implements `Deserialize` for an enum of newtype variants of which at least one must match; one `or` the last holds
/// what several match and none can hold. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! any_of {
    ($name:ident, [$($variant:ident),+ $(,)?] $($several:tt)*) => {
        $crate::any_of!($name, |_| true, [$($variant),+] $($several)*);
    };
    ($name:ident, $is_valid:expr, [$($variant:ident),+ $(,)?]) => {
        $crate::any_of!(@ $name, $is_valid, [$($variant),+], ::std::option::Option::None);
    };
    ($name:ident, $is_valid:expr, [$($variant:ident),+ $(,)?], or $several:ident) => {
        $crate::any_of!(@ $name, $is_valid, [$($variant),+], ::std::option::Option::Some(Self::$several));
    };
    (@ $name:ident, $is_valid:expr, [$($variant:ident),+], $several:expr) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                $crate::de::read_any_of(
                    deserializer,
                    $is_valid,
                    &[$(|value| $crate::de::alternative(value).map(Self::$variant)),+],
                    $several,
                )
            }
        }
    };
}
