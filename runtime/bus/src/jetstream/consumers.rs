//! Durable consumers: what they are like, creating them, changing them.

use std::time::Duration;

use eventsmith_event::stream::DeliverFrom;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{JetStream, Settings, nanos};
use crate::settings::{ConsumerSettings, FoundConsumer, Progress};
use crate::transport::ServerFailure;

/// The group that all readers of an ordered consumer are in: the server serves one of them at a time.
pub(super) const PIN_GROUP: &str = "eventsmith";
/// After how long without a pull request the server serves another reader of an ordered consumer.
pub(super) const PIN_TIMEOUT: Duration = Duration::from_secs(6);

/// What the server answers about a consumer, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Info {
    name: String,
    config: Settings,
    created: Option<Timestamp>,
    #[serde(default)]
    delivered: SequencePair,
    #[serde(default)]
    ack_floor: SequencePair,
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    num_ack_pending: u64,
    #[serde(default)]
    num_redelivered: u64,
    #[serde(default)]
    num_waiting: u64,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    priority_groups: Vec<Group>,
}

#[derive(Debug, Deserialize, Default)]
struct SequencePair {
    consumer_seq: u64,
    stream_seq: u64,
}

#[derive(Debug, Deserialize)]
struct Group {
    pinned_client_id: Option<String>,
}

impl JetStream {
    pub(super) async fn find_consumer(&self, stream: &str, name: &str) -> Result<Option<FoundConsumer>, ServerFailure> {
        Ok(self.consumer_info(stream, name).await?.map(|info| found(stream, info)))
    }

    pub(super) async fn write_consumer(&self, wanted: &ConsumerSettings, exists: bool) -> Result<(), ServerFailure> {
        let ConsumerSettings { stream, name, .. } = wanted;
        let existing = if exists { self.consumer_info(stream, name).await? } else { None };
        let (action, mut settings) = match existing {
            Some(info) => ("update", info.config),
            None => ("create", beginning(wanted)?),
        };
        write(wanted, &mut settings);
        let request = json!({ "stream_name": stream, "config": settings, "action": action });
        let answer = self.ask::<Info>(format!("CONSUMER.CREATE.{stream}.{name}"), &request).await?;
        check_pinned(wanted, &found(stream, answer?))
    }

    async fn consumer_info(&self, stream: &str, name: &str) -> Result<Option<Info>, ServerFailure> {
        match self.ask::<Info>(format!("CONSUMER.INFO.{stream}.{name}"), &json!({})).await? {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.error_code().0 == ServerFailure::NO_CONSUMER => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A server that does not know how to pin a reader leaves that out without a word, and would serve all of them at once.
fn check_pinned(wanted: &ConsumerSettings, made: &FoundConsumer) -> Result<(), ServerFailure> {
    if wanted.ordered && !made.settings.ordered {
        let reason = "the server serves several readers of a consumer at a time, so it cannot keep the order of keys: that takes \
                      nats-server 2.11 or later";
        return Err(ServerFailure::Refused { code: 0, reason: reason.into() });
    }
    Ok(())
}

/// What is said of a consumer once: where it begins.
fn beginning(wanted: &ConsumerSettings) -> Result<Settings, ServerFailure> {
    let mut settings = Settings::from_iter([("replay_policy".to_owned(), json!("instant"))]);
    let (policy, start) = match wanted.deliver {
        DeliverFrom::All => ("all", None),
        DeliverFrom::New => ("new", None),
        DeliverFrom::Sequence(sequence) => ("by_start_sequence", Some(("opt_start_seq", json!(sequence)))),
        DeliverFrom::Time(time) => ("by_start_time", Some(("opt_start_time", json!(time)))),
        other => return Err(ServerFailure::unsupported("deliver", other)),
    };
    settings.insert("deliver_policy".to_owned(), json!(policy));
    settings.extend(start.map(|(name, value)| (name.to_owned(), value)));
    Ok(settings)
}

/// Puts our settings beside those that the server has and we do not speak of.
fn write(wanted: &ConsumerSettings, settings: &mut Settings) {
    // One filter may stand in a member of its own. Delays are ours to compute: the server's list is ignored where a
    // message is nakked. A consumer that is deleted for want of readers forgets where it was.
    for name in ["filter_subject", "backoff", "inactive_threshold", "headers_only"] {
        settings.remove(name);
    }
    for name in ["priority_groups", "priority_policy", "priority_timeout"] {
        settings.remove(name);
    }
    let ours = [
        ("name", json!(wanted.name)),
        ("durable_name", json!(wanted.name)),
        ("ack_policy", json!("explicit")),
        ("ack_wait", nanos(wanted.ack_wait)),
        ("max_deliver", wanted.max_deliver.map_or_else(|| json!(-1), |max| json!(max))),
        ("max_ack_pending", json!(wanted.max_ack_pending)),
        ("filter_subjects", json!(wanted.filters)),
    ];
    settings.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    if wanted.ordered {
        settings.insert("priority_groups".to_owned(), json!([PIN_GROUP]));
        settings.insert("priority_policy".to_owned(), json!("pinned_client"));
        settings.insert("priority_timeout".to_owned(), nanos(PIN_TIMEOUT));
    }
}

/// A consumer that exists. What the server leaves out has its zero value.
pub fn found(stream: &str, info: Info) -> FoundConsumer {
    let settings = &info.config;
    let text = |name: &str| settings.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| settings.get(name).and_then(Value::as_u64).unwrap_or_default();
    let list = |name: &str| settings.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let single =
        settings.get("filter_subject").into_iter().filter_map(Value::as_str).filter(|filter| !filter.is_empty());
    let filters = single.chain(list("filter_subjects").iter().filter_map(Value::as_str)).map(ToOwned::to_owned);
    let groups: Vec<&str> = list("priority_groups").iter().filter_map(Value::as_str).collect();
    let (policy, timeout) = (text("priority_policy"), Duration::from_nanos(number("priority_timeout")));
    let ordered = policy == "pinned_client" && groups == [PIN_GROUP] && timeout == PIN_TIMEOUT;
    let is_usual = groups.is_empty() && matches!(policy.as_str(), "" | "none");
    FoundConsumer {
        settings: ConsumerSettings {
            stream: stream.to_owned(),
            name: info.name,
            filters: filters.collect(),
            deliver: match text("deliver_policy").as_str() {
                "by_start_sequence" => DeliverFrom::Sequence(number("opt_start_seq")),
                "by_start_time" => text("opt_start_time").parse().map_or(DeliverFrom::All, DeliverFrom::Time),
                "new" => DeliverFrom::New,
                _ => DeliverFrom::All,
            },
            ack_wait: Duration::from_nanos(number("ack_wait")),
            // Without a limit both are -1, which is no u64.
            max_ack_pending: settings.get("max_ack_pending").and_then(Value::as_u64).map_or(usize::MAX, saturated),
            max_deliver: settings.get("max_deliver").and_then(Value::as_u64).filter(|max| *max > 0),
            ordered,
        },
        created: info.created,
        ack_policy: text("ack_policy"),
        deliver_subject: text("deliver_subject"),
        backoff: list("backoff").iter().filter_map(Value::as_u64).map(Duration::from_nanos).collect(),
        headers_only: settings.get("headers_only").and_then(Value::as_bool).unwrap_or_default(),
        inactive_threshold: Duration::from_nanos(number("inactive_threshold")),
        priority: if ordered || is_usual { String::new() } else { format!("{policy} of {groups:?} for {timeout:?}") },
        progress: Progress {
            lag: info.num_pending,
            ack_pending: info.num_ack_pending,
            redelivered: info.num_redelivered,
            waiting: info.num_waiting,
            deliveries: info.delivered.consumer_seq,
            delivered: info.delivered.stream_seq,
            ack_floor: info.ack_floor.stream_seq,
            paused: info.paused,
            pinned: info.priority_groups.iter().any(|group| group.pinned_client_id.is_some()),
        },
    }
}

fn saturated(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> ConsumerSettings {
        ConsumerSettings {
            stream: "EVENTS".to_owned(),
            name: "promotions".to_owned(),
            filters: vec!["a".to_owned(), "b".to_owned()],
            deliver: DeliverFrom::Sequence(7),
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 10,
            max_deliver: None,
            ordered: true,
        }
    }

    fn info(config: Settings) -> Info {
        let answer = json!({ "name": "promotions", "config": config });
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_server_that_pins_no_reader_cannot_keep_an_order() {
        let mut settings = Settings::new();
        write(&wanted(), &mut settings);
        assert!(check_pinned(&wanted(), &found("EVENTS", info(settings.clone()))).is_ok());

        settings.retain(|name, _| !name.starts_with("priority"));
        let made = found("EVENTS", info(settings));

        let error = check_pinned(&wanted(), &made).unwrap_err();
        assert!(error.to_string().contains("2.11"), "{error}");
        assert!(check_pinned(&ConsumerSettings { ordered: false, ..wanted() }, &made).is_ok());
    }

    #[test]
    fn what_is_written_reads_the_same_and_leaves_the_rest_alone() {
        let mut settings = beginning(&wanted()).unwrap();
        settings.insert("max_waiting".to_owned(), json!(7));
        settings.insert("backoff".to_owned(), json!([1]));

        write(&wanted(), &mut settings);

        assert_eq!(settings["max_waiting"], json!(7));
        let found = found("EVENTS", info(settings));
        assert_eq!(found.settings, wanted());
        assert!(found.backoff.is_empty() && found.priority.is_empty());
    }

    #[test]
    fn a_single_filter_may_stand_in_a_member_of_its_own() {
        let settings = Settings::from_iter([("filter_subject".to_owned(), json!("a"))]);

        assert_eq!(found("EVENTS", info(settings)).settings.filters, ["a"]);
    }

    #[test]
    fn another_way_to_serve_several_readers_is_reported() {
        let mut settings = Settings::new();
        write(&wanted(), &mut settings);
        settings.insert("priority_policy".to_owned(), json!("overflow"));

        let found = found("EVENTS", info(settings));

        assert!(!found.settings.ordered && found.priority.contains("overflow"), "{}", found.priority);
    }
}
