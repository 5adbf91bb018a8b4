//! Moves schemas from a document of any draft into that of a generator, which speaks the newest.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// A document, and the generator that its parts go to.
pub(super) struct Mover<'a> {
    text: &'a str,
    document: &'a Value,
    draft: Draft,
    generator: &'a mut SchemaGenerator,
}

/// Keywords that a schema has no use for elsewhere: what they say of the document, or of definitions, has been followed.
const LEFT_BEHIND: &[&str] =
    &["$schema", "$id", "id", "$anchor", "$recursiveAnchor", "$defs", "definitions", "additionalItems"];

/// The drafts in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    Of4,
    Of6,
    Of7,
    Of2019,
    Of2020,
}

use Draft::{Of4, Of6, Of7, Of2019, Of2020};

/// Each draft, with what its name holds.
const DRAFTS: &[(&str, Draft)] = &[("draft-04", Of4), ("draft-06", Of6), ("draft-07", Of7), ("2019-09", Of2019)];

/// The first draft in which keywords say something.
const KEYWORDS: &[(Draft, &[&str])] = &[
    (Of6, &["const", "contains", "propertyNames", "contentEncoding", "contentMediaType"]),
    (Of7, &["if", "then", "else"]),
    (Of2019, &["dependentRequired", "dependentSchemas", "maxContains", "minContains"]),
    (Of2019, &["unevaluatedItems", "unevaluatedProperties"]),
    (Of2020, &["prefixItems"]),
];

/// The first draft in which validators know formats. What the first drafts took for the name of a host is another matter.
const FORMATS: &[(Draft, &[&str])] = &[
    (Of6, &["json-pointer", "uri-reference", "uri-template"]),
    (Of7, &["hostname", "idn-hostname", "iri", "iri-reference", "relative-json-pointer"]),
    (Of2019, &["duration", "uuid"]),
];

impl Draft {
    fn of(document: &Value) -> Self {
        let uri = document.get("$schema").and_then(Value::as_str).unwrap_or_default();
        DRAFTS.iter().find(|(name, _)| uri.contains(name)).map_or(Of2020, |(_, draft)| *draft)
    }

    /// Whether a table says that something came later.
    fn is_before(self, table: &[(Self, &[&str])], word: &str) -> bool {
        table.iter().any(|(first, words)| self < *first && words.contains(&word))
    }
}

impl<'a> Mover<'a> {
    pub(super) fn new(text: &'a str, document: &'a Value, generator: &'a mut SchemaGenerator) -> Self {
        Self { text, document, draft: Draft::of(document), generator }
    }

    /// The part that a pointer leads to, with all that it refers to among the generator's definitions.
    pub(super) fn moved(&mut self, pointer: &str) -> Value {
        let document = self.document;
        document.pointer(pointer).map_or(Value::Bool(true), |schema| self.schema(schema))
    }

    fn schema(&mut self, schema: &Value) -> Value {
        let Value::Object(members) = schema else { return schema.clone() };
        let mut moved = Map::new();
        let is_alone = self.draft <= Of7 && members.contains_key("$ref");
        for (keyword, value) in members {
            if !(is_alone && keyword != "$ref") && self.says_something(keyword, value) {
                self.keyword(members, keyword, value, &mut moved);
            }
        }
        Value::Object(moved)
    }

    fn says_something(&self, keyword: &str, value: &Value) -> bool {
        let format = value.as_str().filter(|_| keyword == "format").unwrap_or_default();
        !LEFT_BEHIND.contains(&keyword)
            && !self.draft.is_before(KEYWORDS, keyword)
            && !self.draft.is_before(FORMATS, format)
    }

    /// Says in the newest draft what a keyword says.
    fn keyword(&mut self, members: &Map<String, Value>, keyword: &str, value: &Value, moved: &mut Map<String, Value>) {
        let said = match (keyword, value) {
            ("$ref" | "$recursiveRef", Value::String(target)) => {
                let defined = target.strip_prefix('#').map(|fragment| self.define(&decoded(fragment)));
                moved.insert("$ref".to_owned(), Value::String(defined.unwrap_or_else(|| target.clone())));
                return;
            }
            ("items", Value::Array(items)) => {
                let first = self.each(items);
                moved.insert("prefixItems".to_owned(), first);
                match members.get("additionalItems") {
                    Some(others) => self.schema(others),
                    None => return,
                }
            }
            ("dependencies", Value::Object(rules)) => {
                for (name, rule) in rules {
                    let (keyword, rule) = match rule {
                        Value::Array(_) => ("dependentRequired", rule.clone()),
                        schema => ("dependentSchemas", self.schema(schema)),
                    };
                    if let Value::Object(said) = moved.entry(keyword).or_insert_with(|| json!({})) {
                        said.insert(name.clone(), rule);
                    }
                }
                return;
            }
            // In draft 4 these are flags of limits.
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(_)) => return,
            ("minimum", limit) if members.get("exclusiveMinimum") == Some(&Value::Bool(true)) => {
                moved.insert("exclusiveMinimum".to_owned(), limit.clone());
                return;
            }
            ("maximum", limit) if members.get("exclusiveMaximum") == Some(&Value::Bool(true)) => {
                moved.insert("exclusiveMaximum".to_owned(), limit.clone());
                return;
            }
            (
                "additionalProperties"
                | "contains"
                | "contentSchema"
                | "else"
                | "if"
                | "items"
                | "not"
                | "propertyNames"
                | "then"
                | "unevaluatedItems"
                | "unevaluatedProperties",
                schema,
            ) => self.schema(schema),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => self.each(schemas),
            ("dependentSchemas" | "patternProperties" | "properties", Value::Object(named)) => {
                Value::Object(named.iter().map(|(name, schema)| (name.clone(), self.schema(schema))).collect())
            }
            (_, value) => value.clone(),
        };
        moved.insert(keyword.to_owned(), said);
    }

    fn each(&mut self, schemas: &[Value]) -> Value {
        Value::Array(schemas.iter().map(|schema| self.schema(schema)).collect())
    }

    /// A reference to a definition that stands for a part of the document. Its name is one that no other document gives.
    fn define(&mut self, pointer: &str) -> String {
        let mut hasher = DefaultHasher::new();
        (self.text, pointer).hash(&mut hasher);
        let step = pointer.rsplit('/').next().unwrap_or_default();
        let word: String = step.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{word}_{:016x}", hasher.finish());
        if !self.generator.definitions().contains_key(&name) {
            // What refers to itself finds it there.
            self.generator.definitions_mut().insert(name.clone(), Value::Bool(true));
            let schema = self.moved(pointer);
            self.generator.definitions_mut().insert(name.clone(), schema);
        }
        format!("#{}/{name}", self.generator.settings().definitions_path)
    }
}

/// A pointer without the escapes of a URI's fragment.
fn decoded(fragment: &str) -> String {
    let bytes = fragment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = fragment.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;

    use super::*;

    /// What a document becomes, and the definitions that it needs.
    fn moved(document: &Value) -> (Value, Map<String, Value>) {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let text = document.to_string();
        let schema = Mover::new(&text, document, &mut generator).moved("");
        (schema, generator.definitions().clone())
    }

    #[test]
    fn older_drafts_are_said_in_the_newest() {
        let old = |draft: &str, schema: Value| {
            let mut document = schema;
            document["$schema"] = json!(draft);
            moved(&document).0
        };
        let (four, six, seven) = (
            "http://json-schema.org/draft-04/schema#",
            "http://json-schema.org/draft-06/schema#",
            "http://json-schema.org/draft-07/schema#",
        );

        for (draft, said, expected) in [
            (four, json!({"minimum": 1, "exclusiveMinimum": true}), json!({"exclusiveMinimum": 1})),
            (four, json!({"maximum": 1, "exclusiveMaximum": false}), json!({"maximum": 1})),
            (four, json!({"const": 1, "format": "uuid", "if": false}), json!({})),
            (six, json!({"const": 1, "if": false}), json!({"const": 1})),
            (
                seven,
                json!({"items": [{"const": 1}], "additionalItems": false}),
                json!({"prefixItems": [{"const": 1}], "items": false}),
            ),
            (seven, json!({"items": {"const": 1}, "additionalItems": false}), json!({"items": {"const": 1}})),
            (
                seven,
                json!({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}),
                json!({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"]}}}),
            ),
            (seven, json!({"contentEncoding": "base64"}), json!({"contentEncoding": "base64"})),
        ] {
            assert_eq!(old(draft, said.clone()), expected, "{said}");
        }
    }

    #[test]
    fn nothing_stands_beside_a_reference_before_2019() {
        let document = json!({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {
            "a": {"$ref": "#/definitions/a", "maxLength": 3}}, "definitions": {"a": {"type": "string"}}});

        let (schema, definitions) = moved(&document);

        assert_eq!(schema["properties"]["a"].as_object().unwrap().len(), 1, "{schema}");
        assert_eq!(definitions.values().collect::<Vec<_>>(), [&json!({"type": "string"})]);
        assert!(schema.get("definitions").is_none());
    }

    #[test]
    fn a_property_may_be_called_like_a_keyword() {
        let document = json!({"properties": {
            "default": {"$ref": "#/$defs/a"}, "$defs": {"const": 1}, "items": {"type": "array"}}, "$defs": {"a": {}}});

        let (schema, definitions) = moved(&document);

        let target = schema["properties"]["default"]["$ref"].as_str().unwrap();
        assert!(definitions.contains_key(target.rsplit('/').next().unwrap()), "{schema}");
        assert_eq!(schema["properties"]["$defs"], json!({"const": 1}));
        assert_eq!(schema["properties"]["items"], json!({"type": "array"}));
    }
}
