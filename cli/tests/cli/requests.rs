//! `eventsmith request` and `eventsmith services`, through the binary and against a real server, with a service that we did not write.

use async_nats::{Client, HeaderMap};
use eventsmith::testing::NatsServer;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Folder, Run};

const ID: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"rule_id": {"type": "string", "minLength": 1}}, "required": ["rule_id"], "additionalProperties": false}"#;
const SUBJECT: &str = "rules.query.rule.get";

fn catalogue() -> Folder {
    Folder::with(&[
        ("schemas/eventsmith.toml", "root = \"rules\"\n[services.rules]\nhandles = [\"rule.get\", \"rule.list\"]\n"),
        ("schemas/query/rule/get.v1.json", ID),
        ("schemas/query/rule/get.v1.reply.json", ID),
        ("schemas/query/rule/get.v1.error.json", ID),
        ("schemas/query/rule/list.v1.json", ID),
        ("schemas/query/rule/list.v1.reply.json", ID),
    ])
}

/// A service with two endpoints, of which the catalogue has one.
async fn serve(client: Client) -> Result<(), Box<dyn std::error::Error>> {
    let mut requests = client.subscribe(SUBJECT).await?;
    let mut questions = client.subscribe("$SRV.>").await?;
    client.flush().await?;
    let endpoint = |name: &str, subject: &str, version: &str| {
        json!({ "name": name, "subject": subject, "metadata": { "eventsmith.version": version, "eventsmith.error": "0" }, "num_requests": 7, "num_errors": 1,
            "processing_time": 14_000_000, "average_processing_time": 2_000_000, "last_error": "500:no" })
    };
    let answer = json!({ "type": "io.nats.micro.v1.info_response", "name": "rules", "id": "one", "version": "1.2.3", "description": "Rules",
        "metadata": {}, "started": "2026-11-29T00:00:00.000000Z",
        "endpoints": [endpoint("get", SUBJECT, "1"), endpoint("drop", "rules.command.rule.drop", "1")] });
    tokio::spawn(async move {
        loop {
            let (message, body, code) = tokio::select! {
                Some(question) = questions.next() => match question.subject.ends_with(".nobody") {
                    true => continue,
                    false => {
                        let verb = question.subject.split('.').nth(1).unwrap_or_default().to_ascii_lowercase();
                        let mut answer = answer.clone();
                        answer["type"] = json!(format!("io.nats.micro.v1.{verb}_response"));
                        (question, answer.to_string(), None)
                    }
                },
                Some(request) = requests.next() => {
                    let envelope: Value = serde_json::from_slice(&request.payload).unwrap_or_default();
                    match envelope["data"]["rule_id"].as_str() {
                        Some("none") => (request, r#"{"rule_id":"none"}"#.to_owned(), Some("409")),
                        Some("odd") => (request, r#"{"rule_id": 7, "n": 12345678901234567890123}"#.to_owned(), None),
                        _ => (request, envelope["data"].to_string(), None),
                    }
                }
                else => return,
            };
            let mut headers = HeaderMap::new();
            if let Some(code) = code {
                headers.insert("Nats-Service-Error", "refused");
                headers.insert("Nats-Service-Error-Code", code);
            }
            let Some(reply) = message.reply else { continue };
            drop(client.publish_with_headers(reply, headers, body.into()).await);
        }
    });
    Ok(())
}

struct Scene {
    server: NatsServer,
    folder: Folder,
}

impl Scene {
    async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let server = NatsServer::start().await?;
        serve(async_nats::connect(server.url()).await?).await?;
        Ok(Self { server, folder: catalogue() })
    }

    async fn run(self, arguments: &'static [&'static str]) -> Result<(Self, Run), Box<dyn std::error::Error>> {
        let run = tokio::task::spawn_blocking(move || {
            let url = self.server.url();
            let run = self.folder.run(&[arguments, &["--schemas", "schemas", "--server", &url]].concat());
            (self, run)
        });
        Ok(run.await?)
    }
}

#[tokio::test]
async fn a_request_is_validated_and_sent_and_its_reply_printed() -> Result<(), Box<dyn std::error::Error>> {
    let scene = Scene::start().await?;

    let (scene, replied) = scene.run(&["request", "rule.get", r#"{"rule_id": "r1"}"#]).await?;
    assert_eq!((replied.status, &*replied.stdout), (0, "{\"rule_id\":\"r1\"}\n"), "{}", replied.stderr);
    let (scene, odd) = scene.run(&["request", "rule.get", r#"{"rule_id": "odd"}"#]).await?;
    assert_eq!((odd.status, &*odd.stdout), (1, "{\"rule_id\": 7, \"n\": 12345678901234567890123}\n"), "{}", odd.stderr);
    assert!(odd.stderr.contains("the reply is invalid: /rule_id"), "{}", odd.stderr);
    let (scene, twice) = scene.run(&["request", "rule.get", r#"{"rule_id": "r1", "rule_id": "r2"}"#]).await?;
    assert_eq!(twice.status, 1);
    assert!(twice.stdout.contains(r#"/rule_id: the member "rule_id" is there twice"#), "{}", twice.stdout);
    let (scene, refused) = scene.run(&["request", "rule.get", r#"{"rule_id": "none"}"#]).await?;
    assert_eq!(refused.status, 1);
    assert!(refused.stdout.contains("none") && refused.stderr.contains("code 409: refused"), "{}", refused.stderr);
    let (scene, invalid) = scene.run(&["request", "rule.get", r#"{"rule_id": ""}"#]).await?;
    assert_eq!(invalid.status, 1);
    assert!(invalid.stderr.contains("rule.get@1 was not sent"), "{}", invalid.stderr);
    let (scene, nobody) = scene.run(&["request", "rule.list", r#"{"rule_id": "r1"}"#]).await?;
    assert_eq!(nobody.status, 2);
    assert!(nobody.stderr.contains("no service answers rules.query.rule.list"), "{}", nobody.stderr);
    let (_, unknown) = scene.run(&["request", "rule.gat"]).await?;
    assert_eq!(unknown.status, 2);
    assert!(unknown.stderr.contains("rule.get"), "{}", unknown.stderr);
    Ok(())
}

#[tokio::test]
async fn services_are_held_against_the_catalogue() -> Result<(), Box<dyn std::error::Error>> {
    let scene = Scene::start().await?;

    let (scene, info) = scene.run(&["services", "info", "--format", "json"]).await?;
    assert_eq!(info.status, 1, "{}", info.stderr);
    let told: Value = serde_json::from_str(&info.stdout)?;
    assert_eq!(told["services"][0]["endpoints"][0]["subject"], SUBJECT);
    let kinds: Vec<&Value> = told["differences"].as_array().into_iter().flatten().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["other-schema", "unknown-endpoint", "missing-endpoint"], "{told}");
    let (scene, nobody) = scene.run(&["services", "info", "nobody"]).await?;
    assert_eq!(nobody.status, 1);
    assert!(nobody.stdout.contains("missing-service: nobody"), "{}", nobody.stdout);
    let (scene, one) = scene.run(&["services", "info", "rules", "--format", "json"]).await?;
    assert!(one.stdout.contains("missing-endpoint") && one.stdout.contains("rules.query.rule.list"), "{}", one.stdout);
    let (scene, stats) = scene.run(&["services", "stats"]).await?;
    assert!(stats.stdout.contains("2.000 ms") && stats.stdout.contains("500:no"), "{}", stats.stdout);
    let (_, list) = scene.run(&["services", "list"]).await?;
    assert!(list.stdout.contains("rules") && list.stdout.contains("1.2.3"), "{}", list.stdout);
    Ok(())
}
