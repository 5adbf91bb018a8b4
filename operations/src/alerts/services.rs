//! Alerts about one service: its dead letters, and what it exports itself.

use std::time::Duration;

use super::rule::{Alert, Rule, Said, Series};
use super::table;
use crate::landscape::{Landscape, Service};
use crate::metrics;
use crate::promql::{buckets, count, duration, select};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// What consumers have that the catalogue says nothing of.
const DEFAULT_ACK_WAIT: Duration = Duration::from_secs(15);
/// The outcomes of runs that are no failures.
const FINE: &str = "!~handled|not_meant|cut_off|unrouted";

pub(super) fn rules(landscape: &Landscape, service: &Service) -> Vec<Rule> {
    let name = service.name.as_str();
    let about = [("service", name)];
    let rule = |alert: &'static Alert, expression: String, hold: Duration, said: Said| {
        Rule::new(alert, (name, &about), expression, hold, said)
    };
    let group = ("messaging_consumer_group_name", name);
    let mut rules = Vec::new();
    if service.consumers.iter().any(|consumer| consumer.name == service.name) {
        let dead = select(&metrics::DEAD_LETTERS, &[("consumer", name)]);
        let one = select(&metrics::DEAD_LETTERS, &[("consumer", name), ("event", "an.event"), ("reason", "exhausted")]);
        let rule_of_dead = rule(
            &table::DEAD_LETTERS,
            format!("sum(max by (event, reason) ({dead})) > 0"),
            5 * MINUTE,
            (
                format!("{name} has dead letters"),
                "Events that it could not handle wait to be replayed or purged.".to_owned(),
            ),
        );
        rules.push(rule_of_dead.at(&one, 1.0, 0.0));
        let letters = landscape.streams.iter().find(|stream| stream.holds_dead_letters);
        if let Some(max_age) = letters.and_then(|stream| stream.max_age) {
            let before = (3 * DAY).min(max_age / 4);
            let threshold = (max_age - before).as_secs();
            let oldest = select(&metrics::DEAD_LETTERS_OLDEST, &[("consumer", name)]);
            let expiring = rule(
                &table::DEAD_LETTERS_EXPIRING,
                format!("max({oldest}) > {threshold}"),
                (5 * MINUTE).min(before / 4),
                (
                    format!("Dead letters of {name} will expire within {}", duration(before)),
                    format!("Their stream keeps them for {}; then their events are lost.", duration(max_age)),
                ),
            );
            rules.push(expiring.at(&oldest, threshold as f64 + 1.0, threshold as f64));
        }
        let (all, failed) =
            (select(&metrics::RUNS, &[group]), select(&metrics::RUNS, &[group, ("eventsmith_outcome", FINE)]));
        let runs = |outcome| select(&metrics::RUNS, &[group, ("eventsmith_outcome", outcome)]);
        let failing = rule(
            &table::RUNS_FAILING,
            format!("sum(rate({failed}[10m])) / sum(rate({all}[10m])) > 0.1"),
            10 * MINUTE,
            (
                format!("More than a tenth of the runs of {name} fail"),
                "Its handlers fail, panic, run out of time, or do not understand their events.".to_owned(),
            ),
        );
        let of_outcomes =
            |handled, failed| vec![Series::growing(runs("handled"), handled), Series::growing(runs("failed"), failed)];
        rules.push(failing.tested(of_outcomes(80.0, 20.0), of_outcomes(99.0, 1.0)).within(10 * MINUTE));
        rules.push(slow(service, &rule));
        let breaker = |state| select(&metrics::BREAKER, &[group, ("eventsmith_state", state)]);
        let open = rule(
            &table::BREAKER_OPEN,
            format!("max by (eventsmith_breaker) ({}) == 1", breaker("open")),
            5 * MINUTE,
            (
                format!("A breaker of {name} is open"),
                "What it depends on fails, so that it leaves its events alone for now.".to_owned(),
            ),
        );
        let silent = vec![Series::level(breaker("open"), 0.0), Series::level(breaker("closed"), 1.0)];
        rules.push(open.tested(vec![Series::level(breaker("open"), 1.0)], silent));
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
            let counted = rule(
                alert,
                format!("sum(increase({counter}[15m])) > 0"),
                MINUTE,
                (format!("{name} {}", said.0), said.1.to_owned()),
            );
            let (fires, silent) = (vec![Series::growing(&counter, 1.0)], vec![Series::level(&counter, 7.0)]);
            rules.push(counted.tested(fires, silent).within(15 * MINUTE));
        }
    }
    if !service.handles.is_empty() {
        let (all, failed) = (
            select(&metrics::SERVICE_REQUESTS, &[group]),
            select(&metrics::SERVICE_REQUESTS, &[group, ("eventsmith_code", "~429|5..")]),
        );
        let code = |code| select(&metrics::SERVICE_REQUESTS, &[group, ("eventsmith_code", code)]);
        let failing = rule(
            &table::SERVICE_FAILING,
            format!("sum(rate({failed}[10m])) / sum(rate({all}[10m])) > 0.05"),
            10 * MINUTE,
            (
                format!("{name} fails one request in twenty, or turns it away"),
                "It answers with 429 (too many at once) or 5xx (its handler failed).".to_owned(),
            ),
        );
        let of_codes = |done, refused, failed| {
            let series = [("200", done), ("409", refused), ("500", failed)];
            series.map(|(of, each)| Series::growing(code(of), each)).to_vec()
        };
        rules.push(failing.tested(of_codes(80.0, 0.0, 20.0), of_codes(99.0, 50.0, 1.0)).within(10 * MINUTE));
    }
    // A consumer and a service may have one name, of which one works.
    let up = |kind: &'static str| {
        let labels = [("eventsmith_component_kind", kind), ("eventsmith_component", name)];
        select(&metrics::COMPONENT_UP, &labels[if kind.is_empty() { 1 } else { 0 }..])
    };
    let down = rule(
        &table::COMPONENT_DOWN,
        format!("max by (eventsmith_component_kind) ({}) == 0", up("")),
        2 * MINUTE,
        (format!("{name} runs and is not at work"), "No process of it consumes, or none answers.".to_owned()),
    );
    let both = |consumer| vec![Series::level(up("consumer"), consumer), Series::level(up("service"), 1.0)];
    rules.push(down.tested(both(0.0), both(1.0)).keeping(&[("eventsmith_component_kind", "consumer")]));
    rules
}

/// Runs that take longer than a lease lasts. What is counted are runs beyond the largest bound that is no longer than that: a quantile
/// would be no more than the largest bound of all.
fn slow(service: &Service, rule: &dyn Fn(&'static Alert, String, Duration, Said) -> Rule) -> Rule {
    let name = service.name.as_str();
    let own = service.consumers.iter().filter(|consumer| consumer.name == service.name);
    let ack_wait = own.map(|consumer| consumer.ack_wait).min().unwrap_or(DEFAULT_ACK_WAIT);
    let bounds = metrics::PROCESS_BOUNDS;
    let within = bounds.iter().rfind(|bound| **bound <= ack_wait.as_secs_f64()).unwrap_or(&bounds[0]);
    let labels = [("messaging_operation_name", "process"), ("messaging_consumer_group_name", name)];
    let bucket = |le: &str| buckets(&metrics::PROCESS_DURATION, &[labels[0], labels[1], ("le", le)]);
    let count = count(&metrics::PROCESS_DURATION, &labels);
    // From version 3 on Prometheus writes bounds as `15.0`.
    let either = match within.fract() == 0.0 {
        true => format!("~{within}|{within}\\.0"),
        false => within.to_string(),
    };
    let expression = format!("1 - sum(rate({}[10m])) / sum(rate({count}[10m])) > 0.01", bucket(&either));
    let slow = rule(
        &table::HANDLER_SLOW,
        expression,
        15 * MINUTE,
        (
            format!("Handlers of {name} run longer than its ack_wait"),
            format!(
                "More than one run in a hundred takes longer than {within} s, and its ack_wait is {}, so that leases need to be renewed.",
                duration(ack_wait)
            ),
        ),
    );
    let runs = |quick| vec![Series::growing(bucket(&within.to_string()), quick), Series::growing(&count, 100.0)];
    slow.tested(runs(50.0), runs(100.0)).within(10 * MINUTE)
}
