//! `eventsmith aggregates check`, through the binary and against a real server.

use async_nats::HeaderMap;
use eventsmith::testing::NatsServer;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::Folder;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const RULE: &str = r#"{"type": "object", "properties": {"rule_id": {"type": "string", "minLength": 1}}, "required": ["rule_id"],
    "x-event": {"key": "/rule_id", "aggregate": "rule"}}"#;
const MANIFEST: &str = "root = \"rules\"\n\n[streams.RULES]\nsubjects = [\"rules.domain.>\"]\n";

#[tokio::test]
async fn what_is_wrong_with_histories_is_found() -> Outcome {
    let server = NatsServer::start().await?;
    let context = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", MANIFEST),
        ("schemas/domain/rule/created.v1.json", RULE),
        ("schemas/domain/rule/deleted.v1.json", RULE),
    ]);
    let (url, folder) = (server.url(), std::sync::Arc::new(folder));
    let run = |arguments: &'static [&'static str]| {
        let (url, folder) = (url.clone(), std::sync::Arc::clone(&folder));
        spawn_blocking(move || folder.run(&[arguments, &["--schemas", "schemas", "--server", &url]].concat()))
    };
    let publish = async |subject: &'static str, number: Option<(&str, &str)>| -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some((number, predecessor)) = number {
            headers.insert("Eventsmith-Number", number);
            headers.insert("Eventsmith-Predecessor", predecessor);
        }
        context.publish_with_headers(subject, headers, "{}".into()).await?.await?;
        Ok(())
    };
    assert_eq!(run(&["streams", "apply"]).await?.status, 0);
    publish("rules.domain.rule.created.r1", Some(("1", "0"))).await?;
    publish("rules.domain.rule.deleted.r1", Some(("2", "1"))).await?;
    let clean = run(&["aggregates", "check"]).await?;
    publish("rules.domain.rule.deleted.r1", Some(("2", "1"))).await?;
    publish("rules.domain.rule.deleted.r2", Some(("3", "1"))).await?;
    publish("rules.domain.rule.created.r3", None).await?;

    let found = run(&["aggregates", "check", "rule"]).await?;
    let json = run(&["aggregates", "check", "--format", "json"]).await?;
    let unknown = run(&["aggregates", "check", "rul"]).await?;
    let by = ["--by", "anna", "--reason", "the first one was told"];
    let discard =
        |sequence: &'static str| ["aggregates", "discard", "rule", "r1", sequence, by[0], by[1], by[2], by[3]];
    let first = run(discard("1").to_vec().leak()).await?;
    let discarded = run(discard("3").to_vec().leak()).await?;
    let again = run(discard("3").to_vec().leak()).await?;
    let left = run(&["aggregates", "check", "rule"]).await?;

    assert_eq!((clean.status, clean.stdout.as_str()), (0, ""), "{}", clean.stderr);
    assert_eq!(found.status, 1, "{}", found.stderr);
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        ["RULES: rule r1: messages 2 and 3 are both event 2", "RULES: rule r2: event 1 is missing before message 4",]
    );
    assert!(lines[2].starts_with("RULES: rule r3: message 5 is no event of the history"), "{lines:?}");
    let json: Value = serde_json::from_str(&json.stdout)?;
    assert_eq!((&json["histories"], &json["messages"]), (&3.into(), &5.into()));
    assert_eq!(json["defects"][1]["kind"], "gap");
    assert_eq!((first.status, first.stderr.contains("is no better")), (2, true), "{}", first.stderr);
    assert_eq!((discarded.status, discarded.stdout.as_str()), (0, "3\n"), "{}", discarded.stderr);
    assert_eq!((again.status, again.stderr.contains("has no double")), (2, true), "{}", again.stderr);
    let kinds: Vec<&str> = left.stdout.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(kinds, ["rule r2", "rule r3"], "{}", left.stdout);
    assert_eq!((unknown.status, unknown.stderr.contains("rule")), (2, true), "{}", unknown.stderr);
    Ok(())
}
