//! Every identifier of a file names one schema: of two, validators take the one or the other.

use std::collections::HashMap;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::model::Document;
use crate::pointer::join;
use crate::references::References;
use crate::schema;

pub(super) fn check(document: &Document, references: &References, findings: &mut Vec<Diagnostic>) {
    let mut known: HashMap<String, String> = HashMap::new();
    let mut add = |name: String, at: &str, keyword: &str| {
        let first = known.entry(name).or_insert_with(|| at.to_owned());
        if first != at {
            let message = format!("{} of this file has this name already", place(first));
            let help = "give each its own name: of two validators take the one or the other";
            findings.push(document.error("bad-schema", &join(at, keyword), message, help));
        }
    };
    for (at, uri) in references.bases(&document.path) {
        add(uri.clone(), at, schema::id_keyword(&document.schema));
    }
    let is_modern = schema::ref_has_siblings(&document.schema);
    let id = [schema::id_keyword(&document.schema)];
    let keywords: &[&str] = if is_modern { &["$anchor", "$dynamicAnchor"] } else { &id };
    references.every_schema(document, &mut |at, schema| {
        // Beside a reference nothing counts up to draft 7.
        if !is_modern && schema.get("$ref").is_some() {
            return;
        }
        for &keyword in keywords {
            let name = schema.get(keyword).and_then(Value::as_str);
            // Up to draft 7 an identifier that is only a fragment is an anchor.
            let name = name.and_then(|name| if is_modern { Some(name) } else { name.strip_prefix('#') });
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                add(format!("{}#{name}", references.base(&document.path, at).unwrap_or_default()), at, keyword);
            }
        }
    });
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { "the root".to_owned() } else { format!("the schema at {pointer:?}") }
}
