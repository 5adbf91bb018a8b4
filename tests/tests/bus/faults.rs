//! Servers that stop, and consumers that vanish.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use eventsmith::admin::BusAdmin;
use eventsmith::config::ConsumerConfig;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, ConsumeError, PublishError, PublishOptions, Received};
use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc};

use eventsmith_tests::results;

use crate::common::*;

/// A bus that gives up quickly.
async fn impatient(server: &NatsServer, max_in_flight: usize) -> Outcome<Bus> {
    let bus = Bus::connect(Config {
        ack_timeout: Duration::from_millis(200),
        publish_timeout: Duration::from_millis(400),
        max_in_flight,
        ..config(server.url())
    })
    .await?;
    bus.provision(&[STREAM]).await?;
    Ok(bus)
}

/// How often each event is in the stream.
async fn stored(server: &NatsServer) -> Outcome<HashMap<String, usize>> {
    let stream = jetstream::new(async_nats::connect(server.url()).await?).get_stream("RULES").await?;
    let mut found = HashMap::new();
    let state = &stream.cached_info().state;
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await?;
        let envelope: serde_json::Value = serde_json::from_slice(&message.payload)?;
        *found.entry(envelope["data"]["rule_id"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(found)
}

#[tokio::test]
async fn a_crash_in_the_middle_of_publishing_loses_nothing_and_stores_nothing_twice() -> Outcome {
    let (mut server, _) = server().await?;
    let config = Config { ack_timeout: Duration::from_secs(1), max_in_flight: 64, ..config(server.url()) };
    let bus = Bus::connect(config).await?;
    let half_done = Arc::new(Notify::new());
    let signal = Arc::clone(&half_done);

    let publishing = tokio::spawn(async move {
        let events: Vec<_> = (0..4_000).map(activated).collect();
        let (first, second) = events.split_at(1_000);
        let mut published = results(bus.publish_all(first).await);
        signal.notify_one();
        published.extend(results(bus.publish_all(second).await));
        published
    });
    half_done.notified().await;
    server.kill()?;
    server.start_again().await?;
    let results = publishing.await?;

    let found = stored(&server).await?;
    for (number, result) in results.iter().enumerate() {
        assert!(result.is_ok(), "{number}: {result:?}");
        assert_eq!(found.get(&number.to_string()), Some(&1), "{number}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_was_not_acknowledged_can_be_published_again_under_its_id() -> Outcome {
    let mut server = NatsServer::start().await?;
    let bus = impatient(&server, 16).await?;
    server.kill()?;

    let error = bus.publish(&activated("r1")).await.unwrap_err();
    let PublishError::Unacknowledged { id, attempts, .. } = error else { return Err(error.into()) };
    server.start_again().await?;
    let options = PublishOptions { id: Some(id), ..PublishOptions::default() };
    let mut outcome = bus.publish_with(&activated("r1"), options.clone()).await;
    while let Err(PublishError::Unacknowledged { .. }) = outcome {
        outcome = bus.publish_with(&activated("r1"), options.clone()).await;
    }

    assert_eq!(outcome?.id, id);
    assert!(attempts > 1);
    assert_eq!(stored(&server).await?, HashMap::from([("r1".to_owned(), 1)]));
    Ok(())
}

#[tokio::test]
async fn behind_an_event_that_was_not_acknowledged_only_the_window_was_sent() -> Outcome {
    let mut server = NatsServer::start().await?;
    let bus = impatient(&server, 4).await?;
    server.kill()?;
    let events: Vec<_> = (0..20).map(activated).collect();

    let results = results(bus.publish_all(&events).await);

    let unacknowledged =
        results.iter().take_while(|result| matches!(result, Err(PublishError::Unacknowledged { .. }))).count();
    // If the loss is noticed before anything is written, only the first waits for a connection.
    assert!((1..=4).contains(&unacknowledged), "{results:?}");
    assert!(results[unacknowledged..].iter().all(|result| matches!(result, Err(PublishError::NotSent))), "{results:?}");
    Ok(())
}

#[tokio::test]
async fn a_consumer_survives_the_crash_of_its_server() -> Outcome {
    let (mut server, bus) = server().await?;
    let (consumer, mut told) = run_and_tell(&bus);

    bus.publish(&activated("before")).await?;
    assert_eq!(next(&mut told).await?, "before");
    server.kill()?;
    server.start_again().await?;
    bus.publish(&activated("after")).await?;

    while next(&mut told).await? != "after" {}
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_consumer_that_is_deleted_while_it_runs_says_so() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let (consumer, mut told) = run_and_tell(&bus);
    bus.publish(&activated("r1")).await?;
    next(&mut told).await?;

    outside.get_stream("RULES").await?.delete_consumer("promotions").await?;
    let error = consumer.end().await?.unwrap_err();

    assert!(matches!(&error, ConsumeError::Gone { consumer, .. } if consumer == "promotions"), "{error}");
    Ok(())
}

/// The subject of an ack names stream, consumer and number, and the server asks for no more.
#[tokio::test]
async fn what_is_still_handled_when_its_stream_is_made_anew_ends_no_message_there() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let ((begin, mut begun), go_on) = (mpsc::unbounded_channel(), Arc::new(Notify::new()));
    let signal = Arc::clone(&go_on);
    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let (begin, signal) = (begin.clone(), Arc::clone(&signal));
        async move {
            begin.send(event.rule_id.clone())?;
            signal.notified().await;
            Ok(())
        }
    }));
    bus.publish(&activated("old")).await?;
    next(&mut begun).await?;
    let old = outside.get_stream("RULES").await?;
    // Whoever waits for messages is told that the consumer is gone.
    while old.consumer_info("promotions").await?.num_waiting == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    outside.delete_stream("RULES").await?;
    bus.provision(&[STREAM]).await?;
    bus.publish(&activated("new")).await?;
    let wanted = pull::Config { durable_name: Some("promotions".to_owned()), ..pull::Config::default() };
    let mut anew = outside.get_stream("RULES").await?.create_consumer(wanted).await?;
    let message = anew.fetch().max_messages(1).messages().await?.next().await.ok_or("nothing came")?;
    go_on.notify_one();
    let error = consumer.end().await?.unwrap_err();

    assert!(matches!(error, ConsumeError::Gone { .. }), "{error}");
    assert_eq!(anew.info().await?.num_ack_pending, 1, "{:?}", message.is_ok());
    Ok(())
}

#[tokio::test]
async fn many_instances_share_the_work_of_a_service() -> Outcome {
    let (_server, bus) = server().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = ConsumerConfig { prefetch: 0, concurrency: 2, ..ConsumerConfig::default() };
    let instance = |number: usize| {
        let tell = tell.clone();
        run(bus.consumer("promotions").config(config.clone()).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(2)).await;
                Ok(tell.send((number, event.rule_id.clone()))?)
            }
        }))
    };
    let instances = [instance(0), instance(1)];

    let events: Vec<_> = (0..200).map(activated).collect();
    bus.publish_all(&events).await?;
    let mut by_event = HashMap::new();
    let mut by_instance = [0, 0];
    for _ in 0..200 {
        let (number, rule_id) = next(&mut told).await?;
        by_instance[number] += 1;
        *by_event.entry(rule_id).or_insert(0) += 1;
    }

    assert_eq!(by_event.len(), 200);
    assert!(by_instance.iter().all(|handled| *handled > 0), "{by_instance:?}");
    for instance in instances {
        instance.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_consumer_whose_connection_is_closed_ends() -> Outcome {
    let (_server, bus) = server().await?;
    let (consumer, mut told) = run_and_tell(&bus);
    bus.publish(&activated("r1")).await?;
    next(&mut told).await?;

    bus.shutdown().await?;
    let error = consumer.end().await?.unwrap_err();

    assert!(error.to_string().contains("closed"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_consumer_stops_while_its_server_is_down() -> Outcome {
    let (mut server, bus) = server().await?;
    let started = Arc::new(Notify::new());
    let signal = Arc::clone(&started);
    bus.publish_all(&(0..50).map(activated).collect::<Vec<_>>()).await?;
    let consumer = run(bus.consumer("promotions").concurrency(1).on(move |_: Received<Activated>| {
        signal.notify_one();
        // Long enough that the server is gone and others wait, short enough that stopping waits for it.
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(())
        }
    }));
    tokio::time::timeout(Duration::from_secs(30), started.notified()).await?;

    server.kill()?;
    let summary = tokio::time::timeout(Duration::from_secs(60), consumer.stop()).await??;

    assert!(summary.handled >= 1, "{summary:?}");
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_stored_keeps_its_event_alive_until_it_can() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let consumer = bus
        .consumer("promotions")
        .on(|_: Received<Activated>| async { Err(eventsmith::HandlerError::reject("never")) });
    let monitor = consumer.monitor();
    let consumer = run(consumer);
    // It has begun once it has buried one.
    bus.publish(&activated("first")).await?;
    until(|| monitor.summary().dead_lettered == 1).await?;

    outside.delete_stream("RULES_DEAD_LETTERS").await?;
    bus.publish(&activated("second")).await?;
    until(|| monitor.summary().failed >= 2).await?;
    bus.provision(&[DEAD_LETTERS]).await?;
    until(|| monitor.summary().dead_lettered == 2).await?;
    consumer.stop().await?;

    let letters = bus.dead_letters("rules").await?;
    let mut list = letters.list(&eventsmith::admin::DeadLetterFilter::default());
    let letter = list.next().await?.ok_or("no letter")?;
    assert!(String::from_utf8_lossy(&letter.payload).contains("second"), "{letter:?}");
    assert!(list.next().await?.is_none());
    Ok(())
}
