//! Alerts about one durable consumer of a service, by the exporter's figures.

use std::time::Duration;

use super::rule::{Alert, Rule, Series};
use super::table;
use crate::landscape::{Consumer, Landscape, Service, Stream};
use crate::metrics::{self, Metric};
use crate::promql::{duration, select};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// How long before events expire unhandled somebody is told, at most.
const BEFORE_EXPIRY: Duration = Duration::from_secs(6 * 3_600);

pub(super) fn rules(landscape: &Landscape, service: &Service) -> Vec<Rule> {
    service.consumers.iter().flat_map(|consumer| of_consumer(landscape, service, consumer)).collect()
}

fn of_consumer(landscape: &Landscape, service: &Service, consumer: &Consumer) -> Vec<Rule> {
    let stream = landscape.stream(&consumer.stream);
    let max_age = stream.and_then(|stream| stream.max_age);
    let labels = [("stream", consumer.stream.as_str()), ("consumer", service.name.as_str())];
    let of = |metric: &Metric| select(metric, &labels);
    let max = |metric: &Metric| format!("max({})", of(metric));
    let (name, of_stream, ack_wait) = (&service.name, &consumer.stream, consumer.ack_wait);
    let rule = |alert: &'static Alert, expression: String, hold: Duration, said: (String, String)| Rule {
        alert,
        file: name.clone(),
        labels: vec![("service", name.clone()), ("stream", of_stream.clone()), ("consumer", name.clone())],
        expression,
        hold,
        summary: said.0,
        description: said.1,
        fires: Vec::new(),
        silent: Vec::new(),
        window: Duration::ZERO,
    };
    let over = |alert, metric: &Metric, threshold: f64, hold, said| Rule {
        fires: vec![Series::level(of(metric), threshold + 1.0)],
        silent: vec![Series::level(of(metric), threshold)],
        ..rule(alert, format!("{} > {threshold}", max(metric)), hold, said)
    };
    let mut rules = Vec::new();
    if let Some(max_age) = max_age {
        let before = BEFORE_EXPIRY.min(max_age / 4);
        rules.push(over(
            &table::CONSUMER_EXPIRING,
            &metrics::CONSUMER_OLDEST,
            (max_age - before).as_secs_f64().floor(),
            5 * MINUTE,
            (
                format!("Events of {of_stream} will expire unhandled by {name} within {}", duration(before)),
                format!(
                    "The stream keeps events for {}, and the oldest that {name} has not handled is nearly that old.",
                    duration(max_age)
                ),
            ),
        ));
    }
    let behind = (20 * ack_wait).max(5 * MINUTE);
    let behind = max_age.map_or(behind, |max_age| behind.min(max_age / 4));
    rules.push(over(
        &table::CONSUMER_BEHIND,
        &metrics::CONSUMER_OLDEST,
        behind.as_secs_f64().floor(),
        10 * MINUTE,
        (
            format!("{name} is behind in {of_stream}"),
            format!(
                "An event that it has not handled is older than {}, 20 times its ack_wait of {} or 5 minutes.",
                duration(behind),
                duration(ack_wait)
            ),
        ),
    ));
    let (undelivered, pending) = (&metrics::CONSUMER_UNDELIVERED, &metrics::CONSUMER_ACK_PENDING);
    let (waiting, delivered) = (&metrics::CONSUMER_WAITING, &metrics::CONSUMER_DELIVERED);
    let stands = |delivered_each: f64, requests: f64| {
        vec![
            Series::level(of(undelivered), 5.0),
            Series::level(of(pending), 0.0),
            Series::level(of(waiting), requests),
            Series::growing(of(delivered), delivered_each),
        ]
    };
    rules.push(Rule {
        fires: stands(0.0, 0.0),
        silent: stands(3.0, 0.0),
        window: 10 * MINUTE,
        ..rule(
            &table::CONSUMER_STOPPED,
            format!(
                "{} + {} > 0 and {} == 0 and max(increase({}[10m])) == 0",
                max(undelivered),
                max(pending),
                max(waiting),
                of(delivered)
            ),
            (4 * ack_wait).max(2 * MINUTE),
            (
                format!("Nobody consumes {of_stream} for {name}"),
                "Events wait, no process asks for them, and none was delivered for 10 minutes.".to_owned(),
            ),
        )
    });
    let full = (consumer.max_ack_pending as f64 * 0.9).floor();
    rules.push(over(
        &table::CONSUMER_FULL,
        pending,
        full,
        (4 * ack_wait).max(5 * MINUTE),
        (
            format!("{name} has nearly as many events of {of_stream} in hand as it may"),
            format!("More than {full} of {} (max_ack_pending) are delivered and not acknowledged; the server then delivers no more.", consumer.max_ack_pending),
        ),
    ));
    let often = (consumer.max_ack_pending as f64 / 100.0).floor().max(1.0);
    rules.push(over(
        &table::CONSUMER_REDELIVERING,
        &metrics::CONSUMER_REDELIVERED,
        often,
        (10 * ack_wait).max(15 * MINUTE),
        (
            format!("{name} is delivered events of {of_stream} again and again"),
            format!("More than {often}, a hundredth of max_ack_pending, were delivered more than once and are not acknowledged."),
        ),
    ));
    rules.push(over(
        &table::CONSUMER_UNACCOUNTED,
        &metrics::CONSUMER_UNACCOUNTED,
        0.0,
        (4 * ack_wait).max(10 * MINUTE),
        (
            format!("The server no longer delivers events of {of_stream} that {name} has not handled"),
            format!("They reached {} deliveries (max_deliver), and have no dead letters.", consumer.max_deliver),
        ),
    ));
    if stream.is_some_and(Stream::may_drop) {
        rules.push(over(
            &table::CONSUMER_DROPPED,
            &metrics::CONSUMER_DROPPED,
            0.0,
            MINUTE,
            (
                format!("{of_stream} dropped messages before {name} came to them"),
                "Some of them may have been for it; it will never handle those.".to_owned(),
            ),
        ));
    }
    rules.push(Rule {
        fires: vec![Series::level(of(&metrics::CONSUMER_PAUSED), 1.0)],
        silent: vec![Series::level(of(&metrics::CONSUMER_PAUSED), 0.0)],
        ..rule(
            &table::CONSUMER_PAUSED,
            format!("{} == 1", max(&metrics::CONSUMER_PAUSED)),
            HOUR,
            (
                format!("{name} is paused in {of_stream}"),
                "An operator paused it an hour ago or earlier, and it is delivered nothing.".to_owned(),
            ),
        )
    });
    let no_leader = of(&metrics::CONSUMER_LEADER);
    rules.push(Rule {
        fires: vec![Series::level(&no_leader, 0.0)],
        silent: vec![Series::level(&no_leader, 1.0)],
        ..rule(
            &table::NO_LEADER,
            format!("max({no_leader}) == 0"),
            MINUTE,
            (format!("The consumer {name} of {of_stream} has no leader"), "It delivers nothing.".to_owned()),
        )
    });
    let drift =
        |action| select(&metrics::CATALOGUE_DRIFT, &[("stream", of_stream), ("consumer", name), ("action", action)]);
    let any = select(&metrics::CATALOGUE_DRIFT, &[("stream", of_stream), ("consumer", name)]);
    rules.push(Rule {
        fires: vec![Series::level(drift("update"), 1.0)],
        silent: vec![Series::level(drift("update"), 0.0)],
        ..rule(
            &table::DRIFT,
            format!("max({any}) == 1"),
            15 * MINUTE,
            (
                format!("The consumer {name} of {of_stream} is not as the catalogue says"),
                "`eventsmith streams plan` says what is different.".to_owned(),
            ),
        )
    });
    rules
}
