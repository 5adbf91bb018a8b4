//! One dialect for all drafts: a schema in the vocabulary of draft 2020-12, without annotations.

use std::collections::HashSet;

use eventsmith_exact::schema::{EXACT, is_rounded, wide_text};
use serde_json::{Map, Value, json};

use crate::lower::dialect::Draft;
use crate::sample::local::{localized, target};
use crate::schema::{draft_number, is_known_format};
use crate::shape::Encoding;
use crate::walk::every_schema;

use super::carried::{OPEN, SEVERAL, WHOLE};

/// The draft that schemas are translated to.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A self-contained schema, translated to draft 2020-12. References are pointers into it.
///
/// It accepts what the schema accepts, but for `1.0`, which draft 4 takes for no integer, and for what no keyword of the new
/// draft says: see [`says_more`].
pub(super) fn modern(schema: &Value) -> Value {
    let local = localized(schema);
    let mut steps = HashSet::new();
    every_schema(&local, &mut |_, inner| {
        steps.extend(inner.get("$ref").and_then(Value::as_str).into_iter().flat_map(|reference| reference.split('/')));
    });
    let rewriter = Rewriter { steps };
    let mut root = rewriter.rewritten(&local, Draft::of(&local), &local);
    redirect(&mut root);
    if let Value::Object(members) = &mut root {
        members.insert("$schema".to_owned(), json!(DIALECT));
    }
    root
}

struct Rewriter<'a> {
    /// The steps of every reference of the document.
    steps: HashSet<&'a str>,
}

impl Rewriter<'_> {
    fn rewritten(&self, schema: &Value, draft: Draft, dialect: &Value) -> Value {
        let Value::Object(members) = schema else { return schema.clone() };
        let (draft, dialect) = match members.contains_key("$schema") {
            true => (Draft::of(schema), schema),
            false => (draft, dialect),
        };
        let below = |value: &Value| self.rewritten(value, draft, dialect);
        let map = |value: &Value| match value {
            Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), below(value))).collect(),
            other => other.clone(),
        };
        let list = |value: &Value| match value {
            Value::Array(list) => list.iter().map(below).collect(),
            other => other.clone(),
        };
        let alone = !draft.ref_has_siblings() && members.contains_key("$ref");
        let is_list = members.get("items").is_some_and(Value::is_array);
        let mut out = Map::new();
        for (keyword, value) in members {
            // A number that serde_json rounds is understood where both schemas say the same.
            if !alone && !draft.asserts(keyword).is_empty() && is_rounded(members, keyword) {
                let flag = match keyword.as_str() {
                    "minimum" => members.get("exclusiveMinimum").filter(|flag| flag.is_boolean()),
                    "maximum" => members.get("exclusiveMaximum").filter(|flag| flag.is_boolean()),
                    _ => None,
                };
                out.insert(format!("{EXACT}-{keyword}"), json!([wide_text(members, keyword), flag]));
                continue;
            }
            let value = match keyword.as_str() {
                "$defs" | "definitions" => map(value),
                "$ref" | OPEN | SEVERAL | WHOLE => value.clone(),
                _ if alone => continue,
                "then" | "else" if !draft.asserts("if").is_empty() => below(value),
                "minContains" | "maxContains" if draft >= Draft::D2019 => value.clone(),
                _ if draft.asserts(keyword).is_empty() => {
                    // A reference may lead through it, unless the new draft would take it for an assertion.
                    if !is_mute(keyword) || !self.steps.contains(keyword.as_str()) {
                        continue;
                    }
                    below(value)
                }
                "format" if !value.as_str().is_some_and(|name| is_known_format(dialect, name)) => continue,
                "format" if draft <= Draft::D6 && value == "hostname" => json!(OLD_HOST_NAME),
                "contentEncoding" | "contentMediaType" if !value.as_str().is_some_and(asserts_content) => continue,
                // Of what media type it is, validators do not know, and then they do not look.
                "contentEncoding" if members.get("contentMediaType").is_some_and(|of| of != "application/json") => {
                    continue;
                }
                "uniqueItems" if *value == Value::Bool(false) => continue,
                "items" if is_list => {
                    out.insert("prefixItems".to_owned(), list(value));
                    continue;
                }
                "additionalItems" if is_list => {
                    out.insert("items".to_owned(), below(value));
                    continue;
                }
                "additionalItems" => continue,
                "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => continue,
                "minimum" if members.get("exclusiveMinimum") == Some(&Value::Bool(true)) => {
                    out.insert("exclusiveMinimum".to_owned(), value.clone());
                    continue;
                }
                "maximum" if members.get("exclusiveMaximum") == Some(&Value::Bool(true)) => {
                    out.insert("exclusiveMaximum".to_owned(), value.clone());
                    continue;
                }
                "dependencies" => {
                    let Value::Object(rules) = value else { continue };
                    for (name, rule) in rules {
                        let (keyword, rule) = match rule {
                            Value::Array(_) => ("dependentRequired", rule.clone()),
                            schema => ("dependentSchemas", below(schema)),
                        };
                        depend(&mut out, keyword, name, rule);
                    }
                    continue;
                }
                "dependentRequired" | "dependentSchemas" => {
                    for (name, rule) in value.as_object().into_iter().flatten() {
                        let rule = if keyword == "dependentSchemas" { below(rule) } else { rule.clone() };
                        depend(&mut out, keyword, name, rule);
                    }
                    continue;
                }
                "properties" | "patternProperties" => map(value),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => list(value),
                "additionalProperties"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "items"
                | "contains"
                | "not"
                | "if"
                | "propertyNames" => below(value),
                _ => value.clone(),
            };
            out.insert(keyword.clone(), value);
        }
        Value::Object(out)
    }
}

/// Keywords that assert something in the new draft together with others, or in another draft.
const WORDS: &[&str] =
    &["then", "else", "minContains", "maxContains", "contentEncoding", "contentMediaType", "$recursiveRef"];

/// Whether a keyword of a translated schema asserts nothing: it stands there because a reference leads through it.
pub(super) fn is_mute(keyword: &str) -> bool {
    Draft::D2020.asserts(keyword).is_empty() && !WORDS.contains(&keyword) && !keyword.starts_with(EXACT)
}

/// The format of host names in drafts 4 and 6, which know nothing of labels with other letters. The new draft has no name
/// for it.
pub(super) const OLD_HOST_NAME: &str = "hostname of draft 6";

/// Whether validators look into what is encoded so, or is of such a media type.
fn asserts_content(name: &str) -> bool {
    name == "application/json" || Encoding::named(name).is_some()
}

/// Adds a dependency; one that is there already goes on to hold.
fn depend(out: &mut Map<String, Value>, keyword: &str, name: &str, rule: Value) {
    let Value::Object(rules) = out.entry(keyword).or_insert_with(|| json!({})) else { return };
    match (rules.get_mut(name), rule) {
        (None, rule) => {
            rules.insert(name.to_owned(), rule);
        }
        (Some(Value::Array(names)), Value::Array(more)) => names.extend(more),
        (Some(known), rule) => {
            let both = json!({"allOf": [known.take(), rule]});
            *known = both;
        }
    }
}

/// Whether a schema, once translated, asserts something that keywords of the new draft do not say: whoever reads it as one of
/// that draft takes it for wider than it is.
pub(super) fn says_more(modern: &Value) -> bool {
    // Not only below keywords that hold schemas: references lead anywhere.
    match modern {
        Value::Object(members) => {
            const MORE: [&str; 4] = ["contentEncoding", "contentMediaType", "$recursiveRef", "$dynamicRef"];
            let is_own = MORE.iter().any(|keyword| members.contains_key(*keyword));
            is_own
                || members.get("format").is_some_and(|format| format == OLD_HOST_NAME)
                || members.values().any(says_more)
        }
        Value::Array(items) => items.iter().any(says_more),
        _ => false,
    }
}

/// Every draft that a document or a part of it names, with the place.
pub(super) fn drafts(schema: &Value) -> Vec<(String, u16)> {
    let mut found = vec![(String::new(), draft_number(schema))];
    every_schema(schema, &mut |at, inner| {
        if !at.is_empty() && inner.get("$schema").is_some() {
            found.push((at.to_owned(), draft_number(inner)));
        }
    });
    found
}

/// Rewrites references into lists of items and dependencies, which have other names in the new draft.
fn redirect(root: &mut Value) {
    let mut moved = Vec::new();
    every_schema(root, &mut |at, schema| {
        if let Some(Value::String(reference)) = schema.get("$ref")
            && target(root, reference).is_none()
        {
            let renamed = reference
                .replace("/items/", "/prefixItems/")
                .replace("/additionalItems", "/items")
                .replace("/dependencies/", "/dependentSchemas/");
            if target(root, &renamed).is_some() {
                moved.push((at.to_owned(), renamed));
            }
        }
    });
    for (at, reference) in moved {
        if let Some(Value::Object(members)) = root.pointer_mut(&at) {
            members.insert("$ref".to_owned(), Value::String(reference));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_words_become_new_ones() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "id": "http://example.org/a",
            "title": "A",
            "properties": {
                "a": {"minimum": 1, "exclusiveMinimum": true, "const": 3},
                "b": {"items": [{"type": "string"}], "additionalItems": false},
                "c": {"$ref": "#/properties/b/items/0", "type": "string"},
            },
            "dependencies": {"a": ["b"], "b": {"required": ["c"]}},
            "additionalProperties": true
        });

        assert_eq!(
            modern(&schema),
            json!({
                "$schema": DIALECT,
                "properties": {
                    "a": {"exclusiveMinimum": 1},
                    "b": {"prefixItems": [{"type": "string"}], "items": false},
                    "c": {"$ref": "#/properties/b/prefixItems/0"},
                },
                "dependentRequired": {"a": ["b"]},
                "dependentSchemas": {"b": {"required": ["c"]}},
                "additionalProperties": true
            })
        );
    }
}
