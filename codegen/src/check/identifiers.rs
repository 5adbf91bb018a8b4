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
            let message = format!("the schema at {first:?} of this file has this name already");
            let help = "give each its own name: of two validators take the one or the other";
            findings.push(document.error("bad-schema", &join(at, keyword), message, help));
        }
    };
    for (at, uri) in references.bases(&document.path) {
        add(uri.clone(), at, schema::id_keyword(&document.schema));
    }
    if !schema::ref_has_siblings(&document.schema) {
        return;
    }
    references.every_schema(document, &mut |at, schema| {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = schema.get(keyword).and_then(Value::as_str) {
                add(format!("{}#{name}", references.base(&document.path, at).unwrap_or_default()), at, keyword);
            }
        }
    });
}
