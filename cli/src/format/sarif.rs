//! `sarif`: the Static Analysis Results Interchange Format, version 2.1.0.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;

use eventsmith_codegen::diagnostic::Position;
use eventsmith_codegen::{Severity, rules};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::finding::{Finding, Report};
use super::fingerprint::Fingerprints;
use super::paths::RepositoryPaths;

/// How many results of a run GitHub takes; it refuses a file with more.
/// <https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning>
const MOST: usize = 25_000;

pub(super) fn write(out: &mut impl Write, paths: &RepositoryPaths, report: &Report<'_>) -> anyhow::Result<()> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    let left_out = (findings.len() > MOST).then(|| {
        // What matters most stays, and one place is for what says so.
        findings.sort_by_key(|finding| Reverse(finding.diagnostic.severity));
        findings.split_off(MOST - 1).len()
    });
    let mut ids: Vec<&str> = findings.iter().map(|finding| finding.diagnostic.rule).collect();
    ids.sort_unstable();
    ids.dedup();
    let indices: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
    let mut fingerprints = Fingerprints::default();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(finding, &paths.relative(&finding.diagnostic.file), &indices, &mut fingerprints))
        .chain(left_out.map(|count| {
            let text =
                format!("{count} more findings are left out: GitHub takes {MOST} of a file; other formats have all");
            json!({"level": "warning", "message": {"text": text}})
        }))
        .collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "eventsmith",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": ids.iter().map(|id| rule(id)).collect::<Vec<_>>(),
            }},
            // Reports of two commands about one commit must not replace each other.
            "automationDetails": {"id": format!("eventsmith/{}/", report.command)},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }]
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)?;
    Ok(())
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Advice => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn rule(id: &str) -> Value {
    let Some(rule) = rules::find(id) else { return json!({"id": id}) };
    let examples = format!("{}\n\nBad:\n\n{}\n\nGood:\n\n{}", rule.purpose, rule.bad, rule.good);
    json!({
        "id": id,
        "fullDescription": {"text": rule.purpose},
        "help": {"text": examples},
        "defaultConfiguration": {"level": level(rule.severity)},
    })
}

fn result(finding: &Finding, path: &str, rules: &BTreeMap<&str, usize>, fingerprints: &mut Fingerprints) -> Value {
    let diagnostic = &finding.diagnostic;
    let mut message = diagnostic.message.clone();
    if !diagnostic.help.is_empty() {
        message.push_str("\nhelp: ");
        message.push_str(&diagnostic.help);
    }
    let mut physical = json!({"artifactLocation": artifact(path)});
    if let Some(Position { line, column }) = diagnostic.position {
        physical["region"] = json!({"startLine": line, "startColumn": column});
    }
    let mut location = Map::from_iter([("physicalLocation".to_owned(), physical)]);
    if !diagnostic.pointer.is_empty() {
        location.insert("logicalLocations".to_owned(), json!([{"fullyQualifiedName": diagnostic.pointer}]));
    }
    json!({
        "ruleId": diagnostic.rule,
        "ruleIndex": rules.get(diagnostic.rule),
        "level": level(diagnostic.severity),
        "message": {"text": message},
        "locations": [location],
        "partialFingerprints": {"eventsmith/v1": fingerprints.next(diagnostic, path)},
    })
}

/// Everything is escaped but the unreserved characters of RFC 3986, and slashes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A file by its URI: relative to the root of the repository, or absolute.
fn artifact(path: &str) -> Value {
    let uri = utf8_percent_encode(path, ESCAPED).to_string();
    if path.starts_with('/') {
        json!({"uri": format!("file://{uri}")})
    } else {
        json!({"uri": uri, "uriBaseId": "%SRCROOT%"})
    }
}
