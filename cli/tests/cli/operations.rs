//! `eventsmith flow`, `alerts` and `dashboard` over the catalogue of the rules engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use eventsmith::telemetry::names::{self, MetricKind, label};
use eventsmith_operations::metrics::{Kind, PROCESS_BOUNDS, SERVICES};
use serde_json::Value;

use crate::support::{Folder, Run};

fn schemas() -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    repository.join("schemas").display().to_string()
}

fn run(folder: &Folder, arguments: &[&str]) -> Run {
    folder.run(&[arguments, &["--schemas", &schemas()]].concat())
}

fn files(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    found
}

#[test]
fn the_whole_flow_has_one_arrow_for_each_pair() {
    let folder = Folder::with(&[]);

    let mermaid = run(&folder, &["flow"]);
    let dot = run(&folder, &["flow", "--format", "dot"]);

    assert_eq!((mermaid.status, mermaid.stderr.as_str()), (0, "9 nodes and 41 arrows\n"));
    assert!(mermaid.stdout.contains(r#" -. "evaluation.evaluate" .-> "#), "{}", mermaid.stdout);
    assert_eq!(dot.stdout.matches(" -> ").count(), 41, "{}", dot.stdout);
}

#[test]
fn a_service_is_drawn_with_what_nobody_else_has_to_do_with() {
    let folder = Folder::with(&[]);

    let drawn = run(&folder, &["flow", "--service", "calculator", "--out", "calculator.mmd"]);
    let fresh = run(&folder, &["flow", "--service", "calculator", "--check", "calculator.mmd"]);
    let stale = run(&folder, &["flow", "--service", "taxes", "--check", "calculator.mmd"]);
    let unknown = run(&folder, &["flow", "--service", "calculater"]);
    let saga = run(&folder, &["flow", "--saga", "checkout"]);
    let no_saga = run(&folder, &["flow", "--saga", "refund"]);

    let text = fs::read_to_string(folder.path().join("calculator.mmd")).unwrap();
    assert_eq!(drawn.status, 0, "{}", drawn.stderr);
    assert!(text.contains("\"nobody\"") && text.contains("checkout.get<br>checkout.start"), "{text}");
    assert_eq!((fresh.status, stale.status), (0, 1), "{}{}", fresh.stderr, stale.stderr);
    assert!(stale.stdout.contains("help: eventsmith flow --service taxes --out calculator.mmd"), "{}", stale.stdout);
    assert_eq!((unknown.status, unknown.stderr.contains("calculator")), (2, true), "{}", unknown.stderr);
    assert_eq!((saga.status, saga.stdout.contains("checkout.progress")), (0, true), "{saga:?}");
    assert!(saga.stdout.contains("n2 -- \"runs version 1\" --> n0"), "{}", saga.stdout);
    assert_eq!((no_saga.status, no_saga.stderr.contains("checkout")), (2, true), "{}", no_saga.stderr);
}

#[test]
fn what_was_seen_is_marked() {
    let figures = r#"messaging_client_sent_messages_total{messaging_operation_name="publish",messaging_destination_template="rules.domain.promotion.applied.{promotion_id}",job="promotions"} 60
messaging_client_consumed_messages_total{messaging_operation_name="process",messaging_consumer_group_name="loyalty",messaging_destination_template="rules.domain.promotion.applied.{promotion_id}"} 60
messaging_client_consumed_messages_total{messaging_operation_name="process",messaging_consumer_group_name="coupons",messaging_destination_template="rules.domain.promotion.applied.{promotion_id}"} 5
eventsmith_dead_letters{consumer="loyalty",event="promotion.applied",reason="exhausted"} 2
"#;
    let later = figures.replace("} 60\n", "} 180\n");
    let folder = Folder::with(&[("a.prom", figures), ("b.prom", &later), ("bad.prom", "a 1\nb{ 2\n")]);

    let seen = run(&folder, &["flow", "--service", "promotions", "--observed", "a.prom"]);
    let rates = run(&folder, &["flow", "--observed", "a.prom", "--observed", "b.prom", "--between", "1m"]);
    let bad = run(&folder, &["flow", "--observed", "bad.prom"]);
    let alone = run(&folder, &["flow", "--observed", "a.prom", "--observed", "b.prom"]);

    assert_eq!(seen.status, 1, "{}", seen.stderr);
    assert!(seen.stdout.contains("\"promotion.applied 60, 2 dead\""), "{}", seen.stdout);
    assert!(seen.stdout.contains("not declared:<br>promotion.applied 5"), "{}", seen.stdout);
    assert!(seen.stdout.contains("never seen:"), "{}", seen.stdout);
    assert!(seen.stderr.contains("; 1 seen and not declared, "), "{}", seen.stderr);
    assert!(rates.stdout.contains("\"promotion.applied 2, 2 dead\""), "{}", rates.stdout);
    assert_eq!((bad.status, bad.stderr.contains("bad.prom:2: no figure")), (2, true), "{}", bad.stderr);
    assert_eq!((alone.status, alone.stderr.contains("--between")), (2, true), "{}", alone.stderr);
}

#[test]
fn alerts_are_written_and_found_stale() {
    let folder = Folder::with(&[]);

    let written = run(&folder, &["alerts", "--out", "alerts"]);
    let fresh = run(&folder, &["alerts", "--out", "alerts", "--check"]);
    let path = folder.path().join("alerts/promotions.rules.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("critical", "warning")).unwrap();
    fs::copy(folder.path().join("alerts/taxes.rules.yml"), folder.path().join("alerts/gone.rules.yml")).unwrap();
    let stale = run(&folder, &["alerts", "--out", "alerts", "--check"]);

    assert_eq!(written.status, 0, "{}", written.stderr);
    let names = files(&folder.path().join("alerts"));
    assert_eq!(names.len(), 9 + 2 + 2, "{names:?}");
    let calculator = fs::read_to_string(folder.path().join("alerts/calculator.rules.yml")).unwrap();
    assert!(calculator.contains("for saga_checkout_v1\""), "the runner of its saga has rules: {calculator}");
    // 30 days without 6 hours.
    assert!(text.contains(r#"will expire unhandled by promotions within 6h"#) && text.contains("> 2570400"), "{text}");
    assert_eq!((fresh.status, fresh.stdout.as_str()), (0, ""));
    assert_eq!(stale.status, 1, "{}", stale.stdout);
    assert!(
        stale.stdout.contains("promotions.rules.yml:") && stale.stdout.contains("gone.rules.yml: error[stale]"),
        "{}",
        stale.stdout
    );
    assert!(stale.stderr.ends_with(", 2 stale\n"), "{}", stale.stderr);
}

#[test]
fn dashboards_are_written_the_same_each_time() {
    let folder = Folder::with(&[]);

    let written = run(&folder, &["dashboard", "--out", "boards"]);
    let fresh = run(&folder, &["dashboard", "--out", "boards", "--check"]);
    fs::write(folder.path().join("boards/mine.json"), "{}").unwrap();
    fs::remove_file(folder.path().join("boards/service-taxes.json")).unwrap();
    let stale = run(&folder, &["dashboard", "--out", "boards", "--check"]);

    assert_eq!((written.status, fresh.status), (0, 0), "{}{}", written.stderr, fresh.stdout);
    let board: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("boards/service-promotions.json")).unwrap())
            .unwrap();
    assert_eq!(board["uid"], "eventsmith-service-promotions");
    assert!(stale.stdout.contains("service-taxes.json: error[stale]: the file does not exist"), "{}", stale.stdout);
    assert!(stale.stderr.ends_with(", 1 stale\n"), "{}", stale.stderr);
}

#[test]
fn what_is_said_of_the_metrics_of_services_is_what_services_export() {
    assert_eq!(PROCESS_BOUNDS, names::PROCESS_BOUNDS);
    for metric in SERVICES {
        let exported = names::ALL.iter().find(|exported| exported.prometheus() == metric.name);
        let exported = exported.unwrap_or_else(|| panic!("no service exports {}", metric.name));
        let kind = match exported.kind {
            MetricKind::Counter => Kind::Counter,
            MetricKind::Gauge => Kind::Gauge,
            MetricKind::Histogram => Kind::Histogram,
        };
        let labels: BTreeSet<String> = exported.labels.iter().map(|name| label(name)).collect();
        let named: BTreeSet<String> = metric.labels.iter().map(|&name| name.to_owned()).collect();

        assert_eq!((metric.kind, named), (kind, labels), "{}", metric.name);
    }
}
