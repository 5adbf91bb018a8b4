//! How findings are printed: for people, for programs, and for what shows them beside the code.
//!
//! One file for each format. Text and GitHub commands are written finding by finding; the other formats are one document.

mod fingerprint;
mod github;
mod gitlab;
mod json;
mod junit;
mod place;
mod sarif;
mod text;
mod visible;

use std::io::Write;

use clap::ValueEnum;
use eventsmith_codegen::excerpt::Excerpt;
use eventsmith_codegen::payload::{self, Demand};
use eventsmith_codegen::{Diagnostic, Severity};

pub(crate) use json::Extra;
use place::Repository;
pub(crate) use visible::{visible, visible_lines};

/// A format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people: the place, the line of the source, and a way out
    #[default]
    Text,
    /// For programs: one object, described by docs/findings.schema.json
    Json,
    /// Workflow commands, which GitHub shows in the pull request
    Github,
    /// A Code Quality report, which GitLab shows in the merge request
    Gitlab,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// JUnit's XML, for what shows tests
    Junit,
}

/// A finding with what only some formats tell.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What is wrong and where; the file can be opened from the current folder.
    pub(crate) diagnostic: Diagnostic,
    /// What a schema demands of a payload.
    pub(crate) demand: Option<Demand>,
    /// The line that it is about.
    pub(crate) source: Source,
}

/// The line of the source that a finding is about.
#[derive(Debug)]
pub(crate) enum Source {
    /// It is read from the file when it is needed.
    File,
    /// It was at hand when the finding was made.
    Excerpt(Excerpt),
    /// It is not shown.
    Hidden,
}

impl From<Diagnostic> for Finding {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, demand: None, source: Source::File }
    }
}

impl From<payload::Finding> for Finding {
    fn from(finding: payload::Finding) -> Self {
        let source = finding.excerpt.map_or(Source::Hidden, Source::Excerpt);
        Self { diagnostic: finding.diagnostic, demand: finding.demand, source }
    }
}

/// What a command has found.
pub(crate) struct Report<'a> {
    /// The command, `lint`.
    pub(crate) command: &'static str,
    /// The files it looked at, whether anything is wrong with them or not; they can be opened from the current folder.
    pub(crate) checked: &'a [String],
    /// What is wrong with them.
    pub(crate) findings: &'a [Finding],
    /// What else the format `json` tells.
    pub(crate) extra: Extra,
}

/// Prints a report.
pub(crate) fn write(out: &mut impl Write, format: Format, report: &Report<'_>) -> anyhow::Result<()> {
    let mut printer = Printer::new(format);
    if printer.prints_at_once() {
        return report.findings.iter().try_for_each(|finding| printer.print(out, finding));
    }
    printer.document(out, report)
}

/// Prints findings as they come, as far as the format allows it.
pub(crate) struct Printer {
    format: Format,
    text: text::Text,
    repository: Repository,
    kept: Vec<Finding>,
}

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, text: text::Text::for_stdout(), repository: Repository::around_here(), kept: Vec::new() }
    }

    /// Takes a finding, and prints it unless the format is one document.
    pub(crate) fn finding(&mut self, out: &mut impl Write, finding: Finding) -> anyhow::Result<()> {
        if self.prints_at_once() {
            return self.print(out, &finding);
        }
        self.kept.push(finding);
        Ok(())
    }

    /// Prints what was kept back.
    pub(crate) fn finish(
        mut self,
        out: &mut impl Write,
        command: &'static str,
        checked: &[String],
        extra: Extra,
    ) -> anyhow::Result<()> {
        let findings = std::mem::take(&mut self.kept);
        self.document(out, &Report { command, checked, findings: &findings, extra })
    }

    fn prints_at_once(&self) -> bool {
        matches!(self.format, Format::Text | Format::Github)
    }

    fn print(&mut self, out: &mut impl Write, finding: &Finding) -> anyhow::Result<()> {
        match self.format {
            Format::Github => github::write(out, &self.repository, finding),
            _ => self.text.write(out, finding),
        }
    }

    fn document(&self, out: &mut impl Write, report: &Report<'_>) -> anyhow::Result<()> {
        match self.format {
            Format::Text | Format::Github => Ok(()),
            Format::Json => json::write(out, report),
            Format::Gitlab => gitlab::write(out, &self.repository, report),
            Format::Sarif => sarif::write(out, &self.repository, report),
            Format::Junit => junit::write(out, report),
        }
    }
}

/// A severity as it is written.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Advice => "advice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a format makes of one advice without a place; the catalogue's own rules give none without a configuration.
    fn advice(format: Format) -> String {
        let mut diagnostic =
            Diagnostic::error("missing-description", "a.json", "there is no `description`", "write one");
        diagnostic.severity = Severity::Advice;
        let checked = ["a.json".to_owned()];
        let report =
            Report { command: "lint", checked: &checked, findings: &[diagnostic.into()], extra: Extra::default() };
        let mut out = Vec::new();
        write(&mut out, format, &report).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn advice_is_the_mildest_that_each_format_knows() {
        assert!(
            advice(Format::Text).starts_with("a.json: advice[missing-description]: there is"),
            "{}",
            advice(Format::Text)
        );
        assert!(advice(Format::Json).contains(r#""severity": "advice""#));
        assert!(advice(Format::Github).starts_with("::notice file="));
        assert!(advice(Format::Gitlab).contains(r#""severity": "info""#));
        assert!(advice(Format::Sarif).contains(r#""level": "note""#));
    }

    #[test]
    fn advice_fails_no_test_case() {
        let junit = advice(Format::Junit);

        assert!(junit.contains(r#"tests="1" failures="0""#) && junit.contains("<system-out>a.json: advice"), "{junit}");
    }

    #[test]
    fn advice_alone_is_clean() {
        use crate::Outcome;

        assert_eq!(Outcome::of([Severity::Advice]), Outcome::Clean);
        assert_eq!(Outcome::of([Severity::Advice, Severity::Warning]), Outcome::Findings);
    }
}
