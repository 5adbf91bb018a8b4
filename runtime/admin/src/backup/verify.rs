//! Holds a backup against its manifest: by the hashes of its files, and by what a server makes of them.

use std::path::Path;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::jetstream::{JetStream, Settings};
use eventsmith_bus::transport::{Follow, FollowStart, Followed};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::BackupError;
use super::folder::Backup;
use super::manifest::{BackedUpStream, Manifest};
use super::restore::send;
use super::{Progress, files};
use crate::tail::{PassedMessage, passed};

/// For how long nothing may come of a stream that has more.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
/// What the names of streams begin with that are made to be read, and deleted.
const SCRATCH: &str = "EVENTSMITH_VERIFY";

/// What was read of a stream of a backup.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadStream {
    /// Its name.
    pub name: String,
    /// How many messages it has.
    pub messages: u64,
    /// How it differs from what the manifest says; empty if it does not.
    pub problems: Vec<String>,
}

/// Reads the manifest of a backup, and holds the files against it. Returns the manifest, its hash, and what is wrong, each with the file.
///
/// # Errors
/// [`BackupError::NoBackup`] if it is none, [`BackupError::Damaged`] if its manifest has another hash than `expected`.
pub fn check(
    path: &Path,
    expected: Option<&str>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(Manifest, String, Vec<String>), BackupError> {
    let backup = Backup::open(path)?;
    backup.expect(expected)?;
    let problems = problems(&backup, &backup.manifest.streams.iter().collect::<Vec<_>>(), progress);
    Ok((backup.manifest, backup.hash, problems))
}

/// What is wrong with the files of streams.
pub(super) fn problems(
    backup: &Backup,
    streams: &[&BackedUpStream],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Vec<String> {
    let problems = streams.iter().filter_map(|stream| {
        progress(Progress::Begins { stream: &stream.name, bytes: stream.size });
        files::problem(&backup.path, stream, |bytes| progress(Progress::Bytes(bytes)))
    });
    problems.collect()
}

/// Lets a server make a stream of each file, reads all of it, and deletes it. The streams capture nothing, keep everything, and have names
/// of their own; before nats-server 2.15 they have those of the backup, which the server must not have.
pub(crate) async fn read(
    bus: &Bus,
    server: &JetStream,
    path: &Path,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
    look_at: &mut (dyn FnMut(&BackedUpStream, PassedMessage) + Send),
) -> Result<Vec<ReadStream>, BackupError> {
    let backup = Backup::open(path)?;
    let mut all = Vec::new();
    for stream in &backup.manifest.streams {
        let name = scratch_name(server, &stream.name);
        let config = Value::Object(scratch_config(stream, &name));
        progress(Progress::Begins { stream: &stream.name, bytes: stream.size });
        // Here the name may be that of a stream that is not ours to delete: the server refuses it, and nothing is deleted.
        let made = send(server, &backup, stream, (&name, &config), progress).await?;
        let read = read_stream(bus, stream, (&name, &made.state), look_at).await;
        let deleted = server.request::<IgnoredAny>(format!("STREAM.DELETE.{name}"), &json!({})).await;
        all.push(read?);
        deleted
            .map_err(BackupError::server(format!("the stream {name} was made to be read, and cannot be deleted")))?;
    }
    Ok(all)
}

/// A name for a stream that is made of another one for a while.
pub(super) fn scratch_name(server: &JetStream, stream: &str) -> String {
    if !server.supports(2, 15) {
        return stream.to_owned();
    }
    let now = Timestamp::now().as_nanosecond();
    format!("{SCRATCH}_{}_{now}", std::process::id())
}

/// Settings of a stream that captures nothing but its own name, and drops nothing.
pub(super) fn scratch_config(stream: &BackedUpStream, name: &str) -> Settings {
    let mut config = Settings::new();
    let settings = [
        ("name", json!(name)),
        ("description", json!(format!("made of a backup of {} to be read, and deleted then", stream.name))),
        ("subjects", json!([format!("{SCRATCH}.{name}")])),
        ("retention", json!("limits")),
        ("storage", json!(stream.text("storage"))),
        ("discard", json!("old")),
        ("num_replicas", json!(1)),
        ("max_consumers", json!(-1)),
        ("max_msgs", json!(-1)),
        ("max_bytes", json!(-1)),
        ("max_msgs_per_subject", json!(-1)),
        ("max_msg_size", json!(-1)),
        ("max_age", json!(0)),
    ];
    config.extend(settings.map(|(key, value)| (key.to_owned(), value)));
    if let Some(compression) = stream.config.get("compression") {
        config.insert("compression".to_owned(), compression.clone());
    }
    config
}

async fn read_stream(
    bus: &Bus,
    stream: &BackedUpStream,
    (name, made): (&str, &MadeState),
    look_at: &mut (dyn FnMut(&BackedUpStream, PassedMessage) + Send),
) -> Result<ReadStream, BackupError> {
    let failed = || BackupError::server(format!("the backup of the stream {} cannot be read", stream.name));
    let (held, last) = (made.messages, made.last_seq);
    let mut problems = Vec::new();
    if last < stream.last_sequence {
        problems.push(format!("it ends with {last}, the manifest says {}", stream.last_sequence));
    }
    let mut messages = 0;
    if held > 0 {
        let wanted =
            Follow { stream: name.to_owned(), subject: ">".to_owned(), start: FollowStart::All, headers_only: false };
        let mut follower = bus.transport().follow(&wanted).await.map_err(failed())?;
        while messages < held {
            let Ok(next) = timeout(PATIENCE, follower.next()).await else {
                problems.push(format!("it has {held} messages, of which only {messages} can be read"));
                break;
            };
            let Followed::Message(message) = next.map_err(failed())? else { continue };
            messages += 1;
            let place = Some((stream.name.clone(), message.sequence));
            look_at(stream, passed(message.message, message.stored, place, false));
        }
    }
    if messages < stream.messages && last == stream.last_sequence {
        problems.push(format!("it has {messages} messages, the manifest says {}", stream.messages));
    }
    Ok(ReadStream { name: stream.name.clone(), messages, problems })
}

/// What the server says of a stream that it made of a snapshot.
#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) state: MadeState,
}

#[derive(Deserialize)]
pub(super) struct MadeState {
    pub(super) messages: u64,
    pub(super) last_seq: u64,
}
