//! References of a bundled schema, made pointers into it, so that following one needs no base URI.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::pointer::{fragment, of_fragment};
use crate::schema::{id_keyword, ref_has_siblings, resolve_uri};
use crate::walk::every_schema;

/// The base URI of a schema without an identifier; internal.
const NOWHERE: &str = "sample:/schema.json";

/// A copy of a schema in which every `$ref` that leads into the schema is `#` and a pointer. So is a `$dynamicRef`, unless
/// several schemas have its anchor, so that the instance decides where it leads.
pub(crate) fn localized(schema: &Value) -> Value {
    let mut resources: BTreeMap<String, String> = BTreeMap::from([(String::new(), NOWHERE.to_owned())]);
    let mut targets: HashMap<String, String> = HashMap::from([(NOWHERE.to_owned(), String::new())]);
    let mut references = Vec::new();
    let mut anchors: HashMap<&str, usize> = HashMap::new();
    every_schema(schema, &mut |_, inner| {
        if let Some(anchor) = inner.get("$dynamicAnchor").and_then(Value::as_str) {
            *anchors.entry(anchor).or_default() += 1;
        }
    });
    let is_fixed = |reference: &&str| {
        let anchor = reference.split_once('#').map(|(_, anchor)| anchor);
        anchor.and_then(|anchor| anchors.get(anchor)).is_none_or(|count| *count < 2)
    };
    every_schema(schema, &mut |at, inner| {
        let text = |keyword: &str| inner.get(keyword).and_then(Value::as_str);
        let own = if inner.get("$schema").is_some() { inner } else { schema };
        let is_alone = inner.get("$ref").is_some() && !ref_has_siblings(own);
        if let Some(id) = text(id_keyword(own)).filter(|_| !is_alone)
            && let Some(uri) = resolve_uri(base(&resources, at), id)
        {
            let uri = uri.trim_end_matches('#').to_owned();
            targets.insert(uri.clone(), at.to_owned());
            // What is only a fragment is an anchor.
            if !uri.contains('#') {
                resources.insert(at.to_owned(), uri);
            }
        }
        for anchor in [text("$anchor"), text("$dynamicAnchor")].into_iter().flatten() {
            targets.insert(format!("{}#{anchor}", base(&resources, at)), at.to_owned());
        }
        if let Some(reference) = text("$ref").or_else(|| text("$dynamicRef").filter(is_fixed))
            && let Some(uri) = resolve_uri(base(&resources, at), reference)
        {
            references.push((at.to_owned(), uri));
        }
    });
    let mut copy = schema.clone();
    for (at, uri) in references {
        if let Some(pointer) = pointer_of(&targets, &uri)
            && let Some(Value::Object(members)) = copy.pointer_mut(&at)
        {
            if !members.contains_key("$ref") {
                members.shift_remove("$dynamicRef");
            }
            members.insert("$ref".to_owned(), Value::String(fragment(&pointer)));
        }
    }
    copy
}

/// The URI of the innermost resource around a place.
fn base<'a>(resources: &'a BTreeMap<String, String>, at: &str) -> &'a str {
    let ends = at.match_indices('/').map(|(end, _)| end).chain([at.len()]);
    ends.rev().find_map(|end| resources.get(&at[..end])).map_or(NOWHERE, String::as_str)
}

fn pointer_of(targets: &HashMap<String, String>, uri: &str) -> Option<String> {
    if let Some(pointer) = targets.get(uri.trim_end_matches('#')) {
        return Some(pointer.clone());
    }
    let (resource, below) = uri.split_once('#')?;
    let root = targets.get(resource)?;
    Some(format!("{root}{}", of_fragment(below)))
}

/// The schema that a localized reference leads to.
pub(crate) fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&target_pointer(reference)?)
}

/// The place of the schema that a localized reference leads to.
pub(crate) fn target_pointer(reference: &str) -> Option<String> {
    Some(of_fragment(reference.strip_prefix('#')?).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_by_identifier_and_anchor_become_pointers() {
        let schema = json!({
            "$id": "https://example.org/a/b.json",
            "properties": {"x": {"$ref": "../c.json#/$defs/y"}, "z": {"$ref": "#here"}, "r": {"$ref": "#"}},
            "$defs": {
                "c": {"$id": "https://example.org/c.json", "$defs": {"y": {"type": "string"}}},
                "w": {"$anchor": "here"}
            }
        });

        let copy = localized(&schema);

        assert_eq!(copy["properties"]["x"]["$ref"], "#/$defs/c/$defs/y");
        assert_eq!(copy["properties"]["z"]["$ref"], "#/$defs/w");
        assert_eq!(copy["properties"]["r"]["$ref"], "#");
        assert_eq!(target(&copy, "#/$defs/c/$defs/y"), Some(&json!({"type": "string"})));
    }
}
