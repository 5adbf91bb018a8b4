//! Who may make no consumers reads along all the same, by asking for one message after the other.

use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::bucket::{Bucket, BucketError};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config};
use eventsmith_tests::running::PATIENCE;
use tokio::time::timeout;

use super::common::*;
use crate::common::*;

/// What [permissions](docs/operations/permissions.md) give to who writes a bucket.
const SUBJECTS: [&str; 4] =
    ["$KV.COMPILED.>", "$JS.API.STREAM.MSG.GET.KV_COMPILED", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.KV_COMPILED"];

fn config_of(server: &NatsServer, user: &str) -> Config {
    Config { user: Some(user.to_owned()), password: Some("x".to_owned().into()), ..config(server.url()) }
}

/// A server, a bus that may do all, and the bucket of one that may make no consumers.
async fn confined() -> Outcome<(NatsServer, Bus, Bucket<Compiled>)> {
    let users = format!(
        "authorization {{ users = [ {{ user: operator, password: x }}
            {{ user: service, password: x, permissions: {{ publish: {SUBJECTS:?}, subscribe: \"_INBOX.>\" }} }} ] }}"
    );
    let server = NatsServer::builder().config(users).start().await?;
    let operator = Bus::connect(config_of(&server, "operator")).await?;
    operator.provision(&[COMPILED.history(64)]).await?;
    let bucket = Bus::connect(config_of(&server, "service")).await?.bucket::<Compiled>();
    Ok((server, operator, bucket))
}

#[tokio::test]
async fn who_may_make_no_consumer_sees_what_is_there_and_every_change() -> Outcome {
    let (_server, operator, bucket) = confined().await?;
    let elsewhere = operator.bucket::<Compiled>();
    for hits in 0..3 {
        elsewhere.put("r1", &compiled("r1", hits)).await?;
        elsewhere.put("r2", &compiled("r2", hits)).await?;
    }

    let mut watcher = bucket.watch(">").await?;
    let mut stored = Vec::new();
    while let Some(change) = timeout(PATIENCE, watcher.next_stored()).await? {
        stored.push(change?.key().to_owned());
    }
    // What is superseded does not come.
    assert_eq!(stored, ["r1", "r2"]);

    elsewhere.put("r3", &compiled("r3", 1)).await?;
    elsewhere.delete("r1").await?;
    for key in ["r3", "r1"] {
        assert_eq!(come(&mut watcher).await?.key(), key);
    }
    assert_eq!(bucket.keys(">").await?, ["r2", "r3"]);
    assert_eq!(bucket.history("r2").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn an_empty_bucket_is_current_at_once_for_who_asks() -> Outcome {
    let (_server, operator, bucket) = confined().await?;

    let mut watcher = bucket.watch("*").await?;
    assert!(timeout(Duration::from_secs(5), watcher.next_stored()).await?.is_none());
    operator.bucket::<Compiled>().put("r1", &compiled("r1", 1)).await?;

    assert_eq!(come(&mut watcher).await?.key(), "r1");
    Ok(())
}

#[tokio::test]
async fn who_asks_is_told_that_a_bucket_was_made_anew() -> Outcome {
    let (server, operator, bucket) = confined().await?;
    bucket.put("r1", &compiled("r1", 1)).await?;
    bucket.put("r1", &compiled("r1", 2)).await?;
    let mut watcher = bucket.watch(">").await?;
    assert_eq!(come(&mut watcher).await?.key(), "r1");

    let options = async_nats::ConnectOptions::with_user_and_password("operator".into(), "x".into());
    let client = async_nats::jetstream::new(options.connect(server.url()).await?);
    client.delete_stream("KV_COMPILED").await?;
    operator.provision(&[COMPILED.history(64)]).await?;

    let ended = timeout(PATIENCE, watcher.next()).await?;
    assert!(matches!(ended, Some(Err(BucketError::NoBucket { .. }))), "{ended:?}");
    Ok(())
}
