//! Dashboards for Grafana: an overview, one for each service, one for each stream.

mod panels;

use serde_json::{Value, json};

use crate::file::File;
use crate::landscape::{Landscape, Service, Stream};
use crate::metrics;
use crate::promql::{buckets, select};
use panels::{Board, Unit};

/// The dashboards of a catalogue: `overview.json`, `service-NAME.json`, `stream-NAME.json`. Import them, or let Grafana provision the
/// folder. They ask for the data source when they are opened.
pub fn files(landscape: &Landscape) -> Vec<File> {
    let mut boards = vec![("overview".to_owned(), overview(landscape))];
    boards.extend(landscape.services.iter().map(|service| (format!("service-{}", service.name), of_service(service))));
    boards.extend(
        landscape.streams.iter().map(|stream| (format!("stream-{}", stream.name), of_stream(landscape, stream))),
    );
    let file = |(name, board): (String, Board)| File {
        path: format!("{}.json", name.replace(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "_")),
        text: format!("{:#}\n", board.finish()),
    };
    boards.into_iter().map(file).collect()
}

/// Whether a text is a dashboard that was written here.
pub fn is_ours(text: &str) -> bool {
    let board: Result<Value, _> = serde_json::from_str(text);
    board.is_ok_and(|board| board["uid"].as_str().is_some_and(|uid| uid.starts_with("eventsmith-")))
}

fn overview(landscape: &Landscape) -> Board {
    let mut board = Board::new("overview", &format!("{}: overview", landscape.root));
    let links = landscape.services.iter().map(|service| link(&format!("service-{}", service.name), &service.name));
    board.links(links.collect());
    board.row("What needs somebody");
    board.stat("Exporter", format!("max({}) or vector(0)", metrics::EXPORTER_UP.name), Unit::UpDown);
    board.stat("Dead letters", format!("sum({})", metrics::DEAD_LETTERS.name), Unit::Count);
    board.stat("Unaccounted", format!("sum({})", metrics::CONSUMER_UNACCOUNTED.name), Unit::Count);
    board.stat("Oldest unhandled", format!("max({})", metrics::CONSUMER_OLDEST.name), Unit::Seconds);
    board.stat(
        "Drift from the catalogue",
        format!("sum({} == 1) or vector(0)", metrics::CATALOGUE_DRIFT.name),
        Unit::Count,
    );
    board.stat("Streams without a leader", format!("sum(1 - {})", metrics::STREAM_LEADER.name), Unit::Count);
    board.row("Consumers");
    let by = "{{consumer}} of {{stream}}";
    let lag = format!("{} + {}", metrics::CONSUMER_UNDELIVERED.name, metrics::CONSUMER_ACK_PENDING.name);
    board.graph("Events not handled", &[(lag, by)], Unit::Count);
    board.graph("Age of the oldest unhandled event", &[(metrics::CONSUMER_OLDEST.name.to_owned(), by)], Unit::Seconds);
    let dead = format!("sum by (consumer, reason) ({})", metrics::DEAD_LETTERS.name);
    board.graph("Dead letters", &[(dead, "{{consumer}}: {{reason}}")], Unit::Count);
    board.graph("Redelivered", &[(metrics::CONSUMER_REDELIVERED.name.to_owned(), by)], Unit::Count);
    board.graph(
        "Projections: events behind",
        &[(format!("min by (eventsmith_projection) ({})", metrics::PROJECTION_LAG.name), "{{eventsmith_projection}}")],
        Unit::Count,
    );
    let turns =
        format!("sum by (eventsmith_saga, eventsmith_happened) (rate({}[$__rate_interval]))", metrics::SAGA_TURNS.name);
    board.graph("Sagas", &[(turns, "{{eventsmith_saga}}: {{eventsmith_happened}}")], Unit::PerSecond);
    board.row("Messages");
    let sent = format!("sum by (messaging_destination_template) (rate({}[$__rate_interval]))", metrics::SENT.name);
    board.graph("Sent", &[(sent, "{{messaging_destination_template}}")], Unit::PerSecond);
    let stored = format!("rate({}[$__rate_interval])", metrics::STREAM_LAST.name);
    board.graph("Stored", &[(stored, "{{stream}}")], Unit::PerSecond);
    board.graph("Bytes by stream", &[(metrics::STREAM_BYTES.name.to_owned(), "{{stream}}")], Unit::Bytes);
    let refused = format!(
        "sum by (eventsmith_event_type, eventsmith_rule) (rate({}[$__rate_interval]))",
        metrics::PUBLISH_REFUSED.name
    );
    board.graph("Refused", &[(refused, "{{eventsmith_event_type}}: {{eventsmith_rule}}")], Unit::PerSecond);
    board.row("The server");
    let advisories = format!("sum by (kind) (increase({}[$__rate_interval]))", metrics::ADVISORIES.name);
    board.graph("Advisories", &[(advisories, "{{kind}}")], Unit::Count);
    board.graph("Parts that the exporter reads", &[(metrics::EXPORTER_READ.name.to_owned(), "{{what}}")], Unit::UpDown);
    board
}

fn of_service(service: &Service) -> Board {
    let mut board = Board::new(&format!("service-{}", service.name), &service.name);
    board.describe(&service.description);
    let streams =
        service.durable_consumers().map(|consumer| link(&format!("stream-{}", consumer.stream), &consumer.stream));
    board.links([link("overview", "overview")].into_iter().chain(streams).collect());
    let name = service.name.as_str();
    let group = ("messaging_consumer_group_name", name);
    let ours = [("consumer", name)];
    let mut names: Vec<&str> = service.durable_consumers().map(|consumer| consumer.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // Those of the sagas that it runs, too.
    let all = match names[..] {
        [only] => only.to_owned(),
        _ => format!("~{}", names.join("|")),
    };
    let all = [("consumer", all.as_str())];
    let rate = |selector: String| format!("rate({selector}[$__rate_interval])");
    board.row("At work");
    let up = select(&metrics::COMPONENT_UP, &[("eventsmith_component", name)]);
    board.stat("Parts at work", format!("sum({up})"), Unit::Count);
    if service.durable_consumers().next().is_some() {
        let dead = select(&metrics::DEAD_LETTERS, &ours);
        board.stat("Dead letters", format!("sum({dead})"), Unit::Count);
        board.stat("Oldest unhandled", format!("max({})", select(&metrics::CONSUMER_OLDEST, &all)), Unit::Seconds);
        board.row("Consuming");
        let lag = format!(
            "{} + {}",
            select(&metrics::CONSUMER_UNDELIVERED, &all),
            select(&metrics::CONSUMER_ACK_PENDING, &all)
        );
        board.graph("Events not handled", &[(lag, "{{stream}}: {{consumer}}")], Unit::Count);
        board.graph(
            "Age of the oldest unhandled event",
            &[(select(&metrics::CONSUMER_OLDEST, &all), "{{stream}}: {{consumer}}")],
            Unit::Seconds,
        );
        let runs = |by: &str| format!("sum by ({by}) ({})", rate(select(&metrics::RUNS, &[group])));
        board.graph("Runs by outcome", &[(runs("eventsmith_outcome"), "{{eventsmith_outcome}}")], Unit::PerSecond);
        board.graph("Runs by type", &[(runs("eventsmith_event_type"), "{{eventsmith_event_type}}")], Unit::PerSecond);
        let process = |quantile: &str| {
            quantile_of(
                quantile,
                &buckets(&metrics::PROCESS_DURATION, &[("messaging_operation_name", "process"), group]),
            )
        };
        board.graph("Time in handlers", &[(process("0.5"), "half"), (process("0.99"), "99 of 100")], Unit::Seconds);
        let latency = |quantile: &str| quantile_of(quantile, &buckets(&metrics::LATENCY, &[group]));
        board.graph(
            "From stored to handled",
            &[(latency("0.5"), "half"), (latency("0.99"), "99 of 100")],
            Unit::Seconds,
        );
        let retries = format!("sum by (eventsmith_outcome) ({})", rate(select(&metrics::RETRIES, &[group])));
        board.graph("Tried again", &[(retries, "{{eventsmith_outcome}}")], Unit::PerSecond);
        let dead = format!("sum by (event, reason) ({})", select(&metrics::DEAD_LETTERS, &ours));
        board.graph("Dead letters", &[(dead, "{{event}}: {{reason}}")], Unit::Count);
        let dead = format!("sum by (eventsmith_event_type) ({})", rate(select(&metrics::DEAD_LETTERED, &[group])));
        board.graph("Dead-lettered", &[(dead, "{{eventsmith_event_type}}")], Unit::PerSecond);
        let running = format!("sum by (eventsmith_stream) ({})", select(&metrics::RUNNING, &[group]));
        let may = format!("sum by (eventsmith_stream) ({})", select(&metrics::CONCURRENCY, &[group]));
        board.graph(
            "Handlers that run",
            &[(running, "{{eventsmith_stream}}"), (may, "{{eventsmith_stream}}: at most")],
            Unit::Count,
        );
        let open = format!("max by (eventsmith_breaker, eventsmith_state) ({})", select(&metrics::BREAKER, &[group]));
        board.graph("Breakers", &[(open, "{{eventsmith_breaker}}: {{eventsmith_state}}")], Unit::Count);
        let lost = format!("increase({}[$__rate_interval])", select(&metrics::LEASES_LOST, &[group]));
        board.graph("Leases lost", &[(lost, "lost")], Unit::Count);
    }
    if !service.handles.is_empty() {
        board.row("Answering");
        let by = |by: &str| format!("sum by ({by}) ({})", rate(select(&metrics::SERVICE_REQUESTS, &[group])));
        board.graph("Requests by type", &[(by("eventsmith_event_type"), "{{eventsmith_event_type}}")], Unit::PerSecond);
        board.graph("Requests by code", &[(by("eventsmith_code"), "{{eventsmith_code}}")], Unit::PerSecond);
        let answer = |quantile: &str| {
            quantile_of(
                quantile,
                &buckets(&metrics::PROCESS_DURATION, &[("messaging_operation_name", "answer"), group]),
            )
        };
        board.graph("Time to answer", &[(answer("0.5"), "half"), (answer("0.99"), "99 of 100")], Unit::Seconds);
    }
    board
}

fn of_stream(landscape: &Landscape, stream: &Stream) -> Board {
    let mut board = Board::new(&format!("stream-{}", stream.name), &stream.name);
    board.describe(&stream.description);
    let consumes = |service: &&Service| service.durable_consumers().any(|consumer| consumer.stream == stream.name);
    let readers = landscape.services.iter().filter(consumes);
    let readers = readers.map(|service| link(&format!("service-{}", service.name), &service.name));
    board.links([link("overview", "overview")].into_iter().chain(readers).collect());
    let of = [("stream", stream.name.as_str())];
    let one = |metric| select(metric, &of);
    board.row("The stream");
    board.stat("Messages", one(&metrics::STREAM_MESSAGES), Unit::Count);
    board.stat("Bytes", one(&metrics::STREAM_BYTES), Unit::Bytes);
    board.stat("Leader", one(&metrics::STREAM_LEADER), Unit::UpDown);
    if stream.max_bytes.or(stream.max_messages).is_some() {
        board.stat("Full in", one(&metrics::STREAM_FULL_IN), Unit::Seconds);
    }
    board.graph(
        "Stored",
        &[(format!("rate({}[$__rate_interval])", one(&metrics::STREAM_LAST)), "messages")],
        Unit::PerSecond,
    );
    let mut bytes = vec![(one(&metrics::STREAM_BYTES), "bytes")];
    if stream.max_bytes.is_some() {
        bytes.push((one(&metrics::STREAM_MAX_BYTES), "at most"));
    }
    board.graph("Bytes", &bytes, Unit::Bytes);
    if stream.max_messages.is_some() {
        let messages = [(one(&metrics::STREAM_MESSAGES), "messages"), (one(&metrics::STREAM_MAX_MESSAGES), "at most")];
        board.graph("Messages", &messages, Unit::Count);
    }
    if stream.replicas > 1 {
        board.graph("Replicas", &[(one(&metrics::STREAM_REPLICAS), "{{state}}")], Unit::Count);
        board.graph("Lag of the last replica", &[(one(&metrics::STREAM_REPLICA_LAG), "operations")], Unit::Count);
    }
    if landscape.services.iter().any(|service| consumes(&service)) {
        board.row("Its consumers");
        let lag = format!("{} + {}", one(&metrics::CONSUMER_UNDELIVERED), one(&metrics::CONSUMER_ACK_PENDING));
        board.graph("Events not handled", &[(lag, "{{consumer}}")], Unit::Count);
        let mut oldest = vec![(one(&metrics::CONSUMER_OLDEST), "{{consumer}}")];
        if stream.max_age.is_some() {
            oldest.push((one(&metrics::STREAM_MAX_AGE), "dropped after"));
        }
        board.graph("Age of the oldest unhandled event", &oldest, Unit::Seconds);
        let delivered = format!("rate({}[$__rate_interval])", one(&metrics::CONSUMER_DELIVERED));
        board.graph("Deliveries", &[(delivered, "{{consumer}}")], Unit::PerSecond);
        board.graph("Requests that wait for events", &[(one(&metrics::CONSUMER_WAITING), "{{consumer}}")], Unit::Count);
    }
    if stream.holds_dead_letters {
        board.row("Dead letters");
        let dead = format!("sum by (consumer, event, reason) ({})", metrics::DEAD_LETTERS.name);
        board.graph("Dead letters", &[(dead, "{{consumer}} {{event}}: {{reason}}")], Unit::Count);
        board.graph("The oldest", &[(metrics::DEAD_LETTERS_OLDEST.name.to_owned(), "{{consumer}}")], Unit::Seconds);
    }
    board
}

fn quantile_of(quantile: &str, buckets: &str) -> String {
    format!("histogram_quantile({quantile}, sum by (le) (rate({buckets}[$__rate_interval])))")
}

fn link(board: &str, title: &str) -> Value {
    json!({
        "asDropdown": false, "icon": "dashboard", "includeVars": false, "keepTime": true, "tags": [], "targetBlank": false,
        "title": title, "tooltip": "", "type": "link", "url": format!("/d/{}", panels::uid(board)),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::promql::names;

    #[test]
    fn every_metric_of_a_panel_is_exported() {
        let exported: BTreeSet<String> =
            metrics::EXPORTER.iter().chain(metrics::SERVICES).flat_map(metrics::Metric::series).collect();

        let mut panels = 0;
        for file in files(&crate::landscape::tests::shop()) {
            let board: Value = serde_json::from_str(&file.text).unwrap();
            for panel in board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
                panels += 1;
                for target in panel["targets"].as_array().unwrap() {
                    let asked = names(target["expr"].as_str().unwrap());
                    assert!(!asked.is_empty(), "{target}");
                    asked.iter().for_each(|name| assert!(exported.contains(name), "{}: {name}", file.path));
                }
            }
        }
        assert!(panels > 40, "{panels}");
    }

    #[test]
    fn no_two_panels_of_a_dashboard_overlap_and_each_has_an_id() {
        for file in files(&crate::landscape::tests::shop()) {
            let board: Value = serde_json::from_str(&file.text).unwrap();
            let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
            for panel in board["panels"].as_array().unwrap() {
                let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
                assert!(at("x") + at("w") <= 24, "{panel}");
                for x in at("x")..at("x") + at("w") {
                    for y in at("y")..at("y") + at("h") {
                        assert!(taken.insert((x, y)), "{}: {}", file.path, panel["title"]);
                    }
                }
                assert!(ids.insert(panel["id"].as_u64().unwrap()));
            }
            assert!(board["uid"].as_str().unwrap().len() <= 40, "{}", file.path);
        }
    }
}
