//! Streams that a server makes of files: for good, or for a while, under names of their own.

use std::io::Read;

use bytes::Bytes;
use eventsmith_bus::jetstream::{JetStream, Settings};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::BackupError;
use super::files;
use super::folder::Backup;
use super::manifest::BackedUpStream;
use super::progress::Progress;

/// What the names of streams begin with that are made to be read, and deleted.
pub(super) const SCRATCH: &str = "EVENTSMITH_VERIFY";

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

/// Sends the file of a stream to the server, which makes a stream of it.
pub(super) async fn send(
    server: &JetStream,
    backup: &Backup,
    stream: &BackedUpStream,
    (name, config): (&str, &Value),
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Made, BackupError> {
    let about = || BackupError::server(format!("the stream {name} cannot be restored"));
    let path = backup.path.join(stream.file());
    let damaged = |error: String| BackupError::Damaged { path: backup.path.clone(), problems: vec![error] };
    let mut file = files::open(&path).map_err(|error| damaged(format!("{}: {error}", stream.file())))?;
    let mut writer = server.write_snapshot(name, config, &stream.state).await.map_err(about())?;
    let mut block = vec![0; writer.chunk()];
    loop {
        // A read keeps nothing waiting but this restore.
        let read = file.read(&mut block).map_err(BackupError::io("read", &path))?;
        if read == 0 {
            break;
        }
        writer.send(Bytes::copy_from_slice(&block[..read])).await.map_err(about())?;
        progress(Progress::Bytes(read));
    }
    writer.finish().await.map_err(about())
}
