//! Dead letters that their stream does not take as they are.

use async_nats::jetstream;
use eventsmith::admin::{BusAdmin, DeadReason, ReplayTo, Replayed};
use eventsmith::config::{ConsumerConfig, Order};
use eventsmith::{HandlerError, Received};

use crate::common::*;
use crate::dead_lettering::letters;
use crate::malformed::publish_raw;

const PAYLOAD: &[u8] = br#"{"id":"f-1","type":"rule.moved","source":"cron","subject":"rules.domain.rule.moved",
    "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"key":"k","number":1}}"#;

#[tokio::test]
async fn an_event_with_as_many_headers_as_a_stream_takes_is_dead_lettered_without_them() -> Outcome {
    with_headers_up_to_the_limit(Order::None).await
}

/// Those behind it would wait for it without end.
#[tokio::test]
async fn an_event_with_as_many_headers_as_a_stream_takes_holds_up_none_that_are_ordered_by_key() -> Outcome {
    with_headers_up_to_the_limit(Order::Key).await
}

async fn with_headers_up_to_the_limit(order: Order) -> Outcome {
    let (server, bus) = server().await?;
    let head = [b"NATS/1.0\r\na: ", &b"x".repeat(65_400)[..], b"\r\n\r\n"].concat();
    publish_raw(&server, "rules.domain.rule.moved", &head, PAYLOAD).await?;
    bus.publish(&Moved { key: "k".to_owned(), number: 2 }).await?;
    let config = eventsmith::config::ConsumerConfig { order, ..quick() };

    let consumer = run(bus.consumer("promotions").config(config).on(|event: Received<Moved>| async move {
        if event.number == 1 && event.replay_of().is_none() { Err(HandlerError::reject("no")) } else { Ok(()) }
    }));
    let letter = letters(&bus, 1).await?.remove(0);
    let replayed = bus.dead_letters("rules").await?.replay(letter.sequence, ReplayTo::Everyone).await?;
    let summary = consumer.stop().await?;

    let header = |name: &str| letter.headers().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    assert_eq!((letter.reason, letter.error.as_str(), &*letter.payload), (DeadReason::Rejected, "no", PAYLOAD));
    assert_eq!((header("Eventsmith-Dead-Headers").as_deref(), header("a")), (Some("too-large"), None));
    assert_eq!((letter.event_type.as_deref(), letter.attempts), (Some("rule.moved"), 1));
    assert!(matches!(replayed, Replayed::Now { .. }), "{replayed:?}");
    assert_eq!((summary.dead_lettered, summary.failed), (1, 0));
    Ok(())
}

/// First it is too large for the server, and what is left has too many headers for the stream.
#[tokio::test]
async fn an_event_that_is_too_large_in_every_way_is_dead_lettered_all_the_same() -> Outcome {
    let (server, bus) = server().await?;
    let head = [b"NATS/1.0\r\na: ", &b"x".repeat(65_400)[..], b"\r\n\r\n"].concat();
    let client = async_nats::connect(server.url()).await?;
    let room = client.server_info().max_payload - head.len() - PAYLOAD.len();
    let payload = [PAYLOAD, &b" ".repeat(room)[..]].concat();
    publish_raw(&server, "rules.domain.rule.moved", &head, &payload).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Moved>| async { Err(HandlerError::reject("no")) }));
    let letter = letters(&bus, 1).await?.remove(0);
    let summary = consumer.stop().await?;

    assert_eq!((letter.reason, letter.origin_sequence, summary.dead_lettered), (DeadReason::Rejected, 1, 1));
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_as_small_as_its_stream_wants_it() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let config = outside.get_stream("RULES_DEAD_LETTERS").await?.cached_info().config.clone();
    outside.update_stream(jetstream::stream::Config { max_message_size: 2_000, ..config }).await?;
    let head = [b"NATS/1.0\r\na: ", &b"x".repeat(3_000)[..], b"\r\n\r\n"].concat();
    publish_raw(&server, "rules.domain.rule.moved", &head, PAYLOAD).await?;
    bus.publish(&Moved { key: "x".repeat(10_000), number: 2 }).await?;
    bus.publish(&Moved { key: "k".to_owned(), number: 3 }).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Moved>| async { Err(HandlerError::reject("no")) }));
    let mut found = letters(&bus, 3).await?;
    let summary = consumer.stop().await?;

    found.sort_by_key(|letter| letter.origin_sequence);
    let missing =
        |name: &str| found.iter().map(|letter| letter.headers().any(|(found, _)| found == name)).collect::<Vec<_>>();
    assert_eq!(missing("Eventsmith-Dead-Payload"), [true, true, false]);
    assert_eq!(missing("Eventsmith-Dead-Headers"), [true, false, false]);
    assert_eq!((summary.dead_lettered, summary.failed), (3, 0));
    Ok(())
}

/// What cannot be dead-lettered waits in its own stream, also when the server is about to deliver it no more.
#[tokio::test]
async fn a_full_stream_of_dead_letters_is_seen_and_loses_nothing() -> Outcome {
    for max_deliver in [100, QUICK.max_attempts + 1] {
        let (server, bus) = server().await?;
        let outside = jetstream::new(async_nats::connect(server.url()).await?);
        let config = outside.get_stream("RULES_DEAD_LETTERS").await?.cached_info().config.clone();
        let full = jetstream::stream::Config {
            max_messages: 1,
            discard: jetstream::stream::DiscardPolicy::New,
            ..config.clone()
        };
        outside.update_stream(full).await?;
        outside.publish("rules.dlq.others.RULES.1.domain.x", "full".into()).await?.await?;
        for number in 0..3 {
            bus.publish(&Moved { key: "k".to_owned(), number }).await?;
        }

        let consumer = bus.consumer("promotions").config(ConsumerConfig { max_deliver, ..quick() });
        let consumer = consumer.on(|_: Received<Moved>| async { Err(HandlerError::reject("no")) });
        let monitor = consumer.monitor();
        let consumer = Running::start(consumer);
        until(|| monitor.summary().not_dead_lettered >= 3 * 8).await?;
        let error = monitor.dead_letter_error().unwrap_or_default();
        outside.update_stream(jetstream::stream::Config { max_messages: -1, ..config }).await?;
        until(|| monitor.summary().dead_lettered == 3).await?;
        let summary = consumer.stop().await?;

        let mut letters = letters(&bus, 3).await?;
        letters.sort_by_key(|letter| letter.origin_sequence);
        let told: Vec<_> = letters.iter().map(|letter| (letter.origin_sequence, letter.error.as_str())).collect();
        assert_eq!(told, [(1, "no"), (2, "no"), (3, "no")], "max_deliver {max_deliver}");
        assert!(error.contains("maximum messages"), "{error:?}");
        assert_eq!((summary.dead_lettered, monitor.dead_letter_error()), (3, None), "{summary:?}");
    }
    Ok(())
}
