//! The durable consumer of a service that starts: made in development, held against what is needed in production.

use eventsmith_event::filter;

use super::error::ConsumeError;
use crate::settings::fields::{CONSUMER, Effect};
use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{ServerFailure, Transport};

/// How often to look whether a change was overtaken by that of another instance.
const LOOKS: usize = 3;

/// Creates a durable consumer of a stream, or brings it to these settings, and returns what it is then. Its filters become wider only:
/// another program of the same name, or another version of this one, may need what this one does not.
pub(super) async fn ensure(
    transport: &dyn Transport,
    wanted: &ConsumerSettings,
) -> Result<ConsumerSettings, ConsumeError> {
    let mut settings = wanted.clone();
    for _ in 0..LOOKS {
        let Some(found) = find_or_create(transport, &settings).await? else { return Ok(settings) };
        settings.filters = filter::union(&found.settings.filters, &wanted.filters);
        if !update(transport, &found, &settings).await? {
            break;
        }
    }
    Ok(settings)
}

/// The durable consumer as it was found; nothing if it was created.
async fn find_or_create(
    transport: &dyn Transport,
    wanted: &ConsumerSettings,
) -> Result<Option<FoundConsumer>, ConsumeError> {
    let failed = |failure| failed(wanted, failure);
    if let Some(found) = transport.consumer(&wanted.stream, &wanted.name).await.map_err(failed)? {
        return Ok(Some(found));
    }
    match transport.put_consumer(wanted, false).await {
        Ok(()) => Ok(None),
        // Another instance of the service was quicker.
        Err(ServerFailure::Refused { code: ServerFailure::CONSUMER_EXISTS, .. }) => {
            transport.consumer(&wanted.stream, &wanted.name).await.map_err(failed)
        }
        Err(failure) => Err(failed(failure)),
    }
}

/// Brings a durable consumer to these settings. Returns whether anything had to change.
async fn update(
    transport: &dyn Transport,
    found: &FoundConsumer,
    wanted: &ConsumerSettings,
) -> Result<bool, ConsumeError> {
    let exact = FoundConsumer::exactly(wanted.clone());
    let mut differs = false;
    for field in CONSUMER {
        let (from, to) = ((field.text)(found), (field.text)(&exact));
        if from == to {
            continue;
        }
        let (effect, note) = (field.effect)(found, &exact);
        if effect != Effect::Update {
            return Err(ConsumeError::Refused {
                stream: wanted.stream.clone(),
                consumer: wanted.name.clone(),
                setting: field.name,
                reason: format!("it is {from} and must be {to}"),
            });
        }
        let (stream, consumer) = (&wanted.stream, &wanted.name);
        tracing::warn!(stream, consumer, field.name, from, to, note, "updating the consumer");
        differs = true;
    }
    if differs {
        transport.put_consumer(wanted, true).await.map_err(|failure| failed(wanted, failure))?;
    }
    Ok(differs)
}

/// The durable consumer as it is, if a service can run on it that needs what is wanted: `max_deliver` must be above
/// the one given, its filters may let through more, `ack_wait` and `max_ack_pending` may be anything.
pub(super) async fn check(
    transport: &dyn Transport,
    wanted: &ConsumerSettings,
) -> Result<ConsumerSettings, ConsumeError> {
    let (stream, consumer) = (wanted.stream.clone(), wanted.name.clone());
    let found = transport.consumer(&stream, &consumer).await.map_err(|failure| failed(wanted, failure))?;
    let Some(found) = found else { return Err(ConsumeError::Missing { stream, consumer }) };
    let differences = differences(&found, wanted);
    if !differences.is_empty() {
        return Err(ConsumeError::Different { stream, consumer, differences: differences.join("; ") });
    }
    Ok(found.settings)
}

/// What was changed of a durable consumer so that a service that runs on it cannot go on. Its filters, times and limits may be changed
/// at any time.
pub(super) fn unusable(found: &FoundConsumer, begun_with: &ConsumerSettings) -> Vec<String> {
    let filters = found.settings.filters.clone();
    differences(found, &ConsumerSettings { filters, max_deliver: None, ..begun_with.clone() })
}

/// What keeps a service that needs what is wanted from running on what was found.
fn differences(found: &FoundConsumer, wanted: &ConsumerSettings) -> Vec<String> {
    let exact = FoundConsumer::exactly(wanted.clone());
    let mut differences = Vec::new();
    for field in CONSUMER {
        let (is, needed) = ((field.text)(found), (field.text)(&exact));
        match field.name {
            "ack_wait" | "max_ack_pending" => {}
            "max_deliver" => {
                let enough = |least| found.settings.max_deliver.is_none_or(|max| max > least);
                if !wanted.max_deliver.is_none_or(enough) {
                    differences.push(format!("max_deliver is {is} and must be more than the {needed} attempts"));
                }
            }
            "filters" if filter::beyond(&wanted.filters, &found.settings.filters).is_empty() => {}
            "filters" => differences.push(format!("filters is {is} and must cover {needed}")),
            name if is != needed => differences.push(format!("{name} is {is} and must be {needed}")),
            _ => {}
        }
    }
    differences
}

fn failed(wanted: &ConsumerSettings, failure: ServerFailure) -> ConsumeError {
    let (stream, consumer) = (wanted.stream.clone(), wanted.name.clone());
    match failure {
        ServerFailure::Refused { reason, .. } => ConsumeError::Server { stream, consumer, reason },
        ServerFailure::Unsupported { setting, value } => {
            let reason = format!("{value} is a value that this version of eventsmith does not know");
            ConsumeError::Config { setting: setting.to_owned(), reason }
        }
        ServerFailure::Unavailable(reason) => {
            ConsumeError::Unavailable { about: format!("the consumer {consumer} of {stream}"), reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use eventsmith_event::stream::DeliverFrom;

    use super::*;

    fn settings() -> ConsumerSettings {
        ConsumerSettings {
            stream: "EVENTS".to_owned(),
            name: "promotions".to_owned(),
            filters: vec!["a".to_owned(), "b".to_owned()],
            deliver: DeliverFrom::All,
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 10,
            max_deliver: Some(5),
            ordered: false,
        }
    }

    fn found(change: impl FnOnce(&mut FoundConsumer)) -> FoundConsumer {
        let mut found = FoundConsumer::exactly(ConsumerSettings { max_deliver: Some(100), ..settings() });
        change(&mut found);
        found
    }

    #[test]
    fn a_service_takes_the_times_and_limits_that_it_finds() {
        let found = found(|found| {
            found.settings.ack_wait = Duration::from_secs(60);
            found.settings.max_ack_pending = 1;
            found.settings.filters = vec![">".to_owned()];
            found.settings.max_deliver = None;
        });

        assert!(differences(&found, &settings()).is_empty());
    }

    #[test]
    fn what_a_service_cannot_run_on_is_named() {
        type Change = fn(&mut FoundConsumer);
        let cases: [(&str, Change); 8] = [
            ("filters", |found| found.settings.filters = vec!["a".to_owned(), "c".to_owned()]),
            ("max_deliver", |found| found.settings.max_deliver = Some(5)),
            ("ordered", |found| found.settings.ordered = true),
            ("deliver_subject", |found| found.deliver_subject = "x".to_owned()),
            ("ack_policy", |found| found.ack_policy = "none".to_owned()),
            ("backoff", |found| found.backoff = vec![Duration::from_secs(1)]),
            ("headers_only", |found| found.headers_only = true),
            ("inactive_threshold", |found| found.inactive_threshold = Duration::from_secs(1)),
        ];
        for (name, change) in cases {
            let found = differences(&found(change), &settings());
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(name), "{found:?}");
        }
    }
}
