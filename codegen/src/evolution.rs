//! Whether readers of one schema understand the writers of another.

use serde_json::{Map, Value};

use crate::bundle::bundle;
use crate::load::Loaded;
use crate::schema;
use crate::walk::subschemas;

/// Whether everything that writers of one schema file write is provably accepted by the other.
///
/// A writer writes declared properties only, so what must be covered is the writer's schema with all others
/// forbidden. `false` means: not proved.
pub fn reads(loaded: &Loaded, reader: &str, writer: &str) -> bool {
    let (reader, writer) = (bundle(loaded, reader), bundle(loaded, writer));
    only_adds_optional_properties(&reader, &writer) || schema::covers(&reader, &closed(&writer))
}

/// Whether the reader is the writer's schema with properties added that nothing else speaks of.
fn only_adds_optional_properties(reader: &Value, writer: &Value) -> bool {
    let (mut reader, writer) = (stripped(reader), stripped(writer));
    let (Some(old), Some(new)) = (properties(&writer), properties(&reader)) else { return reader == writer };
    let added: Vec<String> = new.keys().filter(|name| !old.contains_key(*name)).cloned().collect();
    if let Some(Value::Object(properties)) = reader.get_mut("properties") {
        for name in &added {
            properties.shift_remove(name);
        }
    }
    reader == writer
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// A schema without what says nothing about acceptance.
fn stripped(schema: &Value) -> Value {
    const ANNOTATIONS: &[&str] = &["title", "description", "examples", "default", "$comment", "$id", "deprecated"];
    let Value::Object(members) = schema else { return schema.clone() };
    let mut copy = schema.clone();
    for (below, child) in subschemas(schema) {
        if let Some(place) = copy.pointer_mut(&below) {
            *place = stripped(child);
        }
    }
    if let Value::Object(copy) = &mut copy {
        for keyword in members.keys() {
            if ANNOTATIONS.contains(&keyword.as_str()) || keyword.starts_with("x-") {
                copy.shift_remove(keyword);
            }
        }
    }
    copy
}

/// A schema with undeclared properties forbidden wherever it is safe to say so: in objects that declare their
/// properties in one place. Forbidding too little only makes the proof harder, never wrong.
pub(crate) fn closed(schema: &Value) -> Value {
    const IN_PLACE: &[&str] = &["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$ref"];
    const BELOW: &[&str] = &["/properties/", "/items", "/$defs/", "/definitions/", "/prefixItems/"];
    let Value::Object(members) = schema else { return schema.clone() };
    let mut copy = schema.clone();
    for (below, child) in subschemas(schema) {
        if BELOW.iter().any(|prefix| below.starts_with(prefix))
            && let Some(place) = copy.pointer_mut(&below)
        {
            *place = closed(child);
        }
    }
    let declares = members.contains_key("properties");
    let elsewhere = IN_PLACE.iter().chain(&["additionalProperties", "patternProperties", "unevaluatedProperties"]);
    let only_here = !elsewhere.into_iter().any(|keyword| members.contains_key(*keyword));
    if declares
        && only_here
        && let Value::Object(copy) = &mut copy
    {
        copy.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    copy
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_added_optional_property_is_read_even_beside_conditions() {
        let condition = json!({"if": {"properties": {"ok": {"const": false}}}, "then": {"required": ["why"]}});
        let mut old = json!({"type": "object", "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}}});
        if let (Value::Object(old), Value::Object(condition)) = (&mut old, condition) {
            old.extend(condition);
        }
        let mut new = old.clone();
        new["properties"]["count"] = json!({"type": "integer"});

        assert!(only_adds_optional_properties(&new, &old));
        assert!(!only_adds_optional_properties(&old, &new));
    }

    #[test]
    fn a_changed_type_is_not_read() {
        let old = json!({"type": "object", "properties": {"p": {"enum": ["low"]}}});
        let new = json!({"type": "object", "properties": {"p": {"type": "integer"}}});

        assert!(!schema::covers(&new, &closed(&old)));
    }
}
