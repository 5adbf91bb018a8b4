//! Meta-schemas that a schema refers to, put into it, so that they are compared as all other schemas are.

use std::borrow::Cow;
use std::collections::HashSet;

use eventsmith_exact::meta_schema;
use serde_json::{Map, Value, json};

use crate::schema::{definitions_keyword, id_keyword};
use crate::walk::every_schema;

use super::carried::WHOLE;

/// The schema with every meta-schema that it refers to among its definitions, under its URI.
///
/// What is dynamic in a meta-schema leads back to the whole of it, which is what it says where somebody refers to the whole.
pub(super) fn with_meta_schemas(schema: &Value) -> Cow<'_, Value> {
    let mut known = HashSet::new();
    every_schema(schema, &mut |_, inner| {
        let ids = ["$id", "id"].iter().filter_map(|keyword| inner.get(*keyword).and_then(Value::as_str));
        known.extend(ids.map(|id| id.trim_end_matches('#').to_owned()));
    });
    let mut found: Map<String, Value> = Map::new();
    let mut open = referred(schema);
    while let Some(uri) = open.pop() {
        let Some(meta) = meta_schema(&uri).filter(|_| known.insert(uri.clone())) else { continue };
        let meta = fixed(meta, &uri);
        open.extend(referred(&meta));
        found.insert(uri, meta);
    }
    if found.is_empty() {
        return Cow::Borrowed(schema);
    }
    let mut copy = schema.clone();
    if let Value::Object(members) = &mut copy
        && let Value::Object(definitions) = members.entry(definitions_keyword(schema)).or_insert_with(|| json!({}))
    {
        definitions.extend(found);
    }
    Cow::Owned(copy)
}

/// The documents of the absolute references of a schema.
fn referred(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    every_schema(schema, &mut |_, inner| {
        let reference = inner.get("$ref").and_then(Value::as_str).filter(|reference| reference.contains("://"));
        found.extend(reference.and_then(|reference| reference.split('#').next()).map(str::to_owned));
    });
    found
}

/// A meta-schema, or a vocabulary of one, whose references are absolute and lead where they are told to.
fn fixed(meta: &Value, uri: &str) -> Value {
    let whole = match uri.split_once("/meta/") {
        Some((draft, _)) => format!("{draft}/schema"),
        None => uri.to_owned(),
    };
    let mut copy = meta.clone();
    let mut places = Vec::new();
    every_schema(meta, &mut |at, _| places.push(at.to_owned()));
    for at in places {
        let Some(Value::Object(members)) = copy.pointer_mut(&at) else { continue };
        if members.get("$dynamicRef").or_else(|| members.get("$recursiveRef")).is_some_and(Value::is_string) {
            members.shift_remove("$dynamicRef");
            members.shift_remove("$recursiveRef");
            members.insert("$ref".to_owned(), json!(whole));
        }
        if let Some(Value::String(reference)) = members.get_mut("$ref")
            && let Some(vocabulary) = reference.strip_prefix("meta/")
        {
            *reference = format!("{}meta/{vocabulary}", whole.trim_end_matches("schema"));
        }
        // Their types are any JSON.
        members.insert(WHOLE.to_owned(), json!(true));
        members.retain(|keyword, _| !["$dynamicAnchor", "$recursiveAnchor", "$vocabulary"].contains(&keyword.as_str()));
    }
    if let Value::Object(members) = &mut copy {
        members.insert(id_keyword(meta).to_owned(), json!(uri));
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_schema_comes_with_its_vocabularies_and_without_what_is_dynamic() {
        let schema = json!({"properties": {"a": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}});

        let whole = with_meta_schemas(&schema);

        let names: Vec<&String> = whole["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(names.len(), 8, "{names:?}");
        every_schema(&whole, &mut |_, inner| {
            assert!(inner.get("$dynamicRef").is_none_or(|reference| !reference.is_string()));
        });
        assert!(matches!(with_meta_schemas(&json!({"$ref": "#"})), Cow::Borrowed(_)));
    }

    #[test]
    fn a_document_that_is_a_meta_schema_is_not_put_into_itself() {
        let uri = "http://json-schema.org/draft-07/schema#";

        assert!(matches!(with_meta_schemas(&json!({"$id": uri, "not": {"$ref": uri}})), Cow::Borrowed(_)));
    }
}
