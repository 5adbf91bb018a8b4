//! Key-value buckets: typed documents under keys, whatever the transport, and what only a server shows.

mod asking;
pub(crate) mod common;
mod over_server;

use std::time::Duration;

use eventsmith::Bus;
use eventsmith::admin::BusAdmin;
use eventsmith::bucket::{BucketError, Change, Removal};
use eventsmith::catalogue::BucketDescriptor;
use eventsmith_tests::running::PATIENCE;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::common::*;
use common::*;

over_both_transports! {
    a_document_is_put_read_and_removed
    who_creates_second_or_updates_an_old_revision_is_told
    an_invalid_document_is_not_written
    what_is_no_key_is_told_before_anything_is_asked
    what_lies_there_and_is_no_document_is_told
    an_older_document_is_upcast
    history_has_as_many_values_as_the_bucket_keeps
    a_purge_takes_the_history_along
    keys_are_those_that_have_a_document
    a_watcher_gets_what_is_there_and_then_every_change
    an_empty_bucket_is_current_at_once
    a_watcher_of_a_pattern_gets_no_other_keys
    a_key_that_has_a_time_of_its_own_goes_and_watchers_are_told
    a_bucket_without_markers_takes_no_times
    a_bucket_that_is_not_there_is_named
    values_go_after_the_time_of_the_bucket
    a_full_bucket_refuses_what_is_new
    a_document_that_is_too_large_is_refused
}

async fn a_document_is_put_read_and_removed(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();

    assert_eq!(bucket.get("r1").await?, None);
    let first = bucket.put("r1", &compiled("r1", 1)).await?;
    let second = bucket.put("r1", &compiled("r1", 2)).await?;
    bucket.put("r2.eu", &compiled("r2", 9)).await?;

    let entry = bucket.get("r1").await?.ok_or("there is none")?;
    assert!(second > first);
    assert_eq!((&*entry.key, entry.revision, entry.hits), ("r1", second, 2));
    assert_eq!(bucket.get("r2.eu").await?.ok_or("there is none")?.into_value(), compiled("r2", 9));

    bucket.delete("r1").await?;
    bucket.delete("never").await?;
    assert_eq!(bucket.get("r1").await?, None);
    assert!(bucket.get("r2.eu").await?.is_some());
    Ok(())
}

async fn who_creates_second_or_updates_an_old_revision_is_told(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();

    let first = bucket.create("r1", &compiled("r1", 1)).await?;
    let conflict = bucket.create("r1", &compiled("r1", 2)).await;
    assert!(
        matches!(conflict, Err(BucketError::Conflict { expected: 0, found, .. }) if found == first),
        "{conflict:?}"
    );

    let second = bucket.update("r1", &compiled("r1", 3), first).await?;
    let conflict = bucket.update("r1", &compiled("r1", 4), first).await;
    let is_told = matches!(&conflict, Err(BucketError::Conflict { key, expected, found }) if (&**key, *expected, *found) == ("r1", first, second));
    assert!(is_told, "{conflict:?}");
    assert!(matches!(bucket.delete_revision("r1", first).await, Err(BucketError::Conflict { .. })));
    assert_eq!(bucket.get("r1").await?.ok_or("there is none")?.hits, 3);

    // What was removed can be created again.
    bucket.delete_revision("r1", second).await?;
    let again = bucket.create("r1", &compiled("r1", 5)).await?;
    bucket.purge("r1").await?;
    assert!(bucket.create("r1", &compiled("r1", 6)).await? > again);
    Ok(())
}

async fn an_invalid_document_is_not_written(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();

    let error = bucket.put("r1", &compiled("", 1)).await;

    assert!(matches!(error, Err(BucketError::Invalid(_))), "{error:?}");
    assert_eq!(bucket.get("r1").await?, None);
    Ok(())
}

async fn what_is_no_key_is_told_before_anything_is_asked(bus: Bus) -> Outcome {
    let bucket = bus.bucket::<Compiled>();

    for key in ["", "a b", "a.*", ">", "a..b", ".", "größe"] {
        let errors = [
            bucket.get(key).await.err(),
            bucket.put(key, &compiled("r1", 1)).await.err(),
            bucket.delete(key).await.err(),
            bucket.history(key).await.err(),
        ];
        for error in errors {
            assert!(matches!(error, Some(BucketError::Key { .. })), "{key:?}: {error:?}");
        }
    }
    assert!(matches!(bucket.keys("a*").await, Err(BucketError::Key { .. })));
    Ok(())
}

async fn what_lies_there_and_is_no_document_is_told(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    bus.bucket::<Intruder>().put("r1", &Intruder { anything: "x".to_owned() }).await?;

    let error = bucket.get("r1").await;

    match &error {
        Err(BucketError::Undecodable { bucket, key, reason, raw, .. }) => {
            assert_eq!((&**bucket, &**key, &**raw), ("COMPILED", "r1", br#"{"anything":"x"}"#.as_slice()));
            assert!(reason.contains("rule.intruder") && reason.contains("rule.compiled"), "{reason}");
        }
        other => return Err(format!("{other:?}").into()),
    }
    // A watcher goes on behind it.
    bucket.put("r2", &compiled("r2", 1)).await?;
    let mut watcher = bucket.watch(">").await?;
    assert!(matches!(timeout(PATIENCE, watcher.next()).await?, Some(Err(BucketError::Undecodable { .. }))));
    assert_eq!(come(&mut watcher).await?.key(), "r2");
    Ok(())
}

async fn an_older_document_is_upcast(bus: Bus) -> Outcome {
    /// Version 1, as an older program writes it.
    #[derive(Serialize, Deserialize)]
    struct Older {
        rule_id: String,
    }
    document!(Older, "rule.compiled", 1, "COMPILED", |_| true);
    bus.provision(&[COMPILED]).await?;

    bus.bucket::<Older>().put("r1", &Older { rule_id: "r1".to_owned() }).await?;

    assert_eq!(bus.bucket::<Compiled>().get("r1").await?.ok_or("there is none")?.into_value(), compiled("r1", 0));
    // And the older program is told that it is too old.
    bus.bucket::<Compiled>().put("r1", &compiled("r1", 1)).await?;
    let error = bus.bucket::<Older>().get("r1").await.err().ok_or("it is read")?.to_string();
    assert!(error.contains("version 2"), "{error}");
    Ok(())
}

async fn history_has_as_many_values_as_the_bucket_keeps(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    for hits in 1..=4 {
        bucket.put("r1", &compiled("r1", hits)).await?;
        bucket.put("r2", &compiled("r2", hits)).await?;
    }
    bucket.delete("r1").await?;

    let history = bucket.history("r1").await?;

    let hits: Vec<u32> = history.iter().cloned().filter_map(Change::into_entry).map(|entry| entry.hits).collect();
    assert_eq!(hits, [3, 4]);
    assert!(matches!(history.last(), Some(Change::Removed(removed)) if removed.by == Removal::Delete), "{history:?}");
    assert_eq!(bucket.history("never").await?, []);
    Ok(())
}

async fn a_purge_takes_the_history_along(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("r1", &compiled("r1", 1)).await?;
    bucket.put("r1", &compiled("r1", 2)).await?;

    bucket.purge("r1").await?;

    let history = bucket.history("r1").await?;
    assert!(matches!(history.as_slice(), [Change::Removed(removed)] if removed.by == Removal::Purge), "{history:?}");
    assert_eq!(bucket.get("r1").await?, None);
    Ok(())
}

async fn keys_are_those_that_have_a_document(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    assert_eq!(bucket.keys(">").await?, [""; 0]);
    for key in ["eu.r1", "eu.r2", "us.r1", "r9"] {
        bucket.put(key, &compiled(key, 1)).await?;
    }
    bucket.put("eu.r1", &compiled("r1", 2)).await?;
    bucket.delete("r9").await?;

    assert_eq!(bucket.keys(">").await?, ["eu.r2", "us.r1", "eu.r1"]);
    assert_eq!(bucket.keys("eu.*").await?, ["eu.r2", "eu.r1"]);
    assert_eq!(bucket.keys("*.r1").await?, ["us.r1", "eu.r1"]);
    assert_eq!(bucket.keys("r9").await?, [""; 0]);
    Ok(())
}

async fn a_watcher_gets_what_is_there_and_then_every_change(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    for hits in 1..=3 {
        bucket.put("r1", &compiled("r1", hits)).await?;
    }
    bucket.put("r2", &compiled("r2", 1)).await?;

    let mut watcher = bucket.watch(">").await?;
    let mut stored = Vec::new();
    while let Some(change) = timeout(PATIENCE, watcher.next_stored()).await? {
        assert!(!watcher.is_current());
        stored.extend(change?.into_entry().map(|entry| (entry.key.clone(), entry.hits)));
    }
    assert_eq!(stored, [("r1".to_owned(), 3), ("r2".to_owned(), 1)]);
    assert!(watcher.is_current() && watcher.next_stored().await.is_none());

    let revision = bucket.put("r2", &compiled("r2", 2)).await?;
    bucket.delete("r1").await?;
    assert_eq!(come(&mut watcher).await?.revision(), revision);
    assert!(matches!(come(&mut watcher).await?, Change::Removed(removed) if removed.key == "r1"));
    Ok(())
}

async fn an_empty_bucket_is_current_at_once(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();

    let mut watcher = bucket.watch(">").await?;

    assert!(timeout(PATIENCE, watcher.next_stored()).await?.is_none());
    bucket.put("r1", &compiled("r1", 1)).await?;
    assert_eq!(come(&mut watcher).await?.key(), "r1");
    Ok(())
}

async fn a_watcher_of_a_pattern_gets_no_other_keys(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    let mut watcher = bucket.watch("eu.*").await?;

    bucket.put("us.r1", &compiled("r1", 1)).await?;
    bucket.put("eu.r1", &compiled("r1", 2)).await?;

    assert_eq!(come(&mut watcher).await?.key(), "eu.r1");
    Ok(())
}

async fn a_key_that_has_a_time_of_its_own_goes_and_watchers_are_told(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let bucket = bus.bucket::<Compiled>();
    let mut watcher = bucket.watch(">").await?;

    bucket.create_with_ttl("lock", &compiled("r1", 1), Duration::from_secs(1)).await?;
    assert!(matches!(bucket.create("lock", &compiled("r2", 1)).await, Err(BucketError::Conflict { .. })));

    assert_eq!(come(&mut watcher).await?.key(), "lock");
    assert!(matches!(come(&mut watcher).await?, Change::Removed(removed) if removed.by == Removal::Expiry));
    assert_eq!(bucket.get("lock").await?, None);
    bucket.create("lock", &compiled("r2", 1)).await?;
    // A server would make the shorter one longer.
    for ttl in [Duration::ZERO, Duration::from_millis(999), Duration::from_millis(1_500)] {
        let error = bucket.create_with_ttl("other", &compiled("r1", 1), ttl).await;
        assert!(matches!(error, Err(BucketError::Ttl { .. })), "{error:?}");
    }
    // And it would drop at once what is to live for longer than its clock counts.
    let years = |years: u64| Duration::from_secs(years * 365 * 86_400);
    for ttl in [years(201), years(292), Duration::from_secs(i64::MAX as u64), Duration::from_secs(u64::MAX)] {
        let error = bucket.create_with_ttl("other", &compiled("r1", 1), ttl).await;
        assert!(matches!(&error, Err(BucketError::Ttl { at_most, .. }) if *at_most == years(200)), "{error:?}");
    }
    bucket.create_with_ttl("long", &compiled("r1", 1), years(200)).await?;
    assert!(bucket.get("long").await?.is_some());
    Ok(())
}

async fn a_bucket_without_markers_takes_no_times(bus: Bus) -> Outcome {
    bus.provision(&[BucketDescriptor::new("COMPILED", "rule.compiled")]).await?;
    let bucket = bus.bucket::<Compiled>();

    let error = bucket.create_with_ttl("lock", &compiled("r1", 1), Duration::from_secs(1)).await;

    assert!(matches!(error, Err(BucketError::NoTtl { .. })), "{error:?}");
    assert_eq!(bucket.get("lock").await?, None);
    Ok(())
}

async fn a_bucket_that_is_not_there_is_named(bus: Bus) -> Outcome {
    let bucket = bus.bucket::<Unheld>();

    let errors = [
        bucket.get("r1").await.err(),
        bucket.put("r1", &Unheld {}).await.err(),
        bucket.create("r1", &Unheld {}).await.err(),
        bucket.keys(">").await.err(),
        bucket.history("r1").await.err(),
        bucket.watch(">").await.err(),
    ];

    for error in errors {
        assert!(matches!(error, Some(BucketError::NoBucket { ref bucket }) if bucket == "UNHELD"), "{error:?}");
    }
    Ok(())
}

async fn values_go_after_the_time_of_the_bucket(bus: Bus) -> Outcome {
    bus.provision(&[BucketDescriptor::new("COMPILED", "rule.compiled").ttl(Duration::from_secs(1))]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("r1", &compiled("r1", 1)).await?;
    assert!(bucket.get("r1").await?.is_some());

    let gone = async {
        while bucket.get("r1").await?.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Outcome::Ok(())
    };

    timeout(PATIENCE, gone).await?
}

async fn a_full_bucket_refuses_what_is_new(bus: Bus) -> Outcome {
    bus.provision(&[BucketDescriptor::new("COMPILED", "rule.compiled").max_bytes(2_000)]).await?;
    let bucket = bus.bucket::<Compiled>();
    bucket.put("r1", &compiled("r1", 1)).await?;

    let error = bucket.put("r2", &compiled(&"x".repeat(3_000), 1)).await;

    assert!(matches!(error, Err(BucketError::Store(_))), "{error:?}");
    assert!(bucket.get("r1").await?.is_some());
    // There is room for what takes the place of something.
    bucket.delete("r1").await?;
    Ok(())
}

async fn a_document_that_is_too_large_is_refused(bus: Bus) -> Outcome {
    bus.provision(&[BucketDescriptor::new("COMPILED", "rule.compiled").max_value_bytes(500)]).await?;
    let bucket = bus.bucket::<Compiled>();

    let error = bucket.put("r1", &compiled(&"x".repeat(600), 1)).await;

    assert!(matches!(error, Err(BucketError::Store(_))), "{error:?}");
    assert_eq!(bucket.get("r1").await?, None);
    bucket.put("r1", &compiled("r1", 1)).await?;
    Ok(())
}
