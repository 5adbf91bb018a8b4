//! `eventsmith generate`: prints or writes the Rust text of the catalogue.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use eventsmith_codegen::generate;

use crate::catalogue::{Schemas, shown};
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report};
use crate::fresh::check;
use crate::output::{Out, counted, counted_findings, note};

/// Print the Rust text of the catalogue, or write it to a file
#[derive(Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    schemas: Schemas,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; fail if the file of --out differs from what would be written
    #[arg(long, requires = "out")]
    check: bool,
}

impl Generate {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load()?;
        let text = match generate(&loaded) {
            Ok(text) => text,
            Err(diagnostics) => {
                let findings: Vec<Finding> =
                    diagnostics.iter().map(|diagnostic| shown(&loaded, diagnostic).into()).collect();
                let report = Report { command: "generate", checked: &[], findings: &findings, extra: Extra::default() };
                format::write(out, FindingFormat::Text, &report)?;
                out.finish()?;
                note(format_args!("nothing generated: {}", counted_findings(&diagnostics)));
                return Ok(ExitStatus::Findings);
            }
        };
        for diagnostic in &loaded.diagnostics {
            note(format_args!("{}", shown(&loaded, diagnostic)));
        }
        let events = counted(loaded.catalogue.events.len(), "event");
        let exit_status = match &self.out {
            None => {
                out.write_all(text.as_bytes())?;
                ExitStatus::Clean
            }
            Some(file) if self.check => {
                check(out, file, &text, &format!("eventsmith generate --out {}", file.display()))?
            }
            Some(file) => {
                fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
                ExitStatus::Clean
            }
        };
        out.finish()?;
        let what = match &self.out {
            None => "generated to stdout".to_owned(),
            Some(file) if !self.check => format!("generated into {}", file.display()),
            Some(file) if exit_status == ExitStatus::Clean => format!("compared: {} is fresh", file.display()),
            Some(file) => format!("compared: {} is stale", file.display()),
        };
        note(format_args!("{events} {what}"));
        Ok(exit_status)
    }
}
