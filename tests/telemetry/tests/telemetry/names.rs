//! The names of metrics and their labels against what is exported, and against the conventions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use eventsmith::observe::{
    Component, ComponentKind, ComponentState, Figure, FigureKind, MessageType, Occurrence, RunOutcome,
};
use eventsmith::telemetry::Telemetry;
use eventsmith::telemetry::names::{self, MetricKind};

use crate::Outcome;

const MESSAGE: MessageType = MessageType { name: "order.placed", version: 1, template: "shop.domain.order.placed" };

/// A component that has every figure.
struct Everything(ComponentKind);

impl Component for Everything {
    fn kind(&self) -> ComponentKind {
        self.0
    }

    fn name(&self) -> String {
        "shop".to_owned()
    }

    fn state(&self) -> ComponentState {
        ComponentState::Working
    }

    fn figures(&self) -> Vec<Figure> {
        use FigureKind as Of;
        let all = [
            Of::Lag,
            Of::AckPending,
            Of::Waiting,
            Of::Running,
            Of::Concurrency,
            Of::Prefetch,
            Of::RetriesWaiting,
            Of::DroppedUnread,
            Of::NotDeadLettered,
            Of::Stalls,
            Of::Breaker,
            Of::Losses,
        ];
        all.into_iter().map(|kind| Figure { kind, of: "x".to_owned(), value: 1 }).collect()
    }
}

/// Tells of everything that can happen.
fn everything() -> Result<Telemetry, Box<dyn std::error::Error>> {
    let telemetry = Telemetry::builder("shop").build()?;
    let observer = telemetry.observer();
    let (message, consumer, stream, sequence, took) = (MESSAGE, "shop", "ORDERS", 1, Duration::from_millis(20));
    let outcome = RunOutcome::Failed;
    let all = [
        Occurrence::Published { message, stream, sequence, duplicate: true, took: Some(took) },
        Occurrence::NotPublished { message, error: "no_stream", rule: "no_stream", is_sent: true, took },
        Occurrence::Received { consumer, stream, message, sequence, deliveries: 2 },
        Occurrence::LiveReceived { message, error: None },
        Occurrence::RunEnded { consumer, stream, message, sequence, outcome, took, age: took },
        Occurrence::RunEnded { consumer, stream, message, sequence, outcome: RunOutcome::Handled, took, age: took },
        Occurrence::PutOff { consumer, stream, message, sequence, outcome, delay: took },
        Occurrence::DeadLettered { consumer, stream, message, sequence, reason: "rejected" },
        Occurrence::LeaseLost { consumer, stream, sequence },
        Occurrence::Requested { message, error: Some("409"), is_sent: true, took },
        Occurrence::Answered { service: "stock", message, code: 409, took },
        Occurrence::SagaTurned { saga: "purchase", version: 1, happened: "started", status: Some("running") },
    ];
    all.iter().for_each(|occurrence| observer.observe(occurrence));
    for kind in [
        ComponentKind::Connection,
        ComponentKind::Consumer,
        ComponentKind::Service,
        ComponentKind::Projection,
        ComponentKind::Saga,
    ] {
        observer.meet(&(Arc::new(Everything(kind)) as Arc<dyn Component>));
    }
    Ok(telemetry)
}

/// A connection that is there, or was lost.
struct Connection(bool);

impl Component for Connection {
    fn kind(&self) -> ComponentKind {
        ComponentKind::Connection
    }

    fn name(&self) -> String {
        "shop".to_owned()
    }

    fn state(&self) -> ComponentState {
        if self.0 { ComponentState::Working } else { ComponentState::Starting }
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure { kind: FigureKind::Losses, of: String::new(), value: 2 }]
    }
}

#[test]
fn of_two_connections_of_one_name_neither_hides_the_other() -> Outcome {
    for order in [[true, false], [false, true]] {
        let telemetry = Telemetry::builder("shop").build()?;
        for is_there in order {
            telemetry.observer().meet(&(Arc::new(Connection(is_there)) as Arc<dyn Component>));
        }

        let page = telemetry.prometheus();

        assert_eq!(telemetry.unready(), ["connection shop: starting"]);
        assert!(page.contains("\neventsmith_connection_up 0\n"), "{page}");
        assert!(page.contains("\neventsmith_connection_reconnects_total 4\n"), "{page}");
    }
    Ok(())
}

/// The metrics of a page as Prometheus reads it: type and labels by name.
pub(crate) fn families(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut last = String::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            last = name.to_owned();
            found.insert(last.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            assert!(name.starts_with(&last), "{line} stands under {last}");
            let labels = labels.strip_suffix('}').unwrap();
            let mut rest = labels;
            while let Some((label, after)) = rest.split_once("=\"") {
                let end = after.find('"').unwrap();
                found.get_mut(&last).unwrap().1.insert(label.trim_start_matches(',').to_owned());
                rest = &after[end + 1..];
            }
        }
    }
    found
}

#[test]
fn every_metric_of_the_table_is_exported_with_its_labels_and_no_other_is() -> Outcome {
    let mut exported = families(&everything()?.prometheus());
    exported.remove("target_info");

    let mut listed = BTreeMap::new();
    for metric in names::ALL {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let mut labels: BTreeSet<String> = metric.labels.iter().map(|label| names::label(label)).collect();
        if metric.kind == MetricKind::Histogram {
            labels.insert("le".to_owned());
        }
        listed.insert(metric.prometheus(), (kind.to_owned(), labels));
    }
    assert_eq!(exported, listed);
    Ok(())
}

#[test]
fn the_page_lists_the_metrics_with_their_labels() {
    let page = include_str!("../../../../docs/telemetry.md");
    let mut rows = Vec::new();
    for metric in names::ALL {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{}`", names::label(label))).collect();
        let (name, prometheus, labels) = (metric.name, metric.prometheus(), labels.join(", "));
        rows.push(format!("| `{name}` | `{prometheus}` | {kind} | {labels} | {} |", metric.description));
    }

    let listed: Vec<&str> =
        page.lines().filter(|line| line.matches(" | `").count() >= 1 && line.matches('|').count() == 6).collect();

    assert_eq!(listed, rows);
}

/// The metrics of the messaging conventions, as docs/messaging/messaging-metrics.md of open-telemetry/semantic-conventions has them at
/// 01a38bf6fa47f4378dd9d6c22a03ff8f7a69123c (status: development): name, kind, unit, and the attributes that may be on them.
const CONVENTION: &[(&str, MetricKind, &str, &[&str])] = &[
    ("messaging.client.operation.duration", MetricKind::Histogram, "s", ATTRIBUTES),
    ("messaging.client.sent.messages", MetricKind::Counter, "{message}", ATTRIBUTES),
    ("messaging.client.consumed.messages", MetricKind::Counter, "{message}", ATTRIBUTES),
    ("messaging.process.duration", MetricKind::Histogram, "s", ATTRIBUTES),
];

const ATTRIBUTES: &[&str] = &[
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.system",
    "messaging.consumer.group.name",
    "messaging.destination.name",
    "messaging.destination.subscription.name",
    "messaging.destination.template",
    "messaging.destination.partition.id",
    "error.type",
    "server.address",
    "server.port",
];

#[test]
fn what_the_messaging_conventions_name_is_as_they_name_it_and_all_else_is_ours() {
    for metric in names::ALL {
        let of_convention = CONVENTION.iter().find(|(name, ..)| *name == metric.name);
        match of_convention {
            Some((_, kind, unit, attributes)) => {
                assert_eq!((metric.kind, metric.unit), (*kind, *unit), "{}", metric.name);
                assert!(metric.labels.iter().all(|label| attributes.contains(label)), "{}", metric.name);
                for required in ["messaging.operation.name", "messaging.system"] {
                    assert!(metric.labels.contains(&required), "{} lacks {required}", metric.name);
                }
            }
            None => assert!(metric.name.starts_with("eventsmith."), "{}", metric.name),
        }
    }
    assert!(CONVENTION.iter().all(|(name, ..)| names::ALL.iter().any(|metric| metric.name == *name)));
}

#[test]
fn a_page_with_a_name_that_is_not_in_the_table_is_told_apart() {
    let page = "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"{2}\"} 3\n# TYPE b gauge\nb 4.5\n";

    let found = families(page);

    let labels = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(found["a"], ("counter".to_owned(), labels(&["x", "y"])));
    assert_eq!(found["b"], ("gauge".to_owned(), labels(&[])));
}
