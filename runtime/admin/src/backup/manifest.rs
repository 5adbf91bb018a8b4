//! What a backup says of itself.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith_bus::jetstream::Settings;
use eventsmith_bus::settings::is_legal_name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the manifests that are written and read here.
const VERSION: u64 = 1;
/// How long a hash is: SHA-256 in hexadecimal.
const HASH: usize = 64;

/// What a backup holds: `manifest.json` in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of this form, 1.
    pub eventsmith_backup: u64,
    /// When the backup began: what was acknowledged before is in it.
    pub created: Timestamp,
    /// The version of eventsmith that made it.
    pub eventsmith: String,
    /// The version of the server.
    pub server: String,
    /// The hash of the catalogue that it was made with: of all its schemas. Empty without one.
    pub catalogue: String,
    /// The hash of each schema of that catalogue, by type and version: `order.placed@1`.
    pub schemas: BTreeMap<String, String>,
    /// The streams, in the order in which they were backed up.
    pub streams: Vec<BackedUpStream>,
    /// What was wanted and could not be backed up.
    pub left_out: Vec<NotBackedUp>,
    /// Streams whose newer messages drop older ones, and that were written to while they were backed up: of what was rewritten then,
    /// neither may be there.
    pub incomplete: Vec<NotBackedUp>,
}

/// One stream or bucket of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackedUpStream {
    /// Its name, which is that of its file, too: `NAME.snapshot`.
    pub name: String,
    /// What it is for.
    pub kind: StreamKind,
    /// How many messages it held, as the server said when its snapshot began.
    pub messages: u64,
    /// How many bytes they took.
    pub bytes: u64,
    /// The number of the first.
    pub first_sequence: u64,
    /// The number of the last message that it ever stored.
    pub last_sequence: u64,
    /// The size of its file.
    pub size: u64,
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Its settings at the server, all of them.
    pub config: Settings,
    /// What the server said that it held, all of it.
    pub state: Value,
    /// Its durable consumers, and where they were before any snapshot was made.
    pub consumers: Vec<BackedUpConsumer>,
}

/// A durable consumer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackedUpConsumer {
    /// Its name.
    pub name: String,
    /// Its settings at the server, with where it goes on once it is restored.
    pub config: Settings,
    /// Everything up to this number was acknowledged.
    pub ack_floor: u64,
    /// The number of the last message that was delivered.
    pub delivered: u64,
}

/// A stream that is not in the backup, or not all of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NotBackedUp {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamKind {
    /// A key-value bucket.
    Bucket,
    /// The stream of sagas.
    Sagas,
    /// Events.
    Events,
    /// Dead letters.
    DeadLetters,
}

impl StreamKind {
    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Sagas => "sagas",
            Self::Events => "events",
            Self::DeadLetters => "dead letters",
        }
    }
}

impl Manifest {
    /// One without streams.
    pub(super) fn new(server: String, catalogue: String, schemas: BTreeMap<String, String>) -> Self {
        Self {
            eventsmith_backup: VERSION,
            created: Timestamp::now(),
            eventsmith: env!("CARGO_PKG_VERSION").to_owned(),
            server,
            catalogue,
            schemas,
            streams: Vec::new(),
            left_out: Vec::new(),
            incomplete: Vec::new(),
        }
    }

    /// Reads one. Nothing that it says is taken for good: names are names, and what belongs together says the same.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            eventsmith_backup: Option<u64>,
        }
        let versioned: Versioned = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match versioned.eventsmith_backup {
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!(
                    "it is of version {other}, and this eventsmith reads {VERSION}; use the one that wrote it"
                ));
            }
            None => return Err("it has no eventsmith_backup: it is the manifest of something else".to_owned()),
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for stream in &self.streams {
            let BackedUpStream { name, config, sha256, .. } = stream;
            if !is_legal_name(name) {
                return Err(format!("{name:?} is no name of a stream; use letters, digits, '-' and '_' only"));
            }
            if !names.insert(name.as_str()) {
                return Err(format!("the stream {name} is in it twice"));
            }
            if config.get("name").and_then(Value::as_str) != Some(name) {
                return Err(format!("the settings of the stream {name} are those of another"));
            }
            if sha256.len() != HASH || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(format!("the hash of the stream {name} is none"));
            }
            if stream.first_sequence > stream.last_sequence.saturating_add(1) {
                return Err(format!("the stream {name} ends before it begins"));
            }
            let mut consumers = BTreeSet::new();
            for consumer in &stream.consumers {
                let is_its = |key: &str| consumer.config.get(key).and_then(Value::as_str) == Some(&consumer.name);
                if !is_legal_name(&consumer.name) || !is_its("durable_name") || !consumers.insert(&consumer.name) {
                    return Err(format!("the consumer {:?} of the stream {name} is none", consumer.name));
                }
            }
        }
        Ok(())
    }

    /// A stream by its name.
    pub fn stream(&self, name: &str) -> Option<&BackedUpStream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// How many bytes its files have together.
    pub fn size(&self) -> u64 {
        self.streams.iter().fold(0, |sum, stream| sum.saturating_add(stream.size))
    }
}

impl BackedUpStream {
    /// The name of its file in the folder of the backup.
    pub fn file(&self) -> String {
        file_of(&self.name)
    }

    /// A setting that is a text.
    pub(super) fn text(&self, key: &str) -> &str {
        self.config.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The subjects that it captures.
    pub fn subjects(&self) -> Vec<String> {
        let subjects = self.config.get("subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        subjects.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}

/// The name of the file of a stream, whose name is legal.
pub(super) fn file_of(stream: &str) -> String {
    format!("{stream}.snapshot")
}
