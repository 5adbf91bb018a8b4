//! `eventsmith changes`: what a change of the catalogue means, for those who review it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use eventsmith_codegen::breaking::Status;
use eventsmith_documents::changes;

use super::breaking::Breaking;
use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::output::{Out, note};

/// Write what changed since an earlier catalogue, as a reviewer wants to read it, in Markdown
///
/// For each event what changed, the verdict of `breaking` with its witness, who is affected, and what must be deployed first. Whether a
/// change is allowed is for `breaking` to say: this exits with 0.
#[derive(Args)]
pub(crate) struct Changes {
    #[command(flatten)]
    schemas: Schemas,
    /// The earlier catalogue: a git revision of the repository that holds the schemas, or a folder
    #[arg(long, value_name = "REF|DIR")]
    against: String,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Changes {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let current = self.schemas.load_readable()?;
        let compared = Breaking::in_full(self.schemas.clone(), self.against.clone()).compared(&current)?;
        let text = changes::markdown(&current, &compared, &self.against);
        match &self.out {
            Some(file) => fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?,
            None => out.write_all(text.as_bytes())?,
        }
        out.finish()?;
        note(format_args!(
            "{} breaking, {} undecided",
            compared.count(Status::Breaking),
            compared.count(Status::Undecided)
        ));
        Ok(ExitStatus::Clean)
    }
}
