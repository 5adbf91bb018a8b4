//! Makes streams of a backup.

use std::path::PathBuf;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::jetstream::{JetStream, Settings};
use eventsmith_bus::settings::is_legal_name;
use eventsmith_bus::transport::ServerFailure;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::consumers::{self, without_marks};
use super::error::BackupError;
use super::folder::Backup;
use super::manifest::BackedUpStream;
use super::progress::Progress;
use super::scratch::{scratch_config, scratch_name, send};

/// What is to be restored, and how.
#[derive(Debug, Clone, Default)]
pub struct RestoreRequest {
    /// The folder of the backup.
    pub backup: PathBuf,
    /// The hash that its manifest must have.
    pub expected: Option<String>,
    /// The streams; all where it is empty.
    pub streams: Vec<String>,
    /// Another name for the one stream that is restored. It then captures the subjects that stand here, or else its own name alone, and has
    /// no consumers. Needs nats-server 2.15.
    pub rename: Option<(String, Vec<String>)>,
    /// Whether streams that are there and hold messages are deleted first.
    pub replace: bool,
    /// On how many servers each message is stored, whatever the backup says.
    pub replicas: Option<u8>,
}

/// A stream that was restored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoredStream {
    /// Its name, now.
    pub name: String,
    /// How many messages it holds, as the server says.
    pub messages: u64,
    /// How many it held when it was backed up. What its limits drop meanwhile is missing.
    pub backed_up: u64,
    /// The number of the last message that it ever stored.
    pub last_sequence: u64,
    /// How many consumers were made.
    pub consumers: usize,
}

/// A stream that is there already.
#[derive(Deserialize)]
struct Existing {
    config: Settings,
    state: ExistingState,
}

#[derive(Deserialize)]
struct ExistingState {
    messages: u64,
    last_seq: u64,
}

/// One stream that is to be restored, under its name or another, with its settings then.
struct Wanted<'a> {
    stream: &'a BackedUpStream,
    name: String,
    config: Settings,
    existing: Option<Existing>,
}

/// Looks whether all can be restored, and only then begins with the first.
pub(crate) async fn restore(
    bus: &Bus,
    server: &JetStream,
    request: &RestoreRequest,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<RestoredStream>, BackupError> {
    let backup = Backup::open(&request.backup)?;
    backup.expect(request.expected.as_deref())?;
    let mut wanted = wanted(server, &backup, request)?;
    let streams: Vec<&BackedUpStream> = wanted.iter().map(|wanted| wanted.stream).collect();
    let damage = backup.problems(&streams, &mut |_| {});
    if !damage.is_empty() {
        return Err(BackupError::Damaged { path: backup.path, problems: damage });
    }
    let mut in_the_way = Vec::new();
    for wanted in &mut wanted {
        wanted.existing = existing(server, &wanted.name).await?;
        in_the_way.extend(way_out(wanted, request.replace));
    }
    in_the_way.extend(overlaps(bus, &wanted).await?);
    if !in_the_way.is_empty() {
        return Err(BackupError::InTheWay { problems: in_the_way });
    }
    let mut restored = Vec::new();
    for wanted in wanted {
        let one = restore_one(server, &backup, &wanted, request, progress).await;
        restored.push(one.map_err(|error| after(&restored, error))?);
    }
    Ok(restored)
}

/// An error with what was done before it.
fn after(restored: &[RestoredStream], error: BackupError) -> BackupError {
    let done: Vec<&str> = restored.iter().map(|stream| stream.name.as_str()).collect();
    match error {
        BackupError::Server { about, reason, help } if !done.is_empty() => {
            BackupError::Server { about: format!("{} restored, then {about}", done.join(", ")), reason, help }
        }
        error => error,
    }
}

fn wanted<'a>(
    server: &JetStream,
    backup: &'a Backup,
    request: &RestoreRequest,
) -> Result<Vec<Wanted<'a>>, BackupError> {
    let manifest = &backup.manifest;
    let known = || manifest.streams.iter().map(|stream| stream.name.clone()).collect();
    let find = |name: &String| {
        manifest.stream(name).ok_or_else(|| BackupError::NotInBackup { stream: name.clone(), known: known() })
    };
    let streams: Vec<&BackedUpStream> = match request.streams.as_slice() {
        [] => manifest.streams.iter().collect(),
        names => manifest.streams.iter().filter(|stream| names.contains(&stream.name)).collect(),
    };
    request.streams.iter().try_for_each(|name| find(name).map(drop))?;
    if let Some((name, _)) = &request.rename {
        if streams.len() != 1 {
            let text = format!("{} streams cannot have one name; say which one is meant (--stream)", streams.len());
            return Err(BackupError::Unfit(text));
        }
        if !is_legal_name(name) {
            return Err(BackupError::Name { stream: name.clone() });
        }
        if !server.supports(2, 15) {
            let text = format!(
                "nats-server {} restores a stream under its own name only, from 2.15 on under another; restore it to a \
                 server that has no stream of its name",
                server.version()
            );
            return Err(BackupError::Unfit(text));
        }
    }
    let all = streams.into_iter().map(|stream| {
        let (name, subjects) = match &request.rename {
            Some((name, subjects)) if subjects.is_empty() => (name.clone(), vec![name.clone()]),
            Some((name, subjects)) => (name.clone(), subjects.clone()),
            None => (stream.name.clone(), stream.subjects()),
        };
        let mut config = stream.config.clone();
        config.insert("name".to_owned(), json!(name));
        config.insert("subjects".to_owned(), json!(subjects));
        if let Some(replicas) = request.replicas {
            config.insert("num_replicas".to_owned(), json!(replicas));
        }
        without_marks(&mut config);
        Wanted { stream, name, config, existing: None }
    });
    Ok(all.collect())
}

async fn existing(server: &JetStream, name: &str) -> Result<Option<Existing>, BackupError> {
    match server.request::<Existing>(format!("STREAM.INFO.{name}"), &json!({})).await {
        Ok(existing) => Ok(Some(existing)),
        Err(ServerFailure::Refused { code: ServerFailure::NO_STREAM, .. }) => Ok(None),
        Err(failure) => Err(BackupError::server(format!("the stream {name} cannot be looked at"))(failure)),
    }
}

/// Why a stream that is there must stay.
fn way_out(wanted: &Wanted<'_>, replace: bool) -> Option<String> {
    let Existing { state, .. } = wanted.existing.as_ref()?;
    (state.last_seq > 0 && !replace).then(|| {
        format!(
            "the server has a stream {} with {} messages up to number {}; --replace deletes it first, --as restores \
             another beside it",
            wanted.name, state.messages, state.last_seq
        )
    })
}

/// Which other streams capture subjects of those that are to be restored.
async fn overlaps(bus: &Bus, wanted: &[Wanted<'_>]) -> Result<Vec<String>, BackupError> {
    let mut found = Vec::new();
    for one in wanted {
        let subjects = one.config.get("subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for subject in subjects.iter().filter_map(Value::as_str) {
            let streams = bus.transport().streams_of(subject).await;
            let streams = streams
                .map_err(|error| BackupError::server(format!("streams of {subject} cannot be found"))(error.into()))?;
            let others = streams.iter().filter(|other| !wanted.iter().any(|wanted| wanted.name == **other));
            found.extend(others.map(|other| {
                format!("the stream {} would capture {subject}, which {other} captures already", one.name)
            }));
        }
    }
    Ok(found)
}

async fn restore_one(
    server: &JetStream,
    backup: &Backup,
    wanted: &Wanted<'_>,
    request: &RestoreRequest,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<RestoredStream, BackupError> {
    let Wanted { stream, name, config, existing } = wanted;
    progress(Progress::Begins { stream: name, bytes: stream.size });
    if let Some(existing) = existing {
        make_way(server, backup, wanted, existing).await?;
    }
    // A stream that keeps messages as long as somebody is interested in them has its consumers before it drops any.
    let keeps_for_interest = stream.text("retention") == "interest";
    let mut first = config.clone();
    if keeps_for_interest {
        first.insert("retention".to_owned(), json!("limits"));
    }
    let made = send(server, backup, stream, (name, &Value::Object(first)), progress).await?;
    let mut consumers = 0;
    if request.rename.is_none() {
        let is_work_queue = stream.text("retention") == "workqueue";
        for consumer in &stream.consumers {
            let created = consumers::create(server, (name, is_work_queue), consumer, request.replicas).await;
            let about = format!(
                "the stream {name} is restored, but not its consumer {}, which `eventsmith streams apply` makes to begin anew",
                consumer.name
            );
            created.map_err(BackupError::server(about))?;
            consumers += 1;
        }
    }
    if keeps_for_interest {
        let updated = server.request::<IgnoredAny>(format!("STREAM.UPDATE.{name}"), config).await;
        let about = format!("the stream {name} is restored with retention limits, and cannot get back to interest");
        updated.map_err(BackupError::server(about))?;
    }
    Ok(RestoredStream {
        name: name.clone(),
        messages: made.state.messages,
        backed_up: stream.messages,
        last_sequence: made.state.last_seq,
        consumers,
    })
}

/// Deletes a stream that is in the way. Its successor was tried before, where the server can; and a stream that is empty is deleted only
/// once nothing can be published to it any more, and nothing was.
async fn make_way(
    server: &JetStream,
    backup: &Backup,
    wanted: &Wanted<'_>,
    present: &Existing,
) -> Result<(), BackupError> {
    let Wanted { stream, name, .. } = wanted;
    let scratch = scratch_name(server, name);
    if scratch != *name {
        let config = Value::Object(scratch_config(stream, &scratch));
        send(server, backup, stream, (&scratch, &config), &mut |_| {}).await?;
        let deleted = server.request::<IgnoredAny>(format!("STREAM.DELETE.{scratch}"), &json!({})).await;
        deleted.map_err(BackupError::server(format!("the stream {scratch} was a trial, and cannot be deleted")))?;
    }
    let about = || BackupError::server(format!("the stream {name} cannot be replaced"));
    if present.state.last_seq == 0 {
        let mut aside = present.config.clone();
        aside.insert("subjects".to_owned(), json!([format!("EVENTSMITH_ASIDE.{name}")]));
        server.request::<IgnoredAny>(format!("STREAM.UPDATE.{name}"), &aside).await.map_err(about())?;
        let now = existing(server, name).await?;
        if now.is_some_and(|now| now.state.last_seq > 0) {
            server.request::<IgnoredAny>(format!("STREAM.UPDATE.{name}"), &present.config).await.map_err(about())?;
            let text =
                format!("the stream {name} was empty, and something was published to it; --replace deletes it first");
            return Err(BackupError::InTheWay { problems: vec![text] });
        }
    }
    server.request::<IgnoredAny>(format!("STREAM.DELETE.{name}"), &json!({})).await.map(drop).map_err(about())
}
