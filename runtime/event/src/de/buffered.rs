//! A part of a payload that is read before its type is known.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::Strict;
use super::digits;
use super::json::{Json, parse};
use super::names::{RAW_VALUE, Text};

/// A value, and its text where it may have numbers that the value rounds.
pub struct Buffered {
    pub(super) value: Value,
    text: Option<String>,
}

impl Buffered {
    #[inline]
    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if digits::are_kept() { Self::read_text(deserializer) } else { Json.deserialize(deserializer).map(Self::of) }
    }

    #[cold]
    fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = AsText.deserialize(deserializer)?;
        let value = parse(text.as_bytes()).map_err(D::Error::custom)?;
        Ok(Self { value, text: Some(text) })
    }

    pub(super) fn of(value: Value) -> Self {
        Self { value, text: None }
    }

    /// Its text, the same for equal values that are read in one way.
    pub(super) fn to_text(&self) -> String {
        self.text.clone().unwrap_or_else(|| self.value.to_string())
    }

    /// Reads it as a type.
    pub(super) fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match &self.text {
            Some(text) => T::deserialize(Strict(&mut serde_json::Deserializer::from_str(text))),
            None => T::deserialize(Strict(&self.value)),
        }
    }

    /// Reads it as a seed does.
    pub(super) fn into<'de, T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, serde_json::Error> {
        match self.text {
            // From a reader nothing is borrowed.
            Some(text) => seed.deserialize(Strict(&mut serde_json::Deserializer::from_reader(text.as_bytes()))),
            None => seed.deserialize(Strict(self.value)),
        }
    }
}

/// Reads the text of a value.
struct OfText;

impl<'de> Visitor<'de> for OfText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<String, A::Error> {
        access.next_key_seed(Text)?;
        access.next_value_seed(Text).map(Cow::into_owned)
    }

    /// The members of a tagged union have no text together.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_map(OfMembers)
    }
}

/// Puts the texts of members together.
struct OfMembers;

impl<'de> Visitor<'de> for OfMembers {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<String, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key_seed(Text)? {
            let value = access.next_value_seed(AsText)?;
            members.push(format!("{}:{value}", Value::from(name)));
        }
        Ok(format!("{{{}}}", members.join(",")))
    }
}

/// Reads the text of a part of a payload.
struct AsText;

impl<'de> DeserializeSeed<'de> for AsText {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_newtype_struct(RAW_VALUE, OfText)
    }
}

/// Reads a part of a payload before its type is known.
pub(super) struct Buffer;

impl<'de> DeserializeSeed<'de> for Buffer {
    type Value = Buffered;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Buffered, D::Error> {
        Buffered::read(deserializer)
    }
}
