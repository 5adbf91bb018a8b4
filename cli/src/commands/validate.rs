//! `eventsmith validate`: payloads against the schemas.

use std::fs;
use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, anyhow};
use clap::Args;
use eventsmith_codegen::lookup;
use eventsmith_codegen::payload::{Checker, Report};

use crate::Outcome;
use crate::catalogue::Schemas;
use crate::format::{Extra, Format, Printer};
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

impl Validate {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let loaded = self.schemas.load_sound()?;
        let event = self.event.as_deref().map(|name| lookup::find(&loaded.catalogue, name)).transpose()?;
        let mut checker = Checker::new(&loaded);
        let mut report = Report::default();
        let mut printer = Printer::new(self.format);
        let mut severities = Vec::new();
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
            for finding in report.findings.drain(..) {
                severities.push(finding.diagnostic.severity);
                printer.finding(out, finding.into())?;
            }
        }
        let extra = Extra { valid: Some(report.valid), invalid: Some(report.invalid), ..Extra::default() };
        printer.finish(out, "validate", &self.files, extra)?;
        out.flush().context("cannot write to standard output")?;
        note(format_args!("{} valid, {} invalid", report.valid, report.invalid));
        match unreadable {
            0 => Ok(Outcome::of(severities)),
            1 => Err(anyhow!("a file could not be read")),
            count => Err(anyhow!("{count} files could not be read")),
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
