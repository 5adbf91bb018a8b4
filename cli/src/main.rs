//! The eventsmith command line: argument parsing and printing; everything else is in `eventsmith-codegen`, and what needs a
//! server in `eventsmith`.
//!
//! Exit status: 0 clean, 1 findings, 2 could not run. Findings and results go to stdout, everything else to stderr.

mod catalogue;
mod commands;
mod connect;
mod exit;
mod format;
mod fresh;
mod git;
mod landscape;
mod output;
mod outside;
mod payload;
mod progress;
mod topology;

use std::process::ExitCode;

use clap::Parser as _;

use commands::Arguments;
use output::{Out, note, with_causes};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = Out::stdout();
    let status = arguments.run(&mut out);
    match status.and_then(|status| out.finish().map(|()| status)) {
        Ok(status) => status.into(),
        Err(error) => {
            note(format_args!("error: {}", with_causes(&error)));
            ExitCode::from(2)
        }
    }
}
