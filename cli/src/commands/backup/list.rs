//! `eventsmith backup list`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use eventsmith::admin::list_backups;
use serde_json::json;

use super::print::{counted_bytes, summaries};
use crate::commands::data_format::DataFormat;
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};

/// Print the backups in a folder, the oldest first
///
/// Only manifests are read: `backup verify` looks at the files. Exits with 1 if one cannot be read, or was interrupted.
#[derive(Args)]
pub(super) struct BackupList {
    /// The folder that has the backups
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
}

impl BackupList {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let found = list_backups(&self.folder)?;
        let (mut all, mut unreadable) = (Vec::new(), 0);
        for backup in &found {
            let path = backup.path.display().to_string();
            match &backup.manifest {
                Ok((manifest, hash)) => {
                    let streams = counted(manifest.streams.len(), "stream");
                    let line =
                        format!("{}: {streams}, {}, sha256 {hash}", visible(&path), counted_bytes(manifest.size()));
                    all.push((line, json!({
                        "path": path, "created": manifest.created.to_string(), "server": manifest.server, "sha256": hash,
                        "streams": summaries(manifest), "left_out": manifest.left_out,
                    })));
                }
                Err(error) => {
                    unreadable += 1;
                    let error = error.to_string();
                    all.push((visible(&error).into_owned(), json!({ "path": path, "error": error })));
                }
            }
        }
        match self.format {
            DataFormat::Json => {
                let all: Vec<_> = all.into_iter().map(|(_, data)| data).collect();
                writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "backups": all }))?)?;
            }
            DataFormat::Text => all.iter().try_for_each(|(line, _)| writeln!(out, "{line}"))?,
        }
        out.finish()?;
        note(format_args!("{}, {unreadable} unreadable", counted(found.len(), "backup")));
        Ok(ExitStatus::findings_if(unreadable > 0))
    }
}
