//! The subschemas of a schema: which keywords hold schemas, in any draft.

use serde_json::Value;

use crate::pointer::join;

/// Keywords whose value is one schema.
const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose value is an array of schemas. `items` is one in the older drafts.
const LIST: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];

/// Keywords whose value is an object of schemas. In `dependencies` arrays of names stand among them.
const MAP: &[&str] = &["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Keywords that speak of a value without the help of other schemas.
pub(crate) const LEAVES: &[&str] = &[
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "type",
    "uniqueItems",
];

/// The direct subschemas of a schema with their pointers below it.
pub(crate) fn subschemas(schema: &Value) -> Vec<(String, &Value)> {
    let Value::Object(members) = schema else { return Vec::new() };
    let mut found = Vec::new();
    for (keyword, value) in members {
        let at = join("", keyword);
        match value {
            Value::Object(_) | Value::Bool(_) if ONE.contains(&keyword.as_str()) => found.push((at, value)),
            Value::Array(items) if LIST.contains(&keyword.as_str()) => {
                found.extend(items.iter().enumerate().map(|(index, item)| (join(&at, &index.to_string()), item)));
            }
            Value::Object(map) if MAP.contains(&keyword.as_str()) => {
                let schemas = map.iter().filter(|(_, schema)| schema.is_object() || schema.is_boolean());
                found.extend(schemas.map(|(name, schema)| (join(&at, name), schema)));
            }
            _ => {}
        }
    }
    found
}

/// Whether the steps of a pointer lead from schema to schema by keywords that hold some, so that [`every_schema`] comes there.
pub(crate) fn is_walked(schema: &Value, steps: &[String]) -> bool {
    let mut rest = steps;
    let mut here = schema;
    while let [keyword, after @ ..] = rest {
        let Some(value) = here.get(keyword) else { return false };
        let name = keyword.as_str();
        let (next, left) = match (value, after) {
            (Value::Object(_) | Value::Bool(_), _) if ONE.contains(&name) => (Some(value), after),
            (Value::Array(items), [index, left @ ..]) if LIST.contains(&name) => {
                (index.parse::<usize>().ok().and_then(|index| items.get(index)), left)
            }
            (Value::Object(map), [member, left @ ..]) if MAP.contains(&name) => (map.get(member), left),
            _ => return false,
        };
        let Some(next) = next else { return false };
        (here, rest) = (next, left);
    }
    true
}

/// Calls `visit` with every schema of a document and its pointer, the root first.
pub(crate) fn every_schema<'a>(schema: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    let mut open = vec![(String::new(), schema)];
    while let Some((at, schema)) = open.pop() {
        visit(&at, schema);
        let children = subschemas(schema);
        open.extend(children.into_iter().rev().map(|(below, child)| (format!("{at}{below}"), child)));
    }
}
