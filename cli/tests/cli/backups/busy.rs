//! Backups of what is written to meanwhile, and the order in which streams have their turns.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsmith::testing::NatsServer;
use serde_json::Value;

use super::{MANIFEST, back_up, catalogue, context, eventsmith, noise, provisioned, put};
use crate::support::Folder;

const KEYS: usize = 500;
/// Keys with half a megabyte each.
const LARGE: u64 = 32;

fn manifest(folder: &Folder, path: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join(path).join("manifest.json")).unwrap()).unwrap()
}

/// The names of the streams of a backup, in the order in which they were written.
fn order(manifest: &Value) -> Vec<&str> {
    manifest["streams"].as_array().unwrap().iter().map(|stream| stream["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_rewritten_meanwhile_is_whole_or_said_not_to_be() {
    let folder = catalogue();
    let server = provisioned(&folder).await;
    let before = context(&server).await;
    for key in 0..KEYS {
        put(&before, &key.to_string(), r#"{"shops":1}"#).await;
    }
    // It takes some time.
    for seed in 0..LARGE {
        before.publish(format!("$KV.SHOPS.large-{seed}"), noise(seed).into()).await.unwrap().await.unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let (writing, until) = (before.clone(), Arc::clone(&ended));
    let load = tokio::spawn(async move {
        for key in (0..KEYS).cycle() {
            if until.load(Ordering::Relaxed) {
                break;
            }
            put(&writing, &key.to_string(), r#"{"shops":2}"#).await;
        }
    });

    let (busy, _) = tokio::task::block_in_place(|| back_up(&folder, &server));
    ended.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let (quiet, _) = back_up(&folder, &server);

    let said = manifest(&folder, &busy)["incomplete"].clone();
    assert_eq!(said[0]["name"], "KV_SHOPS", "{said}");
    assert_eq!(manifest(&folder, &quiet)["incomplete"], Value::Array(Vec::new()));
    let other = NatsServer::start().await.unwrap();
    let restored = eventsmith(&folder, &other, &["backup", "restore", &quiet]);
    assert_eq!(restored.status, 0, "{restored:?}");
    let bucket = context(&other).await.get_stream("KV_SHOPS").await.unwrap();
    assert_eq!(bucket.cached_info().state.messages, KEYS as u64 + LARGE);
}

#[tokio::test]
async fn what_something_leaves_is_backed_up_before_where_it_goes_to() {
    let folder = catalogue();
    let (path, _) = back_up(&folder, &provisioned(&folder).await);
    assert_eq!(order(&manifest(&folder, &path)), ["LETTERS", "KV_SHOPS", "RULES"]);

    let queue = MANIFEST.replace("[\"rules.domain.>\"]", "[\"rules.domain.>\"]\nretention = \"work_queue\"");
    folder.write("eventsmith.toml", &queue);
    let (path, _) = back_up(&folder, &provisioned(&folder).await);
    assert_eq!(order(&manifest(&folder, &path)), ["RULES", "LETTERS", "KV_SHOPS"]);
}
