//! Alerts about streams, about the server, and about the exporter itself.

use std::time::Duration;

use super::rule::{Rule, Series};
use super::table;
use crate::landscape::{Landscape, Stream};
use crate::metrics;
use crate::promql::{duration, select};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// The files that the rules stand in.
const STREAMS: &str = "streams";
const SERVER: &str = "eventsmith";
/// A projection that is so many events behind is not only about to catch up.
const FAR: u64 = 1_000;
/// How long before a stream is full somebody is told.
const BEFORE_FULL: Duration = Duration::from_secs(3 * 86_400);

pub(super) fn rules(landscape: &Landscape) -> Vec<Rule> {
    landscape.streams.iter().flat_map(of_stream).chain(of_server()).collect()
}

fn of_stream(stream: &Stream) -> Vec<Rule> {
    let name = &stream.name;
    let of = [("stream", name.as_str())];
    let rule = |alert, expression, hold, said| Rule::new(alert, (STREAMS, &of), expression, hold, said);
    let at_limit =
        if stream.refuses { "then it refuses what is published" } else { "then it drops its oldest messages" };
    // Its limit is what it drops messages by, and it is always full.
    let is_ring = !stream.refuses && stream.max_age.is_none();
    let mut rules = Vec::new();
    let limits = [
        (stream.max_bytes, &metrics::STREAM_BYTES, "bytes"),
        (stream.max_messages, &metrics::STREAM_MESSAGES, "messages"),
    ];
    for (limit, metric, unit) in limits {
        let Some(limit) = limit.filter(|_| !is_ring) else { continue };
        let selector = select(metric, &of);
        let threshold = limit / 10 * 9 + limit % 10 * 9 / 10;
        let full = Rule::new(
            &table::STREAM_NEARLY_FULL,
            (STREAMS, &[of[0], ("limit", unit)]),
            format!("max({selector}) > {threshold}"),
            10 * MINUTE,
            (format!("{name} has nine tenths of its {unit}"), format!("It holds {limit} {unit} at most; {at_limit}.")),
        );
        rules.push(full.at(&selector, limit as f64, (threshold / 2) as f64));
    }
    if stream.max_bytes.or(stream.max_messages).is_some() && !is_ring {
        let selector = select(&metrics::STREAM_FULL_IN, &of);
        let threshold = BEFORE_FULL.as_secs();
        let filling = rule(
            &table::STREAM_FILLING,
            format!("min({selector}) < {threshold}"),
            HOUR,
            (
                format!("{name} will be full within {}", duration(BEFORE_FULL)),
                format!("It has grown so fast for an hour; {at_limit}."),
            ),
        );
        rules.push(filling.at(&selector, threshold as f64 - 1.0, threshold as f64));
    }
    let said = (format!("{name} has no leader"), "Nothing is stored in it, and nothing is read from it.".to_owned());
    rules.push(Rule::no_leader(&table::NO_LEADER, (STREAMS, &of), &select(&metrics::STREAM_LEADER, &of), said));
    if stream.replicas > 1 {
        let selector = select(&metrics::STREAM_REPLICAS, &[of[0], ("state", "~behind|offline")]);
        let offline = select(&metrics::STREAM_REPLICAS, &[of[0], ("state", "offline")]);
        let current = select(&metrics::STREAM_REPLICAS, &[of[0], ("state", "current")]);
        let behind = rule(
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
        );
        let silent = vec![Series::level(&offline, 0.0), Series::level(&current, 2.0)];
        rules.push(behind.tested(vec![Series::level(&offline, 1.0)], silent));
    }
    let of_itself = select(&metrics::CATALOGUE_DRIFT, &[of[0], ("consumer", "")]);
    let update = select(&metrics::CATALOGUE_DRIFT, &[of[0], ("action", "update")]);
    let drift = rule(
        &table::DRIFT,
        format!("max({of_itself}) == 1"),
        15 * MINUTE,
        (
            format!("{name} is not as the catalogue says"),
            "`eventsmith streams plan` says what is different.".to_owned(),
        ),
    );
    rules.push(drift.at(&update, 1.0, 0.0));
    rules
}

fn of_server() -> Vec<Rule> {
    let (up, read, connected) = (metrics::EXPORTER_UP.name, metrics::EXPORTER_READ.name, metrics::CONNECTION_UP.name);
    let rule = |alert, expression, hold, (summary, description): (&str, &str)| {
        Rule::new(alert, (SERVER, &[]), expression, hold, (summary.to_owned(), description.to_owned()))
    };
    let mut rules = vec![
        rule(
            &table::EXPORTER_DOWN,
            format!("absent({up} == 1)"),
            5 * MINUTE,
            ("No exporter sees the server", "It does not run, is not scraped, or the server does not answer it: no other alert by its figures can fire."),
        )
        .at(up, 0.0, 1.0),
        rule(
            &table::EXPORTER_BLIND,
            format!("min by (what) ({read}) == 0"),
            5 * MINUTE,
            ("The exporter cannot read a part of the server", "What it cannot read has no figures, and alerts by them cannot fire."),
        )
        .at(&select(&metrics::EXPORTER_READ, &[("what", "consumers")]), 0.0, 1.0)
        .keeping(&[("what", "consumers")]),
        rule(
            &table::CONNECTION_DOWN,
            format!("min by (job, instance) ({connected}) == 0"),
            2 * MINUTE,
            ("A service has no connection to the server", "It publishes, consumes and answers nothing meanwhile."),
        )
        .at(&format!("{connected}{{job=\"mail\",instance=\"a:1\"}}"), 0.0, 1.0)
        .keeping(&[("job", "mail"), ("instance", "a:1")]),
    ];
    rules.extend([publish_failing(), runners_down(), projection_behind()]);
    rules.extend(of_advisories());
    rules.extend(of_dead_letters());
    rules
}

/// Events that are refused, whoever published them. Their counters come into being with the first.
fn publish_failing() -> Rule {
    let kinds = ("eventsmith_rule", "~no_stream|no_jetstream|no_ack|denied|refused|queue_full|unacknowledged");
    let refusals = select(&metrics::PUBLISH_REFUSED, &[kinds]);
    let labels = [("eventsmith_event_type", "an.event"), ("eventsmith_rule", "no_stream")];
    let refusal = select(&metrics::PUBLISH_REFUSED, &labels);
    let by = "sum by (eventsmith_event_type, eventsmith_rule)";
    let rule = Rule::new(
        &table::PUBLISH_FAILING,
        (SERVER, &[]),
        format!("{by} (increase({refusals}[15m])) > 0 or {by} ({refusals} unless {refusals} offset 15m) > 0"),
        MINUTE,
        (
            "Services cannot publish".to_owned(),
            "No stream takes their events or it refuses them, they may not publish there, or the server did not acknowledge in time."
                .to_owned(),
        ),
    );
    let (fires, silent) = (vec![Series::born(&refusal, 10, 1.0)], vec![Series::level(&refusal, 7.0)]);
    rule.tested(fires, silent).within(15 * MINUTE).keeping(&labels)
}

/// Runners of sagas and projections, whose names the catalogue does not have.
fn runners_down() -> Rule {
    let labels = [("eventsmith_component_kind", "saga"), ("eventsmith_component", "purchases")];
    let all = select(&metrics::COMPONENT_UP, &[("eventsmith_component_kind", "~saga|projection")]);
    let rule = Rule::new(
        &table::RUNNER_DOWN,
        (SERVER, &[]),
        format!("max by (eventsmith_component_kind, eventsmith_component) ({all}) == 0"),
        5 * MINUTE,
        (
            "A runner of sagas or a projection is not at work".to_owned(),
            "No process that has it does what it is for.".to_owned(),
        ),
    );
    rule.at(&select(&metrics::COMPONENT_UP, &labels), 0.0, 1.0).keeping(&labels)
}

fn projection_behind() -> Rule {
    let labels = [("eventsmith_projection", "totals")];
    let rule = Rule::new(
        &table::PROJECTION_BEHIND,
        (SERVER, &[]),
        format!("min by (eventsmith_projection) (min_over_time({}[30m])) > {FAR}", metrics::PROJECTION_LAG.name),
        15 * MINUTE,
        (
            "A projection does not keep up".to_owned(),
            format!("For half an hour it has been more than {FAR} events behind the end of its streams."),
        ),
    );
    let selector = select(&metrics::PROJECTION_LAG, &labels);
    rule.at(&selector, FAR as f64 + 1.0, FAR as f64).within(30 * MINUTE).keeping(&labels)
}

fn of_advisories() -> Vec<Rule> {
    let said = |summary: &str, description: &str| (summary.to_owned(), description.to_owned());
    let all = |kind| select(&metrics::ADVISORIES, &[("kind", kind)]);
    // Of two exporters each counts all.
    let most = |kind| format!("max by (stream, consumer) (increase({}[15m]))", all(kind));
    let tested = |rule: Rule, kind| {
        let one = select(&metrics::ADVISORIES, &[("kind", kind), ("stream", "S"), ("consumer", "")]);
        rule.tested(vec![Series::growing(&one, 4.0)], vec![Series::level(&one, 7.0)]).within(15 * MINUTE)
    };
    let given_up = Rule::new(
        &table::MAX_DELIVERIES,
        (SERVER, &[]),
        format!("{} > 0", most("max_deliveries")),
        MINUTE,
        said(
            "The server gave up on events",
            "It delivered them as often as max_deliver says. A running consumer dead-letters them; without one they are unaccounted.",
        ),
    );
    let lost = Rule::new(
        &table::QUORUM_LOST,
        (SERVER, &[]),
        format!("{} > 0", most("quorum_lost")),
        MINUTE,
        said(
            "A stream or consumer lost its quorum",
            "Too few of its servers are there for it to store or deliver anything.",
        ),
    );
    let change = Rule::new(
        &table::LEADERS_CHANGE,
        (SERVER, &[]),
        format!("sum({}) > 20", most("leader_elected")),
        MINUTE,
        said("Leaders change again and again", "Each change delays what is published and delivered by seconds."),
    );
    vec![
        tested(given_up, "max_deliveries").keeping(&[("stream", "S")]),
        tested(lost, "quorum_lost").keeping(&[("stream", "S")]),
        tested(change, "leader_elected"),
    ]
}

/// Dead letters of which no rule of a service tells.
fn of_dead_letters() -> Vec<Rule> {
    let others = select(&metrics::DEAD_LETTERS, &[("consumer", "_OTHER")]);
    let one = select(&metrics::DEAD_LETTERS, &[("consumer", "_OTHER"), ("event", "an.event"), ("reason", "exhausted")]);
    let uncounted = metrics::DEAD_LETTERS_UNCOUNTED.name;
    let of_others = Rule::new(
        &table::DEAD_LETTERS_OF_OTHERS,
        (SERVER, &[]),
        format!("sum(max by (event, reason) ({others})) > 0"),
        5 * MINUTE,
        (
            "There are dead letters of consumers that the catalogue does not have".to_owned(),
            "Of a service that was renamed or is gone, perhaps: nobody else tells of them, and they will expire."
                .to_owned(),
        ),
    );
    let beyond = Rule::new(
        &table::DEAD_LETTERS_UNCOUNTED,
        (SERVER, &[]),
        format!("max({uncounted}) > 0"),
        15 * MINUTE,
        (
            "Dead letters are not counted".to_owned(),
            "There are more than the exporter counts, or messages among them that are none: of some consumers fewer are told than there are.".to_owned(),
        ),
    );
    vec![of_others.at(&one, 1.0, 0.0), beyond.at(uncounted, 1.0, 0.0)]
}
