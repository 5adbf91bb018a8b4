//! The name that no member may have.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A member that serde_json takes for a marker of its own: it reads the text inside it as JSON, and puts that in its place. Everybody
/// else takes it for what it says.
pub const RESERVED: &str = "$serde_json::private::RawValue";

/// Refuses a text in which a member has the reserved name.
///
/// # Errors
/// There is one, or the text is not JSON.
pub fn refuse_reserved(text: &str) -> Result<(), serde_json::Error> {
    // Any letter may be escaped.
    if !text.contains(RESERVED) && !text.contains("\\u") {
        return Ok(());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Names.deserialize(&mut deserializer)
}

/// The error for a member of the reserved name.
pub(crate) fn reserved<E: Error>() -> E {
    E::custom("a member has a reserved name")
}

/// Reads a value, and looks at its names.
struct Names;

impl<'de> DeserializeSeed<'de> for Names {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == RESERVED {
                map.next_value::<IgnoredAny>()?;
                return Err(reserved());
            }
            map.next_value_seed(Self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_name_is_refused_however_it_is_spelled() {
        for text in
            [r#"{"$serde_json::private::RawValue":"5"}"#, r#"[{"a":{"\u0024serde_json::private::RawValue":"5"}}]"#]
        {
            assert!(refuse_reserved(text).is_err(), "{text}");
        }
        for text in [r#"{"a":"$serde_json::private::RawValue"}"#, r#"{"\u0024":[null,true,1,-1,0.5,"\n"]}"#] {
            assert!(refuse_reserved(text).is_ok(), "{text}");
        }
    }
}
