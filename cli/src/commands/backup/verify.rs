//! `eventsmith backup verify`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use eventsmith::admin::{BackedUpStream, BusAdmin as _, Manifest, PassedMessage, StreamKind, check_backup};
use eventsmith_codegen::Loaded;
use serde_json::{Value, json};

use super::print;
use super::steps::{Steps, hash_argument};
use crate::catalogue::Schemas;
use crate::commands::bucket::Known;
use crate::commands::data_format::DataFormat;
use crate::commands::tail::message::Judge;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};
use crate::payload;

/// Of how many messages of a stream it is said what is wrong with them.
const MOST: usize = 20;

/// Hold the files of a backup against its manifest, and its payloads against their schemas
///
/// With --decode a server makes a stream of each file under another name, from which every message is read, and deletes it; before
/// nats-server 2.15 the streams have their own names, so that it must be a server without these. Exits with 1 if anything is wrong.
#[derive(Args)]
pub(super) struct BackupVerify {
    #[command(flatten)]
    schemas: Schemas,
    /// The folder of the backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// Read every message, and validate it by the version of its schema that it names. Needs a server
    #[arg(long)]
    decode: bool,
    /// The SHA-256 that manifest.json must have, as `backup create` printed it
    #[arg(long, value_name = "SHA256", value_parser = hash_argument)]
    expect: Option<String>,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// What came of the messages of a stream.
#[derive(Default)]
struct Tally {
    messages: u64,
    valid: u64,
    invalid: u64,
    /// What is wrong, each with its message.
    problems: Vec<String>,
}

impl BackupVerify {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let mut steps = Steps::new();
        let checked = check_backup(&self.backup, self.expect.as_deref(), &mut |progress| steps.take(progress));
        steps.finish();
        let (manifest, hash, mut problems) = checked?;
        let mut tallies = BTreeMap::new();
        // A file that is damaged is shown to no server.
        if self.decode && problems.is_empty() {
            let loaded = self.schemas.load_bearable()?;
            tell_changes(&loaded, &manifest);
            (tallies, problems) = self.decode(&loaded)?;
        }
        let found = problems.len() + tallies.values().map(|tally| tally.problems.len()).sum::<usize>();
        match self.format {
            DataFormat::Text => show(out, &manifest, &problems, &tallies)?,
            DataFormat::Json => {
                let data = as_json((&manifest, &hash), &problems, &tallies);
                writeln!(out, "{}", serde_json::to_string_pretty(&data)?)?;
            }
        }
        out.finish()?;
        let messages: u64 = tallies.values().map(|tally| tally.messages).sum();
        let read = if self.decode { format!("{messages} messages read") } else { "no message read".to_owned() };
        note(format_args!(
            "{} verified, {read}, {}",
            counted(manifest.streams.len(), "file"),
            counted(found, "finding")
        ));
        Ok(ExitStatus::findings_if(found > 0))
    }

    /// Reads every message. What is wrong with a stream itself is the second.
    fn decode(&self, loaded: &Loaded) -> anyhow::Result<(BTreeMap<String, Tally>, Vec<String>)> {
        let judge = Judge::new(loaded);
        with_bus(self.connection.config()?, async |bus| {
            let (mut steps, mut tallies) = (Steps::new(), BTreeMap::<String, Tally>::new());
            let mut failed = None;
            let read = bus
                .read_backup(&self.backup, &mut |progress| steps.take(progress), &mut |stream, message| {
                    let tally = tallies.entry(stream.name.clone()).or_default();
                    if let Err(error) = tally.take(loaded, &judge, stream, message) {
                        failed.get_or_insert(error);
                    }
                })
                .await?;
            if let Some(error) = failed {
                return Err(error);
            }
            let problems = read.into_iter().flat_map(|stream| {
                stream.problems.into_iter().map(move |problem| format!("{}: {problem}", stream.name))
            });
            let problems = problems.collect();
            Ok((tallies, problems))
        })
    }
}

impl Tally {
    fn take(
        &mut self,
        loaded: &Loaded,
        judge: &Judge<'_>,
        stream: &BackedUpStream,
        message: PassedMessage,
    ) -> anyhow::Result<()> {
        self.messages += 1;
        let sequence = message.stored.as_ref().map_or(0, |(_, sequence)| *sequence);
        let subject = message.subject.clone();
        let problems = match stream.kind {
            // They hold what could not be handled.
            StreamKind::DeadLetters => None,
            StreamKind::Bucket => document_problems(loaded, &stream.name, &message)?,
            _ => judge.judge(message)?.problems().map(<[_]>::to_vec),
        };
        match problems {
            None => {}
            Some(problems) if problems.is_empty() => self.valid += 1,
            Some(problems) => {
                self.invalid += 1;
                if self.problems.len() < MOST {
                    let said: Vec<String> = problems
                        .iter()
                        .map(|(pointer, message)| format!("{}: {}", payload::place(pointer), visible(message)))
                        .collect();
                    self.problems.push(format!(
                        "{} {sequence} on {}: {}",
                        stream.name,
                        visible(&subject),
                        said.join("; ")
                    ));
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with a document; nothing where the catalogue does not know the bucket, and of a key that was removed.
fn document_problems(
    loaded: &Loaded,
    stream: &str,
    message: &PassedMessage,
) -> anyhow::Result<Option<Vec<(String, String)>>> {
    let header = |name: &str| message.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let Some(bucket) = Known::of_stream(loaded, stream) else { return Ok(None) };
    if header("KV-Operation").is_some() || header("Nats-Marker-Reason").is_some() {
        return Ok(None);
    }
    if let Some(malformed) = &message.malformed {
        return Ok(Some(vec![(String::new(), malformed.clone())]));
    }
    let says = (header("Eventsmith-Type"), header("Eventsmith-Version"));
    bucket.problems_of_value(&says, &message.payload).map(Some)
}

/// Which schemas are not what they were: what was valid then may not be now.
fn tell_changes(loaded: &Loaded, manifest: &Manifest) {
    let now = print::schemas(loaded);
    for (name, hash) in &manifest.schemas {
        match now.get(name) {
            None => note(format_args!("{} is no more in the catalogue", visible(name))),
            Some(other) if other != hash => {
                note(format_args!("{} has another schema than when it was backed up", visible(name)));
            }
            Some(_) => {}
        }
    }
}

fn show(
    out: &mut Out,
    manifest: &Manifest,
    problems: &[String],
    tallies: &BTreeMap<String, Tally>,
) -> anyhow::Result<()> {
    if tallies.is_empty() {
        print::print_streams(out, manifest)?;
    }
    for (name, tally) in tallies {
        let unknown = tally.messages - tally.valid - tally.invalid;
        let messages = counted(usize::try_from(tally.messages).unwrap_or(usize::MAX), "message");
        writeln!(
            out,
            "{name}: {messages}, {} valid, {} invalid, {unknown} without a schema",
            tally.valid, tally.invalid
        )?;
    }
    let of_messages = tallies.values().flat_map(|tally| &tally.problems);
    problems.iter().chain(of_messages).try_for_each(|problem| writeln!(out, "{}", visible(problem)))?;
    Ok(())
}

fn as_json((manifest, hash): (&Manifest, &str), problems: &[String], tallies: &BTreeMap<String, Tally>) -> Value {
    let read = tallies.iter().map(|(name, tally)| {
        json!({
            "name": name, "messages": tally.messages, "valid": tally.valid, "invalid": tally.invalid,
            "problems": tally.problems,
        })
    });
    json!({
        "sha256": hash, "created": manifest.created.to_string(), "streams": print::summaries(manifest),
        "problems": problems, "read": read.collect::<Vec<_>>(),
    })
}
