//! `eventsmith generate`: prints or writes the Rust text of the catalogue.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use eventsmith_codegen::generate;

use crate::catalogue::{Schemas, shown};
use crate::exit::ExitStatus;
use crate::format::{self, Extra, Finding, FindingFormat, Report, visible};
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
            Some(file) if self.check => check(out, file, &text)?,
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

fn check(out: &mut Out, file: &Path, wanted: &str) -> anyhow::Result<ExitStatus> {
    let name = file.display();
    let found = match fs::read_to_string(file) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            writeln!(out, "{name}: error[stale]: the file does not exist")?;
            return help(out, file);
        }
        Err(error) => return Err(error).with_context(|| format!("{name} cannot be read")),
    };
    let Some(difference) = Difference::first(&found, wanted) else { return Ok(ExitStatus::Clean) };
    if found.contains('\r') && found.replace("\r\n", "\n") == wanted {
        writeln!(out, "{name}:1: error[stale]: its lines end in CRLF, and those of generated text in LF")?;
        writeln!(out, "    help: let git leave its lines alone, by `*.rs text eol=lf` in .gitattributes")?;
        return help(out, file);
    }
    let Difference { line, found, wanted } = difference;
    writeln!(out, "{name}:{line}: error[stale]: the file is not what the catalogue says")?;
    writeln!(out, "--- {name}\n+++ generated\n@@ -{line} +{line} @@")?;
    for (sign, text) in [('-', found), ('+', wanted)] {
        match text {
            Some(text) => writeln!(out, "{sign}{}", visible(text))?,
            None => writeln!(out, "\\ the {} ends here", if sign == '-' { "file" } else { "generated text" })?,
        }
    }
    help(out, file)
}

fn help(out: &mut Out, file: &Path) -> anyhow::Result<ExitStatus> {
    writeln!(out, "    help: eventsmith generate --out {}", file.display())?;
    Ok(ExitStatus::Findings)
}

/// The first line in which two texts differ.
struct Difference<'a> {
    line: usize,
    found: Option<&'a str>,
    wanted: Option<&'a str>,
}

impl<'a> Difference<'a> {
    fn first(found: &'a str, wanted: &'a str) -> Option<Self> {
        if found == wanted {
            return None;
        }
        let (mut found, mut wanted) = (found.split('\n'), wanted.split('\n'));
        for line in 1.. {
            let (found, wanted) = (found.next(), wanted.next());
            if found != wanted {
                return Some(Self { line, found, wanted });
            }
        }
        None
    }
}
