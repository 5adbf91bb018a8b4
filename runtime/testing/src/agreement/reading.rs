//! The schema that schemars derives, with what serde does and schemars does not say.

use serde_json::{Value, json};

/// The schema for reading a struct, adjusted: integer types end where they end, and null is no value of a property
/// that may be absent, unless the struct writes it or the file accepts it; nor is absence one of a property that may
/// be null, if the struct always writes it and the file requires it.
pub(super) fn adjusted(file: &Value, read: &Value, written: &Value) -> Value {
    let mut adjusted = read.clone();
    integers(&mut adjusted);
    let mut nulls = Nulls { file, read, written, seen: Vec::new(), absent: Vec::new(), present: Vec::new() };
    nulls.walk(String::new(), String::new());
    for place in nulls.absent {
        if let Some(schema) = adjusted.pointer_mut(&place) {
            without_null(schema);
        }
    }
    for (place, name) in nulls.present {
        if let Some(Value::Object(members)) = adjusted.pointer_mut(&place)
            && let Value::Array(required) = members.entry("required").or_insert_with(|| json!([]))
        {
            required.push(Value::String(name));
        }
    }
    adjusted
}

/// Replaces the format of an integer type, which asserts nothing, by the bounds of the type. Types of 64 bits keep
/// no bounds: they are what schemas without bounds are read into.
fn integers(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(integers),
        Value::Object(members) => {
            let bounds: Option<(i64, i64)> = match members.get("format").and_then(Value::as_str) {
                Some("int8") => Some((i8::MIN.into(), i8::MAX.into())),
                Some("uint8") => Some((0, u8::MAX.into())),
                Some("int16") => Some((i16::MIN.into(), i16::MAX.into())),
                Some("uint16") => Some((0, u16::MAX.into())),
                Some("int32") => Some((i32::MIN.into(), i32::MAX.into())),
                Some("uint32") => Some((0, u32::MAX.into())),
                _ => None,
            };
            if let Some((min, max)) = bounds {
                members.entry("minimum").or_insert_with(|| json!(min));
                members.entry("maximum").or_insert_with(|| json!(max));
            }
            const NUMERIC: &[&str] = &["int", "uint", "float", "double"];
            let is_numeric = |format: &str| NUMERIC.contains(&format.trim_end_matches(|c: char| c.is_ascii_digit()));
            if members.get("format").and_then(Value::as_str).is_some_and(is_numeric) {
                members.shift_remove("format");
            }
            for (keyword, value) in members.iter_mut() {
                match (keyword.as_str(), value) {
                    ("const" | "enum" | "default" | "examples", _) => {}
                    // A property may be called like a keyword.
                    (
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                        Value::Object(named),
                    ) => {
                        named.values_mut().for_each(integers);
                    }
                    (_, value) => integers(value),
                }
            }
        }
        _ => {}
    }
}

/// Looks for null that stands for absence, and absence that stands for null, in step through both schemas.
struct Nulls<'a> {
    file: &'a Value,
    read: &'a Value,
    written: &'a Value,
    seen: Vec<(String, String)>,
    /// Schemas of properties whose null is absence.
    absent: Vec<String>,
    /// Objects with a property whose absence is null, though the file wants it written.
    present: Vec<(String, String)>,
}

impl Nulls<'_> {
    fn walk(&mut self, read_at: String, file_at: String) {
        let (read_at, file_at) = (core(self.read, read_at), core(self.file, file_at));
        let here = (read_at, file_at);
        if self.seen.contains(&here) {
            return;
        }
        self.seen.push(here.clone());
        let (read_at, file_at) = here;
        for keyword in ["items", "additionalProperties"] {
            let (read_below, file_below) = (format!("{read_at}/{keyword}"), format!("{file_at}/{keyword}"));
            if self.read.pointer(&read_below).is_some() && self.file.pointer(&file_below).is_some() {
                self.walk(read_below, file_below);
            }
        }
        let names = self.read.pointer(&format!("{read_at}/properties")).and_then(Value::as_object);
        for name in names.into_iter().flat_map(serde_json::Map::keys) {
            let step = name.replace('~', "~0").replace('/', "~1");
            let (read_below, file_below) =
                (format!("{read_at}/properties/{step}"), format!("{file_at}/properties/{step}"));
            if self.file.pointer(&file_below).is_none() {
                continue;
            }
            let requires = |schema: &Value, at: &str| {
                let required = schema.pointer(&format!("{at}/required")).and_then(Value::as_array);
                required.is_some_and(|required| required.iter().any(|other| other == name))
            };
            if !requires(self.read, &read_at) && accepts_null(self.read, &read_below) {
                let (written, null) = (requires(self.written, &read_at), accepts_null(self.file, &file_below));
                if !written && !null {
                    self.absent.push(read_below.clone());
                } else if written && null && requires(self.file, &file_at) {
                    self.present.push((read_at.clone(), name.clone()));
                }
            }
            self.walk(read_below, file_below);
        }
    }
}

/// How many references in a row are followed.
const LONGEST_CHAIN: usize = 32;

/// The place that a place means: through references, and through an alternative beside null.
fn core(root: &Value, mut at: String) -> String {
    for _ in 0..LONGEST_CHAIN {
        let Some(schema) = root.pointer(&at) else { return at };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|uri| uri.strip_prefix('#')) {
            at = target.to_owned();
            continue;
        }
        let alternative = ["anyOf", "oneOf"].into_iter().find_map(|keyword| {
            let branches = schema.get(keyword)?.as_array()?;
            let mut others = branches.iter().enumerate().filter(|(_, branch)| !is_null(branch));
            match (others.next(), others.next()) {
                (Some((index, _)), None) => Some(format!("{at}/{keyword}/{index}")),
                _ => None,
            }
        });
        match alternative {
            Some(alternative) => at = alternative,
            None => return at,
        }
    }
    at
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("null")) || schema.get("const") == Some(&Value::Null)
}

/// Whether null is accepted, as far as the schema says; if in doubt, it is.
fn accepts_null(root: &Value, at: &str) -> bool {
    fn accepts_null_at(root: &Value, schema: &Value, depth: usize) -> bool {
        let branches = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|uri| uri.strip_prefix('#'));
        if depth == LONGEST_CHAIN {
            return true;
        }
        schema != &Value::Bool(false)
            && schema.get("const").is_none_or(Value::is_null)
            && branches("enum").is_none_or(|values| values.contains(&Value::Null))
            && schema.get("type").is_none_or(|names| match names {
                Value::Array(names) => names.contains(&json!("null")),
                name => name == "null",
            })
            && target
                .and_then(|target| root.pointer(target))
                .is_none_or(|target| accepts_null_at(root, target, depth + 1))
            && ["anyOf", "oneOf"].into_iter().all(|keyword| {
                branches(keyword).is_none_or(|all| all.iter().any(|branch| accepts_null_at(root, branch, depth + 1)))
            })
            && branches("allOf").is_none_or(|all| all.iter().all(|branch| accepts_null_at(root, branch, depth + 1)))
    }
    root.pointer(at).is_none_or(|schema| accepts_null_at(root, schema, 0))
}

/// Takes null away from what schemars writes for an `Option`.
fn without_null(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if let Some(Value::Array(names)) = members.get_mut("type") {
        names.retain(|name| name != "null");
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = members.get_mut(keyword) {
            branches.retain(|branch| !is_null(branch));
        }
    }
}
