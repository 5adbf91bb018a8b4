//! `eventsmith backup restore`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use eventsmith::admin::{BusAdmin as _, Expired, RestoreRequest, RestoredStream, StreamKind};
use jiff::Timestamp;
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
/// own limits have dropped them. What --replace deletes is backed up first, and what takes its place was tried by then.
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
    /// The folder that gets a backup of what --replace deletes, before it does [default: the folder `replaced` beside BACKUP]
    #[arg(long, value_name = "DIR", conflicts_with = "no_safety")]
    safety: Option<PathBuf>,
    /// Make no backup of what --replace deletes
    #[arg(long)]
    no_safety: bool,
    /// Only try: have the server make a stream of each file under another name, look whether all is there, and delete it
    #[arg(long)]
    dry_run: bool,
    /// Give streams no `max_age`, so that nothing is deleted for its age; `eventsmith streams apply` gives it back
    #[arg(long)]
    without_max_age: bool,
    /// Restore also streams all of whose messages are older than their `max_age`: the server deletes them at once
    #[arg(long)]
    expired: bool,
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
            safety: self.safety(),
            dry_run: self.dry_run,
            without_max_age: self.without_max_age,
            expired: self.expired,
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
                        "last_sequence": stream.last_sequence, "consumers": stream.consumers, "safety": stream.safety,
                        "expired": expired(stream.expired),
                    })
                });
                writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "streams": all.collect::<Vec<_>>() }))?)?;
            }
        }
        out.finish()?;
        let short = restored.iter().filter(|stream| stream.messages < stream.backed_up).count();
        let streams = crate::output::counted(restored.len(), "stream");
        told(&restored);
        let done = if self.dry_run { "tried, and nothing changed" } else { "restored" };
        note(format_args!("{streams} {done}, {short} with fewer messages than backed up"));
        Ok(ExitStatus::findings_if(short > 0))
    }

    /// Where what is deleted is kept.
    fn safety(&self) -> Option<PathBuf> {
        if self.no_safety || !self.replace {
            return None;
        }
        let beside = || self.backup.parent().unwrap_or(Path::new("")).join("replaced");
        Some(self.safety.clone().unwrap_or_else(beside))
    }
}

/// What whoever restores has to know beside the figures.
fn told(restored: &[RestoredStream]) {
    if let Some(path) = restored.iter().find_map(|stream| stream.safety.as_ref()) {
        note(format_args!("what was replaced is in {}", path.display()));
    }
    for stream in restored {
        if stream.expired == Expired::Some {
            note(format_args!(
                "{}: its oldest messages are older than its max_age, and deleted at once; --without-max-age keeps them",
                stream.name
            ));
        }
        if stream.kind == StreamKind::Sagas {
            let since = Timestamp::now().duration_since(stream.backed_up_at);
            note(format_args!(
                "{}: time-outs of sagas that came due since the backup, {since:#} ago, fire at once when runners start",
                stream.name
            ));
        }
    }
}

/// How much of a stream was too old.
fn expired(expired: Expired) -> &'static str {
    match expired {
        Expired::Some => "some",
        Expired::All => "all",
        _ => "none",
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
