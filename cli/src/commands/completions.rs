//! `eventsmith completions`: scripts that complete a command line in a shell.

use std::io::Write as _;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::ExitStatus;
use crate::output::{Out, note};

/// Print the completion script for a shell
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the completions of a command line.
    pub(crate) fn run(&self, program: &mut Command, out: &mut Out) -> anyhow::Result<ExitStatus> {
        // clap panics when it cannot write; a vector can always be written to.
        let mut text = Vec::new();
        clap_complete::generate(self.shell, program, "eventsmith", &mut text);
        out.write_all(&text)?;
        out.finish()?;
        note(format_args!("1 completion script for {}", self.shell));
        Ok(ExitStatus::Clean)
    }
}
