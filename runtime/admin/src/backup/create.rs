//! Makes a backup.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eventsmith_bus::jetstream::{JetStream, Settings};
use eventsmith_bus::settings::is_legal_name;
use eventsmith_bus::transport::ServerFailure;
use serde::Deserialize;
use serde_json::{Value, json};

use super::consumers;
use super::error::BackupError;
use super::files::Hashed;
use super::folder::Partial;
use super::manifest::{BackedUpConsumer, BackedUpStream, Manifest, NotBackedUp, StreamKind, file_of};
use super::progress::Progress;

/// How often a stream is backed up until nothing was written to it meanwhile that may have dropped what was not read yet.
const ATTEMPTS: u32 = 3;
/// The server's code for a snapshot that it does not make, and that of a stream in memory, which it cannot before 2.15.
const SNAPSHOT_FAILED: u64 = 10064;
const MEMORY: &str = "memory";

/// What is to be backed up, and where to.
#[derive(Debug, Clone, Default)]
pub struct BackupRequest {
    /// The names of the streams; the stream of a bucket is `KV_NAME`. All that this user may see where it is `None`.
    pub streams: Option<Vec<String>>,
    /// Streams that are backed up besides, where the server has them: what programs make for themselves, as projections do for their
    /// checkpoints.
    pub also: Vec<String>,
    /// The folder that gets a folder with the backup. It is made if need be.
    pub folder: PathBuf,
    /// The hash of the catalogue; empty without one.
    pub catalogue: String,
    /// The hash of each schema of the catalogue, by type and version.
    pub schemas: BTreeMap<String, String>,
}

/// A backup that was made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Created {
    /// Its folder.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The SHA-256 of its `manifest.json`, in hexadecimal. Kept elsewhere, it tells whether anybody has changed the backup.
    pub hash: String,
}

/// What the server answers about a stream.
#[derive(Deserialize)]
struct Info {
    config: Settings,
    state: Value,
}

/// When a stream has its turn, after all consumers were noted.
///
/// A message that a handler is done with leaves a queue for what the handler writes, or for the dead letters, and a dead letter that is
/// replayed leaves for the events: what something leaves is backed up before where it goes to, so that it may be there twice and is never
/// missing. What is made of events that stay comes before them, so that it never knows of one that the backup does not have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Events that are gone once they are handled.
    Queue,
    DeadLetters,
    Bucket,
    Sagas,
    Events,
}

/// A stream that is to be backed up.
struct Wanted {
    name: String,
    turn: Turn,
    kind: StreamKind,
    is_in_memory: bool,
    consumers: Vec<BackedUpConsumer>,
}

/// Notes all consumers, then writes one stream after the other, in the order of their turns.
pub(crate) async fn create(
    server: &JetStream,
    request: &BackupRequest,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Created, BackupError> {
    let mut manifest = Manifest::new(server.version(), request.catalogue.clone(), request.schemas.clone());
    let mut wanted = Vec::new();
    for name in names(server, request).await? {
        if !is_legal_name(&name) {
            return Err(BackupError::Name { stream: name });
        }
        wanted.push(look(server, name).await?);
    }
    for name in request.also.iter().filter(|name| is_legal_name(name)) {
        if wanted.iter().any(|known| known.name == **name) {
            continue;
        }
        match look(server, name.clone()).await {
            Ok(found) => wanted.push(found),
            Err(BackupError::NoStream { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    wanted.sort_by(|one, other| (one.turn, &one.name).cmp(&(other.turn, &other.name)));
    let partial = Partial::create(&request.folder, manifest.created)?;
    for Wanted { name, kind, is_in_memory, consumers, .. } in wanted {
        let mut attempt = 1;
        loop {
            let stream = match write(server, &partial, (&name, kind, is_in_memory), progress).await? {
                Ok(stream) => stream,
                Err(reason) => {
                    manifest.left_out.push(NotBackedUp { name, reason });
                    break;
                }
            };
            let is_incomplete = may_lack(server, &stream).await?;
            if is_incomplete && attempt < ATTEMPTS {
                attempt += 1;
                partial.remove(&stream.file())?;
                continue;
            }
            if is_incomplete {
                let reason = format!("it was written to during each of {ATTEMPTS} attempts");
                manifest.incomplete.push(NotBackedUp { name, reason });
            }
            manifest.streams.push(BackedUpStream { consumers, ..stream });
            break;
        }
    }
    let (path, hash) = partial.finish(&manifest)?;
    Ok(Created { path, manifest, hash })
}

/// Writes a stream as it is now, without its consumers; or says why the server makes no snapshot of it.
async fn write(
    server: &JetStream,
    partial: &Partial,
    (name, kind, is_in_memory): (&str, StreamKind, bool),
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Result<BackedUpStream, String>, BackupError> {
    let (info, mut chunks) = match server.read_snapshot::<Info>(name).await {
        Ok(begun) => begun,
        Err(ServerFailure::Refused { code: SNAPSHOT_FAILED, reason }) if is_in_memory => {
            return Ok(Err(format!("{reason}; before 2.15 the server makes no snapshot of a stream in memory")));
        }
        Err(failure) => return Err(BackupError::server(format!("the stream {name} cannot be backed up"))(failure)),
    };
    let Info { config, state } = info;
    let bytes = number(&state, "bytes");
    progress(Progress::Begins { stream: name, bytes });
    // A write keeps nothing waiting but this backup.
    let mut file = Hashed::create(partial.path().join(file_of(name)))?;
    let interrupted =
        || BackupError::server(format!("the backup of the stream {name} was interrupted, and is given up"));
    while let Some(chunk) = chunks.next().await.map_err(interrupted())? {
        file.write(&chunk)?;
        progress(Progress::Bytes(chunk.len()));
    }
    let (size, sha256) = file.finish()?;
    Ok(Ok(BackedUpStream {
        name: name.to_owned(),
        kind,
        messages: number(&state, "messages"),
        bytes,
        first_sequence: number(&state, "first_seq"),
        last_sequence: number(&state, "last_seq"),
        size,
        sha256,
        config,
        state,
        consumers: Vec::new(),
    }))
}

fn number(state: &Value, key: &str) -> u64 {
    state.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// Whether a key may be missing altogether: where what is newer drops what is older of its subject, the snapshot may come too late for
/// the one, and it ends before the other.
async fn may_lack(server: &JetStream, stream: &BackedUpStream) -> Result<bool, BackupError> {
    let is_on = |key: &str| stream.config.get(key).and_then(Value::as_bool) == Some(true);
    let per_subject = stream.config.get("max_msgs_per_subject").and_then(Value::as_i64).unwrap_or_default();
    if per_subject <= 0 && !is_on("allow_rollup_hdrs") && !is_on("allow_msg_schedules") {
        return Ok(false);
    }
    let name = &stream.name;
    let info = server.request::<Info>(format!("STREAM.INFO.{name}"), &json!({})).await;
    let info = info.map_err(BackupError::server(format!("the stream {name} cannot be looked at")))?;
    Ok(number(&info.state, "last_seq") != stream.last_sequence)
}

async fn names(server: &JetStream, request: &BackupRequest) -> Result<Vec<String>, BackupError> {
    #[derive(Deserialize)]
    struct Page {
        streams: Option<Vec<String>>,
        total: usize,
    }
    if let Some(names) = &request.streams {
        return Ok(names.clone());
    }
    let mut all: Vec<String> = Vec::new();
    loop {
        let page: Result<Page, _> = server.request("STREAM.NAMES".to_owned(), &json!({ "offset": all.len() })).await;
        let page = page.map_err(BackupError::server("the streams cannot be listed"))?;
        let names = page.streams.unwrap_or_default();
        let is_last = names.is_empty() || all.len() + names.len() >= page.total;
        all.extend(names);
        if is_last {
            all.sort();
            all.dedup();
            return Ok(all);
        }
    }
}

async fn look(server: &JetStream, name: String) -> Result<Wanted, BackupError> {
    let info = server.request::<Info>(format!("STREAM.INFO.{name}"), &json!({})).await;
    let info = info.map_err(|failure| match failure {
        ServerFailure::Refused { code: ServerFailure::NO_STREAM, .. } => BackupError::NoStream { stream: name.clone() },
        failure => BackupError::server(format!("the stream {name} cannot be looked at"))(failure),
    })?;
    let listed = consumers::durable(server, &name).await;
    let consumers =
        listed.map_err(BackupError::server(format!("the consumers of the stream {name} cannot be listed")))?;
    let kind = kind(&name, &info.config);
    let stays = matches!(info.config.get("retention").and_then(Value::as_str), None | Some("limits"));
    let turn = match kind {
        StreamKind::DeadLetters => Turn::DeadLetters,
        StreamKind::Bucket => Turn::Bucket,
        _ if !stays => Turn::Queue,
        StreamKind::Sagas => Turn::Sagas,
        StreamKind::Events => Turn::Events,
    };
    let is_in_memory = info.config.get("storage").and_then(Value::as_str) == Some(MEMORY);
    Ok(Wanted { name, turn, kind, is_in_memory, consumers })
}

/// What a stream is for, by its name and its settings.
fn kind(name: &str, config: &Settings) -> StreamKind {
    let subjects = config.get("subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_dead = |subject: &Value| subject.as_str().is_some_and(|subject| subject.ends_with(".dlq.>"));
    if name.starts_with("KV_") {
        StreamKind::Bucket
    } else if subjects.iter().any(is_dead) {
        StreamKind::DeadLetters
    } else if config.get("allow_msg_schedules").and_then(Value::as_bool) == Some(true) {
        StreamKind::Sagas
    } else {
        StreamKind::Events
    }
}
