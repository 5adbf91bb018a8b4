//! `eventsmith validate`: checks payloads against the schemas.

mod inputs;

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use eventsmith_codegen::Severity;
use eventsmith_codegen::payload::{self, CheckResult, CheckedPart, Checker, Options};

use crate::catalogue::{Part, Payload, Schemas};
use crate::exit::ExitStatus;
use crate::format::{Extra, FindingFormat, FindingPrinter};
use crate::output::{self, Out, note};
use crate::progress::Progress;

use inputs::Found;

/// Check payloads: whole envelopes, or the bare data of one event
///
/// A file holds one JSON value, an array of them, or one on every line (NDJSON). All files are checked, even if some cannot
/// be read.
#[derive(Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    schemas: Schemas,
    /// Read the payloads as bare data of this event, in its newest version unless one is given
    #[arg(long, value_name = "TYPE[@N]")]
    event: Option<String>,
    #[command(flatten)]
    part: Part,
    /// How to print what is wrong
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: FindingFormat,
    /// Print only errors that prevent the check; the exit status says whether there are findings
    #[arg(long, short, conflicts_with = "format")]
    quiet: bool,
    /// Stop after this many findings
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_errors: Option<NonZeroUsize>,
    /// Never print values of payloads, nor names that their schema does not hold
    #[arg(long)]
    mask: bool,
    /// Payload files, folders, and patterns such as 'events/**/*.json'; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,
}

impl Validate {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let named = |name| Payload::find(&loaded, name, self.part.of());
        let file = self.event.as_deref().map(named).transpose()?.map(|payload| payload.file);
        let Found { files, problems } = Found::of(&self.files);
        let checker = Checker::new(&loaded, Options { file, mask: self.mask });
        let mut validation = Validation {
            settings: self,
            out,
            printer: FindingPrinter::new(self.format),
            progress: Progress::new(!self.quiet, size(&files)),
            totals: Totals::default(),
            failed: None,
        };
        for (argument, problem) in problems {
            validation.report_unchecked(argument, &problem);
        }
        let checked = checker.check(files.clone().into_iter().map(inputs::input), |part| validation.take(part));
        validation.progress.finish();
        checked.map_err(|error| anyhow!("a schema cannot be used: {error}"))?;
        validation.finish(&files)
    }
}

/// Reads a number of findings.
fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a whole number from 1; leave the option out for all findings".to_owned())
}

/// The bytes of all files together; unknown with standard input.
fn size(files: &[PathBuf]) -> Option<u64> {
    files.iter().map(|file| fs::metadata(file).ok().filter(fs::Metadata::is_file).map(|file| file.len())).sum()
}

/// The results so far.
#[derive(Default)]
struct Totals {
    valid: usize,
    invalid: usize,
    envelopes: usize,
    findings: usize,
    worst: Option<Severity>,
    /// The names of inputs that could not be checked.
    unchecked: Vec<String>,
    is_stopped: bool,
}

/// A run of the command.
struct Validation<'a> {
    settings: &'a Validate,
    out: &'a mut Out,
    printer: FindingPrinter,
    progress: Progress,
    totals: Totals,
    /// Why printing failed.
    failed: Option<anyhow::Error>,
}

impl Validation<'_> {
    fn take(&mut self, part: CheckResult) -> ControlFlow<()> {
        match part {
            CheckResult::Unreadable(name, error) => {
                self.report_unchecked(name.to_string(), &format!("{name} cannot be read: {error}"));
                ControlFlow::Continue(())
            }
            CheckResult::Empty(name) => {
                let input = if &*name == "-" { "standard input" } else { &name };
                self.report_unchecked(name.to_string(), &format!("{input} holds no payload"));
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
        self.totals.envelopes += batch.envelopes;
        let progress = self.progress.clone();
        let flow = match batch.findings.is_empty() {
            true => ControlFlow::Continue(()),
            false => progress.suspend(|| self.print_findings(batch.findings))?,
        };
        self.progress.advance(batch.bytes);
        Ok(flow)
    }

    fn print_findings(&mut self, findings: Vec<payload::Finding>) -> anyhow::Result<ControlFlow<()>> {
        for finding in findings {
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
        // A reader of a stream sees each finding at once.
        self.out.flush()?;
        Ok(ControlFlow::Continue(()))
    }

    fn report_unchecked(&mut self, name: String, problem: &str) {
        self.progress.suspend(|| note(format_args!("error: {problem}")));
        self.totals.unchecked.push(name);
    }

    fn finish(self, files: &[PathBuf]) -> anyhow::Result<ExitStatus> {
        let Self { settings, out, printer, totals, failed, .. } = self;
        if let Some(error) = failed {
            return Err(error);
        }
        let Totals { valid, invalid, envelopes, findings, worst, unchecked, is_stopped } = totals;
        if !settings.quiet {
            // How many payloads were checked before the limit depends on how the files were cut into batches.
            let counted = |count| (!is_stopped).then_some(count);
            let stopped = is_stopped.then_some(true);
            let extra = Extra { valid: counted(valid), invalid: counted(invalid), stopped, ..Extra::default() };
            // A file that was not checked to its end must not be reported as clean.
            let is_checked = |file: &String| !is_stopped && !unchecked.contains(file);
            let checked: Vec<String> = files.iter().map(|file| file.display().to_string()).filter(is_checked).collect();
            printer.finish(out, "validate", &checked, extra)?;
            out.flush().context("cannot write to standard output")?;
            if envelopes > 0 {
                note(format_args!(
                    "note: {envelopes} of the valid ones look like envelopes, and were checked as bare data; leave --event out \
                     to check envelopes"
                ));
            }
            match is_stopped {
                true => {
                    let findings = output::counted(findings, "finding");
                    note(format_args!("stopped after {findings} (--max-errors); there may be more"));
                }
                false => note(format_args!("{valid} valid, {invalid} invalid")),
            }
        }
        match unchecked.as_slice() {
            [] => Ok(ExitStatus::of(worst)),
            names => Err(anyhow!("not everything could be checked: {}", names.join(", "))),
        }
    }
}
