//! Holds a backup against its manifest: by the hashes of its files, and by what a server makes of them.

use std::path::Path;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::jetstream::JetStream;
use eventsmith_bus::transport::{Follow, FollowStart, Followed};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::BackupError;
use super::folder::Backup;
use super::manifest::{BackedUpStream, Manifest};
use super::progress::Progress;
use super::scratch::{MadeState, scratch_config, scratch_name, send};
use crate::tail::{PassedMessage, passed};

/// For how long nothing may come of a stream that has more.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

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
    let problems = backup.problems(&backup.manifest.streams.iter().collect::<Vec<_>>(), progress);
    Ok((backup.manifest, backup.hash, problems))
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
