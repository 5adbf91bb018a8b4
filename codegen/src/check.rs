//! What must be right before anything can be generated: schemas, references, and eventsmith.toml.

mod aggregates;
mod buckets;
mod expansion;
mod filters;
mod identifiers;
pub(crate) mod manifest;
mod nowhere;
mod patterns;
mod replies;
mod sagas;
mod same_names;
mod schema_help;
mod stray_files;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Position, Severity, has_errors};
use crate::load::Loaded;
use crate::model::{Catalogue, Document};
use crate::parallel;
use crate::pointer::{join, percent_encoded};
use crate::references::{Location, References, Target};
use crate::schema;
use crate::shape::homes::{AGGREGATES_MODULE, RESERVED_MODULES};

/// Adds everything that is wrong with a catalogue beyond what loading found, and sorts all of it by file and line.
pub(crate) fn check(loaded: &mut Loaded) {
    let Loaded { catalogue, references, diagnostics, .. } = loaded;
    let documents = schema_documents(catalogue, references);
    let patterns = patterns::faults(&documents, references);
    let helps = helps(&documents, references);
    let findings = parallel::map(&documents, |document| {
        let mut findings: Vec<Diagnostic> =
            document.repeated_keys().into_iter().map(|key| repeated(document, key)).collect();
        check_schema(document, references, &mut findings);
        if !has_errors(&findings) {
            let helps = helps.get(document.path.as_str()).copied().unwrap_or_default();
            check_references(document, &catalogue.documents, references, helps, &mut findings);
            identifiers::check(document, references, &mut findings);
            patterns::check(document, references, &patterns, &mut findings);
        }
        findings
    });
    diagnostics.extend(findings.into_iter().flatten());
    expansion::check(catalogue, &documents, references, diagnostics);
    let used = documents.iter().map(|document| document.path.as_str()).collect();
    stray_files::check(catalogue, &used, diagnostics);
    reserved_names(catalogue, diagnostics);
    same_names::check(catalogue, diagnostics);
    let is_manifest_read = !diagnostics.iter().any(|finding| NO_MANIFEST.contains(&finding.rule));
    manifest::check(catalogue, diagnostics);
    aggregates::check(catalogue, diagnostics);
    if is_manifest_read {
        buckets::check(catalogue, diagnostics);
        sagas::check(catalogue, diagnostics);
    }
    diagnostics.sort_by(|a, b| (&a.file, a.position, &a.pointer).cmp(&(&b.file, b.position, &b.pointer)));
    diagnostics.dedup();
}

/// Rules about a manifest that cannot be read, and therefore says nothing.
const NO_MANIFEST: &[&str] = &["bad-manifest", "no-manifest"];

/// Whether a finding is that the manifest cannot be read.
pub(crate) fn is_about_reading(found: &Diagnostic) -> bool {
    NO_MANIFEST.contains(&found.rule)
}

/// The schema files of events and whatever they refer to; other JSON files in the folder are none of our business.
pub(crate) fn schema_documents<'a>(catalogue: &'a Catalogue, references: &References) -> Vec<&'a Document> {
    let mut open: Vec<String> = catalogue.versions().flat_map(|(_, version)| version.files()).cloned().collect();
    open.reverse();
    let mut known = HashSet::new();
    let mut found: Vec<&Document> = Vec::new();
    while let Some(file) = open.pop() {
        let Some(document) = catalogue.documents.get(&file) else { continue };
        if !known.insert(file.clone()) {
            continue;
        }
        found.push(document);
        open.extend(references.neighbours(&file).iter().cloned());
    }
    found
}

fn repeated(document: &Document, (name, position): (Cow<'_, str>, Position)) -> Diagnostic {
    let message = format!("the key {name:?} stands in this object already; of two values JSON readers keep one");
    let help = "remove one of the two, or put both schemas into \"allOf\"";
    Diagnostic::error("repeated-key", &document.path, message, help).at(Some(position))
}

fn check_schema(document: &Document, references: &References, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(dialect) = &document.foreign_dialect {
        let message = format!("{dialect:?} is no draft of JSON Schema; the file is read as draft 2020-12");
        let help = format!("name the draft that the schema is written in: {}", draft_uri(dialect));
        let warning = document.error("foreign-dialect", "/$schema", message, help);
        diagnostics.push(Diagnostic { severity: Severity::Warning, ..warning });
    }
    let hidden = references.hidden(&document.path).flat_map(|at| hidden_faults(document, at));
    for fault in schema::check_schema(&document.schema).into_iter().chain(hidden) {
        let value = document.schema.pointer(&fault.pointer).unwrap_or(&Value::Null);
        let (message, help) = if fault.pointer == "/$schema" {
            (fault.message, format!("name a draft: {}", draft_uri(value.as_str().unwrap_or_default())))
        } else if let Some(explained) = schema_help::explained(&document.schema, &fault.pointer, value) {
            explained
        } else {
            (fault.message, "this is not JSON Schema; see the keyword in the specification of its draft".to_owned())
        };
        diagnostics.push(document.error("bad-schema", &fault.pointer, message, help));
    }
}

/// The URI of the draft that a text speaks of, `draft-07`; of the newest if it speaks of none.
fn draft_uri(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    let number = text.split_once("draft").map_or(text.as_str(), |(_, rest)| rest);
    let number = number.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches('0');
    let digits = number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    match digits {
        "4" => "http://json-schema.org/draft-04/schema#",
        "6" => "http://json-schema.org/draft-06/schema#",
        "7" => "http://json-schema.org/draft-07/schema#",
        "2019" | "201909" => "https://json-schema.org/draft/2019-09/schema",
        _ => "https://json-schema.org/draft/2020-12/schema",
    }
}

/// What is wrong with a schema that only a reference makes one, so that the meta-schema does not look at it.
fn hidden_faults(document: &Document, at: &str) -> Vec<schema::Fault> {
    let Some(hidden) = document.schema.pointer(at) else { return Vec::new() };
    let mut alone = Map::new();
    alone.extend(document.schema.get("$schema").map(|draft| ("$schema".to_owned(), draft.clone())));
    alone.insert("allOf".to_owned(), Value::Array(vec![hidden.clone()]));
    let mut faults = schema::check_schema(&Value::Object(alone));
    for fault in &mut faults {
        fault.pointer = format!("{at}{}", fault.pointer.strip_prefix("/allOf/0").unwrap_or_default());
    }
    faults
}

/// For how many references that lead nowhere it is said what may have been meant, which takes a look at all that there is.
const MOST_HELPED: usize = 64;

/// How many of them are in each of some files, the first ones of all.
fn helps<'a>(documents: &[&'a Document], references: &References) -> HashMap<&'a str, usize> {
    let mut left = MOST_HELPED;
    let share = |document: &&'a Document| {
        let broken = references.links(&document.path).iter().filter(|link| link.target.is_none());
        let share = broken.take(left).count();
        left -= share;
        (document.path.as_str(), share)
    };
    documents.iter().map(share).collect()
}

fn check_references(
    document: &Document,
    documents: &BTreeMap<String, Document>,
    references: &References,
    mut helps: usize,
    diagnostics: &mut Vec<Diagnostic>,
) {
    // To ask takes a validator.
    let mut known = HashMap::new();
    let mut is_known = |reference: &str| {
        let ask = || !reference.contains("://") || schema::knows_meta_schema(&document.schema, reference);
        *known.entry(reference.to_owned()).or_insert_with(ask)
    };
    for link in references.links(&document.path) {
        let at = join(&link.pointer, link.keyword);
        let reference = document.schema.pointer(&at).and_then(Value::as_str).unwrap_or_default();
        match &link.target {
            // A copy of a meta-schema refers to parts of itself.
            Some(Target::MetaSchema) if !is_known(reference) => {
                let message = format!(
                    "the reference {reference:?} leads to no part of the meta-schemas of drafts 4, 6, 7, 2019-09 and 2020-12"
                );
                let help = "refer to the meta-schema of one of these drafts, or copy what is meant into the catalogue";
                diagnostics.push(document.error("bad-reference", &at, message, help));
                continue;
            }
            Some(_) => continue,
            None => {}
        }
        let Some(fewer) = helps.checked_sub(1) else {
            let message = format!("the reference {reference:?} leads nowhere");
            let help = "mend the first ones, of which more is said, and look again";
            diagnostics.push(document.error("bad-reference", &at, message, help));
            continue;
        };
        helps = fewer;
        let encoded = percent_encoded(reference);
        let from = Location { file: document.path.clone(), pointer: link.pointer.clone() };
        let is_unencoded = encoded != reference && references.resolve(documents, &from, &encoded).is_some();
        let explained = nowhere::explained(document, documents, references, reference);
        if let Some((what, help)) = explained.filter(|_| !is_unencoded) {
            diagnostics.push(document.error("bad-reference", &at, format!("the reference {reference:?} {what}"), help));
            continue;
        }
        let message = format!("the reference {reference:?} leads nowhere");
        let help = if is_unencoded {
            format!("a reference is a URI, which writes such characters with percent signs: {encoded}")
        } else if reference.contains("://") {
            "nothing is fetched; say which folder holds it, in eventsmith.toml: [references] \"https://example.org/\" = \"shared\"".to_owned()
        } else {
            "a reference is a path relative to this file, with a pointer: ../../common.json#/$defs/RuleId".to_owned()
        };
        diagnostics.push(document.error("bad-reference", &at, message, help));
    }
}

fn reserved_names(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let has_aggregates = catalogue.events.iter().any(|event| event.aggregate().is_some());
    let is_taken = |module: &str| RESERVED_MODULES.contains(&module) || module == AGGREGATES_MODULE && has_aggregates;
    for event in &catalogue.events {
        let mut tokens = event.event_type.split('.');
        let (first, is_group) = (tokens.next().unwrap_or_default(), tokens.next().is_some());
        if is_group && is_taken(&crate::shape::identifiers::snake(first)) {
            for version in &event.versions {
                let message = format!("{first:?} is the name of a generated module");
                let help =
                    "rename the folder; `subjects` and `schemas` are taken, and `aggregates` where there are some";
                diagnostics.push(Diagnostic::error("reserved-name", &version.file, message, help));
            }
        }
    }
}
