//! JSON as a value: the whole payload on the slow path, a part of it where the type is not known yet.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::digits;
use super::names::{refuse_reserved, repeated};

/// Parses a payload, in which no object has two members of one name.
///
/// # Errors
/// What is wrong, with line and column, counted from 1; columns count bytes.
pub(crate) fn parse(data: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(data).map_err(|error| {
        let valid = &data[..error.valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + valid.iter().rev().take_while(|byte| **byte != b'\n').count();
        format!("invalid UTF-8 at line {line} column {column}")
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Json.deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// Reads any value. Unlike serde_json's own reading it refuses names that repeat.
pub(super) struct Json;

impl<'de> DeserializeSeed<'de> for Json {
    type Value = Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Json {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        digits::double();
        let number = Number::from_f64(value).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            refuse_reserved(&name)?;
            match members.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(access.next_value_seed(Self)?);
                }
                Entry::Occupied(place) => return Err(repeated(place.key())),
            }
        }
        Ok(Value::Object(members))
    }
}
