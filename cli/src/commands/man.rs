//! `eventsmith man`: the manual.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};

use crate::exit::ExitStatus;
use crate::output::{Out, note};

/// Print the manual page of the program, or write those of all commands into a folder
#[derive(Args)]
pub(crate) struct Man {
    /// Write a page for the program and for each command into this folder, which is created if need be
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    /// Prints or writes the pages of a command line.
    pub(crate) fn run(&self, program: Command, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.dir {
            None => {
                clap_mangen::Man::new(program).render(out)?;
                out.finish()?;
                note(format_args!("1 manual page"));
            }
            Some(dir) => {
                fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
                clap_mangen::generate_to(program, dir)
                    .with_context(|| format!("the pages cannot be written to {}", dir.display()))?;
                note(format_args!("the manual pages are in {}", dir.display()));
            }
        }
        Ok(ExitStatus::Clean)
    }
}
