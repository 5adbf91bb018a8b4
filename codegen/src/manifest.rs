//! `eventsmith.toml`: the root of all subjects, the streams, the buckets, the services, the compatibility policy.

pub(crate) mod duration;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

pub use duration::{duration, text as duration_text};

/// A name of the manifest, with the place where it stands.
pub type Named = Spanned<String>;

/// The name of the file that marks the folder of a catalogue.
pub const FILE_NAME: &str = "eventsmith.toml";

/// What `eventsmith.toml` says. Only `root` must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The first token, or tokens, of every subject.
    pub root: Spanned<String>,
    /// How events are written, where the service that publishes them says nothing else.
    #[serde(default)]
    pub wire: Wire,
    /// Where the site of the catalogue is, that `eventsmith docs` writes: the documentation of generated types links to it.
    #[serde(default)]
    pub site: Option<Spanned<String>>,
    /// How versions may differ.
    #[serde(default)]
    pub compatibility: Compatibility,
    /// The streams, by name.
    #[serde(default)]
    pub streams: BTreeMap<Spanned<String>, Stream>,
    /// The key-value buckets, by name.
    #[serde(default)]
    pub buckets: BTreeMap<Spanned<String>, Bucket>,
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

    /// The bucket that holds the documents of a type, with its name. A sound catalogue has exactly one.
    pub fn bucket_of(&self, state: &str) -> Option<(&Spanned<String>, &Bucket)> {
        self.buckets.iter().find(|(_, bucket)| bucket.state.get_ref() == state)
    }

    /// Every saga, with the stream that it lies in and the type of the document that is its state.
    pub fn sagas(&self) -> impl Iterator<Item = (&Spanned<String>, &Spanned<String>, &Spanned<String>)> {
        self.streams.iter().flat_map(|(name, stream)| stream.sagas.iter().map(move |(saga, state)| (name, saga, state)))
    }

    /// Whether a type of documents is the state of a saga, which lies with its events and needs no bucket.
    pub(crate) fn is_saga_state(&self, state: &str) -> bool {
        self.sagas().any(|(_, _, of_saga)| of_saga.get_ref() == state)
    }
}

/// How events are written on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Wire {
    /// In our envelope.
    #[default]
    #[serde(rename = "plain")]
    Plain,
    /// As CloudEvents in binary mode.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// As CloudEvents in structured mode.
    #[serde(rename = "cloudevents-structured")]
    CloudEventsStructured,
}

impl Wire {
    /// The word that `eventsmith.toml` has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsStructured => "cloudevents-structured",
        }
    }

    /// Whether it is one of those of CloudEvents.
    pub const fn is_cloud_event(self) -> bool {
        !matches!(self, Self::Plain)
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
    #[serde(default, deserialize_with = "duration::optional")]
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
    #[serde(default, deserialize_with = "duration::optional")]
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
    /// The sagas that lie in it, by name, each with the type of the document that is its state.
    #[serde(default)]
    pub sagas: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// A key-value bucket: documents of one type, each under a key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The type of the documents that it holds.
    pub state: Spanned<String>,
    /// Where documents are kept.
    #[serde(default)]
    pub storage: Storage,
    /// How many values of each key are kept, the newest among them.
    #[serde(default = "one", deserialize_with = "history")]
    pub history: u8,
    /// Values that were put longer ago than this are dropped.
    #[serde(default, deserialize_with = "duration::optional")]
    pub ttl: Option<Duration>,
    /// For how long a marker stands where a value's own time ended; without it no value has a time of its own.
    #[serde(default, deserialize_with = "duration::of_marker")]
    pub marker_ttl: Option<Duration>,
    /// Beyond this many bytes nothing can be put.
    #[serde(default, deserialize_with = "optional_bytes")]
    pub max_bytes: Option<u64>,
    /// How many bytes one document has at most.
    #[serde(default, deserialize_with = "optional_value_bytes")]
    pub max_value_bytes: Option<u32>,
    /// On how many servers each document is stored.
    #[serde(default = "one", deserialize_with = "replicas")]
    pub replicas: u8,
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

/// Where a stream keeps its messages, and a bucket its documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In memory.
    Memory,
}

impl Storage {
    /// The word that `eventsmith.toml` has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Memory => "memory",
        }
    }
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
    /// How the events that it publishes are written; as those of the catalogue when not said.
    pub wire: Option<Spanned<Wire>>,
    /// Events that it publishes.
    pub publishes: Vec<Spanned<String>>,
    /// Events that it consumes.
    pub consumes: Vec<Spanned<String>>,
    /// Commands and queries that it answers.
    pub handles: Vec<Spanned<String>>,
    /// Commands and queries that it sends to other services.
    pub asks: Vec<Spanned<String>>,
    /// Versions of sagas that it runs, `NAME@VERSION`: each has durable consumers of its own.
    pub runs: Vec<Spanned<String>>,
    /// Documents that it puts into their bucket, and reads there.
    pub writes: Vec<Spanned<String>>,
    /// Documents that it only reads in their bucket.
    pub reads: Vec<Spanned<String>>,
    /// Documents that a projection of it makes, each with the events that it is made of.
    pub projects: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    /// What its durable consumers are like.
    pub consumer: Consumer,
}

/// What the durable consumers of a service are like. The defaults are those of the runtime's `ConsumerDescriptor`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consumer {
    /// An event is delivered again after this long without an acknowledgement or an in-progress ack.
    #[serde(deserialize_with = "duration::optional")]
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
        wire: Wire::default(),
        site: None,
        compatibility: Compatibility::default(),
        streams: BTreeMap::new(),
        buckets: BTreeMap::new(),
        services: BTreeMap::new(),
        lint: BTreeMap::new(),
        references: BTreeMap::new(),
    }
}

fn one() -> u8 {
    1
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
        count => Err(serde::de::Error::custom(format!("no cluster keeps {count} replicas; write 1 to 5"))),
    }
}

/// How many values of a key a bucket keeps, within what servers allow.
fn history<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u64::deserialize(deserializer)? {
        count @ 1..=64 => Ok(count as u8),
        count => Err(serde::de::Error::custom(format!("a bucket cannot keep {count} values of a key; write 1 to 64"))),
    }
}

fn optional_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    bytes(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

/// The size of one document, within what servers count.
fn optional_value_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let size = bytes(&text).map_err(serde::de::Error::custom)?;
    match u32::try_from(size).ok().filter(|size| *size <= i32::MAX.unsigned_abs()) {
        Some(0) => Err(serde::de::Error::custom("no document has 0 bytes; write 1B or more, or leave the key out")),
        Some(size) => Ok(Some(size)),
        None => Err(serde::de::Error::custom(format!(
            "{text:?} is more than a server counts for one value; write less than 2GiB, or leave the key out"
        ))),
    }
}

/// Reads a size as `eventsmith.toml` writes it, `10GiB`.
///
/// # Errors
/// What is wrong with the text.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (amount, unit) = amount_and_unit(text);
    let bytes = match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    scaled(amount, bytes)
        .ok_or_else(|| format!("{text:?} is not a size; write a whole number and B, KiB, MiB, GiB or TiB: \"10GiB\""))
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
    fn a_bucket_needs_only_the_type_of_its_documents() {
        let manifest: Manifest = toml::from_str("root = \"r\"\n[buckets.B]\nstate = \"rule.compiled\"\n").unwrap();

        let (name, bucket) = manifest.bucket_of("rule.compiled").unwrap();
        assert_eq!(
            (name.get_ref().as_str(), bucket.storage, bucket.history, bucket.replicas),
            ("B", Storage::File, 1, 1)
        );
        assert_eq!((bucket.ttl, bucket.marker_ttl, bucket.max_bytes, bucket.max_value_bytes), (None, None, None, None));
    }

    #[test]
    fn what_no_server_takes_of_a_bucket_is_refused_with_the_range() {
        for (line, message) in [
            ("history = 0", "cannot keep 0 values of a key; write 1 to 64"),
            ("history = 65", "cannot keep 65 values of a key; write 1 to 64"),
            ("history = 300", "cannot keep 300 values of a key; write 1 to 64"),
            ("replicas = 6", "no cluster keeps 6 replicas; write 1 to 5"),
            ("ttl = \"0s\"", "no time at all"),
            ("ttl = \"1000000d\"", "longer than a server counts; write 106751d or less"),
            ("marker_ttl = \"999ms\"", "a marker stands for whole seconds, and for 1 s at least"),
            ("marker_ttl = \"1500ms\"", "a marker stands for whole seconds"),
            ("max_value_bytes = \"0B\"", "no document has 0 bytes"),
            ("max_value_bytes = \"2GiB\"", "write less than 2GiB"),
            ("max_bytes = \"10\"", "is not a size"),
            ("storage = \"disk\"", "unknown variant `disk`"),
            ("replica = 3", "unknown field `replica`"),
        ] {
            let text = format!("root = \"r\"\n[buckets.B]\nstate = \"rule.compiled\"\n{line}\n");
            let error = toml::from_str::<Manifest>(&text).unwrap_err();

            assert!(error.message().contains(message), "{line}: {error}");
            assert_eq!(error.span().map(|span| text[..span.start].lines().count().max(4)), Some(4), "{line}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_is_refused_with_its_line() {
        let text = "root = \"r\"\n[streams.S]\nsubjects = [\"r.>\"]\nmax_age = \"30\"\n";
        let error = toml::from_str::<Manifest>(text).unwrap_err();

        assert!(error.message().contains("is not a duration"), "{error}");
        assert_eq!(error.span().map(|span| text[..span.start].lines().count()), Some(4));
    }
}
