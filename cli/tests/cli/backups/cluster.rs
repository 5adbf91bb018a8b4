//! A cluster that is lost, and another that has all of it.

use async_nats::jetstream;
use eventsmith::testing::NatsCluster;

use super::{catalogue, handle, publish, put, stored};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_three_is_restored_to_another() {
    let folder = catalogue();
    let first = NatsCluster::start(3).await.unwrap();
    let at = |cluster: &NatsCluster, arguments: &[&str]| {
        let urls = cluster.urls();
        let ended = folder.run(&[arguments, &["--server", urls[1].as_str()]].concat());
        assert_eq!(ended.status, 0, "{ended:?}");
        ended.stdout
    };
    at(&first, &["streams", "apply", "--replicas", "3"]);
    let before = jetstream::new(async_nats::connect(first.urls()[0].as_str()).await.unwrap());
    publish(&before, 0..100).await;
    put(&before, "north", r#"{"shops":3}"#).await;
    handle(&before, 10).await;
    at(&first, &["backup", "create", "--out", "backups"]);
    let known = (stored(&before, "RULES").await, stored(&before, "KV_SHOPS").await);
    drop(first);

    let second = NatsCluster::start(3).await.unwrap();
    let listed = folder.run(&["backup", "list", "backups", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let backup = listed["backups"][0]["path"].as_str().unwrap();
    at(&second, &["streams", "apply", "--replicas", "3"]);
    at(&second, &["backup", "restore", backup]);

    let after = jetstream::new(async_nats::connect(second.urls()[0].as_str()).await.unwrap());
    assert_eq!((stored(&after, "RULES").await, stored(&after, "KV_SHOPS").await), known);
    assert_eq!(handle(&after, 2).await, [11, 12]);
    assert_eq!(publish(&after, 100..101).await, 101);
    at(&second, &["streams", "plan", "--replicas", "3"]);
    at(&second, &["backup", "verify", backup, "--decode"]);
}
