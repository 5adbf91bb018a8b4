//! Buckets on a real server: provisioned, cut off, watched from elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::bucket::BucketError;
use eventsmith::catalogue::BucketDescriptor;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config};
use eventsmith_tests::proxy::{End, Proxy, Verdict};
use eventsmith_tests::running::PATIENCE;
use tokio::time::timeout;

use super::common::*;
use crate::common::*;
use crate::foreign::python;

#[tokio::test]
async fn a_bucket_is_planned_applied_and_found_again() -> Outcome {
    let (_server, bus) = server().await?;
    let full = COMPILED.description("Compiled rules").ttl(Duration::from_secs(3_600)).max_bytes(1 << 20);

    bus.provision(&[full]).await?;
    assert!(bus.plan(&[full]).await?.is_empty(), "{}", bus.plan(&[full]).await?);

    let plan = bus.plan(&[full.history(2).max_value_bytes(2_000)]).await?.to_string();
    assert!(plan.contains("~ stream KV_COMPILED: history 3 -> 2") && plan.contains("max_value_bytes"), "{plan}");
    let plan = bus.plan(&[full.ttl(Duration::from_secs(600))]).await?.to_string();
    assert!(plan.contains("~ stream KV_COMPILED: ttl 1h -> 10m\n    warning: values that were put earlier"), "{plan}");
    assert!(!plan.contains("max_age"), "{plan}");
    let plan = bus.plan(&[BucketDescriptor::new("COMPILED", "rule.compiled")]).await?;
    assert!(plan.is_refused(), "keys keep their times: {plan}");
    // A plain stream says nothing of what only buckets have.
    let plan = bus.plan(&[STREAM.name("OTHER").subjects(&["other.>"])]).await?.to_string();
    assert!(!plan.contains("history") && !plan.contains("ttl"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn a_watcher_misses_nothing_and_repeats_nothing_while_the_connection_is_cut() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let proxy = Proxy::start(server.port()).await?;
    let watching = Bus::connect(config(proxy.url())).await?;
    let mut watcher = watching.bucket::<Compiled>().watch(">").await?;
    let bucket = bus.bucket::<Compiled>();
    let mut written = Vec::new();

    let mut seen = Vec::new();
    for round in 0..6 {
        for hits in 0..20 {
            written.push(bucket.put(&format!("r{hits}"), &compiled("r", round)).await?);
        }
        while seen.len() < written.len() - 10 {
            seen.push(come(&mut watcher).await?.revision());
        }
        proxy.cut();
        for hits in 20..30 {
            written.push(bucket.put(&format!("r{hits}"), &compiled("r", round)).await?);
        }
    }
    while seen.len() < written.len() {
        seen.push(come(&mut watcher).await?.revision());
    }

    assert_eq!(seen, written);
    Ok(())
}

/// A proxy that lets pass a little more of what a consumer delivers each time, and then cuts the connection, so often.
async fn cutting_proxy(
    server: &NatsServer,
    cuts: usize,
    pass: impl Fn(usize) -> usize + Send + Sync + 'static,
) -> Outcome<Proxy> {
    let proxy = Proxy::start(server.port()).await?;
    let (cut, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    proxy.rule(move |frame| {
        let round = cut.load(Ordering::SeqCst);
        if frame.delivers().is_none() || round == cuts || passed.fetch_add(1, Ordering::SeqCst) < pass(round) {
            return Verdict::Forward;
        }
        passed.store(0, Ordering::SeqCst);
        cut.store(round + 1, Ordering::SeqCst);
        Verdict::Cut
    });
    Ok(proxy)
}

/// Fills the bucket: of each key three revisions, one behind the other. Every third is deleted in the end. Returns the keys that are
/// left, and the last revision of each.
async fn fill(bus: &Bus, keys: u32) -> Outcome<(Vec<String>, Vec<u64>)> {
    let (bucket, mut left, mut last) = (bus.bucket::<Compiled>(), Vec::new(), Vec::new());
    for number in 0..keys {
        let key = format!("k{number}");
        bucket.put(&key, &compiled("r", 1)).await?;
        let second = bucket.put(&key, &compiled("r", 2)).await?;
        if number % 3 == 0 {
            bucket.delete(&key).await?;
            last.push(second + 1);
        } else {
            last.push(bucket.put(&key, &compiled("r", 3)).await?);
            left.push(key);
        }
    }
    Ok((left, last))
}

#[tokio::test]
async fn keys_are_those_that_have_a_document_however_often_the_connection_is_cut() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let (left, _) = fill(&bus, 60).await?;
    // Short of the first one, twice in a row, and then always a little further.
    for first in [0, 3] {
        let proxy = cutting_proxy(&server, 5, move |round| first + (round / 2) * 12).await?;
        let cut = Bus::connect(config(proxy.url())).await?;

        assert_eq!(timeout(PATIENCE, cut.bucket::<Compiled>().keys(">")).await??, left);

        assert!(proxy.connections() > 5, "{}", proxy.connections());
    }
    Ok(())
}

#[tokio::test]
async fn a_watcher_sees_no_superseded_value_however_often_the_connection_is_cut() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let (_, mut last) = fill(&bus, 60).await?;
    for first in [0, 3] {
        let proxy = cutting_proxy(&server, 5, move |round| first + (round / 2) * 12).await?;
        let cut = Bus::connect(config(proxy.url())).await?;
        let (mut watcher, mut seen) = (cut.bucket::<Compiled>().watch(">").await?, Vec::new());
        while let Some(change) = timeout(PATIENCE, watcher.next_stored()).await? {
            seen.push(change?.revision());
        }
        assert_eq!(seen, last);

        // From then on every change comes.
        proxy.cut();
        for hits in 4..8 {
            let revision = bus.bucket::<Compiled>().put("k1", &compiled("r", hits)).await?;
            assert_eq!(come(&mut watcher).await?.revision(), revision);
        }
        last.retain(|revision| *revision != 6 && *revision < 190);
        last.push(bus.bucket::<Compiled>().get("k1").await?.ok_or("there is none")?.revision);
    }
    Ok(())
}

/// What the bucket held at the beginning was nothing, so that nothing is superseded.
#[tokio::test]
async fn a_watcher_of_an_empty_bucket_sees_every_change_behind_a_cut() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let proxy = Proxy::start(server.port()).await?;
    let watching = Bus::connect(config(proxy.url())).await?;
    let mut watcher = watching.bucket::<Compiled>().watch(">").await?;
    assert!(timeout(PATIENCE, watcher.next_stored()).await?.is_none());

    proxy.refuse(true);
    proxy.cut();
    let mut written = Vec::new();
    for hits in 1..=3 {
        written.push(bus.bucket::<Compiled>().put("r1", &compiled("r1", hits)).await?);
    }
    proxy.refuse(false);

    for revision in written {
        assert_eq!(come(&mut watcher).await?.revision(), revision);
    }
    Ok(())
}

#[tokio::test]
async fn a_first_value_that_the_client_cannot_read_brings_no_superseded_one() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let malformed = b"NATS/1.0\r\nno colon\r\n\r\n";
    // Superseded and malformed, deleted, and last and malformed: at the beginning and among others.
    for round in 0..3 {
        let bucket = bus.bucket::<Compiled>();
        let key = |name| format!("{name}{round}");
        bucket.put(&key("again"), &compiled("r", 1)).await?;
        crate::malformed::publish_raw(&server, &format!("$KV.COMPILED.{}", key("mended")), malformed, b"{}").await?;
        bucket.put(&key("gone"), &compiled("r", 1)).await?;
        bucket.delete(&key("gone")).await?;
        crate::malformed::publish_raw(&server, &format!("$KV.COMPILED.{}", key("bad")), malformed, b"{}").await?;
        bucket.put(&key("again"), &compiled("r", 2)).await?;
        bucket.put(&key("mended"), &compiled("r", 2)).await?;
    }
    let bucket = bus.bucket::<Compiled>();

    let (mut watcher, mut seen) = (bucket.watch(">").await?, Vec::new());
    while let Some(change) = timeout(PATIENCE, watcher.next_stored()).await? {
        seen.push(match change {
            Ok(change) => change.key().to_owned(),
            Err(BucketError::Undecodable { key, .. }) => key,
            Err(error) => return Err(error.into()),
        });
    }

    let each = |names: [&'static str; 4]| (0..3).flat_map(move |round| names.map(|name| format!("{name}{round}")));
    assert_eq!(seen, each(["gone", "bad", "again", "mended"]).collect::<Vec<_>>());
    let keys: Vec<_> = each(["gone", "bad", "again", "mended"]).filter(|key| !key.starts_with("gone")).collect();
    assert_eq!(timeout(PATIENCE, bucket.keys(">")).await??, keys);
    Ok(())
}

#[tokio::test]
async fn a_watcher_finds_what_was_lost_on_its_way() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let proxy = Proxy::start(server.port()).await?;
    let watching = Bus::connect(config(proxy.url())).await?;
    let mut watcher = watching.bucket::<Compiled>().watch(">").await?;
    let bucket = bus.bucket::<Compiled>();
    // Each third value gets lost, the last one too, which no other follows.
    proxy.rule(|frame| match frame.from {
        End::Server if frame.payload.ends_with(b"\"hits\":3}") => Verdict::Drop,
        _ => Verdict::Forward,
    });
    let mut written = Vec::new();
    for hits in [1, 3, 2, 3] {
        written.push(bucket.put("r1", &compiled("r1", hits)).await?);
    }
    assert_eq!(come(&mut watcher).await?.revision(), written[0]);

    proxy.forward_all();
    for revision in &written[1..] {
        assert_eq!(come(&mut watcher).await?.revision(), *revision);
    }
    Ok(())
}

#[tokio::test]
async fn a_watcher_survives_a_server_that_forgets_its_consumer() -> Outcome {
    let (mut server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("r1", &compiled("r1", 1)).await?;
    let mut watcher = bucket.watch(">").await?;
    assert_eq!(come(&mut watcher).await?.key(), "r1");

    server.kill()?;
    server.start_again().await?;
    let revision = bucket.put("r2", &compiled("r2", 1)).await?;

    assert_eq!(come(&mut watcher).await?.revision(), revision);
    Ok(())
}

#[tokio::test]
async fn a_watcher_of_a_bucket_that_is_deleted_ends() -> Outcome {
    let (_server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("r1", &compiled("r1", 1)).await?;
    let mut watcher = bucket.watch(">").await?;
    assert_eq!(come(&mut watcher).await?.key(), "r1");

    let client = async_nats::connect(_server.url()).await?;
    async_nats::jetstream::new(client).delete_stream("KV_COMPILED").await?;

    let ended = timeout(PATIENCE, watcher.next()).await?;
    assert!(matches!(ended, Some(Err(BucketError::NoBucket { .. }))), "{ended:?}");
    assert!(watcher.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn other_clients_read_and_write_the_same_bucket() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("ours", &compiled("r1", 1)).await?;
    bucket.put("removed", &compiled("r1", 1)).await?;
    bucket.delete("removed").await?;

    let told: serde_json::Value =
        serde_json::from_str(&python("buckets/others.py", "keys", server.url()).await?.line().await?)?;

    let expected = serde_json::json!({
        "ours": r#"{"rule_id":"r1","hits":1}"#, "removed": null, "keys": ["ours"], "watched": ["ours", "removed"],
        "history": 3, "create": "wrong last sequence",
    });
    assert_eq!(told, expected);
    assert_eq!(bucket.get("theirs").await?.ok_or("there is none")?.into_value(), compiled("r2", 0));
    assert_eq!(bucket.get("purged").await?, None);
    assert_eq!(bucket.keys(">").await?, ["ours", "theirs"]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_the_client_cannot_read_stops_no_watcher() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    let mut watcher = bucket.watch(">").await?;
    crate::malformed::publish_raw(&server, "$KV.COMPILED.bad", b"NATS/1.0\r\nno colon\r\n\r\n", b"{}").await?;
    bucket.put("good", &compiled("r1", 1)).await?;

    let first = timeout(PATIENCE, watcher.next()).await?;
    assert!(matches!(&first, Some(Err(BucketError::Undecodable { key, .. })) if key == "bad"), "{first:?}");
    assert_eq!(come(&mut watcher).await?.key(), "good");
    assert!(matches!(bucket.get("bad").await, Err(BucketError::Undecodable { .. })));
    Ok(())
}

/// The server stores it as it is, and clients read a status of its own.
#[tokio::test]
async fn a_value_that_looks_like_a_word_of_the_server_stops_no_watcher() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    let document = br#"{"rule_id":"odd"}"#;
    for status in ["100", "404", "503"] {
        let head = format!("NATS/1.0 {status}\r\n\r\n");
        crate::malformed::publish_raw(&server, &format!("$KV.COMPILED.s{status}"), head.as_bytes(), document).await?;
    }
    bucket.put("good", &compiled("r1", 1)).await?;

    assert_eq!(bucket.keys(">").await?, ["s100", "s404", "s503", "good"]);
    let mut watcher = bucket.watch(">").await?;
    for key in ["s100", "s404", "s503", "good"] {
        assert_eq!(come(&mut watcher).await?.key(), key);
    }
    Ok(())
}

#[tokio::test]
async fn a_watcher_outlives_connections_that_stay_away_for_long() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let proxy = Proxy::start(server.port()).await?;
    let watching = Bus::connect(Config { request_timeout: Duration::from_secs(1), ..config(proxy.url()) }).await?;
    let mut watcher = watching.bucket::<Compiled>().watch(">").await?;
    assert!(timeout(PATIENCE, watcher.next_stored()).await?.is_none());

    for round in 1..=3 {
        proxy.refuse(true);
        proxy.cut();
        // Longer than anything is asked for.
        assert!(timeout(Duration::from_millis(1_500), watcher.next()).await.is_err());
        proxy.refuse(false);
        proxy.connected(1 + round).await;
    }
    let revision = bus.bucket::<Compiled>().put("r1", &compiled("r1", 1)).await?;

    assert_eq!(come(&mut watcher).await?.revision(), revision);
    Ok(())
}

#[tokio::test]
async fn a_bucket_that_is_made_anew_ends_its_watchers() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("r1", &compiled("r1", 1)).await?;
    let mut watcher = bucket.watch(">").await?;
    assert_eq!(come(&mut watcher).await?.key(), "r1");

    let client = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    client.delete_stream("KV_COMPILED").await?;
    bus.provision(&[COMPILED]).await?;
    for hits in 0..5 {
        bucket.put("r2", &compiled("r2", hits)).await?;
    }

    let ended = timeout(PATIENCE, watcher.next()).await?;
    assert!(matches!(ended, Some(Err(BucketError::NoBucket { .. }))), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_say_that_the_server_may_go_on_is_told() -> Outcome {
    let denied = "authorization { users = [ { user: operator, password: x }
        { user: service, password: x, permissions: { publish: { deny: [\"$JS.FC.>\"] } } } ] }";
    let server = NatsServer::builder().config(denied).start().await?;
    let config = |user: &str| Config {
        user: Some(user.to_owned()),
        password: Some("x".to_owned().into()),
        ..config(server.url())
    };
    Bus::connect(config("operator")).await?.provision(&[COMPILED]).await?;
    let bucket = Bus::connect(config("service")).await?.bucket::<Compiled>();
    let large = "x".repeat(100_000);
    for number in 0..60 {
        bucket.put(&format!("k{number}"), &compiled(&large, number)).await?;
    }

    let mut watcher = bucket.watch(">").await?;
    let error = loop {
        match timeout(PATIENCE, watcher.next()).await? {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error.to_string(),
            None => return Err("it ended without a word".into()),
        }
    };

    assert!(error.contains("$JS.FC."), "{error}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_watch_is_told() -> Outcome {
    let denied = "authorization { users = [ { user: operator, password: x }
        { user: service, password: x, permissions: { publish: { deny: [
            \"$JS.API.CONSUMER.CREATE.>\", \"$JS.API.STREAM.MSG.GET.>\" ] } } } ] }";
    let server = NatsServer::builder().config(denied).start().await?;
    let config = |user: &str| Config {
        user: Some(user.to_owned()),
        password: Some("x".to_owned().into()),
        ..config(server.url())
    };
    let operator = Bus::connect(config("operator")).await?;
    operator.provision(&[COMPILED]).await?;
    let bus = Bus::connect(config("service")).await?;
    let bucket = bus.bucket::<Compiled>();

    bucket.put("r1", &compiled("r1", 1)).await?;
    let error = timeout(Duration::from_secs(5), bucket.watch(">")).await?.err().ok_or("it is allowed")?.to_string();

    assert!(error.contains("$JS.API.CONSUMER.CREATE.KV_COMPILED"), "{error}");
    Ok(())
}

/// Exactly what docs/buckets.md lists.
#[tokio::test]
async fn the_permissions_of_the_guide_are_enough() -> Outcome {
    let subjects = [
        "$KV.COMPILED.>",
        "$JS.API.STREAM.MSG.GET.KV_COMPILED",
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.INFO.KV_COMPILED",
        "$JS.API.CONSUMER.CREATE.KV_COMPILED.>",
        "$JS.FC.KV_COMPILED.>",
    ];
    let users = format!(
        "authorization {{ users = [ {{ user: operator, password: x }}
            {{ user: service, password: x, permissions: {{ publish: {subjects:?}, subscribe: \"_INBOX.>\" }} }} ] }}"
    );
    let server = NatsServer::builder().config(users).start().await?;
    let config = |user: &str| Config {
        user: Some(user.to_owned()),
        password: Some("x".to_owned().into()),
        ..config(server.url())
    };
    Bus::connect(config("operator")).await?.provision(&[COMPILED.history(64)]).await?;
    let bucket = Bus::connect(config("service")).await?.bucket::<Compiled>();

    let first = bucket.create("r1", &compiled("r1", 0)).await?;
    assert!(matches!(bucket.create("r1", &compiled("r1", 0)).await, Err(BucketError::Conflict { .. })));
    bucket.update("r1", &compiled("r1", 1), first).await?;
    bucket.create_with_ttl("lock", &compiled("r1", 1), Duration::from_secs(1)).await?;
    // Enough for the server to ask whether to go on.
    let large = "x".repeat(50_000);
    for number in 0..100 {
        bucket.put(&format!("k{number}"), &compiled(&large, number)).await?;
    }
    let (mut watcher, mut seen) = (bucket.watch("*").await?, 0);
    while let Some(change) = timeout(PATIENCE, watcher.next_stored()).await? {
        change?;
        seen += 1;
    }

    assert!(seen > 100, "{seen}");
    assert!(bucket.keys("k*").await.is_err() && bucket.keys("*").await?.len() > 100);
    assert_eq!(bucket.history("r1").await?.len(), 2);
    assert_eq!(bucket.get("r1").await?.ok_or("there is none")?.hits, 1);
    bucket.purge("r1").await?;
    Ok(())
}
