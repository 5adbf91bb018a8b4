//! Alerts about streams, about the server, and about the exporter itself.

use std::time::Duration;

use super::rule::{Alert, Rule, Series};
use super::table;
use crate::landscape::{Landscape, Stream};
use crate::metrics;
use crate::promql::{duration, select};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// How long before a stream is full somebody is told.
const BEFORE_FULL: Duration = Duration::from_secs(3 * 86_400);

pub(super) fn rules(landscape: &Landscape) -> Vec<Rule> {
    landscape.streams.iter().flat_map(of_stream).chain(of_server()).collect()
}

fn rule(alert: &'static Alert, file: &str, expression: String, hold: Duration, said: (String, String)) -> Rule {
    Rule {
        alert,
        file: file.to_owned(),
        labels: Vec::new(),
        expression,
        hold,
        summary: said.0,
        description: said.1,
        fires: Vec::new(),
        silent: Vec::new(),
        window: Duration::ZERO,
    }
}

fn of_stream(stream: &Stream) -> Vec<Rule> {
    let name = &stream.name;
    let of = [("stream", name.as_str())];
    let rule = |alert, expression, hold, said| Rule {
        labels: vec![("stream", name.clone())],
        ..rule(alert, "streams", expression, hold, said)
    };
    let at_limit =
        if stream.refuses { "then it refuses what is published" } else { "then it drops its oldest messages" };
    let mut rules = Vec::new();
    let limits = [
        (stream.max_bytes, &metrics::STREAM_BYTES, "bytes"),
        (stream.max_messages, &metrics::STREAM_MESSAGES, "messages"),
    ];
    for (limit, metric, unit) in limits {
        let Some(limit) = limit else { continue };
        let selector = select(metric, &of);
        let threshold = limit / 10 * 9 + limit % 10 * 9 / 10;
        rules.push(Rule {
            labels: vec![("stream", name.clone()), ("limit", unit.to_owned())],
            fires: vec![Series::level(&selector, limit as f64)],
            silent: vec![Series::level(&selector, (threshold / 2) as f64)],
            ..rule(
                &table::STREAM_NEARLY_FULL,
                format!("max({selector}) > {threshold}"),
                10 * MINUTE,
                (
                    format!("{name} has nine tenths of its {unit}"),
                    format!("It holds {limit} {unit} at most; {at_limit}."),
                ),
            )
        });
    }
    if stream.max_bytes.or(stream.max_messages).is_some() {
        let selector = select(&metrics::STREAM_FULL_IN, &of);
        let threshold = BEFORE_FULL.as_secs();
        rules.push(Rule {
            fires: vec![Series::level(&selector, threshold as f64 - 1.0)],
            silent: vec![Series::level(&selector, threshold as f64)],
            ..rule(
                &table::STREAM_FILLING,
                format!("min({selector}) < {threshold}"),
                HOUR,
                (
                    format!("{name} will be full within {}", duration(BEFORE_FULL)),
                    format!("It has grown so fast for an hour; {at_limit}."),
                ),
            )
        });
    }
    let leader = select(&metrics::STREAM_LEADER, &of);
    rules.push(Rule {
        fires: vec![Series::level(&leader, 0.0)],
        silent: vec![Series::level(&leader, 1.0)],
        ..rule(
            &table::NO_LEADER,
            format!("max({leader}) == 0"),
            MINUTE,
            (format!("{name} has no leader"), "Nothing is stored in it, and nothing is read from it.".to_owned()),
        )
    });
    if stream.replicas > 1 {
        let selector = select(&metrics::STREAM_REPLICAS, &[of[0], ("state", "~behind|offline")]);
        let offline = select(&metrics::STREAM_REPLICAS, &[of[0], ("state", "offline")]);
        let current = select(&metrics::STREAM_REPLICAS, &[of[0], ("state", "current")]);
        rules.push(Rule {
            fires: vec![Series::level(&offline, 1.0)],
            silent: vec![Series::level(&offline, 0.0), Series::level(&current, 2.0)],
            ..rule(
                &table::REPLICA_BEHIND,
                format!("max({selector}) > 0"),
                5 * MINUTE,
                (
                    format!("A replica of {name} is behind or offline"),
                    format!(
                        "Of {} servers that store it one does not keep up; one more, and nothing may be stored.",
                        stream.replicas
                    ),
                ),
            )
        });
    }
    let of_itself = select(&metrics::CATALOGUE_DRIFT, &[of[0], ("consumer", "")]);
    let update = select(&metrics::CATALOGUE_DRIFT, &[of[0], ("action", "update")]);
    rules.push(Rule {
        fires: vec![Series::level(&update, 1.0)],
        silent: vec![Series::level(&update, 0.0)],
        ..rule(
            &table::DRIFT,
            format!("max({of_itself}) == 1"),
            15 * MINUTE,
            (
                format!("{name} is not as the catalogue says"),
                "`eventsmith streams plan` says what is different.".to_owned(),
            ),
        )
    });
    rules
}

fn of_server() -> Vec<Rule> {
    let file = "eventsmith";
    let (up, read) = (metrics::EXPORTER_UP.name, metrics::EXPORTER_READ.name);
    let consumers = select(&metrics::EXPORTER_READ, &[("what", "consumers")]);
    let mut rules = vec![
        Rule {
            fires: vec![Series::level(up, 0.0)],
            silent: vec![Series::level(up, 1.0)],
            ..rule(
                &table::EXPORTER_DOWN,
                file,
                format!("absent({up} == 1)"),
                5 * MINUTE,
                ("No exporter sees the server".to_owned(), "It does not run, is not scraped, or the server does not answer it: no other alert by its figures can fire.".to_owned()),
            )
        },
        Rule {
            fires: vec![Series::level(&consumers, 0.0)],
            silent: vec![Series::level(&consumers, 1.0)],
            ..rule(
                &table::EXPORTER_BLIND,
                file,
                format!("min({read}) == 0"),
                5 * MINUTE,
                ("The exporter cannot read a part of the server".to_owned(), "What it cannot read has no figures, and alerts by them cannot fire.".to_owned()),
            )
        },
        Rule {
            fires: vec![Series::level(metrics::CONNECTION_UP.name, 0.0)],
            silent: vec![Series::level(metrics::CONNECTION_UP.name, 1.0)],
            ..rule(
                &table::CONNECTION_DOWN,
                file,
                format!("min({}) == 0", metrics::CONNECTION_UP.name),
                2 * MINUTE,
                ("A service has no connection to the server".to_owned(), "It publishes, consumes and answers nothing meanwhile.".to_owned()),
            )
        },
    ];
    let refusals = select(&metrics::PUBLISH_REFUSED, &[("eventsmith_rule", "~no_stream|denied|unacknowledged")]);
    let refusal = select(&metrics::PUBLISH_REFUSED, &[("eventsmith_rule", "no_stream")]);
    rules.push(Rule {
        fires: vec![Series::growing(&refusal, 1.0)],
        silent: vec![Series::level(&refusal, 7.0)],
        window: 15 * MINUTE,
        ..rule(
            &table::PUBLISH_FAILING,
            file,
            format!("sum(increase({refusals}[15m])) > 0"),
            MINUTE,
            (
                "Services cannot publish".to_owned(),
                "No stream takes their events, they may not publish there, or the server did not acknowledge in time."
                    .to_owned(),
            ),
        )
    });
    for (alert, kind, threshold, said) in [
        (
            &table::MAX_DELIVERIES,
            "max_deliveries",
            0,
            (
                "The server gave up on events",
                "It delivered them as often as max_deliver says. A running consumer dead-letters them; without one they are unaccounted.",
            ),
        ),
        (
            &table::QUORUM_LOST,
            "quorum_lost",
            0,
            (
                "A stream or consumer lost its quorum",
                "Too few of its servers are there for it to store or deliver anything.",
            ),
        ),
        (
            &table::LEADERS_CHANGE,
            "leader_elected",
            20,
            ("Leaders change again and again", "Each change delays what is published and delivered by seconds."),
        ),
    ] {
        let all = select(&metrics::ADVISORIES, &[("kind", kind)]);
        let one = select(&metrics::ADVISORIES, &[("kind", kind), ("stream", "S"), ("consumer", "")]);
        rules.push(Rule {
            fires: vec![Series::growing(&one, 4.0)],
            silent: vec![Series::level(&one, 7.0)],
            window: 15 * MINUTE,
            ..rule(
                alert,
                file,
                format!("sum(increase({all}[15m])) > {threshold}"),
                MINUTE,
                (said.0.to_owned(), said.1.to_owned()),
            )
        });
    }
    rules
}
