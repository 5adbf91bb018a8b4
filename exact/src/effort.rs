//! What it costs to name everything that is wrong with a value.
//!
//! A validator that says yes or no remembers what it has found, and its work is bounded. One that lists all errors goes every
//! way again, and keeps for each alternative of `oneOf` and `anyOf` all errors of it with copies of the values: of a few hundred
//! bytes that 146 alternatives describe which refer to each other, that is gigabytes, and of forty brackets that two parts of
//! an `allOf` describe, years. So the schemas that the parts of a value are held against are counted first.

use jsonschema::json::{Array as _, Node as _, Object as _};
use serde_json::{Map, Value};

use crate::Node;

/// How much may be searched: each schema that a part of a value is held against may keep an error of some hundred bytes.
pub const MOST_SEARCHED: usize = 500_000;

/// Whether a part of a self-contained schema is held against a value in fewer steps than so many: one for each schema that a
/// part of the value is held against, as often as there are ways to it, and one for all that the part holds.
#[must_use]
pub fn is_searchable(root: &Value, part: &Value, node: Node<'_>, most: usize) -> bool {
    count(root, part, node, most) < most
}

/// How many steps there are, up to a limit.
fn count(root: &Value, part: &Value, node: Node<'_>, most: usize) -> usize {
    let mut count = Count { root, left: most };
    count.schema(part, node, 0);
    most - count.left
}

/// Whether a schema may hold alternatives; a property of such a name counts, too.
pub(crate) fn has_alternatives(schema: &Value) -> bool {
    holds(schema, &|keywords| keywords.contains_key("anyOf") || keywords.contains_key("oneOf"))
}

/// Whether a schema may hold one value against several schemas. If not, each value is held against one.
pub(crate) fn multiplies(schema: &Value) -> bool {
    const SEVERAL: [&str; 8] =
        ["allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas", "dependencies", "patternProperties"];
    holds(schema, &|keywords| {
        // Annotations hold nothing against a value; what else stands beside a reference may.
        let is_beside = || keywords.values().any(|value| value.is_object() || value.is_array());
        SEVERAL.iter().any(|keyword| keywords.contains_key(*keyword)) || keywords.contains_key("$ref") && is_beside()
    })
}

fn holds(schema: &Value, has: &impl Fn(&Map<String, Value>) -> bool) -> bool {
    match schema {
        Value::Object(members) => has(members) || members.values().any(|member| holds(member, has)),
        Value::Array(items) => items.iter().any(|item| holds(item, has)),
        _ => false,
    }
}

struct Count<'s> {
    root: &'s Value,
    left: usize,
}

impl<'s> Count<'s> {
    fn schema(&mut self, schema: &'s Value, node: Node<'_>, depth: usize) {
        /// More than anybody nests schemas and chains references, and little enough for every stack.
        const DEEPEST: usize = 256;
        self.left = if depth > DEEPEST { 0 } else { self.left.saturating_sub(1 + node.size()) };
        let Value::Object(keywords) = schema else { return };
        for (keyword, value) in keywords {
            if self.left == 0 {
                return;
            }
            self.keyword(keyword, value, keywords, node, depth + 1);
        }
    }

    fn keyword(&mut self, keyword: &str, value: &'s Value, beside: &Map<String, Value>, node: Node<'_>, depth: usize) {
        match (keyword, value) {
            ("$ref", Value::String(reference)) => {
                if let Some(target) = self.target(reference) {
                    self.schema(target, node, depth);
                }
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter().for_each(|schema| self.schema(schema, node, depth));
            }
            ("then" | "else", schema) => self.schema(schema, node, depth),
            ("dependentSchemas" | "dependencies", Value::Object(schemas)) => {
                schemas.values().for_each(|schema| self.schema(schema, node, depth));
            }
            ("items" | "prefixItems" | "additionalItems" | "unevaluatedItems", _) => {
                let elements = node.as_array().into_iter().flat_map(|array| array.elements());
                for (index, element) in elements.enumerate() {
                    if let Some(schema) = value.as_array().map_or(Some(value), |schemas| schemas.get(index)) {
                        self.schema(schema, element, depth);
                    }
                }
            }
            ("properties", Value::Object(schemas)) => {
                for (name, member) in members(node) {
                    if let Some(schema) = schemas.get(name) {
                        self.schema(schema, member, depth);
                    }
                }
            }
            // Which names a pattern matches is not asked.
            ("patternProperties", Value::Object(schemas)) => {
                for (_, member) in members(node) {
                    schemas.values().for_each(|schema| self.schema(schema, member, depth));
                }
            }
            ("additionalProperties" | "unevaluatedProperties", schema) => {
                let declared = beside.get("properties").and_then(Value::as_object);
                for (name, member) in members(node) {
                    if declared.is_none_or(|declared| !declared.contains_key(name)) {
                        self.schema(schema, member, depth);
                    }
                }
            }
            _ => {}
        }
    }

    /// The schema that a pointer within the document leads to.
    fn target(&self, reference: &str) -> Option<&'s Value> {
        let fragment = reference.strip_prefix('#')?;
        self.root.pointer(fragment).or_else(|| {
            let decoded = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
            self.root.pointer(&decoded)
        })
    }
}

fn members<'a>(node: Node<'a>) -> impl Iterator<Item = (&'a str, Node<'a>)> {
    node.as_object().into_iter().flat_map(|object| object.members())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Tape;

    fn steps(schema: &Value, text: &str) -> usize {
        let mut tape = Tape::default();
        let node = tape.read(text).unwrap();
        count(schema, schema, node, 1 << 22)
    }

    #[test]
    fn alternatives_that_refer_to_each_other_multiply_with_the_depth_of_the_value() {
        let alternative = json!({"properties": {"below": {"$ref": "#/$defs/any"}}});
        let schema = json!({"$ref": "#/$defs/any", "$defs": {"any": {"oneOf": vec![alternative; 50]}}});

        assert!(has_alternatives(&schema));
        assert!(steps(&schema, "{}") <= 256);
        assert!(steps(&schema, r#"{"below": {}}"#) > 4_096);
        assert!(steps(&schema, r#"{"below": {"below": {"below": {"below": {"below": {}}}}}}"#) > 1 << 20);
    }

    #[test]
    fn every_place_of_a_schema_is_followed() {
        for (schema, text) in [
            (json!({"items": {"$ref": "#/$defs/a%20b"}}), "[1, 2, 3]"),
            (json!({"prefixItems": [{"$ref": "#/$defs/a%20b"}]}), "[1]"),
            (json!({"allOf": [{"$ref": "#/$defs/a%20b"}]}), "1"),
            (json!({"properties": {"x": {"$ref": "#/$defs/a%20b"}}}), r#"{"x": 1}"#),
            (json!({"additionalProperties": {"$ref": "#/$defs/a%20b"}}), r#"{"x": 1}"#),
            (json!({"patternProperties": {"x": {"$ref": "#/$defs/a%20b"}}}), r#"{"x": 1}"#),
            (json!({"if": {}, "then": {"$ref": "#/$defs/a%20b"}}), "1"),
        ] {
            let mut schema = schema;
            schema["$defs"] = json!({"a b": {"anyOf": vec![Value::Bool(true); 100]}});
            assert!(steps(&schema, text) > 64, "{schema}");
        }
        let twice = json!({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]});
        assert!(multiplies(&twice) && !has_alternatives(&twice));
        assert_eq!(steps(&twice, &format!("{}{}", "[".repeat(30), "]".repeat(30))), 1 << 22);
        assert!(!multiplies(&json!({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "string"}}})));
        let endless = json!({"allOf": [{"$ref": "#"}]});
        assert_eq!(steps(&endless, "1"), 1 << 22);
    }
}
