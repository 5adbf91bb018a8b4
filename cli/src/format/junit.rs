//! `junit`: every checked file as a test case, which fails for its errors and warnings.
//! <https://github.com/testmoapp/junitxml> says what most readers of the format understand.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;

use eventsmith_codegen::Severity;
use eventsmith_codegen::diagnostic::Position;

use super::finding::{Finding, Report, severity_name};
use super::visible::is_hidden;

pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> anyhow::Result<()> {
    let cases = cases(report);
    let failures = cases.iter().filter(|case| case.failed().next().is_some()).count();
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\"", cases.len());
    let name = format!("eventsmith {}", report.command);
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites {counts}>\n  <testsuite name=\"{name}\" {counts} skipped=\"0\">")?;
    for case in &cases {
        let (file, class) = (escaped(case.name), report.command);
        write!(out, "    <testcase name=\"{file}\" classname=\"eventsmith.{class}\"")?;
        if case.findings.is_empty() {
            writeln!(out, "/>")?;
            continue;
        }
        writeln!(out, " file=\"{file}\">")?;
        let failed: Vec<&Finding> = case.failed().collect();
        if let Some(first) = failed.first() {
            let more = match failed.len() {
                1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            let (message, rule) = (escaped(&first.diagnostic.message), escaped(first.diagnostic.rule));
            write!(out, "      <failure message=\"{message}{more}\" type=\"{rule}\">")?;
            writeln!(out, "{}</failure>", escaped_lines(&failed))?;
        }
        let advice: Vec<&Finding> = case.findings.iter().copied().filter(|finding| !is_failure(finding)).collect();
        if !advice.is_empty() {
            writeln!(out, "      <system-out>{}</system-out>", escaped_lines(&advice))?;
        }
        writeln!(out, "    </testcase>")?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")?;
    Ok(())
}

/// A file and what was found in it. Many readers show one failure of a test case only: it tells everything.
struct Case<'a> {
    name: &'a str,
    findings: Vec<&'a Finding>,
}

impl<'a> Case<'a> {
    fn failed(&self) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().copied().filter(|finding| is_failure(finding))
    }
}

fn is_failure(finding: &Finding) -> bool {
    finding.diagnostic.severity > Severity::Advice
}

fn cases<'a>(report: &'a Report<'_>) -> Vec<Case<'a>> {
    let mut cases: Vec<Case<'a>> = Vec::new();
    let mut indices: HashMap<&str, usize> = HashMap::new();
    let found = report.findings.iter().map(|finding| (finding.diagnostic.file.as_str(), Some(finding)));
    for (name, finding) in report.checked.iter().map(|name| (name.as_str(), None)).chain(found) {
        let index = *indices.entry(name).or_insert_with(|| {
            cases.push(Case { name, findings: Vec::new() });
            cases.len() - 1
        });
        if let (Some(case), Some(finding)) = (cases.get_mut(index), finding) {
            case.findings.push(finding);
        }
    }
    if cases.is_empty() {
        // Some readers take a report without a test for a run that broke off.
        cases.push(Case { name: report.command, findings: Vec::new() });
    }
    cases
}

fn escaped_lines(findings: &[&Finding]) -> String {
    let mut text = String::new();
    for Finding { diagnostic, .. } in findings {
        text.push_str(&diagnostic.file);
        if let Some(Position { line, column }) = diagnostic.position {
            let _ = write!(text, ":{line}:{column}");
        }
        let _ = write!(text, ": {}[{}]: {}", severity_name(diagnostic.severity), diagnostic.rule, diagnostic.message);
        if !diagnostic.pointer.is_empty() {
            let _ = write!(text, " (at {})", diagnostic.pointer);
        }
        if !diagnostic.help.is_empty() {
            let _ = write!(text, "\n    help: {}", diagnostic.help);
        }
        text.push('\n');
    }
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// A text for an attribute or an element. XML 1.0 has no way at all to hold most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' => escaped.push_str("&#9;"),
            c if is_hidden(c) => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}
