//! `eventsmith backup`, through the binary, against real servers: made under load, restored, damaged, tampered with, interrupted.

mod busy;
mod cluster;
mod drill;
mod hostile;
mod replaced;

use std::fs;
use std::path::PathBuf;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, Context};
use eventsmith::testing::NatsServer;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Folder, Run};

const MANIFEST: &str = r#"root = "rules"

[streams.RULES]
subjects = ["rules.domain.>"]

[streams.LETTERS]
subjects = ["rules.dlq.>"]

[buckets.SHOPS]
state = "shop.summary"

[services.promotions]
consumes = ["rule.created"]
"#;

const SUBJECT: &str = "rules.domain.rule.created";

/// A catalogue with events, dead letters and a bucket.
fn catalogue() -> Folder {
    Folder::with(&[
        ("eventsmith.toml", MANIFEST),
        (
            "domain/rule/created.v1.json",
            r#"{"type":"object","required":["rule_id"],"properties":{"rule_id":{"type":"string"}}}"#,
        ),
        (
            "state/shop/summary.v1.json",
            r#"{"type":"object","required":["shops"],"properties":{"shops":{"type":"integer"}}}"#,
        ),
    ])
}

/// A server that has what the catalogue declares.
async fn provisioned(folder: &Folder) -> NatsServer {
    let server = NatsServer::start().await.unwrap();
    let applied = eventsmith(folder, &server, &["streams", "apply", "--replicas", "1"]);
    assert_eq!(applied.status, 0, "{applied:?}");
    server
}

fn eventsmith(folder: &Folder, server: &NatsServer, arguments: &[&str]) -> Run {
    let url = server.url();
    folder.run(&[arguments, &["--server", url.as_str()]].concat())
}

async fn context(server: &NatsServer) -> Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

fn envelope(number: usize) -> String {
    json!({
        "id": format!("0197f3a2-7d2c-7b5e-8a40-{number:012x}"), "type": "rule.created", "source": "tests", "subject": SUBJECT,
        "time": "2026-02-03T04:05:06Z", "version": "1", "data": {"rule_id": format!("r-{number}")}
    })
    .to_string()
}

/// Stores events with these numbers, and returns where the last is.
async fn publish(context: &Context, numbers: std::ops::Range<usize>) -> u64 {
    let mut last = 0;
    for number in numbers {
        last = context.publish(SUBJECT, envelope(number).into()).await.unwrap().await.unwrap().sequence;
    }
    last
}

async fn put(context: &Context, key: &str, document: &'static str) {
    context.publish(format!("$KV.SHOPS.{key}"), document.into()).await.unwrap().await.unwrap();
}

/// Makes a backup below `backups`, and returns its folder and the hash of its manifest.
fn back_up(folder: &Folder, server: &NatsServer) -> (String, String) {
    let made = eventsmith(folder, server, &["backup", "create", "--out", "backups", "--format", "json"]);
    assert_eq!(made.status, 0, "{made:?}");
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    (made["path"].as_str().unwrap().to_owned(), made["sha256"].as_str().unwrap().to_owned())
}

/// A server with eight events, and a backup of it with the first five.
async fn backed_up() -> (Folder, NatsServer, Context, String) {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let context = context(&server).await;
    publish(&context, 0..5).await;
    let (path, _) = back_up(&folder, &server);
    publish(&context, 5..8).await;
    (folder, server, context, path)
}

/// The messages of a stream: number, subject and payload.
async fn stored(context: &Context, stream: &str) -> Vec<(u64, String, String)> {
    let mut stream = context.get_stream(stream).await.unwrap();
    let (first, last) = (stream.info().await.unwrap().state.first_sequence, stream.cached_info().state.last_sequence);
    let mut all = Vec::new();
    for sequence in first.max(1)..=last {
        if let Ok(message) = stream.get_raw_message(sequence).await {
            all.push((sequence, message.subject.to_string(), String::from_utf8(message.payload.to_vec()).unwrap()));
        }
    }
    all
}

/// Takes and acknowledges as many messages of the service's consumer, and returns their numbers.
async fn handle(context: &Context, count: usize) -> Vec<u64> {
    let stream = context.get_stream("RULES").await.unwrap();
    let consumer: jetstream::consumer::Consumer<pull::Config> = stream.get_consumer("promotions").await.unwrap();
    let mut batch = consumer.fetch().max_messages(count).messages().await.unwrap();
    let mut numbers = Vec::new();
    while let Some(message) = batch.next().await {
        let message = message.unwrap();
        numbers.push(message.info().unwrap().stream_sequence);
        message.double_ack().await.unwrap();
    }
    numbers
}

/// Half a megabyte that no compression shortens, another one for each seed.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ (seed << 17);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..512 * 1024).map(|_| next()).collect()
}

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up() {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let before = context(&server).await;
    publish(&before, 0..50).await;
    before.get_stream("RULES").await.unwrap().delete_message(7).await.unwrap();
    put(&before, "north", r#"{"shops":3}"#).await;
    put(&before, "south", r#"{"shops":1}"#).await;
    assert_eq!(handle(&before, 4).await, [1, 2, 3, 4]);

    let (path, hash) = back_up(&folder, &server);
    let verified = folder.run(&["backup", "verify", &path, "--expect", &hash]);
    let decoded = eventsmith(&folder, &server, &["backup", "verify", &path, "--decode"]);
    let other = NatsServer::start().await.unwrap();
    let restored = eventsmith(&folder, &other, &["backup", "restore", &path, "--expect", &hash]);
    let plan = eventsmith(&folder, &other, &["streams", "plan", "--replicas", "1"]);

    assert_eq!((verified.status, verified.stderr.as_str()), (0, "3 files verified, no message read, 0 findings\n"));
    assert_eq!(
        (decoded.status, &*decoded.stderr),
        (0, "3 files verified, 51 messages read, 0 findings\n"),
        "{decoded:?}"
    );
    assert!(decoded.stdout.contains("RULES: 49 messages, 49 valid, 0 invalid, 0 without a schema\n"), "{decoded:?}");
    assert_eq!(restored.status, 0, "{restored:?}");
    assert_eq!(
        (plan.status, plan.stdout.lines().last().unwrap_or_default()),
        (0, "0 to create, 0 to update, 0 to recreate, 0 refused, 4 as they should be")
    );
    let after = context(&other).await;
    for stream in ["RULES", "KV_SHOPS", "LETTERS"] {
        assert_eq!(stored(&after, stream).await, stored(&before, stream).await, "{stream}");
    }
    // The consumer goes on where it was, and number 7 is not there.
    assert_eq!(handle(&after, 3).await, [5, 6, 8]);
    assert_eq!(publish(&after, 50..51).await, 51);
    // Nothing is left of what was made to be read.
    let streams: Vec<String> = before.stream_names().map(Result::unwrap).collect().await;
    assert_eq!(streams.len(), 3, "{streams:?}");
}

#[tokio::test]
async fn a_payload_that_its_schema_refuses_is_found() {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let context = context(&server).await;
    publish(&context, 0..2).await;
    context.publish(SUBJECT, envelope(2).replace("rule_id", "rule").into()).await.unwrap().await.unwrap();
    put(&context, "north", r#"{"shops":"3"}"#).await;
    let (path, _) = back_up(&folder, &server);

    let decoded = eventsmith(&folder, &server, &["backup", "verify", &path, "--decode"]);

    assert_eq!(decoded.status, 1, "{decoded:?}");
    assert!(decoded.stdout.contains("RULES: 3 messages, 2 valid, 1 invalid, 0 without a schema\n"), "{decoded:?}");
    assert!(decoded.stdout.contains("RULES 3 on rules.domain.rule.created: /data: "), "{decoded:?}");
    assert!(decoded.stdout.contains("KV_SHOPS 1 on $KV.SHOPS.north: /shops: "), "{decoded:?}");
}

#[tokio::test]
async fn a_stream_that_is_there_stays_unless_it_is_to_be_replaced() {
    let (folder, server, context, path) = backed_up().await;

    let refused = eventsmith(&folder, &server, &["backup", "restore", &path]);
    let beside = eventsmith(&folder, &server, &["backup", "restore", &path, "--stream", "RULES", "--as", "OLD_RULES"]);
    let overlapping = eventsmith(
        &folder,
        &server,
        &["backup", "restore", &path, "--stream", "RULES", "--as", "OTHER", "--subject", "rules.domain.rule.*"],
    );
    let still = stored(&context, "RULES").await.len();
    let replaced = eventsmith(&folder, &server, &["backup", "restore", &path, "--replace"]);

    assert_eq!((refused.status, still), (2, 8), "{refused:?}");
    assert!(
        refused.stderr.contains("nothing was restored: the server has a stream RULES with 8 messages"),
        "{refused:?}"
    );
    assert_eq!((beside.status, &*beside.stdout), (0, "OLD_RULES: 5 messages up to 5, 0 consumers\n"), "{beside:?}");
    assert_eq!(stored(&context, "OLD_RULES").await, stored(&context, "RULES").await);
    assert_eq!(overlapping.status, 2, "{overlapping:?}");
    assert!(
        overlapping.stderr.contains("OTHER would capture rules.domain.rule.*, which RULES captures already"),
        "{overlapping:?}"
    );
    assert_eq!(replaced.status, 0, "{replaced:?}");
    assert_eq!(stored(&context, "RULES").await.len(), 5);
}

#[tokio::test]
async fn a_stream_that_keeps_messages_for_interest_keeps_them_and_a_work_queue_goes_on() {
    let folder = catalogue();
    let interest = MANIFEST.replace("[\"rules.domain.>\"]", "[\"rules.domain.>\"]\nretention = \"interest\"");
    for (manifest, left) in [(interest.clone(), 6), (interest.replace("interest", "work_queue"), 6)] {
        folder.write("eventsmith.toml", &manifest);
        let (server, other) = (provisioned(&folder).await, NatsServer::start().await.unwrap());
        let before = context(&server).await;
        publish(&before, 0..10).await;
        handle(&before, 4).await;
        let (path, _) = back_up(&folder, &server);

        let restored = eventsmith(&folder, &other, &["backup", "restore", &path]);

        assert_eq!(restored.status, 0, "{restored:?}");
        let after = context(&other).await;
        assert_eq!(stored(&after, "RULES").await.len(), left);
        assert_eq!(handle(&after, 3).await, [5, 6, 7]);
        let plan = eventsmith(&folder, &other, &["streams", "plan", "--replicas", "1"]);
        assert_eq!(plan.status, 0, "{plan:?}");
    }
}

#[tokio::test]
async fn who_may_not_is_told_what_is_missing() {
    let folder = catalogue();
    let users = r#"authorization { users: [
        { user: "all", password: "all" }
        { user: "some", password: "some", permissions: { publish: ["$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.LIST.*"], subscribe: "_INBOX.>" } }
        { user: "silent", password: "silent", permissions: { publish: { deny: "$JS.SNAPSHOT.ACK.>" } } }
    ] }"#;
    let server = NatsServer::builder().config(users).start().await.unwrap();
    for user in ["all", "some", "silent"] {
        let config = format!("servers = [\"{}\"]\nuser = \"{user}\"\npassword = \"{user}\"\n", server.url());
        folder.write(&format!("{user}.toml"), &config);
    }
    let applied = folder.run(&["streams", "apply", "--replicas", "1", "--config", "all.toml"]);
    assert_eq!(applied.status, 0, "{applied:?}");
    let options = async_nats::ConnectOptions::with_user_and_password("all".to_owned(), "all".to_owned());
    let all = jetstream::new(options.connect(server.url()).await.unwrap());
    // More than the server sends before it wants acks.
    for seed in 0..32 {
        all.publish("rules.domain.noise", noise(seed).into()).await.unwrap().await.unwrap();
    }

    let some = folder.run(&["backup", "create", "--out", "backups", "--config", "some.toml"]);
    let silent = folder.run(&["backup", "create", "--out", "backups", "--stream", "RULES", "--config", "silent.toml"]);

    assert_eq!(some.status, 2, "{some:?}");
    assert!(some.stderr.contains("this user may not publish to $JS.API.STREAM.SNAPSHOT.LETTERS"), "{some:?}");
    assert_eq!(silent.status, 2, "{silent:?}");
    assert!(silent.stderr.contains("this user may not publish to $JS.SNAPSHOT.ACK.RULES."), "{silent:?}");
    let left = fs::read_dir(folder.path().join("backups")).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let left: Vec<PathBuf> = left.filter(|path| path.to_string_lossy().contains(".partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}
