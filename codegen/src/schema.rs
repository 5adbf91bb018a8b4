//! JSON Schema itself: meta-schemas, references, validation, containment. With the files below it the one module that
//! names `jsonschema`.

mod algebra;
mod effort;
mod equal;
mod parts;
mod pattern;
mod satisfiable;
mod tape;
mod validator;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use jsonschema::{Draft, Uri};
use serde_json::Value;

pub use algebra::{covers, difference};
pub use effort::schemas_per_value;
pub use equal::canonical_text;
pub use parts::SubschemaValidators;
pub use pattern::{PatternFault, pattern_fault};
pub use satisfiable::{Empty, empties, of_definitions};
pub use tape::{Node, Tape, TapeValidator, first_faults, is_searchable};
use validator::explained_first;
pub use validator::{Fault, Validator};

/// Checks a schema against the meta-schema that its `$schema` names, draft 2020-12 without one.
pub fn check_schema(schema: &Value) -> Vec<Fault> {
    if let Some(Value::String(uri)) = schema.get("$schema")
        && Draft::default().detect(schema) == Draft::Unknown
    {
        let message = format!("unknown draft {uri:?}");
        return vec![Fault::in_schema("/$schema", message)];
    }
    let Ok(meta) = jsonschema::meta::validator_for(schema) else {
        let message = "the draft of this schema is unknown".to_owned();
        return vec![Fault::in_schema("/$schema", message)];
    };
    // Of a schema in a list or none, the fault within it is told, not that it is neither.
    explained_first(meta.iter_errors(schema), usize::MAX).0
}

/// Resolves a URI reference against a base, as RFC 3986 says.
pub fn resolve_uri(base: &str, reference: &str) -> Option<String> {
    let base = Uri::parse(base).ok()?;
    jsonschema::uri::resolve_against(&base, reference).ok().map(|uri| uri.as_str().to_owned())
}

/// Whether a URI is that of a meta-schema.
pub fn is_meta_schema(uri: &str) -> bool {
    ["https://json-schema.org/draft/", "http://json-schema.org/draft-", "http://json-schema.org/schema"]
        .iter()
        .any(|prefix| uri.starts_with(prefix))
}

/// Whether the validator of a document can follow a reference to a meta-schema: it knows those of all drafts, with their parts.
pub fn knows_meta_schema(document: &Value, reference: &str) -> bool {
    let mut schema = serde_json::Map::new();
    schema.extend(document.get("$schema").map(|draft| ("$schema".to_owned(), draft.clone())));
    schema.insert("$ref".to_owned(), Value::String(reference.to_owned()));
    Validator::new(&Value::Object(schema)).is_ok()
}

/// Whether a schema names a meta-schema that is no draft of JSON Schema, but somebody's own.
pub fn is_foreign(schema: &Value, uri: &str) -> bool {
    Draft::default().detect(schema) == Draft::Unknown && !is_meta_schema(uri)
}

/// Whether siblings of `$ref` count: they do from draft 2019-09 on.
pub fn ref_has_siblings(schema: &Value) -> bool {
    !matches!(Draft::default().detect(schema), Draft::Draft4 | Draft::Draft6 | Draft::Draft7)
}

/// The draft of a document by its number or year; the newest for one that names none.
pub fn draft_number(schema: &Value) -> u16 {
    match Draft::default().detect(schema) {
        Draft::Draft4 => 4,
        Draft::Draft6 => 6,
        Draft::Draft7 => 7,
        Draft::Draft201909 => 2019,
        _ => 2020,
    }
}

/// The name of the keyword that names a schema in the draft of a document.
pub fn id_keyword(schema: &Value) -> &'static str {
    Draft::default().detect(schema).id_keyword()
}

/// The name of the keyword that holds definitions in the draft of a schema.
pub fn definitions_keyword(schema: &Value) -> &'static str {
    if ref_has_siblings(schema) { "$defs" } else { "definitions" }
}

/// Whether two documents are of one draft.
pub fn same_draft(one: &Value, other: &Value) -> bool {
    Draft::default().detect(one) == Draft::default().detect(other)
}

/// Whether the draft of a document knows a format; unknown ones assert nothing.
pub fn is_known_format(schema: &Value, format: &str) -> bool {
    jsonschema::options().is_known_format(Draft::default().detect(schema), format)
}

/// Whether a pattern of JSON Schema matches some part of a text; a pattern that does not compile matches nothing.
pub fn matches(pattern: &str, text: &str) -> bool {
    /// The most patterns that are kept compiled.
    const KEPT: usize = 1_024;
    thread_local! {
        /// Every name of an object is held against every pattern of it, and compiling takes a hundred times as long as matching.
        static COMPILED: RefCell<HashMap<String, Option<Validator>>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() >= KEPT && !compiled.contains_key(pattern) {
            compiled.clear();
        }
        let validator = compiled.entry(pattern.to_owned()).or_insert_with(|| Validator::of_pattern(pattern).ok());
        validator.as_ref().is_some_and(|validator| validator.is_valid(&Value::String(text.to_owned())))
    })
}

/// What the engine makes of a `pattern` that begins with look-aheads: patterns in the dialect of the `regex` crates, all of which
/// a text must match. `None` where it leaves the pattern to the engine for look-around, which reads classes as Unicode has them,
/// as it does with every name of `patternProperties`.
pub fn leading_look_aheads(pattern: &str) -> Option<Vec<String>> {
    let parts = jsonschema_regex::split_leading_lookaheads(pattern)?;
    let translated = parts.iter().map(|part| {
        let translated = jsonschema_regex::to_rust_regex(part).ok()?.into_owned();
        regex_syntax::parse(&translated).is_ok().then_some(translated)
    });
    translated.collect()
}

/// A pattern in the dialect of the `regex` crates, as the validator reads it; `None` where the two dialects may part.
pub fn rust_regex(pattern: &str) -> Option<Cow<'_, str>> {
    // What ECMA-262 forbids, such as `a++`, some engines take for something of their own.
    if jsonschema_regex::is_valid_ecma_regex(pattern) { jsonschema_regex::to_rust_regex(pattern).ok() } else { None }
}
