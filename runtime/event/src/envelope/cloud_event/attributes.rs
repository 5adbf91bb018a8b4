//! The attributes of a CloudEvent, from headers or from a JSON document.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::header_value::decode;

/// Names, and values in their canonical string representation, with what the value was where it was no string.
#[derive(Debug)]
pub(super) struct Attributes<'a>(Vec<(Cow<'a, str>, Cow<'a, str>, Option<Value>)>);

impl<'a> Attributes<'a> {
    /// Those of headers, whose names are without the prefix.
    pub(super) fn of_headers(headers: &[(&'a str, &'a str)]) -> Result<Self, String> {
        let mut all = Self(Vec::with_capacity(headers.len()));
        for (name, value) in headers {
            let name = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                true => Cow::Owned(name.to_ascii_lowercase()),
                false => Cow::Borrowed(*name),
            };
            let value = decode(value).map_err(|reason| format!("its header ce-{name} cannot be read: {reason}"))?;
            all.add(name, value, None)?;
        }
        Ok(all)
    }

    /// All of them and the data, as the document of structured mode.
    pub(super) fn document(&self, data: &RawValue) -> Result<Vec<u8>, String> {
        let mut members = BTreeMap::new();
        for (name, value, _) in &self.0 {
            members.insert(&**name, to_raw_value(value).map_err(|error| error.to_string())?);
        }
        members.insert("data", data.to_owned());
        serde_json::to_vec(&members).map_err(|error| error.to_string())
    }

    fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>, other: Option<Value>) -> Result<(), String> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(format!("{name:?} is no name of an attribute, which has a-z and 0-9"));
        }
        if self.0.iter().any(|(known, ..)| *known == name) {
            return Err(format!("it has the attribute {name} twice"));
        }
        self.0.push((name, value, other));
        Ok(())
    }

    /// Takes an attribute out, if it is there and not empty.
    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.0.iter().position(|(own, ..)| own == name)?;
        Some(self.0.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    /// Takes one out that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<Cow<'a, str>, String> {
        self.take(name).ok_or_else(|| format!("it has no attribute `{name}`"))
    }

    /// What is left: the members of our `metadata`, and beside them the extensions of others.
    pub(super) fn into_metadata(mut self) -> Result<Map<String, Value>, String> {
        let mut metadata = match self.take("metadata") {
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| format!("its attribute `metadata` is no JSON object: {error}"))?,
            None => Map::new(),
        };
        for (name, value, other) in self.0 {
            metadata.entry(name).or_insert_with(|| other.unwrap_or_else(|| Value::String(value.into_owned())));
        }
        Ok(metadata)
    }
}

/// The body of a message in structured mode.
#[derive(Debug)]
pub(super) struct Body<'a> {
    pub(super) attributes: Attributes<'a>,
    pub(super) data: Option<&'a RawValue>,
}

impl<'a> Body<'a> {
    pub(super) fn read(body: &'a str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Body<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Body<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CloudEvent, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Body<'de>, A::Error> {
                let mut body = Body { attributes: Attributes(Vec::with_capacity(12)), data: None };
                while let Some(name) = members.next_key::<String>()? {
                    let value: &'de RawValue = members.next_value()?;
                    match name.as_str() {
                        "data" if body.data.is_some() => return Err(A::Error::custom("it has `data` twice")),
                        "data" => body.data = Some(value),
                        "data_base64" => {
                            return Err(A::Error::custom("it has `data_base64`, and payloads here are JSON in `data`"));
                        }
                        _ => body.attribute(name, value).map_err(A::Error::custom)?,
                    }
                }
                Ok(body)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'a> Body<'a> {
    fn attribute(&mut self, name: String, value: &'a RawValue) -> Result<(), String> {
        let wrong = || format!("its attribute {name:?} is neither a string nor a boolean nor a number");
        let text = value.get();
        let (text, other) = match text.as_bytes().first() {
            Some(b'"') => (string(text)?, None),
            Some(b'n') => return Ok(()),
            Some(b'{' | b'[') => return Err(wrong()),
            _ => (Cow::Borrowed(text), Some(serde_json::from_str(text).map_err(|error| error.to_string())?)),
        };
        self.attributes.add(Cow::Owned(name), text, other)
    }
}

fn string(json: &str) -> Result<Cow<'_, str>, String> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let Text(text) = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(text)
}
