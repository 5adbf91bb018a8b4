//! What the formats print.

use eventsmith_codegen::excerpt::Excerpt;
use eventsmith_codegen::payload::{self, Demand};
use eventsmith_codegen::{Diagnostic, Severity};

use super::comparison::Extra;

/// A diagnostic with what only some formats print.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What is wrong and where; the file can be opened from the current folder.
    pub(crate) diagnostic: Diagnostic,
    /// What a schema demands of a payload.
    pub(crate) demand: Option<Demand>,
    /// The line that it is about.
    pub(crate) line: SourceLine,
}

/// The line of the source that a finding is about.
#[derive(Debug)]
pub(crate) enum SourceLine {
    /// It is read from the file when it is needed.
    InFile,
    /// It was at hand when the finding was made.
    Excerpt(Excerpt),
    /// It is not shown.
    Hidden,
}

impl From<Diagnostic> for Finding {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, demand: None, line: SourceLine::InFile }
    }
}

impl From<payload::Finding> for Finding {
    fn from(finding: payload::Finding) -> Self {
        let line = finding.excerpt.map_or(SourceLine::Hidden, SourceLine::Excerpt);
        Self { diagnostic: finding.diagnostic, demand: finding.demand, line }
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
    /// What else the format `json` prints.
    pub(crate) extra: Extra,
}

/// The name of a severity.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Advice => "advice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
