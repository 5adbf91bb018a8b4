//! Durable consumers whose settings an operator edits while a service runs on them.

use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter};
use eventsmith::config::{ConsumerConfig, Order};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, ConsumeError, Event, Received};
use eventsmith_tests::running::PATIENCE;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::common::*;

/// Changes settings of the durable consumer, as an operator does with `nats consumer edit`.
async fn edit(server: &NatsServer, changes: Value) -> Outcome {
    let client = async_nats::connect(server.url()).await?;
    let info = client.request("$JS.API.CONSUMER.INFO.RULES.promotions", "".into()).await?;
    let mut config = serde_json::from_slice::<Value>(&info.payload)?["config"].take();
    let settings = config.as_object_mut().ok_or("no settings")?;
    for (name, value) in changes.as_object().ok_or("no changes")? {
        settings.insert(name.clone(), value.clone());
    }
    let request = json!({ "stream_name": "RULES", "config": config, "action": "update" }).to_string();
    let answer = client.request("$JS.API.CONSUMER.CREATE.RULES.promotions", request.into()).await?;
    let answer: Value = serde_json::from_slice(&answer.payload)?;
    assert_eq!(answer.get("error"), None, "{answer}");
    Ok(())
}

#[tokio::test]
async fn events_that_come_without_their_payloads_are_not_dead_lettered() -> Outcome {
    let (server, bus) = server().await?;
    let (consumer, mut told) = run_and_tell(&bus);
    bus.publish(&activated("r1")).await?;
    assert_eq!(next(&mut told).await?, "r1");

    edit(&server, json!({ "headers_only": true })).await?;
    bus.publish(&activated("r2")).await?;

    let ended = consumer.end().await?;
    let letters = bus.dead_letters("rules").await?;
    assert_eq!(letters.count(&DeadLetterFilter::default()).await?, Default::default());
    let Err(ConsumeError::Different { differences, .. }) = ended else { return Err(format!("{ended:?}").into()) };
    assert!(differences.contains("headers_only"), "{differences}");
    Ok(())
}

/// An operator, or the configuration of the server, limits what a pull request may ask for.
#[tokio::test]
async fn a_consumer_that_limits_pull_requests_is_asked_for_less_at_a_time() -> Outcome {
    is_asked_for_less(Order::None, json!({ "max_batch": 1 })).await?;
    is_asked_for_less(Order::None, json!({ "max_batch": 10, "max_expires": 1_000_000_000 })).await
}

#[tokio::test]
async fn a_consumer_that_limits_pull_requests_delivers_all_that_is_ordered_by_key() -> Outcome {
    is_asked_for_less(Order::Key, json!({ "max_batch": 3 })).await
}

async fn is_asked_for_less(order: Order, changes: Value) -> Outcome {
    const EVENTS: u32 = 100;
    let (server, bus) = server().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let instance = || {
        let tell = tell.clone();
        let config = ConsumerConfig { order, ..quick() };
        run(bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.number)?) }
        }))
    };
    let moved = |number| Moved { key: "k".to_owned(), number };
    let running = instance();
    bus.publish(&moved(0)).await?;
    assert_eq!(next(&mut told).await?, 0);

    edit(&server, changes.clone()).await?;
    bus.publish_all(&(1..EVENTS).map(moved).collect::<Vec<_>>()).await?;
    for number in 1..EVENTS {
        let handled = next(&mut told).await.map_err(|error| format!("{changes} {number}: {error}"))?;
        assert!(order == Order::None || handled == number, "{handled} {number}");
    }
    let summary = running.stop().await?;
    let another = instance();
    bus.publish(&moved(EVENTS)).await?;
    assert_eq!(next(&mut told).await?, EVENTS);
    another.stop().await?;

    assert_eq!((summary.handled, summary.lease_lost), (u64::from(EVENTS), 0));
    assert!(told.try_recv().is_err(), "one of them ran twice");
    Ok(())
}

#[tokio::test]
async fn a_server_that_limits_pull_requests_is_asked_for_less_at_a_time() -> Outcome {
    let store = tempfile::TempDir::new()?;
    let limits = format!("jetstream: {{ store_dir: {:?}, limits: {{ max_request_batch: 5 }} }}", store.path());
    let server = NatsServer::builder().config(limits).start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    bus.publish_all(&(0..50).map(activated).collect::<Vec<_>>()).await?;

    let (consumer, mut told) = run_and_tell(&bus);
    for number in 0..50 {
        assert_eq!(next(&mut told).await?, number.to_string());
    }
    assert_eq!(consumer.stop().await?.handled, 50);
    Ok(())
}

#[tokio::test]
async fn what_a_service_cannot_go_on_with_ends_it_by_name() -> Outcome {
    for (order, setting, changes) in [
        // The lease of a second delivery would be shorter than `ack_wait`, and two instances would run the event at once.
        (Order::None, "backoff", json!({ "backoff": [15_000_000_000_u64, 1_000_000_000] })),
        // All instances would be served, each with some of the events of a key.
        (Order::Key, "ordered", json!({ "priority_groups": null, "priority_policy": "none", "priority_timeout": 0 })),
    ] {
        let (server, bus) = server().await?;
        let config = ConsumerConfig { order, ..quick() };
        let (tell, mut told) = mpsc::unbounded_channel();
        let consumer = run(bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.number)?) }
        }));
        bus.publish(&Moved { key: "k".to_owned(), number: 1 }).await?;
        assert_eq!(next(&mut told).await?, 1);

        edit(&server, changes).await?;

        let ended = consumer.end().await?;
        let Err(ConsumeError::Different { differences, .. }) = ended else { return Err(format!("{ended:?}").into()) };
        assert!(differences.contains(setting), "{differences}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_only_claims_to_lack_its_payload_is_dead_lettered() -> Outcome {
    let (server, bus) = server().await?;
    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Size", "17");
    let client = async_nats::connect(server.url()).await?;
    client.publish_with_headers(Activated::SUBJECT, headers, "".into()).await?;
    client.flush().await?;

    let letters = bus.dead_letters("rules").await?;
    let wait = async {
        loop {
            if let Some(letter) = letters.list(&DeadLetterFilter::default()).next().await? {
                return Outcome::Ok(letter);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let letter = tokio::time::timeout(PATIENCE, wait).await??;
    assert_eq!(letter.reason.to_string(), "undecodable");
    assert_eq!(consumer.stop().await?.dead_lettered, 1);
    Ok(())
}
