//! Schemas whose numbers are wide.
//!
//! A schema is a `serde_json::Value`, which rounds them. So where a keyword's value is or holds a wide number, its text stands
//! beside it, in a member of the same schema that is no keyword: `{"const": 18446744073709551617}` is read as
//! `{"const": 1.8446744073709552e19, "\u{0}exact": {"const": "18446744073709551617"}}`.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::canonical::canonical;
use crate::{Decimal, Node, OnTape, Tape};

/// The member that holds the texts of wide numbers, by the names of their keywords. Nobody names a property or a keyword so.
pub const EXACT: &str = "\u{0}exact";

/// The keywords whose values are numbers or hold some.
const KEYWORDS: [&str; 9] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "const",
    "enum",
    "examples",
    "default",
];

/// What holds schemas by names that are no keywords.
const NAMED: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// Reads a schema.
///
/// # Errors
/// The text is not JSON, or has a name that is none.
pub fn read(text: &str) -> Result<Value, serde_json::Error> {
    crate::names::refuse_reserved(text)?;
    let mut schema = serde_json::from_str(text)?;
    let mut tape = Tape::default();
    // A text that repeats a name has no tape, and is told elsewhere.
    if crate::has_wide(text)
        && let Some(node) = tape.read(text)
    {
        mark(&mut schema, node, false);
    }
    Ok(schema)
}

fn mark(schema: &mut Value, node: Node<'_>, is_named: bool) {
    match schema {
        Value::Array(items) => {
            items.iter_mut().zip(node.children()).for_each(|(item, (_, node))| mark(item, node, false));
        }
        Value::Object(members) => {
            let mut exact = Map::new();
            for (name, node) in node.children() {
                let Some(member) = members.get_mut(name.as_ref()) else { continue };
                if !is_named && KEYWORDS.contains(&name.as_ref()) {
                    if node.has_wide() {
                        exact.insert(name.into_owned(), Value::String(text_of(node)));
                    }
                } else {
                    mark(member, node, !is_named && NAMED.contains(&name.as_ref()));
                }
            }
            if !exact.is_empty() {
                members.insert(EXACT.to_owned(), Value::Object(exact));
            }
        }
        _ => {}
    }
}

/// The text of a keyword of a schema that is wide.
pub fn wide_text<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a str> {
    schema.get(EXACT)?.get(keyword)?.as_str()
}

/// Whether serde_json rounds what a keyword says: 1e300 is the shortest decimal of its double, 18446744073709551617 is of none.
pub fn is_rounded(schema: &Map<String, Value>, keyword: &str) -> bool {
    let value = || schema.get(keyword).and_then(|value| of_text(&value.to_string()));
    wide_text(schema, keyword).is_some_and(|text| of_text(text) != value())
}

/// The text of a keyword's value.
pub fn spelled(schema: &Map<String, Value>, keyword: &str, value: &Value) -> String {
    wide_text(schema, keyword).map_or_else(|| value.to_string(), str::to_owned)
}

/// The value of a number that a keyword has.
pub fn decimal(schema: &Map<String, Value>, keyword: &str) -> Option<Decimal> {
    let value = schema.get(keyword).filter(|value| value.is_number())?;
    Decimal::parse(&spelled(schema, keyword, value))
}

/// The same of a JSON text; `None` where it has no [`Tape`].
pub(crate) fn of_text(text: &str) -> Option<String> {
    Tape::default().read(text).map(canonical::<OnTape>)
}

/// The text of a schema, in which its numbers stand as they were written.
pub fn text(schema: &Value) -> String {
    serde_json::to_string(&Restored(schema)).unwrap_or_default()
}

/// The same on several lines. Any value that holds schemas may be written so.
pub fn pretty_text(schema: &Value) -> String {
    serde_json::to_string_pretty(&Restored(schema)).unwrap_or_default()
}

/// The text of a value on a tape.
pub fn text_of(node: Node<'_>) -> String {
    serde_json::to_string(&OfNode(node)).unwrap_or_default()
}

/// The same on several lines.
pub fn pretty_text_of(node: Node<'_>) -> String {
    serde_json::to_string_pretty(&OfNode(node)).unwrap_or_default()
}

struct Restored<'a>(&'a Value);

impl Serialize for Restored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Restored)),
            Value::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, member) in members.iter().filter(|(name, _)| *name != EXACT) {
                    match wide_text(members, name).and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) {
                        Some(raw) => map.serialize_entry(name, raw)?,
                        None => map.serialize_entry(name, &Restored(member))?,
                    }
                }
                map.end()
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

struct OfNode<'a>(Node<'a>);

impl Serialize for OfNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use jsonschema::json::Node as _;
        if let Some(raw) = self.0.wide().and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) {
            return raw.serialize(serializer);
        }
        if self.0.as_array().is_some() {
            let mut sequence = serializer.serialize_seq(None)?;
            for (_, element) in self.0.children() {
                sequence.serialize_element(&Self(element))?;
            }
            return sequence.end();
        }
        if self.0.as_object().is_some() {
            let mut map = serializer.serialize_map(None)?;
            for (name, member) in self.0.children() {
                map.serialize_entry(&name, &Self(member))?;
            }
            return map.end();
        }
        let value: Cow<'_, Value> = self.0.to_value();
        value.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_and_a_tape_have_no_reserved_name() {
        for text in
            [r#"{"$serde_json::private::RawValue":"5"}"#, r#"[{"a":{"\u0024serde_json::private::RawValue":"5"}}]"#]
        {
            assert!(read(text).is_err() && Tape::default().read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn wide_numbers_are_kept_beside_their_keywords() {
        let text =
            r#"{"properties":{"const":{"const":18446744073709551617},"b":{"maximum":5,"enum":[1,[0.1,1e-400]]}}}"#;

        let schema = read(text).unwrap();

        assert_eq!(schema["properties"]["const"][EXACT]["const"], "18446744073709551617");
        assert_eq!(schema["properties"]["b"][EXACT]["enum"], "[1,[0.1,1e-400]]");
        assert_eq!(schema["properties"].as_object().unwrap().len(), 2);
        assert_eq!(super::text(&schema), text);
        let named_alike = r#"{"properties":{"exact":{"const":18446744073709551617},"x-exact":{"type":"string"}}}"#;
        assert_eq!(super::text(&read(named_alike).unwrap()), named_alike);
        assert_eq!(read(r#"{"maximum": 1.5}"#).unwrap(), serde_json::json!({"maximum": 1.5}));
    }

    #[test]
    fn the_keywords_of_a_read_schema_compare_exactly() {
        let build = |text: &str| {
            let schema = read(text).unwrap();
            assert!(crate::keywords::are_needed(&schema), "{text}");
            let options = jsonschema::options_for::<crate::OnTape>();
            crate::keywords::with_exact_keywords(options).build(&schema).unwrap()
        };
        for (schema, valid, invalid) in [
            (r#"{"const": 18446744073709551616}"#, "18446744073709551616.0", "18446744073709551617"),
            (r#"{"enum": [[18446744073709551616]]}"#, "[18446744073709551616]", "[18446744073709551617]"),
            (r#"{"maximum": 18446744073709551616}"#, "18446744073709551616", "18446744073709551617"),
            (r#"{"exclusiveMinimum": 1e-400}"#, "1.0000000000000000001e-400", "1e-400"),
            (r#"{"multipleOf": 1e-320}"#, "0.1", "1e-321"),
            (r#"{"multipleOf": 0.01}"#, "4.35", "4.355"),
            (r#"{"multipleOf": 36893488147419103234}"#, "73786976294838206468", "73786976294838206469"),
            (
                r#"{"uniqueItems": true, "items": {"maximum": 1e17}}"#,
                "[9007199254740993.0, 9007199254740992]",
                "[1e16, 10000000000000000]",
            ),
            (
                r#"{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 18446744073709551617, "exclusiveMinimum": true}"#,
                "18446744073709551618",
                "18446744073709551617",
            ),
        ] {
            let validator = build(schema);
            assert!(validator.is_valid(Tape::default().read(valid).unwrap()), "{schema} {valid}");
            assert!(!validator.is_valid(Tape::default().read(invalid).unwrap()), "{schema} {invalid}");
        }
    }
}
