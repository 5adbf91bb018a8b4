//! `eventsmith validate`: payloads against the schemas.

mod inputs;

use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use anyhow::{Context as _, anyhow};
use clap::Args;
use eventsmith_codegen::payload::{CheckResult, CheckedPart, Checker, Options};
use eventsmith_codegen::{Severity, lookup};

use crate::Outcome;
use crate::catalogue::Schemas;
use crate::format::{Extra, Format, Printer};
use crate::output::{Out, note};
use crate::progress::Progress;

/// Check payloads: whole envelopes, or the bare data of one event
///
/// A file holds one JSON value, an array of them, or one on every line (NDJSON). All files are checked, even if some cannot
/// be read.
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
    /// Print nothing but what prevents the check; the exit status tells the rest
    #[arg(long, short, conflicts_with = "format")]
    quiet: bool,
    /// Stop after so many findings
    #[arg(long, value_name = "N")]
    max_errors: Option<NonZeroUsize>,
    /// Never print values of payloads, nor names that their schema does not hold
    #[arg(long)]
    mask: bool,
    /// Payload files, folders, and patterns such as 'events/**/*.json'; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
}

impl Validate {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let loaded = self.schemas.load_sound()?;
        let event = self.event.as_deref().map(|name| lookup::find(&loaded.catalogue, name)).transpose()?;
        let (files, problems) = inputs::files(&self.files);
        let checker = Checker::new(&loaded, Options { event, mask: self.mask });
        let mut run = Run {
            settings: self,
            out,
            printer: Printer::new(self.format),
            progress: Progress::new(!self.quiet, size(&files)),
            totals: Totals::default(),
            failed: None,
        };
        for (argument, problem) in problems {
            run.cannot(argument, &problem);
        }
        let names = files.clone();
        let checked = checker.check(names.into_iter().map(|name| inputs::input(&name)), |part| run.take(part));
        run.progress.clear();
        checked.map_err(|error| anyhow!("a schema cannot be used: {error}"))?;
        run.finish(&files)
    }
}

/// How many bytes all files have together; nobody knows of standard input.
fn size(files: &[String]) -> Option<u64> {
    files.iter().map(|file| fs::metadata(file).ok().filter(fs::Metadata::is_file).map(|file| file.len())).sum()
}

/// What has come out so far.
#[derive(Default)]
struct Totals {
    valid: usize,
    invalid: usize,
    findings: usize,
    worst: Option<Severity>,
    /// What could not be checked, by its name.
    unchecked: Vec<String>,
    is_stopped: bool,
}

/// A run under way.
struct Run<'a> {
    settings: &'a Validate,
    out: &'a mut Out,
    printer: Printer,
    progress: Progress,
    totals: Totals,
    /// What went wrong with printing.
    failed: Option<anyhow::Error>,
}

impl Run<'_> {
    fn take(&mut self, part: CheckResult) -> ControlFlow<()> {
        match part {
            CheckResult::Unreadable(name, error) => {
                self.cannot(name.to_string(), &format!("{name} cannot be read: {error}"));
                ControlFlow::Continue(())
            }
            CheckResult::Checked(batch) => self.print(batch).unwrap_or_else(|error| {
                self.failed = Some(error);
                ControlFlow::Break(())
            }),
        }
    }

    fn print(&mut self, batch: CheckedPart) -> anyhow::Result<ControlFlow<()>> {
        self.totals.valid += batch.valid;
        self.totals.invalid += batch.invalid;
        let is_interesting = !batch.findings.is_empty();
        if is_interesting {
            self.progress.clear();
        }
        for finding in batch.findings {
            self.totals.worst = self.totals.worst.max(Some(finding.diagnostic.severity));
            if !self.settings.quiet {
                self.printer.finding(self.out, finding.into())?;
            }
            self.totals.findings += 1;
            if self.settings.max_errors.is_some_and(|most| self.totals.findings >= most.get()) {
                self.totals.is_stopped = true;
                return Ok(ControlFlow::Break(()));
            }
        }
        if is_interesting {
            // Whoever follows a stream sees what is wrong at once.
            self.out.flush()?;
        }
        self.progress.advance(batch.bytes);
        Ok(ControlFlow::Continue(()))
    }

    fn cannot(&mut self, name: String, problem: &str) {
        self.progress.clear();
        note(format_args!("error: {problem}"));
        self.totals.unchecked.push(name);
    }

    fn finish(self, files: &[String]) -> anyhow::Result<Outcome> {
        let Self { settings, out, printer, totals, failed, .. } = self;
        if let Some(error) = failed {
            return Err(error);
        }
        let Totals { valid, invalid, findings, worst, unchecked, is_stopped } = totals;
        if !settings.quiet {
            // How many payloads were checked before it stopped depends on how they were read.
            let counted = |count| (!is_stopped).then_some(count);
            let stopped = is_stopped.then_some(true);
            let extra = Extra { valid: counted(valid), invalid: counted(invalid), stopped, ..Extra::default() };
            // What was not checked, or perhaps not to its end, must not pass for clean.
            let is_checked = |file: &&String| !is_stopped && !unchecked.contains(file);
            let checked: Vec<String> = files.iter().filter(is_checked).cloned().collect();
            printer.finish(out, "validate", &checked, extra)?;
            out.flush().context("cannot write to standard output")?;
            match is_stopped {
                true => {
                    let s = if findings == 1 { "" } else { "s" };
                    note(format_args!("stopped after {findings} finding{s} (--max-errors); there may be more"));
                }
                false => note(format_args!("{valid} valid, {invalid} invalid")),
            }
        }
        match unchecked.as_slice() {
            [] => Ok(Outcome::of(worst)),
            names => Err(anyhow!("not everything could be checked: {}", names.join(", "))),
        }
    }
}
