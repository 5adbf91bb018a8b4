//! Lists of many dead letters take few requests, and take them one by one where there is no other way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::HeaderMap;
use eventsmith::admin::{BusAdmin, DeadLetterFilter};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config};
use futures_util::StreamExt;

use crate::common::*;
use crate::dead_letters::all;
use crate::malformed::publish_raw;

/// Writes this many letters of a consumer, with payloads of this size, as a consumer would.
pub(crate) async fn write(url: &str, consumer: &str, numbers: std::ops::Range<u64>, size: usize) -> Outcome {
    let client = async_nats::ConnectOptions::with_user_and_password("admin".to_owned(), "p".to_owned());
    let outside = async_nats::jetstream::new(client.connect(url).await?);
    let mut acks = Vec::new();
    for number in numbers {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("Eventsmith-Dead-Reason", "rejected"),
            ("Eventsmith-Dead-Error", "no such customer"),
            ("Eventsmith-Dead-Attempts", "3"),
            ("Eventsmith-Dead-Consumer", consumer),
            ("Eventsmith-Dead-Stream", "RULES"),
            ("Eventsmith-Dead-Sequence", &number.to_string()),
            ("Eventsmith-Dead-Subject", "rules.domain.rule.activated"),
            ("Eventsmith-Dead-Stored", "2026-11-26T15:34:29.450599080Z"),
            ("Eventsmith-Dead-Time", "2026-11-26T15:34:29.450599080Z"),
        ] {
            headers.insert(name, value);
        }
        let subject = format!("rules.dlq.{consumer}.RULES.{number}.domain.rule.activated");
        acks.push(outside.publish_with_headers(subject, headers, vec![b'x'; size].into()).await?);
    }
    for ack in acks {
        ack.await?;
    }
    Ok(())
}

/// A server with the streams, on which `operator` may do all but what is denied.
async fn server(denied: &[&str]) -> Outcome<(NatsServer, Bus)> {
    let users = format!(
        r#"authorization {{ users = [
            {{ user: admin, password: p }}
            {{ user: operator, password: p, permissions: {{ publish: {{ allow: ">", deny: {denied:?} }}, subscribe: ">" }} }}
        ] }}"#
    );
    let server = NatsServer::builder().config(users).start().await?;
    let user = |name: &str| Config { user: Some(name.to_owned()), password: Some("p".into()), ..config(server.url()) };
    Bus::connect(user("admin")).await?.provision(&[STREAM, DEAD_LETTERS]).await?;
    let operator = Bus::connect(user("operator")).await?;
    Ok((server, operator))
}

/// Counts what is asked of JetStream from now on.
async fn count_requests(url: &str) -> Outcome<Arc<AtomicUsize>> {
    let client = async_nats::ConnectOptions::with_user_and_password("admin".to_owned(), "p".to_owned());
    let client = client.connect(url).await?;
    let mut requests = client.subscribe("$JS.API.>").await?;
    client.flush().await?;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        // The subscription lasts as long as its client.
        let _client = client;
        while requests.next().await.is_some() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(count)
}

/// The numbers of the events that the letters are about.
async fn origins(bus: &Bus, filter: &DeadLetterFilter) -> Outcome<Vec<u64>> {
    let letters = all(&bus.dead_letters("rules").await?, filter).await?;
    Ok(letters.iter().map(|letter| letter.origin_sequence).collect())
}

fn of(consumer: &str) -> DeadLetterFilter {
    DeadLetterFilter { consumer: Some(consumer.to_owned()), ..DeadLetterFilter::default() }
}

#[tokio::test]
async fn a_thousand_dead_letters_take_a_handful_of_requests() -> Outcome {
    let (server, bus) = server(&[]).await?;
    write(&server.url(), "loyalty", 0..100, 10).await?;
    write(&server.url(), "promotions", 100..1_000, 10).await?;
    let requests = count_requests(&server.url()).await?;

    let everything = origins(&bus, &DeadLetterFilter::default()).await?;
    let promotions = origins(&bus, &of("promotions")).await?;
    let counts = bus.dead_letters("rules").await?.count(&of("loyalty")).await?;
    let nothing = origins(&bus, &of("others")).await?;

    assert_eq!(everything, (0..1_000).collect::<Vec<_>>());
    assert_eq!(promotions, (100..1_000).collect::<Vec<_>>());
    assert_eq!((counts.into_values().sum::<u64>(), nothing.len()), (100, 0));
    // All that was asked has been seen once the last of it has.
    bus.dead_letters("rules").await?;
    until(|| requests.load(Ordering::Relaxed) > 10).await?;
    let requests = requests.load(Ordering::Relaxed);
    assert!(requests < 40, "{requests}");
    let status = bus.status(None).await?;
    assert_eq!(status.streams.iter().map(|stream| stream.consumers.len()).sum::<usize>(), 0, "nothing stays behind");
    Ok(())
}

#[tokio::test]
async fn dead_letters_that_are_large_together_come_in_several_batches() -> Outcome {
    let (server, bus) = server(&[]).await?;
    write(&server.url(), "promotions", 0..40, 1_000_000).await?;

    assert_eq!(origins(&bus, &of("promotions")).await?, (0..40).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn who_may_create_no_consumers_reads_dead_letters_one_by_one() -> Outcome {
    for denied in ["$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.MSG.NEXT.>", "$JS.API.CONSUMER.DELETE.>"] {
        let (server, bus) = server(&[denied]).await?;
        write(&server.url(), "promotions", 0..20, 10).await?;

        assert_eq!(origins(&bus, &of("promotions")).await?, (0..20).collect::<Vec<_>>(), "{denied}");
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_the_client_cannot_read_hides_no_dead_letter() -> Outcome {
    let (server, bus) = server(&[]).await?;
    write(&server.url(), "promotions", 0..20, 10).await?;
    publish_raw(&server, "rules.dlq.promotions.RULES.7.domain.x", b"NATS/1.0\r\nno colon\r\n\r\n", b"{}").await?;
    write(&server.url(), "promotions", 20..40, 10).await?;

    assert_eq!(origins(&bus, &of("promotions")).await?, (0..40).collect::<Vec<_>>());
    Ok(())
}

/// The client of whoever gets it in a batch panics.
#[tokio::test]
async fn a_carriage_return_in_a_header_ends_no_list() -> Outcome {
    let (server, bus) = server(&[]).await?;
    write(&server.url(), "promotions", 0..20, 10).await?;
    publish_raw(&server, "rules.dlq.promotions.RULES.7.domain.x", b"NATS/1.0\r\na: 1\r2\r\n\r\n", b"{}").await?;
    write(&server.url(), "promotions", 20..1_000, 10).await?;

    assert_eq!(origins(&bus, &of("promotions")).await?, (0..1_000).collect::<Vec<_>>());
    let letters = bus.dead_letters("rules").await?;
    letters.delete(21).await?;
    assert_eq!(letters.purge(&of("promotions")).await?, 1_000, "the bus goes on");
    Ok(())
}
