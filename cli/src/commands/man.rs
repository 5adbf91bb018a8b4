//! `eventsmith man`: the manual.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

use crate::output::Out;
use crate::{Arguments, Outcome};

/// Print the manual page of the program, or write those of all commands into a folder
#[derive(Args)]
pub(crate) struct Man {
    /// Write a page for the program and for each command into this folder, which is made if need be
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let command = Arguments::command();
        match &self.dir {
            None => clap_mangen::Man::new(command).render(out)?,
            Some(dir) => {
                fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
                clap_mangen::generate_to(command, dir)
                    .with_context(|| format!("the pages cannot be written to {}", dir.display()))?;
            }
        }
        Ok(Outcome::Clean)
    }
}
