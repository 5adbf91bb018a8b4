//! `eventsmith completions`: what a shell needs to complete a command line.

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::output::Out;
use crate::{Arguments, Outcome};

/// Print the completions for a shell, to be put where it looks for them
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        // clap panics where it cannot write, so that it writes where it always can.
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "eventsmith", &mut text);
        out.write_all(&text)?;
        Ok(Outcome::Clean)
    }
}
