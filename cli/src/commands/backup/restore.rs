//! `eventsmith backup restore`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use eventsmith::admin::{BusAdmin as _, RestoreRequest, RestoredStream};
use serde_json::json;

use super::steps::{Steps, hash_argument};
use crate::commands::data_format::DataFormat;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::output::{Out, note};

/// Make streams and buckets of a backup, with their consumers
///
/// Nothing is done unless every file is what the manifest says, and nothing is in the way: a stream that is there stays, unless it never
/// held a message, or --replace is given. Services must not run meanwhile. Exits with 1 if a stream has fewer messages than it had: its
/// own limits have dropped them.
#[derive(Args)]
pub(super) struct BackupRestore {
    /// The folder of the backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// A stream, instead of all; that of a bucket is KV_NAME. May be given more than once
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Another name for the one stream that is restored, without its consumers; needs nats-server 2.15
    #[arg(long = "as", value_name = "NAME", conflicts_with = "replace")]
    rename: Option<String>,
    /// What the stream of another name captures from then on, instead of its own name; may be given more than once
    #[arg(long = "subject", value_name = "SUBJECT", requires = "rename")]
    subjects: Vec<String>,
    /// Delete streams that are there, with their messages and consumers
    #[arg(long)]
    replace: bool,
    /// How many servers are to store each message, whatever the backup says: 1 for a server in development
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: Option<u8>,
    /// The SHA-256 that manifest.json must have, as `backup create` printed it
    #[arg(long, value_name = "SHA256", value_parser = hash_argument)]
    expect: Option<String>,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

impl BackupRestore {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let config = self.connection.config()?;
        let request = RestoreRequest {
            backup: self.backup.clone(),
            expected: self.expect.clone(),
            streams: self.streams.clone(),
            rename: self.rename.clone().map(|name| (name, self.subjects.clone())),
            replace: self.replace,
            replicas: self.replicas.or(config.replicas),
        };
        let restored = with_bus(config, async |bus| {
            let mut steps = Steps::new();
            Ok(bus.restore(&request, &mut |progress| steps.take(progress)).await?)
        })?;
        match self.format {
            DataFormat::Text => print(out, &restored)?,
            DataFormat::Json => {
                let all = restored.iter().map(|stream| {
                    json!({
                        "name": stream.name, "messages": stream.messages, "backed_up": stream.backed_up,
                        "last_sequence": stream.last_sequence, "consumers": stream.consumers,
                    })
                });
                writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "streams": all.collect::<Vec<_>>() }))?)?;
            }
        }
        out.finish()?;
        let short = restored.iter().filter(|stream| stream.messages < stream.backed_up).count();
        let streams = crate::output::counted(restored.len(), "stream");
        note(format_args!("{streams} restored, {short} with fewer messages than backed up"));
        Ok(ExitStatus::findings_if(short > 0))
    }
}

fn print(out: &mut Out, restored: &[RestoredStream]) -> anyhow::Result<()> {
    for stream in restored {
        let RestoredStream { name, messages, backed_up, last_sequence, consumers, .. } = stream;
        let consumers = crate::output::counted(*consumers, "consumer");
        let missing = match backed_up.saturating_sub(*messages) {
            0 => String::new(),
            missing => format!("; its limits have dropped {missing} of those that were backed up"),
        };
        let count = crate::output::counted(usize::try_from(*messages).unwrap_or(usize::MAX), "message");
        writeln!(out, "{name}: {count} up to {last_sequence}, {consumers}{missing}")?;
    }
    Ok(())
}
