//! Objects of several kinds, told apart by a property.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Strict;

/// An object whose tag has been taken out.
pub struct Untagged<E> {
    members: Map<String, Value>,
    error: std::marker::PhantomData<E>,
}

/// Reads an object and takes out the property that tells its kind.
///
/// # Errors
/// When it is not an object, has no such property, or the property is not a string.
pub fn tagged<'de, D: Deserializer<'de>>(
    deserializer: D,
    tag: &'static str,
) -> Result<(String, Untagged<D::Error>), D::Error> {
    let mut members = deserializer.deserialize_map(Members)?;
    match members.shift_remove(tag) {
        Some(Value::String(kind)) => Ok((kind, Untagged { members, error: std::marker::PhantomData })),
        Some(_) => Err(D::Error::custom(format_args!("the property {tag} is not a string"))),
        None => Err(D::Error::missing_field(tag)),
    }
}

impl<E: Error> Untagged<E> {
    /// Reads what is left as one kind.
    ///
    /// # Errors
    /// When it is not of that kind.
    pub fn into_variant<T: DeserializeOwned>(self) -> Result<T, E> {
        T::deserialize(Strict(Value::Object(self.members))).map_err(E::custom)
    }

    /// The error for a tag that nobody knows.
    pub fn unknown_tag(&self, tag: &str) -> E {
        E::custom(format_args!("unknown kind {tag:?}"))
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry()? {
            members.insert(name, value);
        }
        Ok(members)
    }
}
