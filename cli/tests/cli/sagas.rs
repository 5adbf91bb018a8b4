//! `eventsmith sagas`, through the binary and against a real server.

use std::sync::Arc;
use std::time::Duration;

use eventsmith::admin::BusAdmin as _;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::state::{Saga, SagaStatus, Sagas, Step};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Received, Refusal, Reply, Request, State};
use rules_events::checkout::CheckoutSummary;
use rules_events::rule::{RuleActivate, RuleActivateReply, RuleDeactivate, RuleDeactivateError};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::Folder;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const MANIFEST: &str =
    "root = \"rules\"\n\n[streams.SAGAS]\nsubjects = [\"rules.saga.>\"]\nsagas = { checkout = \"checkout.summary\" }\n";
const SAGAS: StreamDescriptor = StreamDescriptor::new("SAGAS", &["rules.saga.>"]).sagas(&["checkout"]);
const STATE: &[u8] =
    br#"{"transaction_id": "txn_01KJQ4T9Q6MZ", "customer_id": "cus_01KJQ4T9Q6MZ", "status": "running", "steps": [],
    "updated_at": "2026-11-23T10:00:00Z"}"#;
const COMMAND: &[u8] = br#"{"rule_id": "rul_01KJQ5B2W8HD", "requested_by": "usr_ben-okafor"}"#;

const REPLY: &[u8] = br#"{"rule_id": "rul_01KJQ5B2W8HD", "activated_at": "2026-03-01T15:00:00+01:00",
    "effective_at": "2026-03-01T15:00:00+01:00"}"#;

/// A saga that is refused, and whose compensation is.
fn checkout() -> Saga<CheckoutSummary> {
    let activate = |_: &CheckoutSummary| RuleActivate::decode(1, COMMAND).unwrap();
    let deactivate = |_: &CheckoutSummary| RuleDeactivate::decode(1, COMMAND).unwrap();
    Saga::new("checkout", 3)
        .step(Step::asks("activate", activate).timeout(Duration::from_secs(60)).compensate(deactivate))
        .step(Step::asks("deactivate", deactivate))
}

async fn activate(_: Received<RuleActivate>) -> Result<RuleActivateReply, Refusal<<RuleActivate as Request>::Error>> {
    Ok(RuleActivateReply::decode(REPLY).unwrap())
}

async fn deactivate(
    _: Received<RuleDeactivate>,
) -> Result<<RuleDeactivate as Request>::Reply, Refusal<RuleDeactivateError>> {
    Err(Refusal::new(RuleDeactivateError::decode(br#"{"code": "not_allowed"}"#).unwrap()))
}

#[tokio::test]
async fn a_saga_that_is_stuck_is_listed_shown_retried_and_cancelled() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(Config { servers: vec![server.url().into()], ..Config::default() }).await?;
    bus.provision(&[SAGAS]).await?;
    let sagas = Sagas::of(&bus, &[SAGAS]);
    let never = std::future::pending::<()>;
    let service = tokio::spawn(bus.service("rules").answer(activate).answer(deactivate).run(never()));
    let runner = tokio::spawn(sagas.runner("checkout").saga(checkout()).run(never()));
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", MANIFEST),
        ("schemas/state/checkout/summary.v1.json", r#"{"type": "object"}"#),
    ]);
    let (url, folder) = (server.url(), Arc::new(folder));
    let run = |arguments: &'static [&'static str]| {
        let (url, folder) = (url.clone(), Arc::clone(&folder));
        spawn_blocking(move || folder.run(&[arguments, &["--schemas", "schemas", "--server", &url]].concat()))
    };
    let planned = run(&["streams", "plan"]).await?;
    sagas.start(&checkout(), "c-1", &CheckoutSummary::decode(1, STATE)?).await?;
    while sagas.status("checkout", "c-1").await? != Some(SagaStatus::Stuck) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let listed = run(&["sagas", "list"]).await?;
    let shown = run(&["sagas", "show", "checkout", "c-1"]).await?;
    let retried = run(&["sagas", "retry", "checkout", "c-1", "--by", "anna"]).await?;
    let again = async || -> Outcome<usize> {
        let events = sagas.history("checkout", "c-1").await?.events;
        Ok(events.iter().filter(|event| event.kind.as_str() == "stuck").count())
    };
    while again().await? < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cancelled = run(&["sagas", "cancel", "checkout", "c-1", "--by", "anna", "--reason", "done by hand"]).await?;
    assert_eq!(sagas.ended("checkout", "c-1").await?, SagaStatus::Compensated);
    let none = run(&["sagas", "list"]).await?;
    let all = run(&["sagas", "list", "--all", "--format", "json"]).await?;
    let json = run(&["sagas", "show", "checkout", "c-1", "--format", "json"]).await?;
    let late = run(&["sagas", "retry", "checkout", "c-1"]).await?;
    let missing = run(&["sagas", "show", "checkout", "c-2"]).await?;
    let unknown = run(&["sagas", "list", "chekout"]).await?;

    let kept = run(&["sagas", "purge", "--ended-before", "30d"]).await?;
    let mut would = run(&["sagas", "purge", "--ended-before", "1s", "--dry-run"]).await?;
    while would.stdout.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        would = run(&["sagas", "purge", "--ended-before", "1s", "--dry-run"]).await?;
    }
    let purged = run(&["sagas", "purge", "--ended-before", "1s"]).await?;

    assert_eq!((kept.status, kept.stdout.as_str()), (0, ""), "{}", kept.stderr);
    assert!(
        would.stdout.starts_with("checkout  c-1  v3  ") && would.stderr.ends_with("1 saga would be removed\n"),
        "{}",
        would.stderr
    );
    assert_eq!((purged.status, &purged.stdout), (0, &would.stdout), "{}", purged.stderr);
    assert!(purged.stderr.starts_with("1 saga removed, "), "{}", purged.stderr);
    assert_eq!(sagas.status("checkout", "c-1").await?, None);
    assert_eq!(planned.status, 0, "{} {}", planned.stdout, planned.stderr);
    assert_eq!(listed.status, 1, "{}", listed.stderr);
    assert!(listed.stdout.starts_with("checkout  c-1  v3  "), "{}", listed.stdout);
    assert!(listed.stdout.ends_with("  stuck at activate\n"), "{}", listed.stdout);
    assert_eq!(listed.stderr, "1 saga open, 1 of them stuck; 0 ended\n");
    let path: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(path[0], "checkout c-1, version 3: stuck at activate", "{}", shown.stdout);
    let drawn = path.iter().position(|line| line.is_empty()).ok_or("there is no path")?;
    let words: Vec<String> = path[drawn + 1..]
        .iter()
        .map(|line| {
            line.split_whitespace()
                .skip(1)
                .filter(|word| *word != "ms" && word.parse::<u32>().is_err())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(words[0], "started");
    assert_eq!(words[1], "-> activate done rule.activate");
    assert!(words[2].starts_with("-> deactivate refused rule.deactivate"), "{words:?}");
    assert!(words[4].starts_with("-> activate stuck"), "{words:?}");
    assert_eq!((retried.status, cancelled.status), (0, 0), "{} {}", retried.stderr, cancelled.stderr);
    assert_eq!((none.status, none.stdout.as_str()), (0, ""), "{}", none.stderr);
    let all: Value = serde_json::from_str(&all.stdout)?;
    assert_eq!((&all["sagas"][0]["id"], &all["sagas"][0]["status"]), (&"c-1".into(), &"compensated".into()));
    let json: Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(json["steps"][0], serde_json::json!({ "step": "activate", "outcome": "passed over" }));
    assert_eq!((json["inputs"].as_array().map(Vec::len), &json["inputs"][1]["by"]), (Some(2), &"anna".into()));
    assert_eq!((late.status, late.stderr.contains("is compensated")), (2, true), "{}", late.stderr);
    assert_eq!((missing.status, missing.stderr.contains("no saga checkout c-2")), (2, true), "{}", missing.stderr);
    assert_eq!((unknown.status, unknown.stderr.contains("checkout")), (2, true), "{}", unknown.stderr);
    service.abort();
    runner.abort();
    Ok(())
}
