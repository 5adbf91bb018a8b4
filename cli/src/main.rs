//! The eventsmith command line: argument parsing and printing; everything else is in `eventsmith-codegen`, and for what
//! needs a server in `eventsmith`.
//!
//! Exit status: 0 clean, 1 findings, 2 could not run. Findings and results go to stdout, everything else to stderr.

mod catalogue;
mod commands;
mod connect;
mod format;
mod git;
mod output;
mod progress;
mod topology;

use std::process::ExitCode;

use clap::Parser;
use eventsmith_codegen::Severity;

use commands::Command;
use output::{Out, note};

/// JSON Schema files in, typed events out.
#[derive(Parser)]
#[command(name = "eventsmith", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// How a command that could run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Clean,
    Findings,
}

impl Outcome {
    /// How a command ends that found something of these severities: advice alone fails nothing.
    fn of(found: impl IntoIterator<Item = Severity>) -> Self {
        if found.into_iter().any(|severity| severity > Severity::Advice) { Self::Findings } else { Self::Clean }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = Out::stdout();
    let outcome = arguments.command.run(&mut out);
    match outcome.and_then(|outcome| out.finish().map(|()| outcome)) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Err(error) => {
            note(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}
