//! The tools over events that are CloudEvents, through the binary and against a real server.

use std::sync::Arc;

use async_nats::HeaderMap;
use eventsmith::testing::NatsServer;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support::{Folder, Run};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ORDER: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"order_id": {"type": "string", "minLength": 1}, "data": {"type": "integer"}}, "required": ["order_id"]}"#;
const MANIFEST: &str = r#"root = "shop"
wire = "cloudevents"

[streams.ORDERS]
subjects = ["shop.domain.>"]

[services.orders]
publishes = ["order.placed"]

[services.notes]
wire = "plain"
publishes = ["order.noted"]
"#;

fn folder() -> Folder {
    Folder::with(&[
        ("eventsmith.toml", MANIFEST),
        ("domain/order/placed.v1.json", ORDER),
        ("domain/order/noted.v1.json", ORDER),
    ])
}

fn binary(id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", "/a%20b"),
        ("ce-type", "order.placed"),
        ("ce-dataschema", "https://example.com/order/placed.v1.json"),
        ("ce-datacontenttype", "application/json"),
    ];
    for (name, value) in attributes {
        headers.insert(name, value);
    }
    headers
}

fn structured(event_type: &str, order_id: &str) -> String {
    json!({
        "specversion": "1.0", "id": "s", "source": "/", "type": event_type, "dataversion": "1",
        "time": "2026-11-30T10:00:00Z", "data": {"order_id": order_id},
    })
    .to_string()
}

fn plain(event_type: &str) -> String {
    json!({
        "id": "p", "type": event_type, "source": "tests", "subject": format!("shop.domain.{event_type}"),
        "time": "2026-11-30T10:00:00Z", "version": "1", "data": {"order_id": "o-1"},
    })
    .to_string()
}

#[tokio::test]
async fn tail_and_backup_verify_judge_cloud_events_in_both_modes() -> Outcome {
    let server = NatsServer::start().await?;
    let client = async_nats::connect(server.url()).await?;
    let folder = Arc::new(folder());
    let run = async |arguments: &[&str]| -> Outcome<Run> {
        let url = server.url();
        let all: Vec<String> = arguments.iter().copied().chain(["--server", &url]).map(str::to_owned).collect();
        let folder = Arc::clone(&folder);
        Ok(spawn_blocking(move || folder.run(&all.iter().map(String::as_str).collect::<Vec<_>>())).await?)
    };
    let applied = run(&["streams", "apply"]).await?;
    assert_eq!(applied.status, 0, "{}", applied.stderr);
    let mut announced = HeaderMap::new();
    announced.insert("content-type", "application/cloudevents+json; charset=UTF-8");
    let (placed, noted) = ("shop.domain.order.placed", "shop.domain.order.noted");
    let messages = [
        (placed, binary("1"), r#"{"order_id": "o-1", "data": 7}"#.to_owned()),
        (placed, binary("2"), r#"{"order_id": ""}"#.to_owned()),
        (placed, announced.clone(), structured("order.placed", "o-1")),
        (placed, HeaderMap::new(), plain("order.placed")),
        (noted, announced, structured("order.noted", "o-1")),
        (noted, HeaderMap::new(), plain("order.noted")),
    ];
    for (subject, headers, body) in messages {
        client.publish_with_headers(subject, headers, body.into()).await?;
    }
    client.flush().await?;

    let tail = run(&["tail", "shop.domain.>", "--since", "1h", "--count", "6", "--format", "json"]).await?;

    let lines: Vec<Value> = tail.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let valid: Vec<&Value> = lines.iter().map(|line| &line["valid"]).collect();
    let expected = [true, false, true, false, false, true].map(Value::from);
    assert_eq!(valid, expected.iter().collect::<Vec<_>>(), "{}", tail.stdout);
    assert_eq!((&lines[0]["type"], &lines[0]["version"]), (&json!("order.placed"), &json!("1")));
    assert_eq!(lines[1]["problems"][0]["pointer"], "/data/order_id");
    for (line, part) in [(3, "an envelope of the plain wire"), (4, "this is a CloudEvent")] {
        assert!(lines[line]["problems"].to_string().contains(part), "{}", lines[line]);
    }
    let text = run(&["tail", "shop.domain.>", "--since", "1h", "--count", "1"]).await?;
    assert!(text.stdout.contains(r#"order.placed@1 shop.domain.order.placed {"order_id""#), "{}", text.stdout);

    let made = run(&["backup", "create", "--out", "backups"]).await?;
    assert_eq!(made.status, 0, "{}", made.stderr);
    let backup = std::fs::read_dir(folder.path().join("backups"))?.next().ok_or("no backup")??.path();
    let backup = backup.to_str().ok_or("no text")?.to_owned();
    let verified = run(&["backup", "verify", &backup, "--decode"]).await?;
    assert_eq!(verified.status, 1, "{} {}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("this is a CloudEvent"), "{}", verified.stdout);
    Ok(())
}

#[test]
fn validate_reads_cloud_events_and_says_what_is_wrong_with_them() {
    let folder = folder();
    let good = structured("order.placed", "o-1");
    folder.write("good.json", &good);
    assert_eq!(folder.run(&["validate", "good.json"]).status, 0);
    for (text, part) in [
        (structured("order.placed", ""), "order_id"),
        (good.replace("\"1.0\"", "\"0.3\""), "specversion"),
        (good.replace("\"dataversion\":\"1\"", "\"dataversion\":\"7\""), "7"),
        (good.replace("dataversion", "other"), "do not name an event"),
        (good.replace("2026-11-30T10:00:00Z", "yesterday"), "date-time"),
        (good.replace("\"source\"", "\"Source\""), "source"),
        (structured("order.noted", "o-1"), "this is a CloudEvent"),
        (plain("order.placed"), "an envelope of the plain wire"),
    ] {
        folder.write("bad.json", &text);

        let run = folder.run(&["validate", "bad.json"]);

        assert_eq!(run.status, 1, "{text}: {run:?}");
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
}

#[test]
fn services_that_publish_one_event_on_two_wires_are_an_error() {
    let folder = folder();
    folder.write("eventsmith.toml", &MANIFEST.replace("[\"order.noted\"]", "[\"order.noted\", \"order.placed\"]"));

    let run = folder.run(&["generate"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(format!("{run:?}").contains("order.placed is written on the wire"), "{run:?}");
}

#[test]
fn the_site_shows_what_was_seen() {
    let folder = folder();
    let figures = |sent: u32, last: u32| {
        format!(
            "messaging_client_sent_messages_total{{messaging_operation_name=\"publish\",messaging_destination_template=\"shop.domain.order.placed\",service=\"orders\"}} {sent}\n\
             messaging_client_consumed_messages_total{{messaging_operation_name=\"process\",messaging_consumer_group_name=\"billing\",messaging_destination_template=\"shop.domain.order.placed\"}} {sent}\n\
             eventsmith_stream_consumer_undelivered{{stream=\"ORDERS\",consumer=\"billing\"}} 12\n\
             eventsmith_stream_last_sequence{{stream=\"ORDERS\"}} {last}\n\
             eventsmith_stream_messages{{stream=\"ORDERS\"}} {last}\n"
        )
    };
    folder.write("earlier.prom", &figures(1_000, 5_000));
    folder.write("later.prom", &figures(1_600, 5_600));

    let run = folder.run(&[
        "docs",
        "--out",
        "site",
        "--observed",
        "earlier.prom",
        "--observed",
        "later.prom",
        "--between",
        "5m",
    ]);

    assert_eq!(run.status, 0, "{run:?}");
    let page = |path: &str| std::fs::read_to_string(folder.path().join("site").join(path)).unwrap();
    let placed = page("domain/order.placed.html");
    for part in [
        "2 a second (1,600 in all)",
        "billing: 2 a second",
        "within the 5m before the last look",
        "billing in ORDERS: 12 not delivered",
    ] {
        assert!(placed.contains(part), "{part}: {placed}");
    }
    assert!(page("domain/order.noted.html").contains("never seen"));
    assert!(page("stream/ORDERS.html").contains("5,600 messages"));
    let wrong = folder.run(&["docs", "--out", "other", "--observed", "later.prom", "--between", "5m"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
}
