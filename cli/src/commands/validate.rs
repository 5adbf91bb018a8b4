//! `eventsmith validate`: payloads against the schemas.

use std::fs;
use std::io::{self, Read as _, Write};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use eventsmith_codegen::diagnostic::Severity;
use eventsmith_codegen::lookup;
use eventsmith_codegen::payload::{Checker, Finding, Report};
use serde_json::{Value, json};

use crate::Outcome;
use crate::catalogue::Schemas;
use crate::output::{Out, note};

/// Check payloads: whole envelopes, or the bare data of one event
///
/// A file holds one JSON value, an array of them, or one on every line (NDJSON).
#[derive(Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    schemas: Schemas,
    /// Take the payloads for bare data of this event, in its newest version unless one is given
    #[arg(long, value_name = "TYPE[@N]")]
    event: Option<String>,
    /// How to print what is wrong
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: Format,
    /// The payload files; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people: file, line, column, and a way out
    #[default]
    Text,
    /// For programs: one object
    Json,
}

impl Validate {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let loaded = self.schemas.load_sound()?;
        let event = self.event.as_deref().map(|name| lookup::find(&loaded.catalogue, name)).transpose()?;
        let mut checker = Checker::new(&loaded);
        let mut report = Report::default();
        let mut unreadable = 0_usize;
        for file in &self.files {
            match read(file) {
                Ok(text) => {
                    let checked = checker.check(file, &text, event, &mut report);
                    checked.map_err(|error| anyhow!("a schema cannot be used: {error}"))?;
                }
                Err(error) => {
                    note(format_args!("error: {file} cannot be read: {error}"));
                    unreadable += 1;
                }
            }
            if matches!(self.format, Format::Text) {
                for finding in report.findings.drain(..) {
                    writeln!(out, "{}", finding.diagnostic)?;
                }
            }
        }
        if matches!(self.format, Format::Json) {
            let object = object(&report);
            writeln!(out, "{object:#}")?;
        }
        out.flush().context("cannot write to standard output")?;
        note(format_args!("{} valid, {} invalid", report.valid, report.invalid));
        match (unreadable, report.invalid) {
            (0, 0) => Ok(Outcome::Clean),
            (0, _) => Ok(Outcome::Findings),
            (1, _) => Err(anyhow!("a file could not be read")),
            (count, _) => Err(anyhow!("{count} files could not be read")),
        }
    }
}

fn read(file: &str) -> io::Result<String> {
    if file != "-" {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

fn object(report: &Report) -> Value {
    let findings: Vec<Value> = report.findings.iter().map(finding_object).collect();
    json!({"findings": findings, "valid": report.valid, "invalid": report.invalid})
}

fn finding_object(finding: &Finding) -> Value {
    let Finding { diagnostic, demand } = finding;
    let severity = match diagnostic.severity {
        Severity::Advice => "advice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut object = json!({
        "rule": diagnostic.rule,
        "severity": severity,
        "file": diagnostic.file,
        "line": diagnostic.position.map(|position| position.line),
        "column": diagnostic.position.map(|position| position.column),
        "pointer": diagnostic.pointer,
        "message": diagnostic.message,
        "help": diagnostic.help,
    });
    if let (Some(demand), Value::Object(members)) = (demand, &mut object) {
        members.insert("schema".to_owned(), json!(demand.file));
        members.insert("schema_pointer".to_owned(), json!(demand.pointer));
        members.insert("expected".to_owned(), json!(demand.expected));
        members.insert("found".to_owned(), json!(demand.found));
    }
    object
}
