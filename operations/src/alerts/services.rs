//! Alerts about one service: its dead letters, and what it exports itself.

use std::time::Duration;

use super::rule::{Alert, Rule, Series};
use super::table;
use crate::landscape::{Landscape, Service};
use crate::metrics;
use crate::promql::{buckets, duration, select};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// The outcomes of runs that are no failures.
const FINE: &str = "!~handled|not_meant";

pub(super) fn rules(landscape: &Landscape, service: &Service) -> Vec<Rule> {
    let name = service.name.as_str();
    let rule = |alert: &'static Alert, expression: String, hold: Duration, said: (String, String)| Rule {
        alert,
        file: service.name.clone(),
        labels: vec![("service", service.name.clone())],
        expression,
        hold,
        summary: said.0,
        description: said.1,
        fires: Vec::new(),
        silent: Vec::new(),
        window: Duration::ZERO,
    };
    let group = ("messaging_consumer_group_name", name);
    let mut rules = Vec::new();
    if !service.consumers.is_empty() {
        let dead = select(&metrics::DEAD_LETTERS, &[("consumer", name)]);
        let one = select(&metrics::DEAD_LETTERS, &[("consumer", name), ("event", "an.event"), ("reason", "exhausted")]);
        rules.push(Rule {
            fires: vec![Series::level(&one, 1.0)],
            silent: vec![Series::level(&one, 0.0)],
            ..rule(
                &table::DEAD_LETTERS,
                format!("sum(max by (event, reason) ({dead})) > 0"),
                5 * MINUTE,
                (
                    format!("{name} has dead letters"),
                    "Events that it could not handle wait to be replayed or purged.".to_owned(),
                ),
            )
        });
        let letters = landscape.streams.iter().find(|stream| stream.holds_dead_letters);
        if let Some(max_age) = letters.and_then(|stream| stream.max_age) {
            let before = (3 * DAY).min(max_age / 4);
            let threshold = (max_age - before).as_secs();
            let oldest = select(&metrics::DEAD_LETTERS_OLDEST, &[("consumer", name)]);
            rules.push(Rule {
                fires: vec![Series::level(&oldest, threshold as f64 + 1.0)],
                silent: vec![Series::level(&oldest, threshold as f64)],
                ..rule(
                    &table::DEAD_LETTERS_EXPIRING,
                    format!("max({oldest}) > {threshold}"),
                    5 * MINUTE,
                    (
                        format!("Dead letters of {name} will expire within {}", duration(before)),
                        format!("Their stream keeps them for {}; then their events are lost.", duration(max_age)),
                    ),
                )
            });
        }
        let (all, failed) =
            (select(&metrics::RUNS, &[group]), select(&metrics::RUNS, &[group, ("eventsmith_outcome", FINE)]));
        let runs = |outcome| select(&metrics::RUNS, &[group, ("eventsmith_outcome", outcome)]);
        rules.push(Rule {
            fires: vec![Series::growing(runs("handled"), 80.0), Series::growing(runs("failed"), 20.0)],
            silent: vec![Series::growing(runs("handled"), 99.0), Series::growing(runs("failed"), 1.0)],
            window: 10 * MINUTE,
            ..rule(
                &table::RUNS_FAILING,
                format!("sum(rate({failed}[10m])) / sum(rate({all}[10m])) > 0.1"),
                10 * MINUTE,
                (
                    format!("More than a tenth of the runs of {name} fail"),
                    "Its handlers fail, panic, run out of time, or do not understand their events.".to_owned(),
                ),
            )
        });
        let ack_wait = service.consumers.iter().map(|consumer| consumer.ack_wait).min().unwrap_or_default();
        let labels = [("messaging_operation_name", "process"), group];
        let bucket = |le: &str| buckets(&metrics::PROCESS_DURATION, &[labels[0], labels[1], ("le", le)]);
        let (within, beyond) = (ack_wait.as_secs_f64() / 2.0, ack_wait.as_secs_f64() * 4.0);
        let slow = |quick: f64| {
            vec![
                Series::growing(bucket(&within.to_string()), quick),
                Series::growing(bucket(&beyond.to_string()), 100.0),
                Series::growing(bucket("+Inf"), 100.0),
            ]
        };
        rules.push(Rule {
            fires: slow(50.0),
            silent: slow(100.0),
            window: 10 * MINUTE,
            ..rule(
                &table::HANDLER_SLOW,
                format!(
                    "histogram_quantile(0.99, sum by (le) (rate({}[10m]))) > {}",
                    buckets(&metrics::PROCESS_DURATION, &labels),
                    ack_wait.as_secs_f64()
                ),
                15 * MINUTE,
                (
                    format!("Handlers of {name} run longer than its ack_wait"),
                    format!(
                        "One run in a hundred takes longer than {}, so that each needs its lease renewed.",
                        duration(ack_wait)
                    ),
                ),
            )
        });
        let breaker = |state| select(&metrics::BREAKER, &[group, ("eventsmith_state", state)]);
        rules.push(Rule {
            fires: vec![Series::level(breaker("open"), 1.0)],
            silent: vec![Series::level(breaker("open"), 0.0), Series::level(breaker("closed"), 1.0)],
            ..rule(
                &table::BREAKER_OPEN,
                format!("max({}) == 1", breaker("open")),
                5 * MINUTE,
                (
                    format!("A breaker of {name} is open"),
                    "What it depends on fails, so that it leaves its events alone for now.".to_owned(),
                ),
            )
        });
        for (alert, metric, said) in [
            (
                &table::LEASES_LOST,
                &metrics::LEASES_LOST,
                ("lost leases", "The server may deliver events again that it has in hand: they may run twice."),
            ),
            (
                &table::NOT_DEAD_LETTERED,
                &metrics::NOT_DEAD_LETTERED,
                (
                    "could not dead-letter events",
                    "They stay where they are and are tried again, and nobody sees them among the dead letters.",
                ),
            ),
        ] {
            let counter = select(metric, &[group]);
            rules.push(Rule {
                fires: vec![Series::growing(&counter, 1.0)],
                silent: vec![Series::level(&counter, 7.0)],
                window: 15 * MINUTE,
                ..rule(
                    alert,
                    format!("sum(increase({counter}[15m])) > 0"),
                    MINUTE,
                    (format!("{name} {}", said.0), said.1.to_owned()),
                )
            });
        }
    }
    if !service.handles.is_empty() {
        let (all, failed) = (
            select(&metrics::SERVICE_REQUESTS, &[group]),
            select(&metrics::SERVICE_REQUESTS, &[group, ("eventsmith_code", "~429|5..")]),
        );
        let code = |code| select(&metrics::SERVICE_REQUESTS, &[group, ("eventsmith_code", code)]);
        rules.push(Rule {
            fires: vec![Series::growing(code("200"), 80.0), Series::growing(code("500"), 20.0)],
            silent: vec![
                Series::growing(code("200"), 99.0),
                Series::growing(code("409"), 50.0),
                Series::growing(code("500"), 1.0),
            ],
            window: 10 * MINUTE,
            ..rule(
                &table::SERVICE_FAILING,
                format!("sum(rate({failed}[10m])) / sum(rate({all}[10m])) > 0.05"),
                10 * MINUTE,
                (
                    format!("{name} fails one request in twenty, or turns it away"),
                    "It answers with 429 (too many at once) or 5xx (its handler failed).".to_owned(),
                ),
            )
        });
    }
    let up = select(&metrics::COMPONENT_UP, &[("eventsmith_component", name)]);
    rules.push(Rule {
        fires: vec![Series::level(&up, 0.0)],
        silent: vec![Series::level(&up, 1.0)],
        ..rule(
            &table::COMPONENT_DOWN,
            format!("max({up}) == 0"),
            2 * MINUTE,
            (format!("{name} runs and is not at work"), "No process of it consumes or answers.".to_owned()),
        )
    });
    rules
}
