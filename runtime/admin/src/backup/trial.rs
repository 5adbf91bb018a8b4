//! Whether a server takes a file: tried under another name, with the settings that the stream is to have, as far as these do no harm beside
//! the stream that is there.

use eventsmith_bus::jetstream::{JetStream, Settings};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::error::BackupError;
use super::folder::Backup;
use super::manifest::BackedUpStream;
use super::progress::Progress;
use super::scratch::{MadeState, SCRATCH, scratch_name, send};

/// Has the server make a stream, and deletes it. Nothing where it cannot: before nats-server 2.15, of a stream that is there.
pub(super) async fn run(
    server: &JetStream,
    backup: &Backup,
    (stream, name, config, is_there): (&BackedUpStream, &str, &Settings, bool),
    is_demanded: bool,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Option<MadeState>, BackupError> {
    let scratch = scratch_name(server, &stream.name);
    if scratch == stream.name && is_there {
        if is_demanded {
            let version = server.version();
            return Err(BackupError::Unfit(format!(
                "the stream {name} is there, and nats-server {version} restores under its own name alone: try it on a server that has none"
            )));
        }
        return Ok(None);
    }
    progress(Progress::Begins { stream: name, bytes: stream.size });
    let settings = Value::Object(trial_config(config, &scratch));
    let sent = send(server, backup, stream, (&scratch, &settings), progress).await;
    let deleted = server.request::<IgnoredAny>(format!("STREAM.DELETE.{scratch}"), &json!({})).await;
    let made = sent?.state;
    deleted.map_err(BackupError::server(format!("the stream {scratch} was a trial, and cannot be deleted")))?;
    // What has a time of its own may have gone since.
    let is_on = |key: &str| config.get(key).and_then(Value::as_bool) == Some(true);
    let may_lack = is_on("allow_msg_ttl") || is_on("allow_msg_schedules");
    if made.last_seq < stream.last_sequence || made.messages < stream.messages && !may_lack {
        let problem = format!(
            "{}: the server finds {} messages up to {} in it, the manifest says {} up to {}",
            stream.file(),
            made.messages,
            made.last_seq,
            stream.messages,
            stream.last_sequence
        );
        return Err(BackupError::Damaged { path: backup.path.clone(), problems: vec![problem] });
    }
    Ok(Some(made))
}

/// The settings that a stream is to have, under another name: it captures nothing and gets nothing from elsewhere, drops nothing, and reserves
/// no room beside the one that is there.
fn trial_config(config: &Settings, name: &str) -> Settings {
    let mut config = config.clone();
    for key in ["mirror", "sources", "republish", "subject_transform"] {
        config.remove(key);
    }
    let settings = [
        ("name", json!(name)),
        ("description", json!("a trial of a backup, deleted at once")),
        ("subjects", json!([format!("{SCRATCH}.{name}")])),
        ("retention", json!("limits")),
        ("max_age", json!(0)),
        ("max_bytes", json!(-1)),
        ("max_msgs", json!(-1)),
        ("max_msgs_per_subject", json!(-1)),
        ("discard_new_per_subject", json!(false)),
    ];
    config.extend(settings.map(|(key, value)| (key.to_owned(), value)));
    config
}
