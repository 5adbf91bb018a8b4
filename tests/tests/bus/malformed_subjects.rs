//! Messages whose subjects the client cannot read: the server takes any bytes but spaces and line breaks.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterError, DeadReason, ReplayTo};
use eventsmith::config::{ConsumerConfig, Order};
use eventsmith::{Bus, Event, HandlerError, Invalid, Kind, Received};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::common::*;
use crate::dead_lettering::letters;
use crate::malformed::publish_bytes;

/// An event whose subject ends with the id of its rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tagged {
    rule_id: String,
}

impl Event for Tagged {
    const KIND: Kind = Kind::Domain;
    const TYPE: &'static str = "rule.tagged";
    const VERSION: u32 = 1;
    const SUBJECT: &'static str = "rules.domain.rule.tagged.*";
    const SCHEMA: &'static str = "true";
    const KEY: Option<&'static str> = Some("/rule_id");
    eventsmith::generated::event_payload!(Event, Tagged, type);

    fn key(&self) -> Option<String> {
        Some(self.rule_id.clone())
    }

    fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(format!("rules.domain.rule.tagged.{}", self.rule_id).into())
    }
}

const EVENTS: usize = 50;
const HEADERS: &[u8] = b"NATS/1.0\r\na: 1\r\n\r\n";
const PAYLOAD: &[u8] = br#"{"id":"f-1","type":"rule.tagged","source":"cron","subject":"x",
    "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"rule_id":"forged"}}"#;

fn tagged(number: usize) -> Tagged {
    Tagged { rule_id: format!("r{number}") }
}

/// A consumer gets past one message on a subject with this end, and others know why it is among the dead letters.
async fn gets_past(tail: &[u8], head: &[u8], order: Order, defect: &str) -> Outcome {
    let (server, bus) = server().await?;
    let subject = [b"rules.domain.rule.tagged.", tail].concat();
    publish_bytes(&server, &subject, head, PAYLOAD).await?;
    bus.publish_all(&(0..EVENTS).map(tagged).collect::<Vec<_>>()).await?;
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    let config = ConsumerConfig { ack_wait: Duration::from_secs(3), order, ..quick() };

    let begun = Instant::now();
    let service = Bus::connect(config_of(&server)).await?;
    let consumer = Running::start(service.consumer("promotions").config(config).on(move |_: Received<Tagged>| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    }));
    until(|| handled.load(Ordering::Relaxed) >= EVENTS).await.map_err(|_| format!("{handled:?} of {EVENTS}"))?;
    let taken = begun.elapsed();
    let letter = letters(&bus, 1).await?.remove(0);
    consumer.stop().await?;

    assert!(taken < Duration::from_secs(15), "{taken:?}");
    assert_eq!(handled.load(Ordering::Relaxed), EVENTS);
    assert_eq!((letter.reason, letter.attempts), (DeadReason::Malformed, 0));
    assert_eq!(letter.error, format!("no client can read its subject: {defect}"));
    assert_eq!(&*letter.payload, PAYLOAD);
    assert!(letter.address.is_ascii(), "{}", letter.address);
    let replay = bus.dead_letters("rules").await?.replay(letter.sequence, ReplayTo::Everyone).await.unwrap_err();
    assert!(matches!(&replay, DeadLetterError::Replay { .. }), "{replay:?}");
    assert!(replay.to_string().contains("another subject"), "{replay}");
    Ok(())
}

fn config_of(server: &eventsmith::testing::NatsServer) -> eventsmith::Config {
    config(server.url())
}

#[tokio::test]
async fn a_subject_that_is_not_utf8_is_dead_lettered_and_costs_its_neighbours_nothing() -> Outcome {
    for head in [&b""[..], HEADERS] {
        gets_past(b"\xff", head, Order::None, "it is not UTF-8").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_subject_that_is_not_utf8_costs_nothing_what_is_ordered_by_key() -> Outcome {
    for head in [&b""[..], HEADERS] {
        gets_past(b"\xff", head, Order::Key, "it is not UTF-8").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_subject_with_the_white_space_of_unicode_is_dead_lettered_and_costs_its_neighbours_nothing() -> Outcome {
    for tail in ["a\u{a0}b", "a\u{b}b", "a\u{2028}b"] {
        gets_past(tail.as_bytes(), HEADERS, Order::None, "it has white space").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_subject_with_the_white_space_of_unicode_costs_nothing_what_is_ordered_by_key() -> Outcome {
    // For a pinned consumer the server adds a header.
    gets_past("a\u{a0}b".as_bytes(), b"", Order::Key, "it has white space").await
}

#[tokio::test]
async fn a_subject_that_can_be_read_is_none_of_them() -> Outcome {
    let (server, bus) = server().await?;
    publish_bytes(&server, "rules.domain.rule.tagged.\u{fffd}".as_bytes(), HEADERS, PAYLOAD).await?;
    publish_bytes(&server, "rules.domain.rule.tagged.a\u{a0}b".as_bytes(), b"", PAYLOAD).await?;
    publish_bytes(&server, "rules.domain.rule.tagged.\u{2028}".as_bytes(), HEADERS, PAYLOAD).await?;
    // A first instance takes them and goes, so that the second looks at what is unacked.
    let config = ConsumerConfig { ack_wait: Duration::from_millis(500), ..quick() };
    let first = Bus::connect(config_of(&server)).await?;
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let consumer = first.consumer("promotions").config(config.clone()).on(move |_: Received<Tagged>| {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::pending()
    });
    let running = tokio::spawn(consumer.run(std::future::pending::<()>()));
    until(|| taken.load(Ordering::Relaxed) == 3).await?;
    running.abort();

    let second = Running::start(
        bus.consumer("promotions")
            .config(config)
            .on(|event: Received<Tagged>| async move { Err(HandlerError::reject(event.subject().to_owned())) }),
    );
    let found = letters(&bus, 3).await?;
    second.stop().await?;

    assert!(found.iter().all(|letter| letter.reason == DeadReason::Rejected), "{found:?}");
    assert!(found.iter().all(|letter| letter.address.is_ascii()), "{found:?}");
    Ok(())
}
