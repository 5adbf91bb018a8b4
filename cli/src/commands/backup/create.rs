//! `eventsmith backup create`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use eventsmith::admin::{BackupRequest, BusAdmin as _, Created};
use eventsmith_codegen::Loaded;
use serde_json::{Value, json};

use super::print::{counted_bytes, hash, print_streams, schemas, summaries};
use super::steps::Steps;
use crate::catalogue::Schemas;
use crate::commands::data_format::DataFormat;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// The stream of the checkpoints of projections.
const PROJECTIONS: &str = "KV_EVENTSMITH_PROJECTIONS";

/// Write a backup of streams and buckets into a new folder
///
/// Those of the catalogue, and the checkpoints of projections, unless others are named. The folder has a name only once all is on the disk: before, and if it is interrupted,
/// its name begins with .partial. Exits with 1 if a stream could not be backed up: one in memory, before nats-server 2.15.
#[derive(Args)]
pub(super) struct BackupCreate {
    #[command(flatten)]
    schemas: Schemas,
    /// The folder that gets a folder with the backup, named after the time; it is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A stream, instead of those of the catalogue; that of a bucket is KV_NAME. May be given more than once
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// All streams that this user may see, whatever the catalogue says
    #[arg(long, conflicts_with_all = ["streams", "schemas"])]
    all: bool,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

impl BackupCreate {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let request = match self.all {
            true => BackupRequest { folder: self.out.clone(), ..BackupRequest::default() },
            false => self.request(&self.schemas.load_sound()?),
        };
        let created = with_bus(self.connection.config()?, async |bus| {
            let mut steps = Steps::new();
            Ok(bus.back_up(&request, &mut |progress| steps.take(progress)).await?)
        })?;
        match self.format {
            DataFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&created))?)?,
            DataFormat::Text => print(out, &created)?,
        }
        out.finish()?;
        let left_out = &created.manifest.left_out;
        left_out.iter().for_each(|left| note(format_args!("{} is left out: {}", left.name, visible(&left.reason))));
        for incomplete in &created.manifest.incomplete {
            note(format_args!(
                "of {} may be missing what was rewritten meanwhile: {}; back it up when it is quieter",
                incomplete.name,
                visible(&incomplete.reason)
            ));
        }
        let streams = counted(created.manifest.streams.len(), "stream");
        note(format_args!(
            "{streams}, {} backed up, {} left out",
            counted_bytes(created.manifest.size()),
            left_out.len()
        ));
        Ok(ExitStatus::findings_if(!left_out.is_empty()))
    }

    fn request(&self, loaded: &Loaded) -> BackupRequest {
        let streams = match self.streams.as_slice() {
            [] => topology(loaded).streams.into_iter().map(|stream| stream.name).collect(),
            named => named.to_vec(),
        };
        let schemas = schemas(loaded);
        // Without them projections would not go on from where their documents are.
        let also = if self.streams.is_empty() { vec![PROJECTIONS.to_owned()] } else { Vec::new() };
        let catalogue = catalogue(&schemas);
        BackupRequest { streams: Some(streams), also, folder: self.out.clone(), catalogue, schemas }
    }
}

/// The hash of a catalogue: of its names and hashes, a line for each.
fn catalogue(schemas: &BTreeMap<String, String>) -> String {
    let lines: String = schemas.iter().map(|(name, hash)| format!("{name} {hash}\n")).collect();
    hash(lines.as_bytes())
}

fn print(out: &mut Out, created: &Created) -> anyhow::Result<()> {
    print_streams(out, &created.manifest)?;
    writeln!(out, "written to {}", created.path.display())?;
    writeln!(out, "sha256 of its manifest: {}", created.hash)?;
    Ok(())
}

fn as_json(created: &Created) -> Value {
    json!({ "path": created.path, "sha256": created.hash, "streams": summaries(&created.manifest), "left_out": created.manifest.left_out, "incomplete": created.manifest.incomplete })
}
