//! Functions for `#[serde(deserialize_with = "..")]` in generated types.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess};
use uuid::Uuid;

use super::Strict;
use super::json::Json;
use crate::maybe::Maybe;

/// Reads an optional property that is there: null is not absence. For structs of one's own with an `Option<Option<..>>`, as serde reads
/// both as `None`; a [`Maybe`] needs no function:
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Changed {
///     #[serde(default, deserialize_with = "eventsmith::present", skip_serializing_if = "Option::is_none")]
///     note: Option<Option<String>>,
/// }
///
/// assert_eq!(serde_json::from_str::<Changed>(r#"{"note": null}"#)?.note, Some(None));
/// assert_eq!(serde_json::from_str::<Changed>("{}")?.note, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// What the type makes of the property.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a property that must be there though it may be null.
pub fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

/// Reads a type that serde reads too generously.
pub fn exact<'de, D: Deserializer<'de>, T: Exact<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// Reads an optional property that is there, of a type that serde reads too generously.
pub fn exact_present<'de, D: Deserializer<'de>, T: Exact<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::read(deserializer).map(Some)
}

/// Reads the properties that a struct does not declare, for a flattened field. A field of
/// [`Value`](serde_json::Value)s does not need it.
pub fn kept<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    // serde buffers what a struct does not declare, in a form that never makes an integer of `1.0`.
    let members = deserializer.deserialize_map(Json)?;
    T::deserialize(Strict(members)).map_err(de::Error::custom)
}

/// Types whose own `Deserialize` takes spellings that the formats of JSON Schema do not.
pub trait Exact<'de>: Sized {
    /// Reads the one spelling that the format allows.
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// A value that is read exactly, inside of containers.
struct Item<T>(T);

impl<'de, T: Exact<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

struct Text<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl<'de> Exact<'de> for Uuid {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const HYPHENATED: usize = 36;
        let parse = |text: &str| (text.len() == HYPHENATED).then(|| Self::try_parse(text).ok()).flatten();
        deserializer.deserialize_str(Text { expected: "a hyphenated UUID", parse })
    }
}

impl<'de, T: Exact<'de>> Exact<'de> for Option<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Item<T>>::deserialize(deserializer)?.map(|item| item.0))
    }
}

impl<'de, T: Exact<'de>> Exact<'de> for Maybe<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::read(deserializer)?.into())
    }
}

impl<'de, T: Exact<'de>> Exact<'de> for Vec<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Exact<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(Item(item)) = access.next_element()? {
                    items.push(item);
                }
                Ok(items)
            }
        }

        deserializer.deserialize_seq(Visitor(std::marker::PhantomData))
    }
}

impl<'de, T: Exact<'de>> Exact<'de> for BTreeMap<String, T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Exact<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = BTreeMap<String, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, Item(value))) = access.next_entry()? {
                    members.insert(name, value);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}
