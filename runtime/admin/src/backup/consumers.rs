//! Durable consumers: where they are, and where they go on once they are restored.
//!
//! A snapshot of the server would have consumers, too, though before nats-server 2.15 not those with fewer replicas than their stream. They
//! would be where they were when the snapshot of their own stream was made: by then they may have done what an earlier snapshot of another
//! stream does not have, and nothing would do it again. So all are noted before the first snapshot, and made again as they were noted:
//! whatever they did from then on is delivered again.

use eventsmith_bus::jetstream::{JetStream, Settings};
use eventsmith_bus::transport::ServerFailure;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::manifest::BackedUpConsumer;

#[derive(Deserialize)]
struct Page {
    consumers: Option<Vec<Info>>,
    total: usize,
}

#[derive(Deserialize)]
struct Info {
    name: String,
    created: Option<Value>,
    config: Settings,
    #[serde(default)]
    delivered: Position,
    #[serde(default)]
    ack_floor: Position,
    #[serde(default)]
    num_ack_pending: u64,
    #[serde(default)]
    num_redelivered: u64,
}

#[derive(Deserialize, Default)]
struct Position {
    stream_seq: u64,
}

/// The durable consumers of a stream. Others belong to whoever reads along.
pub(super) async fn durable(server: &JetStream, stream: &str) -> Result<Vec<BackedUpConsumer>, ServerFailure> {
    let (mut all, mut seen) = (Vec::new(), 0);
    loop {
        let page: Page = server.request(format!("CONSUMER.LIST.{stream}"), &json!({ "offset": seen })).await?;
        let found = page.consumers.unwrap_or_default();
        seen += found.len();
        let is_last = found.is_empty() || seen >= page.total;
        let is_durable = |info: &Info| info.config.get("durable_name").and_then(Value::as_str) == Some(&info.name);
        all.extend(found.into_iter().filter(is_durable).map(noted));
        if is_last {
            return Ok(all);
        }
    }
}

/// A consumer with where it goes on: behind what it has acknowledged without a gap.
fn noted(info: Info) -> BackedUpConsumer {
    let Info { name, created, mut config, delivered, ack_floor, num_ack_pending, num_redelivered } = info;
    let is_idle = num_ack_pending == 0 && num_redelivered == 0;
    let policy = config.get("deliver_policy").and_then(Value::as_str).unwrap_or_default().to_owned();
    // Before nats-server 2.15 the floor is 0 until something was acknowledged, wherever the consumer began.
    let behind = match (ack_floor.stream_seq, is_idle) {
        (0, true) => Some(delivered.stream_seq),
        (0, false) => None,
        (floor, _) => Some(floor),
    };
    let start = match (behind, policy.as_str()) {
        (Some(behind), _) => Some(("by_start_sequence", "opt_start_seq", json!(behind + 1))),
        (None, "new") => created.map(|created| ("by_start_time", "opt_start_time", created)),
        (None, _) => None,
    };
    if let Some((policy, key, value)) = start {
        config.remove("opt_start_seq");
        config.remove("opt_start_time");
        config.insert("deliver_policy".to_owned(), json!(policy));
        config.insert(key.to_owned(), value);
    }
    BackedUpConsumer { name, config, ack_floor: ack_floor.stream_seq, delivered: delivered.stream_seq }
}

/// Makes a consumer of a stream that was restored, unless it is there. With `replicas` it has as many as its stream.
pub(super) async fn create(
    server: &JetStream,
    (stream, is_work_queue): (&str, bool),
    consumer: &BackedUpConsumer,
    replicas: Option<u8>,
) -> Result<(), ServerFailure> {
    let mut config = consumer.config.clone();
    if replicas.is_some() {
        config.insert("num_replicas".to_owned(), json!(0));
    }
    if is_work_queue {
        // Nothing that it was done with is there any more, and the server takes no other beginning.
        config.remove("opt_start_seq");
        config.remove("opt_start_time");
        config.insert("deliver_policy".to_owned(), json!("all"));
    }
    without_marks(&mut config);
    let request = json!({ "stream_name": stream, "config": config, "action": "create" });
    let subject = format!("CONSUMER.CREATE.{stream}.{}", consumer.name);
    server.request::<IgnoredAny>(subject, &request).await.map(drop)
}

/// Takes away what the server writes into settings by itself: its version, and what it found in a request.
pub(super) fn without_marks(settings: &mut Settings) {
    if let Some(Value::Object(metadata)) = settings.get_mut("metadata") {
        metadata.retain(|key, _| !key.starts_with("_nats."));
        if metadata.is_empty() {
            settings.remove("metadata");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(info: Value) -> (String, Value) {
        let noted = noted(serde_json::from_value(info).unwrap());
        let text = |key: &str| noted.config.get(key).cloned().unwrap_or_default();
        let at = match text("opt_start_seq") {
            Value::Null => text("opt_start_time"),
            sequence => sequence,
        };
        (text("deliver_policy").as_str().unwrap_or_default().to_owned(), at)
    }

    #[test]
    fn a_consumer_goes_on_behind_what_it_acknowledged_without_a_gap() {
        let pending = json!({
            "name": "c", "config": { "durable_name": "c", "deliver_policy": "all" },
            "delivered": { "stream_seq": 9 }, "ack_floor": { "stream_seq": 4 }, "num_ack_pending": 3
        });

        assert_eq!(start(pending), ("by_start_sequence".to_owned(), json!(5)));
    }

    #[test]
    fn one_that_begins_with_what_is_new_does_not_go_back_to_the_beginning() {
        let config = json!({ "durable_name": "c", "deliver_policy": "new" });
        let idle = json!({ "name": "c", "config": config, "delivered": { "stream_seq": 10 }, "ack_floor": { "stream_seq": 0 } });
        let busy = json!({
            "name": "c", "config": config, "created": "2026-11-30T20:54:20Z",
            "delivered": { "stream_seq": 12 }, "ack_floor": { "stream_seq": 0 }, "num_ack_pending": 2
        });

        assert_eq!(start(idle), ("by_start_sequence".to_owned(), json!(11)));
        assert_eq!(start(busy), ("by_start_time".to_owned(), json!("2026-11-30T20:54:20Z")));
    }

    #[test]
    fn one_that_has_acknowledged_nothing_begins_where_it_began() {
        let config = json!({ "durable_name": "c", "deliver_policy": "by_start_sequence", "opt_start_seq": 7 });
        let busy = json!({
            "name": "c", "config": config, "delivered": { "stream_seq": 8 }, "ack_floor": { "stream_seq": 0 }, "num_ack_pending": 2
        });

        assert_eq!(start(busy), ("by_start_sequence".to_owned(), json!(7)));
    }
}
