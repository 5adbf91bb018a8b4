//! What is replaced is not lost, what is tried changes nothing, and what is too old is told.

use async_nats::jetstream;
use eventsmith::testing::NatsServer;
use serde_json::{Value, json};

use super::{back_up, backed_up, catalogue, context, eventsmith, provisioned, publish, put, stored};
use crate::support::Folder;

/// Changes what the manifest of a backup says of the stream of the rules.
fn tamper(folder: &Folder, path: &str, change: impl Fn(&mut Value)) {
    let manifest = folder.path().join(path).join("manifest.json");
    let mut text: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    text["streams"].as_array_mut().unwrap().iter_mut().filter(|stream| stream["name"] == "RULES").for_each(change);
    std::fs::write(&manifest, text.to_string()).unwrap();
}

#[tokio::test]
async fn what_is_replaced_was_backed_up_and_can_be_put_back() {
    let (folder, server, context, path) = backed_up().await;
    let before = stored(&context, "RULES").await;

    let replaced = eventsmith(&folder, &server, &["backup", "restore", &path, "--replace", "--stream", "RULES"]);
    assert_eq!(replaced.status, 0, "{replaced:?}");
    assert_eq!(stored(&context, "RULES").await.len(), 5);
    let safety = replaced.stderr.lines().find_map(|line| line.strip_prefix("what was replaced is in ")).unwrap();
    let back = eventsmith(&folder, &server, &["backup", "restore", safety, "--replace", "--no-safety"]);

    assert_eq!(back.status, 0, "{back:?}");
    assert!(!back.stderr.contains("what was replaced is in"), "{back:?}");
    assert_eq!(stored(&context, "RULES").await, before);
}

#[tokio::test]
async fn a_trial_changes_nothing_and_finds_what_the_server_does_not_take() {
    let (folder, server, context, path) = backed_up().await;
    let streams = async || {
        let info: Value = context.request("STREAM.NAMES".to_owned(), &json!({})).await.unwrap();
        info["streams"].as_array().unwrap().len()
    };
    let before = streams().await;

    let tried = eventsmith(&folder, &server, &["backup", "restore", &path, "--replace", "--dry-run"]);
    assert_eq!(tried.status, 0, "{tried:?}");
    assert!(tried.stdout.contains("RULES: 5 messages up to 5, 1 consumer\n"), "{tried:?}");
    assert!(tried.stderr.contains("tried, and nothing changed"), "{tried:?}");
    assert_eq!((streams().await, stored(&context, "RULES").await.len()), (before, 8));

    // Whoever tampers and mends the hashes gets past them, but not past the server: the file is one of another stream.
    tamper(&folder, &path, |stream| {
        stream["messages"] = 7.into();
        stream["last_sequence"] = 7.into();
    });
    let refused = eventsmith(&folder, &server, &["backup", "restore", &path, "--replace"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("the server finds 5 messages up to 5 in it, the manifest says 7"), "{refused:?}");
    assert_eq!((streams().await, stored(&context, "RULES").await.len()), (before, 8));
}

#[tokio::test]
async fn messages_that_are_all_too_old_are_not_restored_to_be_deleted() {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let before = context(&server).await;
    publish(&before, 0..5).await;
    let mut config = before.get_stream("RULES").await.unwrap().cached_info().config.clone();
    config.max_age = std::time::Duration::from_secs(3_600);
    before.update_stream(&config).await.unwrap();
    let (path, _) = back_up(&folder, &server);
    // As if it were long ago.
    tamper(&folder, &path, |stream| {
        stream["state"]["first_ts"] = "2026-01-01T00:00:00Z".into();
        stream["state"]["last_ts"] = "2026-01-02T00:00:00Z".into();
    });
    let other = NatsServer::start().await.unwrap();
    let restore = |more: &[&str]| {
        eventsmith(&folder, &other, &[&["backup", "restore", &path, "--stream", "RULES"], more].concat())
    };

    let refused = restore(&[]);
    let kept = restore(&["--without-max-age"]);
    let after: jetstream::Context = context(&other).await;
    let left = stored(&after, "RULES").await.len();
    after.delete_stream("RULES").await.unwrap();
    let expired = restore(&["--expired"]);

    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("all 5 messages of the stream RULES are older than its max_age"), "{refused:?}");
    assert_eq!((kept.status, left), (0, 5), "{kept:?}");
    assert_eq!(expired.status, 0, "{expired:?}");
}

#[tokio::test]
async fn checkpoints_of_projections_are_in_a_backup_where_there_are_some() {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let context = context(&server).await;
    put(&context, "north", r#"{"shops":3}"#).await;
    let (without, _) = back_up(&folder, &server);
    let name = "KV_EVENTSMITH_PROJECTIONS".to_owned();
    let subjects = vec!["$KV.EVENTSMITH_PROJECTIONS.>".to_owned()];
    context.create_stream(jetstream::stream::Config { name, subjects, ..Default::default() }).await.unwrap();
    let (with, _) = back_up(&folder, &server);

    let names = |path: &str| {
        let text = std::fs::read(folder.path().join(path).join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&text).unwrap();
        manifest["streams"].as_array().unwrap().iter().any(|stream| stream["name"] == "KV_EVENTSMITH_PROJECTIONS")
    };
    assert!(!names(&without) && names(&with));
}
