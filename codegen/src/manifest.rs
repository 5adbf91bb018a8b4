//! `eventsmith.toml`: the root of all subjects, the streams, the services, the compatibility policy.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// The name of the file that marks the folder of a catalogue.
pub const FILE_NAME: &str = "eventsmith.toml";

/// What `eventsmith.toml` says. Only `root` must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The first token, or tokens, of every subject.
    pub root: Spanned<String>,
    /// How versions may differ.
    #[serde(default)]
    pub compatibility: Compatibility,
    /// The streams, by name.
    #[serde(default)]
    pub streams: BTreeMap<Spanned<String>, Stream>,
    /// The services, by name.
    #[serde(default)]
    pub services: BTreeMap<Spanned<String>, Service>,
    /// What `eventsmith lint` is to make of its rules, by their ids.
    #[serde(default)]
    pub lint: BTreeMap<Spanned<String>, Switch>,
    /// The folders of the catalogue that hold what absolute references mean, by the URLs that these begin with.
    #[serde(default)]
    pub references: BTreeMap<Spanned<String>, Spanned<String>>,
}

impl Manifest {
    /// The folders that stand for URLs.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.references.iter().map(|(url, folder)| (url.get_ref().as_str(), folder.get_ref().as_str()))
    }
}

/// How a published version file may change.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compatibility {
    /// Which direction must hold.
    pub policy: Policy,
    /// Whether every earlier revision counts, not only the last.
    pub transitive: bool,
}

/// Which readers must understand which writers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// New readers read old events.
    Backward,
    /// Old readers read new events.
    Forward,
    /// Both.
    #[default]
    Full,
}

/// A stream that captures subjects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The subjects it captures, with wildcards.
    pub subjects: Vec<Spanned<String>>,
    /// Where messages are kept.
    #[serde(default)]
    pub storage: Storage,
    /// When messages are dropped.
    #[serde(default)]
    pub retention: Retention,
    /// Messages older than this are dropped.
    #[serde(default, deserialize_with = "optional_duration")]
    pub max_age: Option<Duration>,
    /// The oldest messages are dropped beyond this many bytes.
    #[serde(default, deserialize_with = "optional_bytes")]
    pub max_bytes: Option<u64>,
    /// The oldest messages are dropped beyond this many.
    #[serde(default, deserialize_with = "optional_count")]
    pub max_messages: Option<u64>,
    /// On how many servers each message is stored.
    #[serde(default = "one", deserialize_with = "replicas")]
    pub replicas: u8,
    /// For how long message ids are remembered; two minutes, the server's own default, when not said.
    #[serde(default, deserialize_with = "optional_duration")]
    pub duplicate_window: Option<Duration>,
    /// What happens at the limits of bytes and count.
    #[serde(default)]
    pub discard: Discard,
    /// Whether batches can be published atomically into it.
    #[serde(default)]
    pub atomic: bool,
    /// Whether events can be published into it in bulk, by fast batches.
    #[serde(default)]
    pub bulk: bool,
}

/// What a stream does at its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discard {
    /// Drops its oldest messages.
    #[default]
    Old,
    /// Refuses new ones.
    New,
}

/// Where a stream keeps its messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In memory.
    Memory,
}

/// When a stream drops messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// At its limits.
    #[default]
    Limits,
    /// Once every consumer has acknowledged them.
    Interest,
    /// Once one consumer has acknowledged them.
    WorkQueue,
}

/// What crosses the border of a service, as event types.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// What it does.
    pub description: String,
    /// Events that it publishes.
    pub publishes: Vec<Spanned<String>>,
    /// Events that it consumes.
    pub consumes: Vec<Spanned<String>>,
    /// Commands and queries that it answers.
    pub handles: Vec<Spanned<String>>,
    /// Commands and queries that it sends to other services.
    pub asks: Vec<Spanned<String>>,
    /// What its durable consumers are like.
    pub consumer: Consumer,
}

/// What the durable consumers of a service are like. The defaults are those of the runtime's `ConsumerDescriptor`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consumer {
    /// An event is delivered again after this long without an acknowledgement or an in-progress ack.
    #[serde(deserialize_with = "optional_duration")]
    pub ack_wait: Option<Duration>,
    /// How many events may be delivered and not acknowledged.
    #[serde(deserialize_with = "optional_count")]
    pub max_ack_pending: Option<u32>,
    /// The server stops delivering an event after this many deliveries.
    #[serde(deserialize_with = "optional_count")]
    pub max_deliver: Option<u32>,
    /// Where a consumer that does not exist yet begins.
    pub deliver: Deliver,
    /// Whether one instance at a time consumes, to keep the order of keys.
    pub ordered: bool,
}

/// Where a new consumer begins to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deliver {
    /// At the first message that the stream holds.
    #[default]
    All,
    /// After the last one.
    New,
}

/// What becomes of the findings of one rule. `lint` checks level and reason: they break no build.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switch {
    /// `off`, `advice`, `warning` or `error`.
    pub level: Option<Spanned<String>>,
    /// Why; it must not be empty.
    pub reason: Option<Spanned<String>>,
    /// The files that are meant, with `*` for any text; all without it.
    pub files: Vec<Spanned<String>>,
}

/// Takes the place of a manifest that cannot be read: the schema files are checked all the same.
pub(crate) fn placeholder() -> Manifest {
    Manifest {
        root: Spanned::new(0..0, "root".to_owned()),
        compatibility: Compatibility::default(),
        streams: BTreeMap::new(),
        services: BTreeMap::new(),
        lint: BTreeMap::new(),
        references: BTreeMap::new(),
    }
}

fn one() -> u8 {
    1
}

/// Reads a duration as `eventsmith.toml` and the command line write it, `2m`.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (amount, unit) = amount_and_unit(text);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    scaled(amount, milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is not a duration; write a whole number and ms, s, m, h or d: \"2m\""))
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let read = duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
    if read.is_zero() {
        return Err(serde::de::Error::custom("no time at all; write 1ms or more, or leave the key out"));
    }
    Ok(Some(read))
}

/// A count that makes sense: none at all would stop everything, and to a server 0 often means no limit.
fn optional_count<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<Option<N>, D::Error> {
    let count = u64::deserialize(deserializer)?;
    if count == 0 {
        return Err(serde::de::Error::custom(
            "0 is no limit that lets anything through; write 1 or more, or leave the key out",
        ));
    }
    let too_large =
        || serde::de::Error::custom(format!("{count} is too large; write a smaller number, or leave the key out"));
    N::try_from(count).map(Some).map_err(|_| too_large())
}

fn replicas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        count @ 1..=5 => Ok(count),
        count => Err(serde::de::Error::custom(format!("a stream cannot have {count} replicas; write 1 to 5"))),
    }
}

fn optional_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (amount, unit) = amount_and_unit(&text);
    let bytes = match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    scaled(amount, bytes).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is not a size; write a whole number and B, KiB, MiB, GiB or TiB: \"10GiB\""
        ))
    })
}

fn amount_and_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

fn scaled(amount: &str, unit: Option<u64>) -> Option<u64> {
    amount.parse::<u64>().ok()?.checked_mul(unit?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_needs_only_a_root() {
        let manifest: Manifest = toml::from_str("root = \"rules\"").unwrap();

        assert_eq!(manifest.root.get_ref(), "rules");
        assert_eq!(manifest.compatibility.policy, Policy::Full);
    }

    #[test]
    fn durations_and_sizes_carry_their_unit() {
        let text = "root = \"r\"\n[streams.S]\nsubjects = [\"r.>\"]\nmax_age = \"30d\"\nmax_bytes = \"10GiB\"\n";
        let manifest: Manifest = toml::from_str(text).unwrap();
        let stream = manifest.streams.values().next().unwrap();

        assert_eq!(stream.max_age, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(stream.max_bytes, Some(10 << 30));
    }

    #[test]
    fn a_duration_without_a_unit_is_refused_with_its_line() {
        let text = "root = \"r\"\n[streams.S]\nsubjects = [\"r.>\"]\nmax_age = \"30\"\n";
        let error = toml::from_str::<Manifest>(text).unwrap_err();

        assert!(error.message().contains("is not a duration"), "{error}");
        assert_eq!(error.span().map(|span| text[..span.start].lines().count()), Some(4));
    }
}
