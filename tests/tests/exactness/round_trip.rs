//! Encoding what was decoded changes nothing that the schema declares.

use std::collections::HashMap;

use eventsmith_exact::Decimal;
use serde_json::{Map, Value, json};

/// What a schema declares about its instances.
pub(crate) struct Declared {
    schema: Value,
    registry: jsonschema::Registry<'static>,
    /// Validators of parts of the schema by pointer, made when they are needed.
    parts: HashMap<String, Option<jsonschema::Validator>>,
}

/// The URI under which the schema's parts are referred to.
const HERE: &str = "test:///schema.json";

impl Declared {
    /// `registry` holds the documents that the schema refers to.
    pub(crate) fn new(schema: &Value, others: &[(String, Value)]) -> Self {
        let mut registry = jsonschema::Registry::new();
        for (uri, document) in others.iter().cloned().chain([(HERE.to_owned(), schema.clone())]) {
            registry = registry.add(uri, document).unwrap();
        }
        Self { schema: schema.clone(), registry: registry.prepare().unwrap(), parts: HashMap::new() }
    }

    pub(crate) fn schema(&self) -> &Value {
        &self.schema
    }

    /// How what was encoded differs from what was decoded, in words.
    pub(crate) fn faults(&mut self, original: &Value, encoded: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        added(original, encoded, "", &mut faults);
        if faults.is_empty() {
            self.lost("", original, encoded, "", &mut faults, 0);
        }
        faults
    }

    /// Adds every member that the schema at a pointer declares and that is not there any more.
    fn lost(
        &mut self,
        at: &str,
        original: &Value,
        encoded: &Value,
        path: &str,
        faults: &mut Vec<String>,
        depth: usize,
    ) {
        const DEEPEST: usize = 40;
        let Some(Value::Object(schema)) = self.schema.pointer(at).cloned() else { return };
        if depth > DEEPEST {
            return;
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(target) = reference.and_then(local) {
            self.lost(&target, original, encoded, path, faults, depth + 1);
        }
        let old = self.schema.get("$schema").and_then(Value::as_str).is_some_and(|draft| draft.contains("/draft-0"));
        if reference.is_some() && old {
            return;
        }
        for part in self.parts_that_hold(at, &schema, original) {
            self.lost(&part, original, encoded, path, faults, depth + 1);
        }
        match (original, encoded) {
            (Value::Object(original), Value::Object(encoded)) => {
                for (name, member) in original {
                    for part in self.declarations(&schema, at, name) {
                        match encoded.get(name) {
                            Some(written) => {
                                self.lost(&part, member, written, &join(path, name), faults, depth + 1);
                            }
                            None => faults.push(format!("{} is lost", join(path, name))),
                        }
                    }
                }
            }
            (Value::Array(original), Value::Array(encoded)) => {
                for (index, (item, written)) in original.iter().zip(encoded).enumerate() {
                    if let Some(part) = item_schema(&schema, at, index) {
                        self.lost(&part, item, written, &join(path, &index.to_string()), faults, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    /// The parts of a schema that speak of the same value, as far as they hold for it.
    fn parts_that_hold(&mut self, at: &str, schema: &Map<String, Value>, instance: &Value) -> Vec<String> {
        let mut parts = Vec::new();
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let count = schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
            for index in 0..count {
                let part = format!("{at}/{keyword}/{index}");
                if keyword == "allOf" || self.holds(&part, instance) {
                    parts.push(part);
                }
            }
        }
        if schema.contains_key("if") {
            let condition = format!("{at}/if");
            if self.holds(&condition, instance) {
                parts.extend([condition, format!("{at}/then")]);
            } else {
                parts.push(format!("{at}/else"));
            }
        }
        parts
    }

    /// The schemas of a member that the schema's author declared: by name, by pattern, or in writing for all.
    fn declarations(&mut self, schema: &Map<String, Value>, at: &str, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        if schema.get("properties").and_then(|properties| properties.get(name)).is_some() {
            found.push(join(&join(at, "properties"), name));
        }
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for pattern in patterns.into_iter().flat_map(Map::keys) {
            if matches(pattern, name) {
                found.push(join(&join(at, "patternProperties"), pattern));
            }
        }
        if found.is_empty() && schema.get("additionalProperties").is_some_and(|others| *others != json!(false)) {
            found.push(join(at, "additionalProperties"));
        }
        found
    }

    fn holds(&mut self, at: &str, instance: &Value) -> bool {
        if !self.parts.contains_key(at) {
            let draft = self.schema.get("$schema").cloned();
            let mut part = json!({"$ref": format!("{HERE}#{}", at.replace('%', "%25").replace(' ', "%20"))});
            if let (Some(draft), Value::Object(members)) = (draft, &mut part) {
                members.insert("$schema".to_owned(), draft);
            }
            let options = jsonschema::options().should_validate_formats(true).with_registry(&self.registry);
            self.parts.insert(at.to_owned(), options.build(&part).ok());
        }
        self.parts[at].as_ref().is_some_and(|validator| validator.is_valid(instance))
    }
}

/// The pointer of a reference within the document.
fn local(reference: &str) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    (fragment.is_empty() || fragment.starts_with('/')).then(|| fragment.to_owned())
}

fn matches(pattern: &str, name: &str) -> bool {
    jsonschema::is_valid(&json!({"pattern": pattern}), &json!(name))
}

fn item_schema(schema: &Map<String, Value>, at: &str, index: usize) -> Option<String> {
    for keyword in ["prefixItems", "items"] {
        if let Some(Value::Array(schemas)) = schema.get(keyword) {
            if index < schemas.len() {
                return Some(format!("{at}/{keyword}/{index}"));
            }
            let others = if keyword == "items" { "additionalItems" } else { "items" };
            return Some(format!("{at}/{others}"));
        }
    }
    Some(format!("{at}/items"))
}

fn join(at: &str, step: &str) -> String {
    format!("{at}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// Adds everything that was not there before, or not so.
fn added(original: &Value, encoded: &Value, path: &str, faults: &mut Vec<String>) {
    match (original, encoded) {
        (Value::Object(original), Value::Object(encoded)) => {
            for (name, member) in encoded {
                match original.get(name) {
                    Some(before) => added(before, member, &join(path, name), faults),
                    None => faults.push(format!("{} is new", join(path, name))),
                }
            }
        }
        (Value::Array(original), Value::Array(encoded)) if original.len() == encoded.len() => {
            for (index, (before, item)) in original.iter().zip(encoded).enumerate() {
                added(before, item, &join(path, &index.to_string()), faults);
            }
        }
        (Value::Number(before), Value::Number(after)) if is_same_number(before, after) => {}
        // RFC 9562 has UUIDs written in lower case and read in both.
        (Value::String(before), Value::String(after)) if is_uuid(after) && before.eq_ignore_ascii_case(after) => {}
        _ if original == encoded => {}
        _ => faults.push(format!("{path:?} is {encoded} and was {original}")),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && eventsmith::Uuid::try_parse(text).is_ok()
}

/// Whether two numbers are equal, however they are written: 1 is 1.0, but 2^53 + 1 is not 2^53.
fn is_same_number(one: &serde_json::Number, other: &serde_json::Number) -> bool {
    Decimal::parse(&one.to_string()) == Decimal::parse(&other.to_string())
}

#[test]
fn what_is_added_changed_or_lost_is_found() {
    let schema = json!({
        "properties": {"a": {"type": ["integer", "null"]}, "b": {"additionalProperties": true}},
        "anyOf": [{"required": ["c"], "properties": {"c": true}}, {"properties": {"d": true}, "required": ["d"]}]
    });
    let mut declared = Declared::new(&schema, &[]);
    let mut faults = |original: Value, encoded: Value| declared.faults(&original, &encoded).join("; ");

    assert_eq!(faults(json!({"a": 1.0, "undeclared": 1, "d": 2}), json!({"a": 1, "d": 2})), "");
    assert_eq!(faults(json!({"a": null}), json!({})), "/a is lost");
    assert_eq!(faults(json!({}), json!({"a": null})), "/a is new");
    assert_eq!(
        faults(json!({"a": 9_007_199_254_740_993_i64}), json!({"a": 9_007_199_254_740_992_i64})),
        r#""/a" is 9007199254740992 and was 9007199254740993"#
    );
    assert_eq!(faults(json!({"b": {"x": 1}}), json!({"b": {}})), "/b/x is lost");
    assert_eq!(faults(json!({"c": 1, "a": 2}), json!({"a": 2})), "/c is lost");
    assert_eq!(faults(json!({"t": "00Z"}), json!({"t": "00+00:00"})), r#""/t" is "00+00:00" and was "00Z""#);
}
