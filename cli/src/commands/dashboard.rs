//! `eventsmith dashboard`: dashboards for Grafana.

use std::path::PathBuf;

use clap::Args;
use eventsmith_operations::dashboards;

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::fresh;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Write dashboards for Grafana: an overview, one for each service, one for each stream
///
/// They show the figures of services and of `eventsmith exporter`. Grafana imports the files, or provisions their folder.
#[derive(Args)]
pub(crate) struct Dashboard {
    #[command(flatten)]
    schemas: Schemas,
    /// The folder to write to, which is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing; fail if the files differ from what would be written
    #[arg(long)]
    check: bool,
}

impl Dashboard {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let files = dashboards::files(&landscape(&loaded, &topology(&loaded)));
        if !self.check {
            fresh::write(&self.out, &files)?;
            note(format_args!("{} written below {}", counted(files.len(), "dashboard"), self.out.display()));
            return Ok(ExitStatus::Clean);
        }
        let command = format!("eventsmith dashboard --out {}", self.out.display());
        let stale = fresh::check_all(out, &self.out, &files, dashboards::is_ours, &command)?;
        out.finish()?;
        note(format_args!("{} compared, {stale} stale", counted(files.len(), "dashboard")));
        Ok(ExitStatus::findings_if(stale > 0))
    }
}
