//! Creating and updating durable consumers.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_nats::jetstream::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::pull::Deliveries;
use super::{JetStream, Settings, nanos};
use crate::consumer::ConsumeError;
use crate::topology::ConsumerSettings;

/// What the server answers about a consumer, as far as it matters here.
#[derive(Deserialize)]
struct Info {
    config: Settings,
}

impl JetStream {
    pub(crate) async fn consume(self: &Arc<Self>, spec: &ConsumerSettings) -> Result<Deliveries, ConsumeError> {
        let stream = spec.stream.as_str();
        let existing = match self.consumer(stream, &spec.name).await? {
            Some(existing) => Some(existing),
            None => self.create(stream, spec).await?,
        };
        if let Some(mut settings) = existing {
            check(stream, spec, &settings)?;
            let before = settings.clone();
            write(spec, &mut settings);
            if !same(&before, &settings) {
                tracing::info!(stream, consumer = spec.name, filters = ?spec.filters, "updating the consumer");
                self.store(stream, spec, settings, "update").await?.map_err(|error| refused(stream, spec, &error))?;
            }
        }
        Deliveries::new(Arc::clone(self), stream, &spec.name).await
    }

    /// The configuration of a consumer, if there is one.
    async fn consumer(&self, stream: &str, durable: &str) -> Result<Option<Settings>, ConsumeError> {
        let answer = self.ask::<Info>(format!("CONSUMER.INFO.{stream}.{durable}"), &json!({})).await;
        match answer.map_err(|error| unavailable(stream, durable, error.0))? {
            Ok(info) => Ok(Some(info.config)),
            Err(error) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND => Ok(None),
            Err(error) => Err(ConsumeError::Server {
                stream: stream.to_owned(),
                consumer: durable.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// Creates a consumer. If another instance of the service was quicker, returns what that one created.
    async fn create(&self, stream: &str, spec: &ConsumerSettings) -> Result<Option<Settings>, ConsumeError> {
        let mut settings = Settings::new();
        settings.insert("deliver_policy".to_owned(), json!("all"));
        settings.insert("replay_policy".to_owned(), json!("instant"));
        write(spec, &mut settings);
        match self.store(stream, spec, settings, "create").await? {
            Ok(()) => Ok(None),
            Err(error) if error.error_code() == ErrorCode::CONSUMER_ALREADY_EXISTS => {
                self.consumer(stream, &spec.name).await
            }
            Err(error) => Err(refused(stream, spec, &error)),
        }
    }

    async fn store(
        &self,
        stream: &str,
        spec: &ConsumerSettings,
        settings: Settings,
        action: &str,
    ) -> Result<super::Answer<()>, ConsumeError> {
        let durable = &spec.name;
        let request = json!({ "stream_name": stream, "config": settings, "action": action });
        let answer = self.ask::<Info>(format!("CONSUMER.CREATE.{stream}.{durable}"), &request).await;
        let answer = answer.map_err(|error| unavailable(stream, durable, error.0))?;
        Ok(answer.map(drop))
    }
}

/// What cannot be changed on a consumer that exists, and must be as we need it. (nats-server, server/consumer.go:
/// `checkNewConsumerConfig`.)
fn check(stream: &str, spec: &ConsumerSettings, settings: &Settings) -> Result<(), ConsumeError> {
    let refuse = |setting, reason: &str| {
        Err(ConsumeError::Refused {
            stream: stream.to_owned(),
            consumer: spec.name.clone(),
            setting,
            reason: reason.to_owned(),
        })
    };
    if settings.get("deliver_subject").and_then(Value::as_str).is_some_and(|subject| !subject.is_empty()) {
        return refuse("deliver_subject", "it is a push consumer, and a pull consumer is needed");
    }
    if settings.get("ack_policy").and_then(Value::as_str) != Some("explicit") {
        return refuse("ack_policy", "it does not ask for explicit acknowledgements, and those are needed");
    }
    Ok(())
}

/// Puts our settings beside those that the server has and we do not speak of.
fn write(spec: &ConsumerSettings, settings: &mut Settings) {
    settings.remove("filter_subject");
    // Delays are ours to compute: the server's list is ignored where a message is handed back.
    settings.remove("backoff");
    let ours = [
        ("name", json!(spec.name)),
        ("durable_name", json!(spec.name)),
        ("ack_policy", json!("explicit")),
        ("ack_wait", nanos(spec.ack_wait)),
        // Who gives up, and when, is ours to decide.
        ("max_deliver", json!(-1)),
        ("max_ack_pending", json!(spec.max_ack_pending)),
        ("filter_subjects", json!(spec.filters)),
    ];
    settings.extend(ours.map(|(name, value)| (name.to_owned(), value)));
}

/// Whether two configurations mean the same: a single filter may stand in either member, in any order.
fn same(a: &Settings, b: &Settings) -> bool {
    let filters = |settings: &Settings| -> BTreeSet<String> {
        let many = settings.get("filter_subjects").and_then(Value::as_array).into_iter().flatten();
        many.chain(settings.get("filter_subject")).filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let rest = |settings: &Settings| {
        let mut rest = settings.clone();
        rest.retain(|name, _| !name.starts_with("filter_subject"));
        rest
    };
    filters(a) == filters(b) && rest(a) == rest(b)
}

fn refused(stream: &str, spec: &ConsumerSettings, error: &async_nats::jetstream::Error) -> ConsumeError {
    ConsumeError::Server { stream: stream.to_owned(), consumer: spec.name.clone(), reason: error.to_string() }
}

fn unavailable(stream: &str, durable: &str, reason: String) -> ConsumeError {
    ConsumeError::Unavailable { about: format!("the consumer {durable} of {stream}"), reason }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::DeliverFrom;

    fn spec() -> ConsumerSettings {
        ConsumerSettings {
            stream: "EVENTS".to_owned(),
            name: "promotions".to_owned(),
            filters: vec!["a".to_owned(), "b".to_owned()],
            deliver: DeliverFrom::All,
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 10,
            max_deliver: None,
            ordered: false,
        }
    }

    #[test]
    fn the_order_of_filters_and_the_place_of_a_single_one_are_no_difference() {
        let one = ConsumerSettings { filters: vec!["a".to_owned()], ..spec() };
        let (mut two, mut single) = (Settings::new(), Settings::new());
        write(&spec(), &mut two);
        write(&one, &mut single);
        let mut reversed = two.clone();
        reversed.insert("filter_subjects".to_owned(), json!(["b", "a"]));
        let mut elsewhere = single.clone();
        elsewhere.remove("filter_subjects");
        elsewhere.insert("filter_subject".to_owned(), json!("a"));

        assert!(same(&two, &reversed));
        assert!(same(&single, &elsewhere));
        assert!(!same(&two, &single));
    }

    #[test]
    fn a_push_consumer_is_refused_by_the_setting() {
        let settings = Settings::from_iter([("deliver_subject".to_owned(), json!("x"))]);

        let text = check("EVENTS", &spec(), &settings).unwrap_err().to_string();

        assert!(text.contains("EVENTS") && text.contains("promotions") && text.contains("deliver_subject"), "{text}");
    }
}
