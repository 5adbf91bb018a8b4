//! Makes streams of a backup.

use std::path::{Path, PathBuf};

use eventsmith_bus::bus::Bus;
use eventsmith_bus::jetstream::{JetStream, Settings};
use eventsmith_bus::settings::is_legal_name;
use eventsmith_bus::transport::ServerFailure;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::age::{Expired, expired};
use super::consumers::{self, without_marks};
use super::create::{BackupRequest, Created, create};
use super::error::BackupError;
use super::folder::Backup;
use super::manifest::{BackedUpStream, StreamKind};
use super::progress::Progress;
use super::scratch::send;
use super::trial;

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
    /// The folder that gets a backup of what is replaced, before anything of it is deleted; none is made without one.
    pub safety: Option<PathBuf>,
    /// Whether all is tried under other names and deleted again, and nothing else is done. Before nats-server 2.15 a stream can be tried
    /// where there is none of its name.
    pub dry_run: bool,
    /// Whether streams get no `max_age`, so that nothing of what is old is deleted once it is restored.
    pub without_max_age: bool,
    /// Whether streams are restored all of whose messages are older than their `max_age`: the server deletes them at once.
    pub expired: bool,
    /// On how many servers each message is stored, whatever the backup says.
    pub replicas: Option<u8>,
}

/// A stream that was restored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoredStream {
    /// Its name, now.
    pub name: String,
    /// What it is for.
    pub kind: StreamKind,
    /// When its backup began.
    pub backed_up_at: Timestamp,
    /// How many messages it holds, as the server says.
    pub messages: u64,
    /// How many it held when it was backed up. What its limits drop meanwhile is missing.
    pub backed_up: u64,
    /// The number of the last message that it ever stored.
    pub last_sequence: u64,
    /// How many consumers were made.
    pub consumers: usize,
    /// How much of it was older than its `max_age` by then.
    pub expired: Expired,
    /// The backup of what it has replaced.
    pub safety: Option<PathBuf>,
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
    expired: Expired,
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
        wanted.expired = expired(wanted.stream, &wanted.config, Timestamp::now());
        if wanted.expired == Expired::All && !request.expired {
            in_the_way.push(format!(
                "all {} messages of the stream {} are older than its max_age, and the server would delete them at once; \
                 --without-max-age keeps them, --expired restores it all the same",
                wanted.stream.messages, wanted.name
            ));
        }
    }
    in_the_way.extend(overlaps(bus, &wanted).await?);
    if !in_the_way.is_empty() {
        return Err(BackupError::InTheWay { problems: in_the_way });
    }
    let mut tried = Vec::new();
    for wanted in wanted.iter().filter(|wanted| request.dry_run || wanted.existing.is_some()) {
        tried.extend(trial(server, &backup, wanted, request.dry_run, progress).await?);
    }
    if request.dry_run {
        return Ok(tried);
    }
    let safety = safety(server, &wanted, request, progress).await?;
    let mut restored = Vec::new();
    for wanted in wanted {
        let one = restore_one(server, &backup, &wanted, request, progress).await;
        let one = one.map_err(|error| after(&restored, safety.as_deref(), error))?;
        let safety = safety.clone().filter(|_| wanted.existing.is_some_and(|existing| existing.state.last_seq > 0));
        restored.push(RestoredStream { safety, ..one });
    }
    Ok(restored)
}

/// Has the server make a stream of a file under another name, and deletes it.
async fn trial(
    server: &JetStream,
    backup: &Backup,
    wanted: &Wanted<'_>,
    is_all: bool,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Option<RestoredStream>, BackupError> {
    let Wanted { stream, name, config, existing, expired } = wanted;
    let made = trial::run(server, backup, (stream, name, config, existing.is_some()), is_all, progress).await?;
    Ok(made.map(|made| RestoredStream {
        name: name.clone(),
        kind: stream.kind,
        backed_up_at: backup.manifest.created,
        messages: made.messages,
        backed_up: stream.messages,
        last_sequence: made.last_seq,
        consumers: if name == &stream.name { stream.consumers.len() } else { 0 },
        expired: *expired,
        safety: None,
    }))
}

/// Makes a backup of what is to be replaced.
async fn safety(
    server: &JetStream,
    wanted: &[Wanted<'_>],
    request: &RestoreRequest,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Option<PathBuf>, BackupError> {
    let is_full = |wanted: &&Wanted<'_>| wanted.existing.as_ref().is_some_and(|existing| existing.state.last_seq > 0);
    let names: Vec<String> = wanted.iter().filter(is_full).map(|wanted| wanted.name.clone()).collect();
    let Some(folder) = request.safety.clone().filter(|_| !names.is_empty()) else { return Ok(None) };
    let request = BackupRequest { streams: Some(names), folder, ..BackupRequest::default() };
    let Created { path, manifest, .. } = create(server, &request, progress).await?;
    match manifest.left_out.first() {
        None => Ok(Some(path)),
        Some(left) => Err(BackupError::Unfit(format!(
            "nothing was restored: of the stream {}, which is to be replaced, no backup can be made: {}; --no-safety replaces it \
             without one",
            left.name, left.reason
        ))),
    }
}

/// An error with what was done before it, and where what was replaced still is.
fn after(restored: &[RestoredStream], safety: Option<&Path>, error: BackupError) -> BackupError {
    let done: Vec<&str> = restored.iter().map(|stream| stream.name.as_str()).collect();
    match error {
        BackupError::Server { mut about, reason, help } => {
            if !done.is_empty() {
                about = format!("{} restored, then {about}", done.join(", "));
            }
            if let Some(safety) = safety {
                about.push_str(&format!(" (what was replaced is in {})", safety.display()));
            }
            BackupError::Server { about, reason, help }
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
        if request.without_max_age {
            config.insert("max_age".to_owned(), json!(0));
        }
        without_marks(&mut config);
        Wanted { stream, name, config, existing: None, expired: Expired::None }
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
    let Wanted { stream, name, config, existing, .. } = wanted;
    progress(Progress::Begins { stream: name, bytes: stream.size });
    if let Some(existing) = existing {
        make_way(server, wanted, existing).await?;
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
        kind: stream.kind,
        backed_up_at: backup.manifest.created,
        messages: made.state.messages,
        backed_up: stream.messages,
        last_sequence: made.state.last_seq,
        consumers,
        expired: wanted.expired,
        safety: None,
    })
}

/// Deletes a stream that is in the way. Its successor was tried before, where the server can; and a stream that is empty is deleted only
/// once nothing can be published to it any more, and nothing was.
async fn make_way(server: &JetStream, wanted: &Wanted<'_>, present: &Existing) -> Result<(), BackupError> {
    let Wanted { name, .. } = wanted;
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
