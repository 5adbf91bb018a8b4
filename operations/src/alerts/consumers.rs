//! Alerts about one durable consumer of a service, by the exporter's figures.

use std::time::Duration;

use super::rule::{Alert, Rule, Said, Series};
use super::table;
use crate::landscape::{Consumer, Landscape, Service, Stream};
use crate::metrics::{self, Metric};
use crate::promql::{duration, select};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// How long before events expire unhandled somebody is told, at most.
const BEFORE_EXPIRY: Duration = Duration::from_secs(6 * 3_600);

pub(super) fn rules(landscape: &Landscape, service: &Service) -> Vec<Rule> {
    service.durable_consumers().flat_map(|consumer| of_consumer(landscape, service, consumer)).collect()
}

fn of_consumer(landscape: &Landscape, service: &Service, consumer: &Consumer) -> Vec<Rule> {
    let stream = landscape.stream(&consumer.stream);
    let max_age = stream.and_then(|stream| stream.max_age);
    let labels = [("stream", consumer.stream.as_str()), ("consumer", consumer.name.as_str())];
    let of = |metric: &Metric| select(metric, &labels);
    let max = |metric: &Metric| format!("max({})", of(metric));
    let (name, of_stream, ack_wait) = (&consumer.name, &consumer.stream, consumer.ack_wait);
    let about = [("service", service.name.as_str()), labels[0], labels[1]];
    let rule = |alert: &'static Alert, expression: String, hold: Duration, said: Said| {
        Rule::new(alert, (&service.name, &about), expression, hold, said)
    };
    let over = |alert, metric: &Metric, threshold: f64, hold, said| {
        rule(alert, format!("{} > {threshold}", max(metric)), hold, said).at(&of(metric), threshold + 1.0, threshold)
    };
    let mut rules = Vec::new();
    if let Some(max_age) = max_age {
        let before = BEFORE_EXPIRY.min(max_age / 4);
        rules.push(over(
            &table::CONSUMER_EXPIRING,
            &metrics::CONSUMER_OLDEST,
            (max_age - before).as_secs_f64().floor(),
            (5 * MINUTE).min(before / 4),
            (
                format!("Events of {of_stream} will expire unhandled by {name} within {}", duration(before)),
                format!(
                    "The stream keeps events for {}, and the oldest that {name} has not handled is nearly that old.",
                    duration(max_age)
                ),
            ),
        ));
    }
    let usual = (20 * ack_wait).max(5 * MINUTE);
    let behind = max_age.map_or(usual, |max_age| usual.min(max_age / 4));
    let why = match behind < usual {
        true => "a quarter of what the stream keeps events for".to_owned(),
        false => format!("20 times its ack_wait of {}, and 5 minutes at least", duration(ack_wait)),
    };
    rules.push(over(
        &table::CONSUMER_BEHIND,
        &metrics::CONSUMER_OLDEST,
        behind.as_secs_f64().floor(),
        (10 * MINUTE).min(behind),
        (
            format!("{name} is behind in {of_stream}"),
            format!("An event that it has not handled is older than {}: {why}.", duration(behind)),
        ),
    ));
    rules.push(stopped(service, consumer, &rule));
    let pending = &metrics::CONSUMER_ACK_PENDING;
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
    if let Some(max_deliver) = consumer.max_deliver {
        rules.push(over(
            &table::CONSUMER_UNACCOUNTED,
            &metrics::CONSUMER_UNACCOUNTED,
            0.0,
            (4 * ack_wait).max(10 * MINUTE),
            (
                format!("The server no longer delivers events of {of_stream} that {name} has not handled"),
                format!("They reached {max_deliver} deliveries (max_deliver), and have no dead letters."),
            ),
        ));
    }
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
    let paused = rule(
        &table::CONSUMER_PAUSED,
        format!("{} == 1", max(&metrics::CONSUMER_PAUSED)),
        HOUR,
        (
            format!("{name} is paused in {of_stream}"),
            "An operator paused it an hour ago or earlier, and it is delivered nothing.".to_owned(),
        ),
    );
    rules.push(paused.at(&of(&metrics::CONSUMER_PAUSED), 1.0, 0.0));
    let said = (format!("The consumer {name} of {of_stream} has no leader"), "It delivers nothing.".to_owned());
    rules.push(Rule::no_leader(&table::NO_LEADER, (&service.name, &about), &of(&metrics::CONSUMER_LEADER), said));
    let update = select(&metrics::CATALOGUE_DRIFT, &[labels[0], labels[1], ("action", "update")]);
    let drift = rule(
        &table::DRIFT,
        format!("{} == 1", max(&metrics::CATALOGUE_DRIFT)),
        15 * MINUTE,
        (
            format!("The consumer {name} of {of_stream} is not as the catalogue says"),
            "`eventsmith streams plan` says what is different.".to_owned(),
        ),
    );
    rules.push(drift.at(&update, 1.0, 0.0));
    rules
}

/// Nobody asks for events, and none is delivered. A process that says itself that it is at work may have all its handlers busy for long,
/// or leave its events alone while a breaker is open.
fn stopped(
    service: &Service,
    consumer: &Consumer,
    rule: &dyn Fn(&'static Alert, String, Duration, Said) -> Rule,
) -> Rule {
    let labels = [("stream", consumer.stream.as_str()), ("consumer", consumer.name.as_str())];
    let of = |metric: &Metric| select(metric, &labels);
    let max = |metric: &Metric| format!("max({})", of(metric));
    let (name, of_stream) = (&consumer.name, &consumer.stream);
    let (undelivered, pending) = (&metrics::CONSUMER_UNDELIVERED, &metrics::CONSUMER_ACK_PENDING);
    let (waiting, delivered) = (&metrics::CONSUMER_WAITING, &metrics::CONSUMER_DELIVERED);
    let at_work =
        select(&metrics::COMPONENT_UP, &[("eventsmith_component_kind", "consumer"), ("eventsmith_component", name)]);
    let stands = |up: f64| {
        vec![
            Series::level(of(undelivered), 5.0),
            Series::level(of(pending), 0.0),
            Series::level(of(waiting), 0.0),
            Series::level(of(delivered), 7.0),
            Series::level(&at_work, up),
        ]
    };
    let nobody = rule(
        &table::CONSUMER_STOPPED,
        format!(
            "({} + {} > 0 and {} == 0 and max(increase({}[10m])) == 0) unless max({at_work}) == 1",
            max(undelivered),
            max(pending),
            max(waiting),
            of(delivered)
        ),
        (4 * consumer.ack_wait).max(2 * MINUTE),
        (
            format!("Nobody consumes {of_stream} for {name}"),
            match name == &service.name {
                true => "Events wait, no process asks for them, and none was delivered for 10 minutes.".to_owned(),
                false => format!(
                    "What the runner of a saga of {} has to do waits, no process asks for it, and nothing was delivered for 10 minutes.",
                    service.name
                ),
            },
        ),
    );
    nobody.tested(stands(0.0), stands(1.0)).within(10 * MINUTE)
}
