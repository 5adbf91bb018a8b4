//! `gitlab`: a Code Quality report. <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use std::io::Write;

use eventsmith_codegen::{Diagnostic, Severity};
use serde::Serialize;

use super::finding::Report;
use super::fingerprint::Fingerprints;
use super::paths::RepositoryPaths;
use super::visible::{visible, visible_lines};

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

pub(super) fn write(out: &mut impl Write, paths: &RepositoryPaths, report: &Report<'_>) -> anyhow::Result<()> {
    let mut fingerprints = Fingerprints::default();
    let issues: Vec<Issue<'_>> = report
        .findings
        .iter()
        .map(|finding| {
            let diagnostic = &finding.diagnostic;
            let path = paths.relative(&diagnostic.file);
            Issue {
                description: description(diagnostic),
                check_name: diagnostic.rule,
                fingerprint: fingerprints.next(diagnostic, &path),
                severity: match diagnostic.severity {
                    Severity::Advice => "info",
                    Severity::Warning => "minor",
                    Severity::Error => "major",
                },
                // GitLab takes no issue without a line.
                location: Location {
                    path,
                    lines: Lines { begin: diagnostic.position.map_or(1, |position| position.line) },
                },
            }
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    writeln!(out)?;
    Ok(())
}

/// The message with the pointer and the help: GitLab shows nothing else of an issue.
fn description(diagnostic: &Diagnostic) -> String {
    let mut text = visible(&diagnostic.message).into_owned();
    for (label, part) in [("at", &diagnostic.pointer), ("help:", &diagnostic.help)] {
        if !part.is_empty() {
            text.push_str(&format!("\n{label} {}", visible_lines(part)));
        }
    }
    text
}
