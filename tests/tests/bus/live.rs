//! Live events: what passes while somebody listens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::admin::{BusAdmin, Tail};
use eventsmith::bucket::BucketError;
use eventsmith::live::{LiveError, SubscribeError, Subscriber};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, ConsumeError, PublishError, Received};
use eventsmith_tests::proxy::{Proxy, Verdict};
use eventsmith_tests::running::PATIENCE;
use tokio::time::timeout;

use crate::buckets::common::{COMPILED, Compiled, compiled};
use crate::common::*;

over_both_transports! {
    an_event_comes_to_all_who_listen_with_its_envelope
    events_of_several_types_come_as_one_type
    what_is_no_event_is_told_and_what_follows_comes
    what_a_slow_reader_misses_is_counted
    an_older_event_is_upcast
    a_subscriber_of_nothing_is_an_error
    what_several_subjects_cover_comes_once
    whoever_reads_or_listens_ends_with_the_bus
    a_consumer_ends_with_the_bus
}

async fn come<T>(events: &mut Subscriber<T>) -> Outcome<Result<T, LiveError>> {
    Ok(timeout(PATIENCE, events.next()).await?.ok_or("nothing comes any more")?)
}

async fn an_event_comes_to_all_who_listen_with_its_envelope(bus: Bus) -> Outcome {
    let mut listeners = [bus.subscribe::<Activated>().await?, bus.subscribe::<Activated>().await?];

    let published = bus.publish(&activated("r1")).await?;
    bus.publish(&Moved { key: "k".to_owned(), number: 1 }).await?;
    bus.publish(&activated("r2")).await?;

    for events in &mut listeners {
        let event = come(events).await??;
        assert_eq!((&*event.rule_id, &event.envelope().id), ("r1", &published.id.to_string()));
        assert_eq!((event.subject(), event.attempt(), event.has_lease()), ("rules.domain.rule.activated", 1, true));
        assert_eq!(come(events).await??.rule_id, "r2");
        assert_eq!(events.missed(), 0);
    }
    Ok(())
}

#[derive(Debug)]
enum Change {
    Activated(Received<Activated>),
    Moved(Received<Moved>),
}

async fn events_of_several_types_come_as_one_type(bus: Bus) -> Outcome {
    let mut changes = bus.subscribe_any().on(Change::Activated).on(Change::Moved).open().await?;

    bus.publish(&Moved { key: "k".to_owned(), number: 7 }).await?;
    bus.publish(&Updated { rule_id: "r1".to_owned(), revision: 1 }).await?;
    bus.publish(&activated("r1")).await?;

    // Each type comes over a subscription of its own.
    let both = [come(&mut changes).await??, come(&mut changes).await??];
    let (moved, activated): (Vec<_>, Vec<_>) = both.iter().partition(|change| matches!(change, Change::Moved(_)));
    assert!(matches!(moved[..], [Change::Moved(event)] if event.number == 7), "{both:?}");
    assert!(matches!(activated[..], [Change::Activated(event)] if event.rule_id == "r1"), "{both:?}");
    Ok(())
}

async fn what_is_no_event_is_told_and_what_follows_comes(bus: Bus) -> Outcome {
    let mut events = bus.subscribe::<Activated>().await?;

    bus.publish(&Careless { anything: "x".to_owned() }).await?;
    bus.publish(&activated("r1")).await?;

    match come(&mut events).await? {
        Err(LiveError::Undecodable { subject, reason, raw }) => {
            assert_eq!(subject, "rules.domain.rule.activated");
            assert!(reason.contains("rule_id") && raw.starts_with(b"{"), "{reason}");
        }
        other => return Err(format!("{other:?}").into()),
    }
    assert_eq!(come(&mut events).await??.rule_id, "r1");
    Ok(())
}

async fn what_a_slow_reader_misses_is_counted(bus: Bus) -> Outcome {
    let mut events = bus.subscribe_any().on(|event: Received<Activated>| event).room(2).open().await?;

    for number in 0..10 {
        bus.publish(&activated(number)).await?;
    }

    until(|| events.missed() == 8).await?;
    assert_eq!([come(&mut events).await??.rule_id.clone(), come(&mut events).await??.rule_id.clone()], ["0", "1"]);
    Ok(())
}

async fn an_older_event_is_upcast(bus: Bus) -> Outcome {
    let mut events = bus.subscribe::<Updated>().await?;

    bus.publish(&Revised { rule_id: "r1".to_owned() }).await?;
    bus.publish(&Updated { rule_id: "r1".to_owned(), revision: 2 }).await?;

    let newer = come(&mut events).await?;
    assert!(matches!(&newer, Err(LiveError::Undecodable { reason, .. }) if reason.contains('3')), "{newer:?}");
    assert_eq!(come(&mut events).await??.revision, 2);
    Ok(())
}

async fn a_subscriber_of_nothing_is_an_error(bus: Bus) -> Outcome {
    let opened = bus.subscribe_any::<()>().open().await;

    assert!(matches!(opened, Err(SubscribeError::NoTypes)), "{opened:?}");
    Ok(())
}

/// None of these subjects covers another, and all of them cover what becomes of a rule.
async fn what_several_subjects_cover_comes_once(bus: Bus) -> Outcome {
    let subjects = ["rules.*.rule.activated", "rules.domain.*.activated", "rules.domain.rule.*", "*.domain.rule.moved"];
    let subjects: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    let since = Some(jiff::Timestamp::now() - Duration::from_secs(60));
    let mut tails = [bus.tail(subjects.clone(), None).await?, bus.tail(subjects, since).await?];

    for number in 0..3 {
        bus.publish(&activated(number)).await?;
        bus.publish(&Moved { key: "k".to_owned(), number }).await?;
        bus.publish(&Updated { rule_id: "r1".to_owned(), revision: number }).await?;
    }

    for tail in &mut tails {
        let mut seen = Vec::new();
        while seen.len() < 9 {
            let message = timeout(PATIENCE, tail.next()).await?.ok_or("nothing comes any more")??;
            let value: serde_json::Value = serde_json::from_slice(&message.payload)?;
            seen.push(value["id"].to_string());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 9, "{seen:?}");
    }
    Ok(())
}

async fn whoever_reads_or_listens_ends_with_the_bus(bus: Bus) -> Outcome {
    bus.provision(&[COMPILED]).await?;
    let mut events = bus.subscribe::<Activated>().await?;
    let mut watcher = bus.bucket::<Compiled>().watch(">").await?;
    let subject = vec!["rules.domain.>".to_owned()];
    let mut passing = bus.tail(subject.clone(), None).await?;
    let mut stored = bus.tail(subject.clone(), Some(jiff::Timestamp::now())).await?;
    let other = bus.clone();

    bus.shutdown().await?;
    bus.shutdown().await?;

    assert!(timeout(PATIENCE, events.next()).await?.is_none());
    let watched = timeout(PATIENCE, watcher.next()).await?;
    assert!(matches!(watched, Some(Err(BucketError::Unavailable { .. }))), "{watched:?}");
    assert!(timeout(PATIENCE, watcher.next()).await?.is_none());
    assert!(timeout(PATIENCE, passing.next()).await?.is_none());
    assert!(timeout(PATIENCE, stored.next()).await?.is_some_and(|ended| ended.is_err()));
    assert!(timeout(PATIENCE, stored.next()).await?.is_none());
    // And nothing can be begun.
    let published = other.publish(&activated("r1")).await;
    assert!(matches!(published, Err(PublishError::Closed)), "{published:?}");
    let published = other.publish_all(&[activated("r1"), activated("r2")]).await.err().ok_or("they are stored")?;
    assert_eq!(published.failures().count(), 2, "{published}");
    assert!(matches!(other.subscribe::<Activated>().await, Err(SubscribeError::Unavailable { .. })));
    assert!(other.tail(subject, None).await.is_err());
    let bucket = other.bucket::<Compiled>();
    assert!(bucket.watch(">").await.is_err() && bucket.keys(">").await.is_err() && bucket.get("r1").await.is_err());
    let put = bucket.put("r1", &compiled("r1", 1)).await;
    assert!(matches!(put, Err(BucketError::Store(PublishError::Closed))), "{put:?}");
    Ok(())
}

async fn a_consumer_ends_with_the_bus(bus: Bus) -> Outcome {
    bus.publish(&activated("r1")).await?;
    let (consumer, mut told) = run_and_tell(&bus);
    assert_eq!(next(&mut told).await?, "r1");

    bus.shutdown().await?;

    let ended = consumer.end().await?;
    assert!(matches!(ended, Err(ConsumeError::Gone { .. })), "{ended:?}");
    let late = bus.consumer("late").on(|_: Received<Activated>| async { Ok(()) }).run(std::future::pending::<()>());
    assert!(timeout(PATIENCE, late).await?.is_err());
    Ok(())
}

#[tokio::test]
async fn whoever_may_not_listen_learns_it() -> Outcome {
    let server = NatsServer::builder()
        .config(r#"authorization { users = [ { user: u, password: p, permissions: { publish: ">", subscribe: "_INBOX.>" } } ] }"#)
        .start()
        .await?;
    let config = eventsmith::Config { user: Some("u".to_owned()), password: Some("p".into()), ..config(server.url()) };
    let operator = Bus::connect(config.clone()).await?;
    operator.provision(&[STREAM, DEAD_LETTERS]).await?;
    let bus = Bus::connect(config).await?;
    let mut events = bus.subscribe::<Activated>().await?;

    match come(&mut events).await? {
        Err(LiveError::Denied(denied)) => assert_eq!(denied.subject, "rules.domain.rule.activated"),
        other => return Err(format!("{other:?}").into()),
    }
    assert!(timeout(PATIENCE, events.next()).await?.is_none());
    // Nobody else is concerned.
    bus.publish(&activated("r1")).await?;
    let (consumer, mut told) = run_and_tell(&bus);
    assert_eq!(next(&mut told).await?, "r1");
    bus.publish(&activated("r2")).await?;
    assert_eq!(next(&mut told).await?, "r2");
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn live_events_come_again_after_the_connection_was_lost() -> Outcome {
    let (mut server, bus) = server().await?;
    let mut events = bus.subscribe::<Activated>().await?;
    bus.publish(&activated("before")).await?;
    assert_eq!(come(&mut events).await??.rule_id, "before");

    server.restart().await?;

    let more = async {
        loop {
            bus.publish(&activated("after")).await?;
            if let Ok(Some(event)) = timeout(Duration::from_millis(500), events.next()).await {
                return Outcome::Ok(event?);
            }
        }
    };
    assert_eq!(timeout(PATIENCE, more).await??.rule_id, "after");
    Ok(())
}

/// The ids of the rules that come of what streams hold.
async fn stored_rules(tail: &mut Tail, count: usize) -> Outcome<Vec<String>> {
    let mut rules = Vec::new();
    while rules.len() < count {
        let message = timeout(PATIENCE, tail.next()).await?.ok_or("nothing comes any more")??;
        let value: serde_json::Value = serde_json::from_slice(&message.payload)?;
        rules.push(value["data"]["rule_id"].as_str().unwrap_or_default().to_owned());
    }
    Ok(rules)
}

#[tokio::test]
async fn what_is_read_since_a_time_begins_there_whatever_is_lost() -> Outcome {
    let (server, bus) = server().await?;
    for number in 0..40 {
        bus.publish(&activated(number)).await?;
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    let since = jiff::Timestamp::now();
    for number in 40..80 {
        bus.publish(&activated(number)).await?;
    }
    let expected: Vec<String> = (40..80).map(|number| number.to_string()).collect();
    for cuts in 1..=5 {
        let proxy = Proxy::start(server.port()).await?;
        let left = AtomicUsize::new(cuts);
        proxy.rule(move |frame| {
            let is_cut = frame.delivers().is_some()
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if is_cut { Verdict::Cut } else { Verdict::Forward }
        });
        let cut = Bus::connect(config(proxy.url())).await?;

        let mut tail = cut.tail(vec!["rules.domain.>".to_owned()], Some(since)).await?;

        assert_eq!(stored_rules(&mut tail, 40).await?, expected, "{cuts} cuts");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_read_since_a_time_begins_there_with_what_no_client_can_read() -> Outcome {
    let (server, bus) = server().await?;
    for number in 0..3 {
        bus.publish(&activated(number)).await?;
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    let since = jiff::Timestamp::now();
    let payload = br#"{"data":{"rule_id":"odd"}}"#;
    let subject = "rules.domain.rule.activated";
    crate::malformed::publish_raw(&server, subject, b"NATS/1.0\r\nno colon\r\n\r\n", payload).await?;
    bus.publish(&activated("last")).await?;

    let mut tail = bus.tail(vec!["rules.>".to_owned()], Some(since)).await?;

    assert_eq!(stored_rules(&mut tail, 2).await?, ["odd", "last"]);
    Ok(())
}
