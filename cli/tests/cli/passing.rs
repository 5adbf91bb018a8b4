//! `eventsmith tail` and `eventsmith bucket`, through the binary and against a real server.

use std::time::Duration;

use async_nats::{Client, HeaderMap};
use eventsmith::testing::NatsServer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::support::{Folder, Run};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const RULE: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"rule_id": {"type": "string", "minLength": 1}}, "required": ["rule_id"]}"#;
const MANIFEST: &str = r#"root = "rules"

[streams.RULES]
subjects = ["rules.domain.>"]

[buckets.COMPILED]
state = "rule.compiled"
history = 2
"#;

struct Scene {
    server: NatsServer,
    client: Client,
    folder: std::sync::Arc<Folder>,
}

impl Scene {
    /// A server that holds what the catalogue says.
    async fn start() -> Outcome<Self> {
        let server = NatsServer::start().await?;
        let client = async_nats::connect(server.url()).await?;
        let folder = Folder::with(&[
            ("schemas/eventsmith.toml", MANIFEST),
            ("schemas/domain/rule/created.v1.json", RULE),
            ("schemas/domain/rule/deleted.v1.json", RULE),
            ("schemas/query/rule/get.v1.json", RULE),
            ("schemas/query/rule/get.v1.reply.json", RULE),
            ("schemas/state/rule/compiled.v1.json", RULE),
        ]);
        let scene = Self { server, client, folder: folder.into() };
        let applied = scene.run(&["streams", "apply"]).await?;
        assert_eq!(applied.status, 0, "{}", applied.stderr);
        Ok(scene)
    }

    fn begin(&self, arguments: &[&str]) -> JoinHandle<Run> {
        let url = self.server.url();
        let all: Vec<String> =
            arguments.iter().copied().chain(["--schemas", "schemas", "--server", &url]).map(str::to_owned).collect();
        let folder = std::sync::Arc::clone(&self.folder);
        spawn_blocking(move || folder.run(&all.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    async fn run(&self, arguments: &[&str]) -> Outcome<Run> {
        Ok(self.begin(arguments).await?)
    }

    /// Waits until somebody listens to a subject.
    async fn is_heard(&self, subject: &str) -> Outcome {
        let heard = async {
            loop {
                let subscriptions = self.server.monitor("/subsz?subs=1").await?;
                if subscriptions.to_string().contains(&format!("\"{subject}\"")) {
                    return Outcome::Ok(());
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await?
    }

    async fn publish(&self, subject: &'static str, body: &str) -> Outcome {
        self.client.publish(subject, body.to_owned().into()).await?;
        Ok(self.client.flush().await?)
    }
}

fn created(event_type: &str, data: Value) -> String {
    json!({"id": "e-1", "type": event_type, "source": "tests", "subject": "rules.domain.rule.created",
        "time": "2026-11-30T10:00:00Z", "version": "1", "data": data})
    .to_string()
}

#[tokio::test]
async fn what_passes_is_printed_valid_or_not_and_why() -> Outcome {
    let scene = Scene::start().await?;
    let tail = scene.begin(&["tail", "--count", "5", "--format", "json"]);
    scene.is_heard("rules.>").await?;

    scene.publish("rules.domain.rule.created", &created("rule.created", json!({"rule_id": "r1"}))).await?;
    scene.publish("rules.domain.rule.created", &created("rule.created", json!({"rule_id": ""}))).await?;
    scene.publish("rules.domain.rule.deleted", &created("rule.created", json!({"rule_id": "r1"}))).await?;
    scene.publish("rules.query.rule.get", r#"{"rule_id": "r1"}"#).await?;
    scene.publish("rules.elsewhere", "\u{1b}[2J").await?;

    let tail = tail.await?;
    assert_eq!(tail.status, 1, "{}", tail.stderr);
    let lines: Vec<Value> = tail.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let valid: Vec<&Value> = lines.iter().map(|line| &line["valid"]).collect();
    assert_eq!(valid, [&json!(true), &json!(false), &json!(false), &json!(true), &Value::Null], "{}", tail.stdout);
    assert_eq!((&lines[0]["type"], &lines[0]["payload"]["data"]["rule_id"]), (&json!("rule.created"), &json!("r1")));
    assert_eq!(lines[1]["problems"][0]["pointer"], "/data/rule_id");
    assert!(lines[2]["problems"].to_string().contains("rule.deleted"), "{}", lines[2]);
    assert_eq!(lines[4]["payload"], "\u{1b}[2J");
    assert!(tail.stderr.contains("5 messages, 2 invalid, 0 missed"), "{}", tail.stderr);
    Ok(())
}

#[tokio::test]
async fn what_streams_hold_is_printed_first() -> Outcome {
    let scene = Scene::start().await?;
    for rule_id in ["r1", "r2"] {
        scene.publish("rules.domain.rule.created", &created("rule.created", json!({"rule_id": rule_id}))).await?;
    }
    scene.publish("rules.domain.rule.deleted", "\u{1b}[2J").await?;

    let tail = scene.run(&["tail", "rule.created", "--since", "1h", "--count", "2"]).await?;
    assert_eq!(tail.status, 0, "{}", tail.stderr);
    let lines: Vec<&str> = tail.stdout.lines().collect();
    assert!(lines[0].ends_with(r#" valid rule.created@1 rules.domain.rule.created {"rule_id":"r1"}"#), "{lines:?}");
    assert!(lines[1].contains(r#"{"rule_id":"r2"}"#), "{lines:?}");
    let tail = scene.run(&["tail", "rules.domain.>", "--since", "2026-01-01T00:00:00Z", "--count", "3"]).await?;
    assert!(tail.stdout.contains("INVALID") && !tail.stdout.contains('\u{1b}'), "{}", tail.stdout);

    for (wrong, expected) in [
        (&["tail", "rule.creatd"][..], "rule.created"),
        (&["tail", "--since", "yesterday"], "10m"),
        (&["tail", "rule.get", "--since", "1h"], "no stream holds"),
        (&["tail", "rule.compiled"], "eventsmith bucket watch rule.compiled"),
    ] {
        let wrong = scene.run(wrong).await?;
        assert_eq!(wrong.status, 2, "{}", wrong.stderr);
        assert!(wrong.stderr.contains(expected), "{}", wrong.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn documents_are_put_read_listed_and_watched() -> Outcome {
    let scene = Scene::start().await?;

    let put = scene.run(&["bucket", "put", "COMPILED", "r1", r#"{"rule_id": "r1"}"#]).await?;
    assert_eq!((put.status, &*put.stdout), (0, "1\n"), "{}", put.stderr);
    let invalid = scene.run(&["bucket", "put", "COMPILED", "r2", r#"{"rule_id": ""}"#]).await?;
    assert_eq!(invalid.status, 1);
    assert!(invalid.stderr.contains("rule.compiled@1 was not put"), "{}", invalid.stderr);
    let twice = scene.run(&["bucket", "put", "COMPILED", "r2", r#"{"rule_id": "a", "rule_id": "b"}"#]).await?;
    assert_eq!(twice.status, 1);
    assert!(twice.stdout.contains(r#"the member "rule_id" is there twice"#), "{}", twice.stdout);
    let put = scene.run(&["bucket", "put", "rule.compiled", "eu.r2", r#"{"rule_id": "r2"}"#]).await?;
    assert_eq!(put.status, 0, "{}", put.stderr);

    let got = scene.run(&["bucket", "get", "COMPILED", "r1"]).await?;
    assert_eq!((got.status, &*got.stdout), (0, "{\"rule_id\": \"r1\"}\n"), "{}", got.stderr);
    // As it is written, whatever a number has of digits; and nothing that a terminal would obey.
    scene.publish("$KV.COMPILED.odd", "{\"rule_id\": \"\u{9b}2J\", \"n\": 12345678901234567890123}").await?;
    let odd = scene.run(&["bucket", "get", "COMPILED", "odd"]).await?;
    assert_eq!(odd.stdout, "{\"rule_id\": \"\\u{9b}2J\", \"n\": 12345678901234567890123}\n");
    let mut headers = HeaderMap::new();
    headers.insert("KV-Operation", "PURGE");
    headers.insert("Nats-Rollup", "sub");
    scene.client.publish_with_headers("$KV.COMPILED.odd", headers, "".into()).await?;
    assert!(got.stderr.contains("revision 1") && got.stderr.contains("valid"), "{}", got.stderr);
    let none = scene.run(&["bucket", "get", "COMPILED", "r9"]).await?;
    assert_eq!(none.status, 1);
    let keys = scene.run(&["bucket", "keys", "COMPILED"]).await?;
    assert_eq!((&*keys.stdout, &*keys.stderr), ("r1\neu.r2\n", "2 keys\n"));
    let keys = scene.run(&["bucket", "keys", "COMPILED", "eu.*", "--format", "json"]).await?;
    assert_eq!(serde_json::from_str::<Value>(&keys.stdout)?, json!({"bucket": "COMPILED", "keys": ["eu.r2"]}));

    // What others write is shown, and said to be what it is.
    let mut headers = HeaderMap::new();
    headers.insert("KV-Operation", "DEL");
    scene.client.publish_with_headers("$KV.COMPILED.r1", headers, "".into()).await?;
    scene.publish("$KV.COMPILED.bad", r#"{"rule_id": 7}"#).await?;
    let watch = scene.run(&["bucket", "watch", "COMPILED", "--count", "4", "--format", "json"]).await?;
    assert_eq!(watch.status, 1, "{}", watch.stderr);
    let seen: Vec<Value> = watch.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!((&seen[0]["key"], &seen[0]["version"]), (&json!("eu.r2"), &json!("1")));
    assert_eq!((&seen[1]["key"], &seen[1]["removed"]), (&json!("odd"), &json!("purged")));
    assert_eq!((&seen[2]["key"], &seen[2]["removed"]), (&json!("r1"), &json!("deleted")));
    assert_eq!((&seen[3]["valid"], &seen[3]["problems"][0]["pointer"]), (&json!(false), &json!("/rule_id")));

    for (wrong, expected) in [
        (&["bucket", "get", "COMPILD", "r1"][..], "COMPILED"),
        (&["bucket", "get", "COMPILED", "a b"], "cannot be used as a key"),
        (&["bucket", "keys", "COMPILED", "a*"], "pattern"),
    ] {
        let wrong = scene.run(wrong).await?;
        assert_eq!(wrong.status, 2, "{}", wrong.stderr);
        assert!(wrong.stderr.contains(expected), "{}", wrong.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_bucket_that_was_not_provisioned_is_named() -> Outcome {
    let scene = Scene::start().await?;
    async_nats::jetstream::new(scene.client.clone()).delete_stream("KV_COMPILED").await?;

    let missing = scene.run(&["streams", "status"]).await?;
    assert_eq!(missing.status, 1);
    assert!(format!("{}{}", missing.stdout, missing.stderr).contains("KV_COMPILED"), "{}", missing.stdout);
    let get = scene.run(&["bucket", "get", "COMPILED", "r1"]).await?;
    assert_eq!(get.status, 2);
    assert!(get.stderr.contains("there is no bucket COMPILED"), "{}", get.stderr);
    Ok(())
}

#[tokio::test]
async fn what_nobody_reads_any_more_is_not_printed_for_ever() -> Outcome {
    let scene = Scene::start().await?;
    let binary = env!("CARGO_BIN_EXE_eventsmith");
    let (url, folder) = (scene.server.url(), scene.folder.path().to_owned());
    let command = format!("{binary} tail --since 1h --schemas schemas --server {url} | head -1");
    let piped =
        spawn_blocking(move || std::process::Command::new("sh").args(["-c", &command]).current_dir(folder).output());
    let publish = async {
        loop {
            scene.publish("rules.domain.rule.created", &created("rule.created", json!({"rule_id": "r1"}))).await?;
            sleep(Duration::from_millis(20)).await;
        }
    };

    let output = tokio::select! {
        output = piped => output??,
        never = publish => return never,
        () = sleep(Duration::from_secs(30)) => return Err("it goes on".into()),
    };

    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
    Ok(())
}

/// Publishes a message with a block of headers that no client would send.
async fn publish_malformed(scene: &Scene, subject: &str, payload: &str) -> Outcome {
    let head = "NATS/1.0\r\nno colon\r\n\r\n";
    let (length, total) = (head.len(), head.len() + payload.len());
    let mut raw = TcpStream::connect(("127.0.0.1", scene.server.port())).await?;
    let frames =
        format!("CONNECT {{\"headers\":true}}\r\nHPUB {subject} {length} {total}\r\n{head}{payload}\r\nPING\r\n");
    raw.write_all(frames.as_bytes()).await?;
    let mut answers = String::new();
    while !answers.contains("PONG") {
        let mut part = [0; 4096];
        let length = raw.read(&mut part).await?;
        assert!(length > 0 && !answers.contains("-ERR"), "{answers}");
        answers.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    Ok(())
}

#[tokio::test]
async fn what_no_client_can_read_is_invalid() -> Outcome {
    let scene = Scene::start().await?;
    publish_malformed(&scene, "rules.domain.rule.created", &created("rule.created", json!({"rule_id": "r1"}))).await?;
    publish_malformed(&scene, "$KV.COMPILED.r1", r#"{"rule_id": "r1"}"#).await?;

    let tail = scene.run(&["tail", "--since", "1h", "--count", "1", "--format", "json"]).await?;
    assert_eq!(tail.status, 1, "{}", tail.stdout);
    assert!(tail.stdout.contains("no client can read its headers"), "{}", tail.stdout);
    let get = scene.run(&["bucket", "get", "COMPILED", "r1"]).await?;
    assert_eq!(get.status, 1, "{}", get.stdout);
    assert!(get.stderr.contains("no client can read its headers") && get.stderr.contains("INVALID"), "{}", get.stderr);
    let watch = scene.run(&["bucket", "watch", "COMPILED", "--count", "1", "--format", "json"]).await?;
    assert_eq!(watch.status, 1, "{}", watch.stdout);
    assert!(watch.stdout.contains("no client can read its headers"), "{}", watch.stdout);
    Ok(())
}

/// As services and consumers read it.
#[tokio::test]
async fn a_request_without_an_envelope_and_headers_over_an_envelope_are_judged_as_they_are_read() -> Outcome {
    let scene = Scene::start().await?;
    let tail = scene.begin(&["tail", "--count", "7", "--format", "json"]);
    scene.is_heard("rules.>").await?;
    let bare = r#"{"rule_id": "r1", "type": "premium", "version": "7", "data": {"x": 1}}"#;
    let of_other_type = created("rule.deleted", json!({"rule_id": "r1"}));
    let well = created("rule.created", json!({"rule_id": "r1"}));
    let with = async |subject: &'static str, header: (&'static str, &str), body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header.0, header.1);
        scene.client.publish_with_headers(subject, headers, body.to_owned().into()).await?;
        Outcome::Ok(scene.client.flush().await?)
    };

    scene.publish("rules.query.rule.get", bare).await?;
    scene.publish("rules.query.rule.get", r#"{"type": "premium", "version": "7"}"#).await?;
    with("rules.query.rule.get", ("Eventsmith-Version", "1"), bare).await?;
    with("rules.domain.rule.created", ("Eventsmith-Type", "rule.created"), &of_other_type).await?;
    with("rules.domain.rule.created", ("Eventsmith-Type", "rule.deleted"), &well).await?;
    with("rules.domain.rule.created", ("Eventsmith-Version", "9"), &well).await?;
    with(
        "rules.domain.rule.created",
        ("Eventsmith-Version", "1"),
        &well.replace("\"version\":\"1\"", "\"version\":\"9\""),
    )
    .await?;

    let tail = tail.await?;
    let lines: Vec<Value> = tail.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let valid: Vec<_> = lines.iter().map(|line| line["valid"].as_bool()).collect();
    assert_eq!(valid, [true, false, false, true, false, false, true].map(Some), "{}", tail.stdout);
    assert_eq!((&lines[0]["type"], &lines[0]["version"]), (&json!("rule.get"), &json!("1")));
    assert_eq!(lines[4]["type"], "rule.deleted");
    Ok(())
}
