//! A message of the wrong wire is told for what it is, and never taken for something else.

use async_nats::HeaderMap;
use eventsmith::Event;
use eventsmith::admin::{BusAdmin as _, DeadReason, ReplayTo};
use eventsmith::live::LiveError;
use eventsmith::testing::NatsServer;
use serde_json::json;

use crate::order::{OrderNoted, OrderPlaced};
use crate::scene::*;
use crate::written::placed;

/// A message as somebody else publishes it: its headers, and its body.
type Foreign = (Vec<(&'static str, &'static str)>, String);

/// A valid envelope of the plain wire.
fn plain(event_type: &str) -> Foreign {
    let envelope = json!({
        "id": "p-1", "type": event_type, "source": "tests", "subject": format!("shop.domain.{event_type}"),
        "time": "2026-11-23T10:00:00Z", "version": "1", "data": {"order_id": "o-1", "cents": 1},
    });
    (Vec::new(), envelope.to_string())
}

fn binary(event_type: &'static str) -> Foreign {
    let attributes = [("ce-specversion", "1.0"), ("ce-id", "b-1"), ("ce-source", "/"), ("ce-dataversion", "1")];
    let headers = attributes.into_iter().chain([("ce-type", event_type)]).collect();
    (headers, json!({"order_id": "o-1"}).to_string())
}

/// One that would be an envelope of the plain wire, too, if nobody looked at what it says.
fn structured(event_type: &str, headers: &[(&'static str, &'static str)]) -> Foreign {
    let event = json!({
        "specversion": "1.0", "id": "s-1", "type": event_type, "source": "/", "subject": "x",
        "time": "2026-11-23T10:00:00Z", "version": "1", "dataversion": "1", "data": {"order_id": "o-1"},
    });
    (headers.to_vec(), event.to_string())
}

async fn send(server: &NatsServer, subject: &str, (headers, body): &Foreign) -> Outcome {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    let outside = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    outside.publish_with_headers(subject.to_owned(), map, body.clone().into()).await?.await?;
    Ok(())
}

/// The reason why the only dead letter is one.
async fn reason(bus: &eventsmith::Bus) -> Outcome<String> {
    let letters = dead_letters(bus, 1).await?;
    assert_eq!((letters.len(), letters[0].reason), (1, DeadReason::Undecodable));
    Ok(letters[0].error.clone())
}

#[tokio::test]
async fn a_consumer_of_the_plain_wire_says_that_it_got_a_cloud_event() -> Outcome {
    let announced = [("Content-Type", "application/cloudevents+json; charset=UTF-8")];
    for (message, part) in [
        (binary("order.noted"), "a CloudEvent in binary mode, and order.noted is read from the wire `plain` here"),
        (
            structured("order.noted", &announced),
            "a CloudEvent in structured mode, and order.noted is read from the wire",
        ),
        (structured("order.noted", &[]), "a CloudEvent that cannot be read: the header Content-Type"),
    ] {
        let (server, bus) = server().await?;
        let (consumer, _told) = consume::<OrderNoted>(&bus, "audit");

        send(&server, OrderNoted::SUBJECT, &message).await?;

        let reason = reason(&bus).await?;
        assert!(reason.contains(part), "{reason}");
        consumer.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_consumer_of_cloud_events_says_that_it_got_an_envelope() -> Outcome {
    let (server, bus) = server().await?;
    let (consumer, _told) = consume::<OrderPlaced>(&bus, "billing");

    send(&server, OrderPlaced::SUBJECT, &plain("order.placed")).await?;

    let reason = reason(&bus).await?;
    assert!(
        reason.contains("an envelope of the plain wire, and order.placed is read from the wire `cloudevents`"),
        "{reason}"
    );
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_live_reader_says_so_too() -> Outcome {
    let (server, bus) = server().await?;
    let mut live = bus.subscribe::<OrderNoted>().await?;

    send(&server, OrderNoted::SUBJECT, &binary("order.noted")).await?;

    match live.next().await {
        Some(Err(LiveError::Undecodable { reason, .. })) => assert!(reason.contains("binary mode"), "{reason}"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_of_a_cloud_event_is_one_again_when_it_is_replayed() -> Outcome {
    let (server, bus) = server().await?;
    let (consumer, mut told) = consume::<OrderPlaced>(&bus, "billing");
    // Its version cannot be read.
    let (mut headers, body) = binary("order.placed");
    headers.retain(|(name, _)| *name != "ce-dataversion");
    headers.push(("ce-dataversion", "x"));
    send(&server, OrderPlaced::SUBJECT, &(headers, body)).await?;
    let letter = dead_letters(&bus, 1).await?.remove(0);
    assert!(letter.error.contains("dataversion"), "{}", letter.error);
    assert_eq!(letter.event_type, None, "its type cannot be believed where the rest cannot be read");

    bus.dead_letters("shop").await?.replay(letter.sequence, ReplayTo::Consumer).await?;

    let again = dead_letters(&bus, 1).await?.remove(0);
    assert_eq!(again.error, letter.error, "its attributes came back with it");
    bus.publish(&placed()).await?;
    assert_eq!(*next(&mut told).await?, placed());
    consumer.stop().await?;
    Ok(())
}
