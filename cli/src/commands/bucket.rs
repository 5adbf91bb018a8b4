//! `eventsmith bucket`: what lies in a key-value bucket.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use eventsmith::admin::{BusAdmin as _, RawEntry};
use eventsmith::bucket::Removal;
use eventsmith::shutdown_signal;
use eventsmith_codegen::Loaded;
use eventsmith_codegen::lookup;
use eventsmith_codegen::model::Version;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::data_format::DataFormat;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};
use crate::payload;

/// Look into the key-value buckets of the catalogue, and put documents there
#[derive(Args)]
pub(crate) struct Buckets {
    #[command(subcommand)]
    command: BucketCommand,
}

#[derive(Subcommand)]
enum BucketCommand {
    Get(BucketGet),
    Put(BucketPut),
    Keys(BucketKeys),
    Watch(BucketWatch),
}

/// Print the document under a key
///
/// Exits with 1 if there is none, or it is invalid.
#[derive(Args)]
struct BucketGet {
    #[command(flatten)]
    args: BucketArgs,
    /// The key
    #[arg(value_name = "KEY")]
    key: String,
}

/// Put a document under a key, whatever is there
///
/// The document is validated before it is sent. Exits with 1 if it is invalid.
#[derive(Args)]
struct BucketPut {
    #[command(flatten)]
    args: BucketArgs,
    /// The key
    #[arg(value_name = "KEY")]
    key: String,
    /// The document: JSON, or a file that holds it; - is standard input
    #[arg(value_name = "DATA")]
    data: String,
    /// The version of the document's type, if it is not the newest
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// Print the keys that have a document
#[derive(Args)]
struct BucketKeys {
    #[command(flatten)]
    args: BucketArgs,
    /// Only keys of this pattern: * is any token, > all that follow
    #[arg(value_name = "PATTERN", default_value = ">")]
    pattern: String,
}

/// Print what the keys are now, and then every change of them
///
/// It goes on until it is interrupted. Exits with 1 if a document was invalid.
#[derive(Args)]
struct BucketWatch {
    #[command(flatten)]
    args: BucketArgs,
    /// Only keys of this pattern: * is any token, > all that follow
    #[arg(value_name = "PATTERN", default_value = ">")]
    pattern: String,
    /// End after as many changes
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

/// What every command about a bucket needs.
#[derive(Args)]
struct BucketArgs {
    #[command(flatten)]
    schemas: Schemas,
    /// The bucket: its name, or the type of its documents
    #[arg(value_name = "BUCKET")]
    bucket: String,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// A bucket of the catalogue.
pub(super) struct Known<'a> {
    name: &'a str,
    state: &'a str,
    loaded: &'a Loaded,
}

impl Buckets {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            BucketCommand::Get(command) => command.run(out),
            BucketCommand::Put(command) => command.run(out),
            BucketCommand::Keys(command) => command.run(out),
            BucketCommand::Watch(command) => command.run(out),
        }
    }
}

impl BucketGet {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.args.schemas.load_bearable()?;
        let bucket = self.args.bucket(&loaded)?;
        let found = with_bus(self.args.connection.config()?, async |bus| {
            Ok(bus.raw_bucket(bucket.name).get(&self.key).await?)
        })?;
        let entry = found.filter(|entry| entry.value.is_ok());
        let Some(entry) = entry else {
            note(format_args!("{} has no document under {}", bucket.name, visible(&self.key)));
            return Ok(ExitStatus::Findings);
        };
        let problems = bucket.problems(&entry)?;
        match self.args.format {
            DataFormat::Json => writeln!(out, "{}", as_json(&entry, &problems)?)?,
            DataFormat::Text => writeln!(out, "{}", document(&entry))?,
        }
        out.finish()?;
        problems
            .iter()
            .for_each(|(pointer, message)| note(format_args!("{}: {}", payload::place(pointer), visible(message))));
        let is_valid = if problems.is_empty() { "valid" } else { "INVALID" };
        note(format_args!("revision {} of {}, {is_valid}", entry.revision, entry.stored));
        Ok(ExitStatus::findings_if(!problems.is_empty()))
    }
}

impl BucketPut {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.args.schemas.load_bearable()?;
        let bucket = self.args.bucket(&loaded)?;
        let number = self.version.map(|number| number.to_string());
        let version = bucket.version(number.as_deref())?;
        let text = payload::read(&self.data)?;
        if !payload::check(out, &loaded, &version.file, &text)? {
            note(format_args!("{}@{} was not put", bucket.state, version.number));
            return Ok(ExitStatus::Findings);
        }
        let value = text.trim().to_owned().into_bytes().into();
        let revision = with_bus(self.args.connection.config()?, async |bus| {
            Ok(bus.raw_bucket(bucket.name).put(&self.key, bucket.state, version.number, value).await?)
        })?;
        match self.args.format {
            DataFormat::Json => writeln!(out, "{:#}", json!({ "key": self.key, "revision": revision }))?,
            DataFormat::Text => writeln!(out, "{revision}")?,
        }
        out.finish()?;
        note(format_args!("1 document put into {} under {}", bucket.name, visible(&self.key)));
        Ok(ExitStatus::Clean)
    }
}

impl BucketKeys {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.args.schemas.load_bearable()?;
        let bucket = self.args.bucket(&loaded)?;
        let keys = with_bus(self.args.connection.config()?, async |bus| {
            Ok(bus.raw_bucket(bucket.name).keys(&self.pattern).await?)
        })?;
        match self.args.format {
            DataFormat::Json => writeln!(out, "{:#}", json!({ "bucket": bucket.name, "keys": keys }))?,
            DataFormat::Text => keys.iter().try_for_each(|key| writeln!(out, "{}", visible(key)))?,
        }
        out.finish()?;
        note(format_args!("{}", counted(keys.len(), "key")));
        Ok(ExitStatus::Clean)
    }
}

impl BucketWatch {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.args.schemas.load_bearable()?;
        let bucket = self.args.bucket(&loaded)?;
        with_bus(self.args.connection.config()?, async |bus| {
            let mut watcher = bus.raw_bucket(bucket.name).watch(&self.pattern).await?;
            let shutdown = shutdown_signal();
            let mut shutdown = std::pin::pin!(shutdown);
            let (mut seen, mut invalid) = (0, 0);
            while self.count.is_none_or(|count| seen < count) {
                let entry = tokio::select! {
                    _ = &mut shutdown => break,
                    entry = watcher.next() => entry?,
                };
                let problems = bucket.problems(&entry)?;
                seen += 1;
                invalid += usize::from(!problems.is_empty());
                match self.args.format {
                    DataFormat::Json => writeln!(out, "{}", as_json(&entry, &problems)?)?,
                    DataFormat::Text => {
                        let is_valid = if problems.is_empty() { "" } else { "INVALID " };
                        let (key, document) = (visible(&entry.key), document(&entry));
                        writeln!(out, "{:.3} {} {key} {is_valid}{document}", entry.stored, entry.revision)?;
                        for (pointer, message) in &problems {
                            writeln!(out, "    {}: {}", payload::place(pointer), visible(message))?;
                        }
                    }
                }
                out.flush()?;
                if out.is_closed() {
                    break;
                }
            }
            note(format_args!("{}, {invalid} invalid", counted(seen, "change")));
            Ok(ExitStatus::findings_if(invalid > 0))
        })
    }
}

impl BucketArgs {
    /// The bucket that is meant.
    fn bucket<'a>(&self, loaded: &'a Loaded) -> anyhow::Result<Known<'a>> {
        let buckets =
            || loaded.catalogue.manifest.buckets.iter().map(|(name, bucket)| (name.get_ref(), bucket.state.get_ref()));
        let found = buckets().find(|(name, state)| **name == self.bucket || **state == self.bucket);
        match found {
            Some((name, state)) => Ok(Known { name, state, loaded }),
            None => {
                let names: Vec<&str> = buckets().map(|(name, _)| name.as_str()).collect();
                match names.is_empty() {
                    true => bail!("the catalogue has no buckets; declare one by [buckets.NAME] in eventsmith.toml"),
                    false => bail!("the catalogue has no bucket {:?}; it has {}", self.bucket, names.join(", ")),
                }
            }
        }
    }
}

impl<'a> Known<'a> {
    /// The bucket that a stream is, if the catalogue has it.
    pub(super) fn of_stream(loaded: &'a Loaded, stream: &str) -> Option<Self> {
        let bucket = stream.strip_prefix("KV_")?;
        let (name, bucket) = loaded.catalogue.manifest.buckets.iter().find(|(name, _)| name.get_ref() == bucket)?;
        Some(Self { name: name.get_ref(), state: bucket.state.get_ref(), loaded })
    }

    /// A version of the documents by its number, or the newest.
    fn version(&self, number: Option<&str>) -> anyhow::Result<&Version> {
        let found = match number {
            Some(number) => lookup::version(&self.loaded.catalogue, self.state, number),
            None => lookup::find(&self.loaded.catalogue, self.state),
        };
        Ok(found.map(|(_, version)| version)?)
    }

    /// What is wrong with what a bucket holds, each with its place.
    fn problems(&self, entry: &RawEntry) -> anyhow::Result<Vec<(String, String)>> {
        let Ok(value) = &entry.value else { return Ok(Vec::new()) };
        let malformed = entry.malformed.iter().map(|explanation| (String::new(), explanation.clone()));
        Ok(malformed.chain(self.problems_of_value(&entry.says, value)?).collect())
    }

    /// What is wrong with a value that says of which type and version it is, each with its place.
    pub(super) fn problems_of_value(
        &self,
        (event_type, number): &(Option<String>, Option<String>),
        value: &[u8],
    ) -> anyhow::Result<Vec<(String, String)>> {
        let problem = |message: String| Ok(vec![(String::new(), message)]);
        if let Some(other) = event_type.as_ref().filter(|other| *other != self.state) {
            return problem(format!("it says that it is {other}, and the bucket holds {}", self.state));
        }
        let version = match self.version(number.as_deref()) {
            Ok(version) => version,
            Err(error) => return problem(error.to_string()),
        };
        payload::problems(self.loaded, &version.file, value)
    }
}

/// A document as one line, or how it was removed.
fn document(entry: &RawEntry) -> String {
    match &entry.value {
        // As it is: with all digits of its numbers, and no character that a terminal would obey.
        Ok(value) => visible(&String::from_utf8_lossy(value)).to_string(),
        Err(removal) => removed(*removal).to_owned(),
    }
}

fn removed(removal: Removal) -> &'static str {
    match removal {
        Removal::Delete => "deleted",
        Removal::Purge => "purged",
        Removal::Expiry => "expired",
        _ => "removed",
    }
}

fn as_json(entry: &RawEntry, problems: &[(String, String)]) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Shown<'a> {
        key: &'a str,
        revision: u64,
        time: String,
        r#type: Option<&'a str>,
        version: Option<&'a str>,
        removed: Option<&'static str>,
        valid: bool,
        problems: Vec<Value>,
        value: Option<Box<RawValue>>,
    }
    let (event_type, version) = &entry.says;
    let value = entry.value.as_ref().ok().map(|value| payload::as_member(value));
    let shown = Shown {
        key: &entry.key,
        revision: entry.revision,
        time: entry.stored.to_string(),
        r#type: event_type.as_deref(),
        version: version.as_deref(),
        removed: entry.value.as_ref().err().map(|removal| removed(*removal)),
        valid: problems.is_empty(),
        problems: payload::problems_as_member(problems),
        value: value.transpose()?,
    };
    Ok(serde_json::to_string(&shown)?)
}
