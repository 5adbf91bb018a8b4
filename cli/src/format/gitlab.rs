//! `gitlab`: a Code Quality report. <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use std::io::Write;

use eventsmith_codegen::Severity;
use serde::Serialize;

use super::finding::Report;
use super::fingerprint::Fingerprints;
use super::paths::RepositoryPaths;

#[derive(Serialize)]
struct Issue<'a> {
    description: &'a str,
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
                description: &diagnostic.message,
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
