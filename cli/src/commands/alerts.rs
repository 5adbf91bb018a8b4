//! `eventsmith alerts`: rules for Prometheus, and their tests.

use std::path::PathBuf;

use clap::Args;
use eventsmith_operations::alerts::{self, RUNBOOKS};

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::fresh;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Write alerts for Prometheus, with thresholds from the catalogue, and tests of them for promtool
///
/// NAME.rules.yml for each service, streams.rules.yml and eventsmith.rules.yml; and below tests, for each rule one test in which it fires
/// and one in which it stays silent: `promtool test rules DIR/tests/*.yml`.
#[derive(Args)]
pub(crate) struct AlertsArguments {
    #[command(flatten)]
    schemas: Schemas,
    /// The folder to write to, which is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where the page about alerts is, which has a section for each: the address that alerts link to
    #[arg(long, value_name = "URL", default_value = RUNBOOKS)]
    runbooks: String,
    /// Write nothing; fail if the files differ from what would be written
    #[arg(long)]
    check: bool,
}

impl AlertsArguments {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let files = alerts::files(&landscape(&loaded, &topology(&loaded)), &self.runbooks);
        if !self.check {
            fresh::write(&self.out, &files)?;
            note(format_args!("{} written below {}", counted(files.len(), "file"), self.out.display()));
            return Ok(ExitStatus::Clean);
        }
        let runbooks = if self.runbooks == RUNBOOKS { String::new() } else { format!(" --runbooks {}", self.runbooks) };
        let command = format!("eventsmith alerts --out {}{runbooks}", self.out.display());
        let stale = fresh::check_all(out, &self.out, &files, |text| text.starts_with(alerts::WRITTEN), &command)?;
        out.finish()?;
        note(format_args!("{} compared, {stale} stale", counted(files.len(), "file")));
        Ok(ExitStatus::findings_if(stale > 0))
    }
}
