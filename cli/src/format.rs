//! Prints findings: for people, for programs, and for tools that show them beside the code.
//!
//! Each format is one file. Text and GitHub commands are written finding by finding; every other format is one document.

mod comparison;
mod finding;
mod fingerprint;
mod github;
mod gitlab;
mod json;
mod junit;
mod paths;
mod sarif;
mod text;
mod visible;

use std::io::Write;

use clap::ValueEnum;

pub(crate) use comparison::Extra;
pub(crate) use finding::{Finding, Report, SourceLine};
use paths::RepositoryPaths;
pub(crate) use visible::{visible, visible_lines};

/// A format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FindingFormat {
    /// For people: the place, the line of the source, and help
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

/// Prints a report.
pub(crate) fn write(out: &mut impl Write, format: FindingFormat, report: &Report<'_>) -> anyhow::Result<()> {
    let mut printer = FindingPrinter::new(format);
    if printer.is_streamed() {
        return report.findings.iter().try_for_each(|finding| printer.print(out, finding));
    }
    printer.document(out, report)
}

/// Prints findings as they come, as far as the format allows it.
pub(crate) struct FindingPrinter {
    format: FindingFormat,
    text: text::TextPrinter,
    github: github::GithubPrinter,
    paths: RepositoryPaths,
    held: Vec<Finding>,
}

impl FindingPrinter {
    pub(crate) fn new(format: FindingFormat) -> Self {
        Self {
            format,
            text: text::TextPrinter::for_stdout(),
            github: github::GithubPrinter::default(),
            paths: RepositoryPaths::of_current_folder(),
            held: Vec::new(),
        }
    }

    /// Takes a finding, and prints it unless the format is one document.
    pub(crate) fn finding(&mut self, out: &mut impl Write, finding: Finding) -> anyhow::Result<()> {
        if self.is_streamed() {
            return self.print(out, &finding);
        }
        self.held.push(finding);
        Ok(())
    }

    /// Prints the document, if the format is one.
    pub(crate) fn finish(
        mut self,
        out: &mut impl Write,
        command: &'static str,
        checked: &[String],
        extra: Extra,
    ) -> anyhow::Result<()> {
        let findings = std::mem::take(&mut self.held);
        self.document(out, &Report { command, checked, findings: &findings, extra })
    }

    fn is_streamed(&self) -> bool {
        matches!(self.format, FindingFormat::Text | FindingFormat::Github)
    }

    fn print(&mut self, out: &mut impl Write, finding: &Finding) -> anyhow::Result<()> {
        match self.format {
            FindingFormat::Github => self.github.write(out, &self.paths, finding),
            _ => self.text.write(out, finding),
        }
    }

    fn document(&self, out: &mut impl Write, report: &Report<'_>) -> anyhow::Result<()> {
        match self.format {
            FindingFormat::Text | FindingFormat::Github => Ok(()),
            FindingFormat::Json => json::write(out, report),
            FindingFormat::Gitlab => gitlab::write(out, &self.paths, report),
            FindingFormat::Sarif => sarif::write(out, &self.paths, report),
            FindingFormat::Junit => junit::write(out, report),
        }
    }
}

#[cfg(test)]
mod tests {
    use eventsmith_codegen::{Diagnostic, Severity};

    use super::*;

    /// What a format makes of one advice without a place; the catalogue's own rules give none without a configuration.
    fn advice(format: FindingFormat) -> String {
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
            advice(FindingFormat::Text).starts_with("a.json: advice[missing-description]: there is"),
            "{}",
            advice(FindingFormat::Text)
        );
        assert!(advice(FindingFormat::Json).contains(r#""severity": "advice""#));
        assert!(advice(FindingFormat::Github).starts_with("::notice file="));
        assert!(advice(FindingFormat::Gitlab).contains(r#""severity": "info""#));
        assert!(advice(FindingFormat::Sarif).contains(r#""level": "note""#));
    }

    #[test]
    fn advice_fails_no_test_case() {
        let junit = advice(FindingFormat::Junit);

        assert!(
            junit.contains(r#"tests="1" skipped="0" failures="0""#) && junit.contains("<system-out>a.json: advice"),
            "{junit}"
        );
    }
}
