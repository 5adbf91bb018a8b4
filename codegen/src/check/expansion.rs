//! How many schemas one value is held against, once all references are followed: few enough, and not without end.

use std::collections::HashMap;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::{Catalogue, Document};
use crate::pointer::join;
use crate::references::{Location, References, Target};
use crate::schema;

/// More schemas for one value than anybody writes down. A validator goes through so many in about four seconds.
const MOST: f64 = 500_000_000.0;
/// More references than anybody chains; what lies deeper is not counted.
const DEEPEST: usize = 500;

/// Keywords whose schemas are about the same value.
const ONE: &[&str] = &["if", "then", "else", "not"];
const LIST: &[&str] = &["allOf", "anyOf", "oneOf"];
const MAP: &[&str] = &["dependentSchemas", "dependencies"];

/// Adds a finding for each schema that comes to too many, and for each reference that leads back to where it stands.
pub(super) fn check(
    catalogue: &Catalogue,
    documents: &[&Document],
    references: &References,
    findings: &mut Vec<Diagnostic>,
) {
    let mut counts = Counts { catalogue, targets: references.targets(), known: HashMap::new(), findings };
    for document in documents {
        references.every_schema(document, &mut |at, schema| {
            counts.of(document, at, schema, 0);
        });
    }
}

struct Counts<'a> {
    catalogue: &'a Catalogue,
    targets: HashMap<Location, Option<Target>>,
    /// By the schema's address; nothing where it is being counted.
    known: HashMap<*const Value, Option<f64>>,
    findings: &'a mut Vec<Diagnostic>,
}

impl<'a> Counts<'a> {
    /// How many schemas a value is held against, by a schema and those that it names; nothing where that has no end.
    fn of(&mut self, document: &'a Document, at: &str, schema: &'a Value, depth: usize) -> Option<f64> {
        let Value::Object(members) = schema else { return Some(1.0) };
        if depth > DEEPEST {
            return Some(1.0);
        }
        if let Some(known) = self.known.get(&std::ptr::from_ref(schema)) {
            return *known;
        }
        self.known.insert(schema, None);
        let mut parts = Vec::new();
        let reference = members.get("$ref").filter(|reference| reference.is_string());
        if reference.is_some() {
            parts.extend(self.behind(document, at, depth));
        }
        // In the older drafts nothing counts beside a reference.
        if reference.is_none() || schema::ref_has_siblings(&document.schema) {
            for (pointer, part) in beside(at, members) {
                parts.extend(self.of(document, &pointer, part, depth + 1));
            }
        }
        let count = 1.0 + parts.iter().sum::<f64>();
        if count > MOST && parts.iter().all(|part| *part <= MOST) {
            let message = format!("one value is held against {count:.0} schemas here, most of them the same again");
            let help = "say each thing once: what refers twice to the same definition doubles the work of whatever refers to it";
            let error = document.error("costly-schema", at, message, help);
            self.findings.push(Diagnostic { severity: Severity::Warning, ..error });
        }
        self.known.insert(schema, Some(count));
        Some(count)
    }

    /// The count of what the reference of a schema leads to.
    fn behind(&mut self, document: &'a Document, at: &str, depth: usize) -> Option<f64> {
        let here = Location { file: document.path.clone(), pointer: at.to_owned() };
        let Some(Some(Target::Location(target))) = self.targets.get(&here).cloned() else { return None };
        let other = self.catalogue.documents.get(&target.file)?;
        let count = self.of(other, &target.pointer, other.schema.pointer(&target.pointer)?, depth + 1);
        if count.is_none() {
            let message = "this reference leads back to where it stands, for the same value and without end";
            let help =
                "remove it, or let it stand below a property or an item: validators differ in what they make of it";
            let error = document.error("endless-reference", &join(at, "$ref"), message.to_owned(), help);
            self.findings.push(Diagnostic { severity: Severity::Warning, ..error });
        }
        count
    }
}

/// The schemas within one that are about the same value.
fn beside<'a>(at: &str, members: &'a serde_json::Map<String, Value>) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    for (keyword, value) in members {
        let (keyword, at) = (keyword.as_str(), join(at, keyword));
        match value {
            Value::Object(_) if ONE.contains(&keyword) => found.push((at, value)),
            Value::Array(items) if LIST.contains(&keyword) => {
                found.extend(items.iter().enumerate().map(|(index, item)| (join(&at, &index.to_string()), item)));
            }
            Value::Object(map) if MAP.contains(&keyword) => {
                found.extend(map.iter().map(|(name, schema)| (join(&at, name), schema)));
            }
            _ => {}
        }
    }
    found
}
