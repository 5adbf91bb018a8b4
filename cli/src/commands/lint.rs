//! `eventsmith lint`: reports what is wrong with a catalogue, and which keywords make decoding slow.

use std::collections::HashMap;
use std::io::Write;

use clap::Args;
use eventsmith_codegen::paths::{Cause, Path, paths};
use eventsmith_codegen::rules::{self, Family};
use eventsmith_codegen::{Diagnostic, Loaded, Severity, lint};

use crate::catalogue::{Schemas, checked, file_from_here, shown};
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report};
use crate::output::{Out, counted, counted_findings, note};

/// Print everything that is wrong with the catalogue
///
/// Exits with 1 if there is an error or a warning; advice alone is no reason to fail.
#[derive(Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    schemas: Schemas,
    /// Print which events the validator decodes, and which keywords cause that; these are no findings
    #[arg(long)]
    explain_paths: bool,
    /// Print every finding; otherwise text shows the first warning or advice of a rule in a file, and how many are like it
    #[arg(long)]
    all: bool,
    /// How to print what is wrong
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: FindingFormat,
}

impl Lint {
    /// As somebody reads it who writes schemas.
    pub(crate) fn of(schemas: Schemas) -> Self {
        Self { schemas, explain_paths: false, all: false, format: FindingFormat::Text }
    }

    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load()?;
        let diagnostics = lint::lint(&loaded);
        // The other formats are read by programs, which group for themselves.
        let is_grouped = !self.all && self.format == FindingFormat::Text;
        let printed = if is_grouped { grouped(&diagnostics) } else { diagnostics.clone() };
        let findings: Vec<Finding> = printed.iter().map(|diagnostic| shown(&loaded, diagnostic).into()).collect();
        let checked = checked(&loaded);
        let report = Report { command: "lint", checked: &checked, findings: &findings, extra: Extra::default() };
        format::write(out, self.format, &report)?;
        if self.explain_paths && !diagnostics.iter().any(prevents_code) {
            for line in explained(&loaded) {
                // The other formats are documents or commands, and must hold nothing else.
                match self.format {
                    FindingFormat::Text => writeln!(out, "{line}")?,
                    _ => note(format_args!("{line}")),
                }
            }
        }
        out.finish()?;
        let hint = if printed.len() < diagnostics.len() { "; --all prints each" } else { "" };
        note(format_args!("{}: {}{hint}", counted(checked.len(), "file"), counted_findings(&diagnostics)));
        Ok(ExitStatus::of(diagnostics.iter().map(|diagnostic| diagnostic.severity)))
    }
}

/// The findings with one for each file, rule and help where nothing is certainly wrong: the first, which says where the others
/// are. Those with another help take another edit, and are shown.
fn grouped(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    /// So many lines are named.
    const NAMED: usize = 5;
    const NAMING: [&str; 2] = ["property-naming", "type-naming"];
    let mut groups: Vec<Vec<&Diagnostic>> = Vec::new();
    let mut of_rule: HashMap<(&str, &str, &str), usize> = HashMap::new();
    for diagnostic in diagnostics {
        if diagnostic.severity == Severity::Error {
            groups.push(vec![diagnostic]);
            continue;
        }
        // The help for names is another for each, and the edit is the same.
        let help = if NAMING.contains(&diagnostic.rule) { "" } else { diagnostic.help.as_str() };
        let at = *of_rule.entry((&diagnostic.file, diagnostic.rule, help)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(diagnostic),
            None => groups.push(vec![diagnostic]),
        }
    }
    let first = |group: Vec<&Diagnostic>| {
        let (first, others) = group.split_first()?;
        let mut shown = (*first).clone();
        if !others.is_empty() {
            let positions = others.iter().filter_map(|other| other.position);
            let mut lines: Vec<String> = positions.map(|position| position.line.to_string()).collect();
            lines.dedup();
            let rest = if lines.len() > NAMED { ", .." } else { "" };
            lines.truncate(NAMED);
            let lines = match lines.as_slice() {
                [] => String::new(),
                [line] => format!(", in line {line}"),
                lines => format!(", in lines {}{rest}", lines.join(", ")),
            };
            shown.message = format!("{} ({} more like it{lines})", shown.message, others.len());
        }
        Some(shown)
    };
    groups.into_iter().filter_map(first).collect()
}

/// Whether a finding prevents code from being generated, so that there is no path to explain.
fn prevents_code(diagnostic: &Diagnostic) -> bool {
    let is_of_lint = rules::find(diagnostic.rule).is_some_and(|rule| rule.family == Family::Lint);
    diagnostic.severity == Severity::Error && !is_of_lint
}

fn explained(loaded: &Loaded) -> Vec<String> {
    let paths = paths(loaded);
    let (fast, slow): (Vec<&Path>, Vec<&Path>) = paths.iter().partition(|path| path.causes.is_empty());
    let slow = slow.into_iter().map(|path| {
        let part = if path.part.is_answer() { format!(" {}", path.part.as_str()) } else { String::new() };
        let causes: Vec<String> = path.causes.iter().map(|cause| described(loaded, cause)).collect();
        format!("{} v{}{part} takes the slow path: {}", path.event_type, path.version, causes.join(", "))
    });
    slow.chain([format!("{} of {} payloads take the fast path", fast.len(), paths.len())]).collect()
}

fn described(loaded: &Loaded, cause: &Cause) -> String {
    let file = file_from_here(loaded, &cause.file);
    let position = cause.position.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
    format!("{} at {file}{position} {}", cause.keyword, cause.pointer)
}
