//! Every pattern is one that the engine runs as ECMA-262 means it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::Document;
use crate::parallel;
use crate::pointer::join;
use crate::references::References;
use crate::schema::{PatternFault, pattern_fault};

/// What is wrong with the patterns of a catalogue, each tried once however often it stands there.
pub(super) fn faults<'a>(documents: &[&'a Document], references: &References) -> HashMap<&'a str, PatternFault> {
    let mut patterns = HashSet::new();
    for document in documents {
        every_pattern(document, references, &mut |_, pattern, _| {
            patterns.insert(pattern);
        });
    }
    let patterns: Vec<&str> = patterns.into_iter().collect();
    let faults = parallel::map(&patterns, |pattern| pattern_fault(pattern));
    patterns.into_iter().zip(faults).filter_map(|(pattern, fault)| Some((pattern, fault?))).collect()
}

pub(super) fn check(
    document: &Document,
    references: &References,
    faults: &HashMap<&str, PatternFault>,
    findings: &mut Vec<Diagnostic>,
) {
    if faults.is_empty() {
        return;
    }
    every_pattern(document, references, &mut |at, pattern, is_of_names| {
        if let Some(fault) = faults.get(pattern).filter(|fault| is_of_names || !fault.is_of_names) {
            let (rule, severity) =
                if fault.is_fatal { ("bad-pattern", Severity::Error) } else { ("foreign-pattern", Severity::Warning) };
            let message = format!("the pattern {pattern:?} {}", fault.message);
            findings.push(Diagnostic { severity, ..document.error(rule, &at, message, fault.help.clone()) });
        }
    });
}

/// Calls `visit` with every pattern of a document, its pointer, and whether it is one of names or of texts.
fn every_pattern<'a>(document: &'a Document, references: &References, visit: &mut impl FnMut(String, &'a str, bool)) {
    references.every_schema(document, &mut |at, schema| {
        if let Some(Value::String(pattern)) = schema.get("pattern") {
            visit(join(at, "pattern"), pattern, false);
        }
        let names = schema.get("patternProperties").and_then(Value::as_object);
        for name in names.into_iter().flat_map(|names| names.keys()) {
            visit(join(&join(at, "patternProperties"), name), name, true);
        }
    });
}
