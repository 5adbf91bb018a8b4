//! What to do about a schema that its meta-schema refuses: most often it is written for another draft, or nearly right.

use serde_json::{Map, Value};

use crate::lookup::{did_you_mean, nearest};
use crate::schema::draft_number;

/// The draft in which exclusive limits are true or false.
const DRAFT_4: &str = "\"$schema\": \"http://json-schema.org/draft-04/schema#\"";

const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "array", "object", "null"];

/// Names that other languages have for types.
const FOREIGN_TYPES: [(&str, &[&str]); 7] = [
    ("integer", &["int", "int32", "int64", "long", "short", "uint", "byte"]),
    ("number", &["float", "double", "decimal", "real"]),
    ("boolean", &["bool"]),
    ("string", &["str", "text", "char", "date", "datetime", "date-time", "time", "uuid", "email", "uri", "url"]),
    ("array", &["list", "tuple", "set", "vector"]),
    ("object", &["dict", "map", "struct", "record", "hash"]),
    ("null", &["none", "nil"]),
];

/// Keywords whose values hold schemas by names that are no keywords.
const BY_NAME: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// What is wrong with the value at a pointer into a schema file that its meta-schema refuses, and help; `None` where neither is
/// plain.
pub(super) fn explained(root: &Value, pointer: &str, value: &Value) -> Option<(String, String)> {
    let (above, last) = pointer.rsplit_once('/')?;
    if above.ends_with("/type") && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(of_type(value));
    }
    let beside = root.pointer(above).and_then(Value::as_object);
    let Some(keyword) = keyword_at(pointer) else {
        // Of an object it is a keyword that needs another one beside it.
        return (!value.is_object()).then(|| no_schema(root, value));
    };
    let draft = draft_number(root);
    Some(match (keyword, value) {
        ("type", value) => of_type(value),
        ("exclusiveMinimum" | "exclusiveMaximum", value) => exclusive(keyword, value, beside?, draft)?,
        ("required", Value::Bool(_)) => {
            let name = above.rsplit('/').next().filter(|_| above.contains("/properties/")).unwrap_or("name");
            let help = format!("list the name in the object around it: \"required\": [{name:?}]");
            ("`required` is true or false, as draft 3 had it; it is a list of names".to_owned(), help)
        }
        ("required", Value::String(name)) => of_list(keyword, &format!("[{name:?}]")),
        ("required", Value::Array(names)) if names.is_empty() => {
            ("`required` is empty".to_owned(), "draft 4 asks for at least one name; leave the keyword out".to_owned())
        }
        ("items", Value::Array(_)) if draft >= 2020 => (
            "`items` is a list of schemas, as older drafts have it; since draft 2020-12 it is one schema".to_owned(),
            "rename it to `prefixItems`, and `additionalItems` to `items`; or name an older draft in \"$schema\""
                .to_owned(),
        ),
        ("enum", Value::Array(values)) if values.is_empty() => (
            "`enum` is empty, so that no value is valid".to_owned(),
            "list the values that are allowed, or leave the keyword out".to_owned(),
        ),
        ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) if schemas.is_empty() => {
            (format!("`{keyword}` is empty"), "it holds one schema or more; leave it out".to_owned())
        }
        ("enum" | "examples", value) if !value.is_array() => of_list(keyword, &format!("[{}]", short(value))),
        ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Object(_)) => of_list(keyword, "[{ .. }]"),
        (keyword, value) if BY_NAME.contains(&keyword) && !value.is_object() => (
            format!("`{keyword}` is {}, and not an object of schemas by their names", kind(value)),
            format!("write it as \"{keyword}\": {{\"name\": {{\"type\": \"string\"}}}}"),
        ),
        (keyword, Value::String(text)) if is_plain(text) => {
            (format!("`{keyword}` is a text, {text:?}"), format!("write it without quotes: \"{keyword}\": {text}"))
        }
        ("multipleOf", Value::Number(_)) => {
            (format!("`multipleOf` is {value}"), "it is a number greater than 0".to_owned())
        }
        (keyword, Value::Number(_)) if is_count(keyword) => {
            (format!("`{keyword}` is {value}"), "it counts something: write a whole number from 0".to_owned())
        }
        _ => return None,
    })
}

/// The keyword whose value a pointer leads to; `None` for a schema.
fn keyword_at(pointer: &str) -> Option<&str> {
    let mut steps = pointer.split('/').skip(1).peekable();
    while let Some(keyword) = steps.next() {
        if steps.peek().is_none() {
            return Some(keyword);
        }
        let is_index = |step: &&str| step.bytes().all(|byte| byte.is_ascii_digit());
        if BY_NAME.contains(&keyword) || steps.peek().is_some_and(is_index) {
            steps.next();
        }
    }
    None
}

fn no_schema(root: &Value, value: &Value) -> (String, String) {
    let help = match value {
        Value::Bool(true) => {
            "draft 4 has no boolean schemas: write {}, or name a newer draft in \"$schema\"".to_owned()
        }
        Value::Bool(false) => {
            "draft 4 has no boolean schemas: write {\"not\": {}}, or name a newer draft in \"$schema\"".to_owned()
        }
        Value::String(name) if TYPES.contains(&name.as_str()) => format!("write it as {{\"type\": {name:?}}}"),
        _ if draft_number(root) == 4 => "write an object of keywords: {\"type\": \"string\"}".to_owned(),
        _ => "write an object of keywords, or true or false: {\"type\": \"string\"}".to_owned(),
    };
    (format!("a schema is expected here, and this is {}", kind(value)), help)
}

fn of_type(value: &Value) -> (String, String) {
    let types = || format!("the types are {} and null", TYPES[..TYPES.len() - 1].join(", "));
    let unknown = match value {
        Value::Array(names) => {
            let Some(unknown) = names.iter().find(|name| !name.as_str().is_some_and(|name| TYPES.contains(&name)))
            else {
                let message = if names.is_empty() { "`type` names no type" } else { "`type` names one type twice" };
                return (message.to_owned(), "list each type once; without the keyword all are allowed".to_owned());
            };
            unknown
        }
        value => value,
    };
    let message = format!("unknown type {}", short(unknown));
    let Value::String(name) = unknown else { return (message, types()) };
    let name = name.to_ascii_lowercase();
    if name == "any" {
        return (message, "leave `type` out where every type is allowed".to_owned());
    }
    let meant = FOREIGN_TYPES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(meant, _)| *meant);
    let near = meant.map_or_else(|| nearest(&name, TYPES.into_iter()), |meant| vec![meant]);
    let help = did_you_mean(&near[..near.len().min(1)]).unwrap_or_else(types);
    let format = match name.as_str() {
        "date" | "date-time" | "time" | "uuid" | "email" | "uri" => format!(" beside \"format\": {name:?}"),
        "datetime" => " beside \"format\": \"date-time\"".to_owned(),
        _ => String::new(),
    };
    (message, if format.is_empty() { help } else { format!("write \"type\": \"string\"{format}") })
}

/// An exclusive limit in the words of another draft.
fn exclusive(keyword: &str, value: &Value, beside: &Map<String, Value>, draft: u16) -> Option<(String, String)> {
    let plain = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
    match value {
        Value::Bool(is_exclusive) if draft > 4 => {
            let message = format!("`{keyword}` is {value}, as draft 4 has it; since draft 6 it is the limit itself");
            let help = match (is_exclusive, beside.get(plain)) {
                (true, Some(limit)) => format!("write \"{keyword}\": {limit} in place of both it and \"{plain}\""),
                (true, None) => format!("write the limit: \"{keyword}\": 0"),
                (false, _) => "leave it out".to_owned(),
            };
            Some((message, format!("{help}; or name draft 4: {DRAFT_4}")))
        }
        Value::Number(limit) if draft == 4 => Some((
            format!(
                "`{keyword}` is a number, as newer drafts have it; in draft 4 it is true or false beside `{plain}`"
            ),
            format!("write \"{plain}\": {limit}, \"{keyword}\": true; or name a newer draft in \"$schema\""),
        )),
        Value::String(limit) if is_plain(limit) => {
            Some((format!("`{keyword}` is a text"), format!("write it without quotes: \"{keyword}\": {limit}")))
        }
        _ => None,
    }
}

fn of_list(keyword: &str, list: &str) -> (String, String) {
    (format!("`{keyword}` is no list"), format!("write a list: \"{keyword}\": {list}"))
}

/// Whether a text is a number or a truth value between quotes.
fn is_plain(text: &str) -> bool {
    matches!(text, "true" | "false") || serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn is_count(keyword: &str) -> bool {
    let counted = keyword.strip_prefix("min").or_else(|| keyword.strip_prefix("max"));
    matches!(counted, Some("Length" | "Items" | "Properties" | "Contains"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value that fits a line.
fn short(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
