//! What passes between the bus and a real server, seen from outside.

use std::time::Duration;

use async_nats::{Client, Message, Subscriber, jetstream};
use eventsmith::admin::BusAdmin;
use eventsmith::{Bus, Expect, PublishError, PublishOptions, Received};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::common::*;

/// Subscribes, and returns once the server knows: a flush fills the socket only, an answer comes after the subscription.
async fn subscribe(client: &Client, subject: &'static str) -> Outcome<Subscriber> {
    let subscriber = client.subscribe(subject).await?;
    jetstream::new(client.clone()).query_account().await?;
    Ok(subscriber)
}

async fn heard(subscriber: &mut Subscriber) -> Outcome<Message> {
    Ok(tokio::time::timeout(Duration::from_secs(30), subscriber.next()).await?.ok_or("the subscription ended")?)
}

#[tokio::test]
async fn a_core_subscriber_sees_exactly_one_copy_with_headers_and_envelope() -> Outcome {
    let (server, bus) = server().await?;
    let outside = async_nats::connect(server.url()).await?;
    let mut copies = subscribe(&outside, "rules.>").await?;
    let options = PublishOptions { traceparent: Some("00-a-b-01".to_owned()), ..PublishOptions::default() };

    let published = bus.publish_with(&activated("r1"), options).await?;
    let last = bus.publish(&activated("last")).await?;
    let (first, second) = (heard(&mut copies).await?, heard(&mut copies).await?);

    let headers = first.headers.ok_or("no headers")?;
    let header = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(header("Nats-Msg-Id"), Some(published.id.to_string()));
    assert_eq!(header("Eventsmith-Type").as_deref(), Some("rule.activated"));
    assert_eq!(header("Eventsmith-Version").as_deref(), Some("1"));
    assert_eq!(header("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(header("traceparent").as_deref(), Some("00-a-b-01"));
    let envelope: serde_json::Value = serde_json::from_slice(&first.payload)?;
    assert_eq!(envelope["id"], published.id.to_string());
    assert_eq!(envelope["type"], "rule.activated");
    assert_eq!(envelope["source"], "tests");
    assert_eq!(envelope["subject"], "rules.domain.rule.activated");
    assert_eq!(envelope["version"], "1");
    assert!(envelope["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{envelope}");
    assert_eq!(envelope["data"], serde_json::json!({ "rule_id": "r1" }));
    // Had the first come twice, this would be the second copy of it.
    let envelope: serde_json::Value = serde_json::from_slice(&second.payload)?;
    assert_eq!(envelope["id"], last.id.to_string());
    Ok(())
}

#[tokio::test]
async fn a_foreign_producer_is_routed_by_its_envelope_and_upcast() -> Outcome {
    let (server, bus) = server().await?;
    let foreign = jetstream::new(async_nats::connect(server.url()).await?);
    let (tell, mut told) = mpsc::unbounded_channel();
    let envelope = r#"{"id":"f-1","type":"rule.updated","source":"cron","subject":"rules.domain.rule.updated",
        "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"rule_id":"r1"},"more":true}"#;

    foreign.publish("rules.domain.rule.updated", envelope.into()).await?.await?;
    let consumer = run(bus.consumer("promotions").on(move |event: Received<Updated>| {
        let tell = tell.clone();
        async move { Ok(tell.send((event.envelope().clone(), event.into_event()))?) }
    }));
    let (envelope, event) = next(&mut told).await?;
    consumer.stop().await?;

    assert_eq!((envelope.id.as_str(), envelope.version), ("f-1", 1));
    assert_eq!(event, Updated { rule_id: "r1".to_owned(), revision: 0 });
    Ok(())
}

/// Whatever words a server has for it: where the stream or the subject ends is asked for.
#[tokio::test]
async fn where_a_stream_ends_is_not_read_from_the_words_of_a_refusal() -> Outcome {
    let (server, bus) = server().await?;
    let outside = async_nats::connect(server.url()).await?;
    // No stream captures it, so that nobody else answers.
    let mut published = subscribe(&outside, "else.domain.thing.moved").await?;
    bus.publish_all(&[activated("r1"), activated("r2")]).await?;
    let refusal = r#"{"error":{"code":400,"err_code":10071,"description":"it ends elsewhere: 77 is not 99"},"stream":"RULES","seq":0}"#;
    let answering = tokio::spawn(async move {
        while let Some(message) = published.next().await {
            let Some(reply) = message.reply else { continue };
            outside.publish(reply, refusal.into()).await?;
        }
        Ok::<_, async_nats::PublishError>(())
    });

    let mut ends = Vec::new();
    for expect in [Expect::LastSequence(99), Expect::LastSubjectSequence(99)] {
        let options = PublishOptions { expect: Some(expect), ..PublishOptions::default() };
        let error = bus.publish_with(&Homeless {}, options).await.unwrap_err();
        let PublishError::WrongSequence { last, .. } = error else { return Err(error.into()) };
        ends.push(last);
    }
    answering.abort();

    assert_eq!(ends, [2, 0]);
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_with_both_sizes() -> Outcome {
    let (_server, bus) = server().await?;

    let error = bus.publish(&activated("x".repeat(2 << 20))).await.unwrap_err().to_string();

    assert!(error.contains("1048576") && error.contains("max_payload"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_filter_of_a_consumer_follows_its_handlers() -> Outcome {
    let (server, bus) = server().await?;
    let inspect = jetstream::new(async_nats::connect(server.url()).await?);
    let filters = async || -> Outcome<Vec<String>> {
        let consumer: jetstream::consumer::PullConsumer =
            inspect.get_consumer_from_stream("promotions", "RULES").await?;
        let mut filters = consumer.cached_info().config.filter_subjects.clone();
        filters.sort();
        Ok(filters)
    };
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = || {
        let tell = tell.clone();
        bus.consumer("promotions").on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.rule_id.clone())?) }
        })
    };

    bus.publish(&activated("r1")).await?;
    let one = run(consumer());
    next(&mut told).await?;
    one.stop().await?;
    let before = filters().await?;
    bus.publish(&activated("r2")).await?;
    let two = run(consumer().on(|_: Received<Updated>| async { Ok(()) }));
    next(&mut told).await?;
    two.stop().await?;

    assert_eq!(before, ["rules.domain.rule.activated"]);
    assert_eq!(filters().await?, ["rules.domain.rule.activated", "rules.domain.rule.updated"]);
    Ok(())
}

#[tokio::test]
async fn running_or_provisioning_again_changes_nothing_at_the_server() -> Outcome {
    let (server, bus) = server().await?;
    let outside = async_nats::connect(server.url()).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = || {
        let tell = tell.clone();
        run(bus.consumer("promotions").on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.rule_id.clone())?) }
        }))
    };
    bus.publish(&activated("r1")).await?;
    let first = consumer();
    next(&mut told).await?;
    first.stop().await?;
    let mut requests = subscribe(&outside, "$JS.EVENT.ADVISORY.API").await?;

    bus.provision(&[STREAM]).await?;
    bus.publish(&activated("r2")).await?;
    let second = consumer();
    next(&mut told).await?;
    second.stop().await?;
    // A change that we know of, so that the advisories before it have all come.
    bus.provision(&[STREAM.description("other")]).await?;

    let mut seen = Vec::new();
    while !seen.iter().any(|subject: &String| subject.contains("STREAM.UPDATE")) {
        let advisory = heard(&mut requests).await?;
        let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload)?;
        seen.push(advisory["subject"].as_str().unwrap_or_default().to_owned());
    }
    seen.retain(|subject| ["CREATE", "UPDATE", "DELETE"].iter().any(|change| subject.contains(change)));
    assert_eq!(seen.len(), 1, "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_push_consumer_of_the_same_name_is_refused() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let push = jetstream::consumer::push::Config {
        durable_name: Some("promotions".to_owned()),
        deliver_subject: "somewhere".to_owned(),
        ..Default::default()
    };
    outside.get_stream("RULES").await?.create_consumer(push).await?;

    let consumer = bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) });
    let error = consumer.run(std::future::pending::<()>()).await.unwrap_err().to_string();

    assert!(error.contains("promotions") && error.contains("deliver_subject"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_bus_that_was_shut_down_publishes_nothing() -> Outcome {
    let (_server, bus) = server().await?;
    let other: Bus = bus.clone();

    bus.shutdown().await?;
    bus.shutdown().await?;
    let error = other.publish(&activated("r1")).await.unwrap_err();

    assert!(matches!(error, eventsmith::PublishError::Closed), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_message_that_looks_like_a_status_of_the_server_is_handled_like_any_other() -> Outcome {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (server, bus) = server().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let payload = r#"{"id":"f-1","type":"rule.activated","source":"cron","subject":"rules.domain.rule.activated",
        "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"rule_id":"r1"}}"#;
    let head = "NATS/1.0 409 Consumer Deleted\r\n\r\n";
    let publish = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nHPUB rules.domain.rule.activated {} {}\r\n{head}{payload}\r\nPING\r\n",
        head.len(),
        head.len() + payload.len()
    );

    // A client would not let us write such a header.
    let mut raw = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await?;
    raw.write_all(publish.as_bytes()).await?;
    let mut answers = String::new();
    while !answers.contains("PONG") {
        let mut part = [0; 4096];
        let length = raw.read(&mut part).await?;
        assert!(length > 0 && !answers.contains("-ERR"), "{answers}");
        answers.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.into_event())?) }
    }));

    assert_eq!(next(&mut told).await?.rule_id, "r1");
    consumer.stop().await?;
    Ok(())
}
