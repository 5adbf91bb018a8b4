//! The server's JetStream API, as far as services do not need it: streams, and lists of what there is.

use std::time::Duration;

use eventsmith_bus::jetstream::{JetStream, Settings, consumers, nanos};
use eventsmith_bus::settings::{
    BucketSettings, FoundConsumer, FoundStream, StreamSettings, bucket_stream, bucket_subject,
};
use eventsmith_bus::transport::ServerFailure;
use eventsmith_event::stream::{Discard, Retention, Storage};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// What the server answers about a stream, as far as it matters here.
#[derive(Deserialize)]
struct Info {
    config: Settings,
    state: StreamState,
}

#[derive(Deserialize)]
struct StreamState {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
}

/// One page of a list.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(alias = "streams", alias = "consumers")]
    items: Option<Vec<T>>,
    total: usize,
}

pub(crate) async fn stream(server: &JetStream, name: &str) -> Result<Option<FoundStream>, ServerFailure> {
    Ok(info(server, name).await?.map(found))
}

pub(crate) async fn put_stream(server: &JetStream, wanted: &StreamSettings, exists: bool) -> Result<(), ServerFailure> {
    let name = &wanted.name;
    let existing = if exists { info(server, name).await? } else { None };
    let (action, mut settings) = existing.map_or_else(|| ("CREATE", Settings::new()), |info| ("UPDATE", info.config));
    write(wanted, &mut settings)?;
    server.request::<IgnoredAny>(format!("STREAM.{action}.{name}"), &settings).await.map(drop)
}

pub(crate) async fn delete_consumer(server: &JetStream, stream: &str, name: &str) -> Result<(), ServerFailure> {
    match server.request::<IgnoredAny>(format!("CONSUMER.DELETE.{stream}.{name}"), &json!({})).await {
        // Asked twice, as the first answer was lost.
        Err(ServerFailure::Refused { code: ServerFailure::NO_CONSUMER, .. }) => Ok(()),
        answer => answer.map(drop),
    }
}

pub(crate) async fn streams(server: &JetStream) -> Result<Vec<FoundStream>, ServerFailure> {
    Ok(list(server, "STREAM.LIST".to_owned()).await?.into_iter().map(found).collect())
}

pub(crate) async fn consumers(server: &JetStream, stream: &str) -> Result<Vec<FoundConsumer>, ServerFailure> {
    let infos = list(server, format!("CONSUMER.LIST.{stream}")).await?;
    Ok(infos.into_iter().map(|info| consumers::found(stream, info)).collect())
}

/// All pages of a list. What is created or deleted meanwhile may be in it or not, and twice.
async fn list<T: DeserializeOwned>(server: &JetStream, subject: String) -> Result<Vec<T>, ServerFailure> {
    let mut all = Vec::new();
    loop {
        let page = server.request::<Page<T>>(subject.clone(), &json!({ "offset": all.len() })).await?;
        let items = page.items.unwrap_or_default();
        let is_last = items.is_empty() || all.len() + items.len() >= page.total;
        all.extend(items);
        if is_last {
            return Ok(all);
        }
    }
}

async fn info(server: &JetStream, name: &str) -> Result<Option<Info>, ServerFailure> {
    match server.request::<Info>(format!("STREAM.INFO.{name}"), &json!({})).await {
        Ok(info) => Ok(Some(info)),
        Err(ServerFailure::Refused { code: ServerFailure::NO_STREAM, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn found(Info { config, state }: Info) -> FoundStream {
    FoundStream {
        settings: read(&config),
        no_ack: is_set(&config, "no_ack"),
        max_per_subject: config.get(PER_SUBJECT).and_then(Value::as_u64).filter(|max| *max > 0),
        sealed: is_set(&config, "sealed"),
        messages: state.messages,
        bytes: state.bytes,
        first_sequence: state.first_seq,
        last_sequence: state.last_seq,
    }
}

/// The server's names for how many messages of each subject are kept, and for refusing those beyond it.
const PER_SUBJECT: &str = "max_msgs_per_subject";
const DISCARD_NEW_PER_SUBJECT: &str = "discard_new_per_subject";

/// The server's name for what lets fast batches in. (NATS ADR-50.)
const ALLOW_BULK: &str = "allow_batched";

/// Puts our settings beside those that the server has and we do not speak of.
fn write(wanted: &StreamSettings, settings: &mut Settings) -> Result<(), ServerFailure> {
    let storage = match wanted.storage {
        Storage::File => "file",
        Storage::Memory => "memory",
        other => return Err(ServerFailure::unsupported("storage", other)),
    };
    let retention = match wanted.retention {
        Retention::Limits => "limits",
        Retention::Interest => "interest",
        Retention::WorkQueue => "workqueue",
        other => return Err(ServerFailure::unsupported("retention", other)),
    };
    let discard = match wanted.discard {
        Discard::Old => "old",
        Discard::New => "new",
        other => return Err(ServerFailure::unsupported("discard", other)),
    };
    let limit = |limit: Option<u64>| limit.map_or_else(|| Value::from(-1), Value::from);
    let ours = [
        ("name", json!(wanted.name)),
        ("description", json!(wanted.description)),
        ("subjects", json!(wanted.subjects)),
        ("storage", json!(storage)),
        ("retention", json!(retention)),
        ("max_age", nanos(wanted.max_age.unwrap_or_default())),
        ("max_bytes", limit(wanted.max_bytes)),
        ("max_msgs", limit(wanted.max_messages)),
        ("num_replicas", json!(wanted.replicas)),
        ("duplicate_window", nanos(wanted.duplicate_window)),
        ("discard", json!(discard)),
        ("allow_atomic", json!(wanted.atomic)),
        ("no_ack", json!(false)),
    ];
    settings.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    // Servers of 2.12 and 2.13 refuse requests with a setting that they do not know.
    if wanted.bulk || settings.contains_key(ALLOW_BULK) {
        settings.insert(ALLOW_BULK.to_owned(), json!(wanted.bulk));
    }
    // A server refuses the second without the first.
    for (name, value) in [(PER_SUBJECT, json!(-1)), (DISCARD_NEW_PER_SUBJECT, json!(false))] {
        if settings.contains_key(name) {
            settings.insert(name.to_owned(), value);
        }
    }
    if wanted.aggregates {
        settings.extend(AGGREGATES.map(|(name, value)| (name.to_owned(), json!(value))));
    }
    // Servers before 2.12 do not know it.
    if wanted.schedules || settings.contains_key(ALLOW_SCHEDULES) {
        settings.insert(ALLOW_SCHEDULES.to_owned(), json!(wanted.schedules));
    }
    if wanted.schedules {
        settings.extend(SCHEDULES.map(|(name, value)| (name.to_owned(), json!(value))));
    }
    if let Some(bucket) = &wanted.bucket {
        write_bucket(bucket, settings);
    }
    Ok(())
}

/// What every stream has that holds histories of aggregates. A server does not take back that nobody may delete or purge.
const AGGREGATES: [(&str, bool); 4] =
    [("deny_delete", true), ("deny_purge", true), ("allow_rollup_hdrs", false), ("allow_direct", true)];

/// The server's name for what lets messages be scheduled. (NATS ADR-51.)
const ALLOW_SCHEDULES: &str = "allow_msg_schedules";
/// What every stream has where messages are scheduled: a server takes a schedule back by purging it, and sets roll-ups itself.
const SCHEDULES: [(&str, bool); 4] =
    [("allow_rollup_hdrs", true), ("deny_purge", false), ("deny_delete", true), ("allow_direct", true)];

/// What every bucket has. A value of `true` lets its users do what they must, and `false` is what no bucket has. (NATS ADR-8.)
const BUCKET: [(&str, bool); 3] = [("allow_rollup_hdrs", true), ("deny_delete", true), ("allow_direct", true)];
/// The server's names for what lets keys have a time of their own, and for how long a marker then stands. (NATS ADR-43.)
const ALLOW_TTL: &str = "allow_msg_ttl";
const MARKER_TTL: &str = "subject_delete_marker_ttl";

fn write_bucket(bucket: &BucketSettings, settings: &mut Settings) {
    settings.extend(BUCKET.map(|(name, value)| (name.to_owned(), json!(value))));
    settings.insert(PER_SUBJECT.to_owned(), json!(bucket.history));
    settings.insert("max_msg_size".to_owned(), bucket.max_value_bytes.map_or_else(|| json!(-1), |max| json!(max)));
    // Servers before 2.11 do not know them.
    if bucket.marker_ttl.is_some() || settings.contains_key(MARKER_TTL) {
        settings.insert(ALLOW_TTL.to_owned(), json!(true));
        settings.insert(MARKER_TTL.to_owned(), nanos(bucket.marker_ttl.unwrap_or_default()));
    }
}

/// What makes a stream a bucket: its name, and that it captures the keys of that name and nothing else.
fn read_bucket(name: &str, subjects: &[String], settings: &Settings) -> Option<BucketSettings> {
    let bucket = name.strip_prefix(&bucket_stream(""))?;
    if subjects != [bucket_subject(bucket, ">")] {
        return None;
    }
    let number = |key| settings.get(key).and_then(Value::as_u64).filter(|number| *number > 0);
    let is_otherwise = |(name, value): &(&str, bool)| is_set(settings, name) != *value;
    Some(BucketSettings {
        history: number(PER_SUBJECT).unwrap_or(u64::MAX),
        max_value_bytes: number("max_msg_size").map(|max| u32::try_from(max).unwrap_or(u32::MAX)),
        marker_ttl: number(MARKER_TTL).map(Duration::from_nanos).filter(|_| is_set(settings, ALLOW_TTL)),
        defects: BUCKET
            .iter()
            .filter(|it| is_otherwise(it))
            .map(|(name, value)| format!("{name} is {}", !value))
            .collect(),
    })
}

/// Our settings of a stream that exists. What the server leaves out has its zero value.
fn read(settings: &Settings) -> StreamSettings {
    let text = |key| settings.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key| settings.get(key).and_then(Value::as_u64);
    let duration = |key| number(key).map(Duration::from_nanos).unwrap_or_default();
    let subjects = settings.get("subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let subjects: Vec<String> = subjects.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    StreamSettings {
        name: text("name").to_owned(),
        description: text("description").to_owned(),
        bucket: read_bucket(text("name"), &subjects, settings),
        subjects,
        storage: if text("storage") == "memory" { Storage::Memory } else { Storage::File },
        retention: match text("retention") {
            "interest" => Retention::Interest,
            "workqueue" => Retention::WorkQueue,
            _ => Retention::Limits,
        },
        max_age: Some(duration("max_age")).filter(|age| !age.is_zero()),
        // Unlimited is -1, which is no u64; 0 means the same to the server.
        max_bytes: number("max_bytes").filter(|max| *max > 0),
        max_messages: number("max_msgs").filter(|max| *max > 0),
        replicas: number("num_replicas").and_then(|replicas| replicas.try_into().ok()).unwrap_or(1),
        duplicate_window: duration("duplicate_window"),
        discard: if text("discard") == "new" { Discard::New } else { Discard::Old },
        atomic: is_set(settings, "allow_atomic"),
        bulk: is_set(settings, ALLOW_BULK),
        aggregates: AGGREGATES.iter().all(|(name, value)| is_set(settings, name) == *value),
        schedules: is_set(settings, ALLOW_SCHEDULES),
    }
}

fn is_set(settings: &Settings, key: &str) -> bool {
    settings.get(key).and_then(Value::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same_and_leaves_the_rest_alone() {
        let wanted = StreamSettings {
            name: "EVENTS".to_owned(),
            description: "all".to_owned(),
            subjects: vec!["a.>".to_owned()],
            storage: Storage::Memory,
            retention: Retention::WorkQueue,
            max_age: None,
            max_bytes: Some(7),
            max_messages: None,
            replicas: 3,
            duplicate_window: Duration::from_secs(5),
            discard: Discard::Old,
            atomic: false,
            bulk: true,
            aggregates: true,
            schedules: false,
            bucket: None,
        };
        let by_hand = [("allow_direct", json!(true)), (PER_SUBJECT, json!(5)), (DISCARD_NEW_PER_SUBJECT, json!(true))];
        let mut settings = Settings::from_iter(by_hand.map(|(name, value)| (name.to_owned(), value)));

        write(&wanted, &mut settings).unwrap();

        assert_eq!(read(&settings), wanted);
        assert_eq!(settings["allow_direct"], json!(true));
        assert_eq!((&settings[PER_SUBJECT], &settings[DISCARD_NEW_PER_SUBJECT]), (&json!(-1), &json!(false)));
    }
}
