//! What schemars is told of types: of those of the runtime, and of those of a catalogue, whose schema is that of its files.

mod mover;

use std::borrow::Cow;

pub use schemars;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::bytes::{Encoded, Encoding};
use crate::date::Date;
use crate::date_time::DateTime;
use crate::maybe::Maybe;
use crate::number::Number;

use mover::Mover;

macro_rules! inline {
    ($($name:ident: $schema:tt),*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> Cow<'static, str> {
                concat!("eventsmith::", stringify!($name)).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

inline! {
    Date: { "type": "string", "format": "date" },
    DateTime: { "type": "string", "format": "date-time" },
    Number: { "type": "number" }
}

impl<E: Encoding> JsonSchema for Encoded<E> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        E::NAME.into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("eventsmith::bytes::{}", E::NAME).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": E::NAME })
    }
}

/// What is absent is said by the struct around it: a field with a default is not required.
impl<T: JsonSchema> JsonSchema for Maybe<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Option::<T>::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// The part of a schema document that describes a type: where a pointer says, else below `$defs` under the type's name.
pub fn of<T: ?Sized>(document: &str, pointer: Option<&str>, generator: &mut SchemaGenerator) -> Schema {
    match pointer {
        Some(pointer) => part(document, pointer, generator),
        None => part(document, &format!("/$defs/{}", name_of::<T>()), generator),
    }
}

/// The same without null, which those say who use the type.
#[must_use]
pub fn not_null(schema: Schema) -> Schema {
    let mut schema = schema.to_value();
    let types = schema.get_mut("type").and_then(Value::as_array_mut).filter(|types| types.len() > 1);
    if let Some(types) = types {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    } else {
        schema = serde_json::json!({"allOf": [schema], "not": {"type": "null"}});
    }
    schema.try_into().unwrap_or_else(|_| true.into())
}

/// The part of a schema document that a pointer leads to, with all that it refers to among the generator's definitions.
pub fn part(document: &str, pointer: &str, generator: &mut SchemaGenerator) -> Schema {
    let Ok(parsed) = serde_json::from_str::<Value>(document) else { return true.into() };
    let schema = Mover::new(document, &parsed, generator).moved(pointer);
    schema.try_into().unwrap_or_else(|_| true.into())
}

/// The last step of a type's path.
pub fn name_of<T: ?Sized>() -> Cow<'static, str> {
    std::any::type_name::<T>().rsplit("::").next().unwrap_or_default().into()
}

/// Tells schemars of the types of a catalogue: each is a part of the schema of a payload, below `$defs` under its own name or where a
/// pointer says, and `without null` where the schema takes null and the type does not. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! json_schemas {
    ($($text:path: $($name:ident $(::$step:ident)* $($pointer:literal)? $(without $null:ident)?),+;)*) => {
        $($($crate::json_schemas!(@ $text, $name $(::$step)*, $($pointer)? $(without $null)?);)+)*
    };
    (@schema $schema:expr,) => { $schema };
    (@schema $schema:expr, without null) => { $crate::json_schema::not_null($schema) };
    (@ $text:path, $name:path, $($pointer:literal)? $(without $null:ident)?) => {
        impl $crate::json_schema::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                $crate::json_schema::name_of::<Self>()
            }

            fn schema_id() -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(::core::any::type_name::<Self>())
            }

            fn json_schema(
                generator: &mut $crate::json_schema::schemars::SchemaGenerator,
            ) -> $crate::json_schema::schemars::Schema {
                let pointer: ::std::option::Option<&str> = [$($pointer)?].first().copied();
                $crate::json_schemas!(@schema
                    $crate::json_schema::of::<Self>($text, pointer, generator), $(without $null)?
                )
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The schema of a part of a document.
    fn part_of(document: &str, pointer: &str) -> Value {
        let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
        let mut schema = part(document, pointer, &mut generator).to_value();
        schema["$defs"] = Value::Object(generator.definitions().clone());
        schema
    }

    #[test]
    fn a_property_that_is_called_like_a_keyword_is_a_schema() {
        for name in ["default", "const", "enum", "examples", "properties"] {
            let document = json!({"properties": {name: {"$ref": "#/$defs/M"}}, "$defs": {"M": {"type": "string"}}});

            let schema = part_of(&document.to_string(), "");

            let target = schema["properties"][name]["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
            assert!(target.is_some_and(|target| schema.pointer(target).is_some()), "{name}: {schema}");
        }
    }

    #[test]
    fn null_goes_where_the_type_has_no_room_for_it() {
        let without = |schema: Value| not_null(schema.try_into().unwrap()).to_value();

        assert_eq!(without(json!({"type": ["string", "null"]})), json!({"type": "string"}));
        assert_eq!(without(json!({"type": ["string", "null", "integer"]})), json!({"type": ["string", "integer"]}));
        let anything = json!({"anyOf": [{"type": "null"}, {"type": "string"}]});
        assert_eq!(without(anything.clone()), json!({"allOf": [anything], "not": {"type": "null"}}));
    }

    #[test]
    fn a_part_brings_all_that_it_refers_to_and_may_refer_to_itself() {
        const DOCUMENT: &str = r##"{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tree",
            "properties": {"left": {"$ref": "#"}, "a b": {"$ref": "#/$defs/a%20b"}},
            "$defs": {"a b": {"const": {"$ref": "#"}}, "unused": {}}}"##;
        struct Tree;
        impl JsonSchema for Tree {
            fn schema_name() -> Cow<'static, str> {
                name_of::<Self>()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                part(DOCUMENT, "", generator)
            }
        }

        let schema = schemars::schema_for!(Tree).to_value();

        assert_eq!(schema["title"], "Tree");
        let definitions = schema["$defs"].as_object().unwrap();
        assert_eq!(definitions.len(), 2, "{schema}");
        for property in ["left", "a b"] {
            let target = schema["properties"][property]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
            assert!(schema.pointer(target).is_some(), "{target} of {schema}");
        }
        assert!(definitions.values().any(|schema| *schema == json!({"const": {"$ref": "#"}})));
    }
}
