//! Creating and updating streams.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, JetStream, Settings, nanos};
use crate::provision::{ProvisionError, differences};
use crate::topology::StreamSettings;
use crate::transport::Unavailable;
use crate::{Discard, Retention, Storage};

/// What the server answers about a stream, as far as it matters here.
#[derive(Deserialize)]
struct Info {
    config: Settings,
}

impl JetStream {
    pub(crate) async fn provision(&self, wanted: &StreamSettings) -> Result<(), ProvisionError> {
        let name = &wanted.name;
        let info = self.ask::<Info>(format!("STREAM.INFO.{name}"), &json!({})).await;
        let (action, mut settings) = match answered(name, info) {
            Ok(info) => ("UPDATE", info.config),
            Err(ProvisionError::Server { code, .. }) if code == ErrorCode::STREAM_NOT_FOUND.0 => {
                ("CREATE", Settings::new())
            }
            Err(error) => return Err(error),
        };
        if action == "UPDATE" {
            let differences = differences(&read(name, &settings), wanted)?;
            if differences.is_empty() {
                return Ok(());
            }
            if settings.get("sealed").and_then(Value::as_bool) == Some(true) {
                return Err(ProvisionError::Refused {
                    stream: name.clone(),
                    setting: "sealed",
                    reason: format!("it is sealed, so {} cannot change", differences.join(", ")),
                });
            }
            tracing::info!(stream = name, ?differences, "updating the stream");
        } else {
            tracing::info!(stream = name, "creating the stream");
        }
        write(wanted, &mut settings);
        let changed = self.ask::<Info>(format!("STREAM.{action}.{name}"), &settings).await;
        answered(name, changed).map(drop)
    }
}

fn answered(stream: &str, answer: Result<Answer<Info>, Unavailable>) -> Result<Info, ProvisionError> {
    match answer {
        Ok(Ok(info)) => Ok(info),
        Ok(Err(error)) => Err(ProvisionError::Server {
            stream: stream.to_owned(),
            code: error.error_code().0,
            reason: error.to_string(),
        }),
        Err(error) => Err(ProvisionError::Unavailable { stream: stream.to_owned(), reason: error.0 }),
    }
}

/// Puts our settings beside those that the server has and we do not speak of.
fn write(wanted: &StreamSettings, settings: &mut Settings) {
    let limit = |limit: Option<u64>| limit.map_or_else(|| Value::from(-1), Value::from);
    let ours = [
        ("name", json!(wanted.name)),
        ("description", json!(wanted.description)),
        ("subjects", json!(wanted.subjects)),
        ("storage", json!(if wanted.storage == Storage::Memory { "memory" } else { "file" })),
        (
            "retention",
            json!(match wanted.retention {
                Retention::Limits => "limits",
                Retention::Interest => "interest",
                Retention::WorkQueue => "workqueue",
            }),
        ),
        ("max_age", nanos(wanted.max_age.unwrap_or_default())),
        ("max_bytes", limit(wanted.max_bytes)),
        ("max_msgs", limit(wanted.max_messages)),
        ("num_replicas", json!(wanted.replicas)),
        ("duplicate_window", nanos(wanted.duplicate_window)),
        ("discard", json!(wanted.discard)),
        ("allow_atomic", json!(wanted.atomic)),
    ];
    settings.extend(ours.map(|(name, value)| (name.to_owned(), value)));
}

/// Our settings of a stream that exists. What the server leaves out has its zero value.
fn read(name: &str, settings: &Settings) -> StreamSettings {
    let text = |key| settings.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key| settings.get(key).and_then(Value::as_u64);
    let duration = |key| number(key).map(Duration::from_nanos).unwrap_or_default();
    let subjects = settings.get("subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    StreamSettings {
        name: name.to_owned(),
        description: text("description").to_owned(),
        subjects: subjects.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
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
        atomic: settings.get("allow_atomic").and_then(Value::as_bool).unwrap_or_default(),
    }
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
        };
        let mut settings = Settings::from_iter([("allow_direct".to_owned(), json!(true))]);

        write(&wanted, &mut settings);

        assert_eq!(read("EVENTS", &settings), wanted);
        assert_eq!(settings["allow_direct"], json!(true));
    }
}
