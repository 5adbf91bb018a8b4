//! What our messages are, by the rules of the specification, and that they are read again.

use std::collections::BTreeMap;

use async_nats::jetstream::{self, message::StreamMessage};
use eventsmith::{Bus, DateTime, Event, PublishOptions, Wire};
use serde_json::{Map, Value, json};

use crate::order::{OrderBilled, OrderNoted, OrderPlaced};
use crate::scene::*;

pub(crate) const CORRELATION: &str = "order \"7\" für 100%";

pub(crate) fn placed() -> OrderPlaced {
    OrderPlaced::decode(2, br#"{"order_id": "o-1", "cents": 990, "note": "ring twice"}"#).unwrap()
}

pub(crate) fn billed() -> OrderBilled {
    OrderBilled::decode(1, r#"{"order_id": "o-1", "text": "für 9,90 €"}"#.as_bytes()).unwrap()
}

pub(crate) fn circumstances() -> PublishOptions {
    let metadata: Map<String, Value> =
        serde_json::from_value(json!({"user_id": "Zoë", "attempt": 2, "nested": {"a": [null]}})).unwrap();
    PublishOptions { correlation_id: Some(CORRELATION.to_owned()), metadata, ..PublishOptions::default() }
}

/// The headers of a stored message; no name may stand there twice.
fn headers(message: &StreamMessage) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, values) in message.headers.iter() {
        for value in values {
            assert_eq!(all.insert(name.to_string(), value.to_string()), None, "{name}");
        }
    }
    all
}

#[test]
fn each_event_is_written_as_its_publisher_says_or_else_the_catalogue() {
    assert_eq!(
        [OrderPlaced::WIRE, OrderBilled::WIRE, OrderNoted::WIRE],
        [Wire::CloudEvents, Wire::CloudEventsStructured, Wire::Plain]
    );
}

#[tokio::test]
async fn binary_mode_has_every_attribute_in_a_header_of_printable_ascii() -> Outcome {
    let (server, bus) = server().await?;
    let published = bus.publish_with(&placed(), circumstances()).await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);

    let stored = outside.get_stream("ORDERS").await?.get_raw_message(published.sequence).await?;

    let headers = headers(&stored);
    let attributes: Vec<&str> = headers.keys().filter_map(|name| name.strip_prefix("ce-")).collect();
    assert_eq!(
        attributes,
        [
            "correlationid",
            "datacontenttype",
            "dataschema",
            "dataversion",
            "id",
            "metadata",
            "source",
            "specversion",
            "subject",
            "time",
            "type"
        ]
    );
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("ce-")) {
        assert!(value.bytes().all(|byte| (0x21..=0x7E).contains(&byte) && byte != b'"'), "{name}: {value}");
    }
    assert_eq!(headers["ce-id"], headers["Nats-Msg-Id"]);
    assert_eq!(headers["ce-correlationid"], "order%20%227%22%20f%C3%BCr%20100%25");
    assert_eq!(headers["ce-source"], "rules%2520engine", "a reference, whose percent sign is encoded again");
    assert_eq!((&*headers["ce-datacontenttype"], &*headers["ce-dataversion"]), ("application/json", "2"));
    assert_eq!(headers["ce-dataschema"], "urn:eventsmith:order.placed:2");
    assert_eq!(headers["Content-Type"], "application/json");
    headers["ce-time"].parse::<DateTime>()?;
    assert_eq!(serde_json::from_slice::<Value>(&stored.payload)?, serde_json::to_value(placed())?);
    Ok(())
}

#[tokio::test]
async fn structured_mode_is_one_document() -> Outcome {
    let (server, bus) = server().await?;
    let published = bus.publish_with(&billed(), circumstances()).await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);

    let stored = outside.get_stream("ORDERS").await?.get_raw_message(published.sequence).await?;

    let (headers, event) = (headers(&stored), serde_json::from_slice::<Value>(&stored.payload)?);
    assert!(headers["Content-Type"].starts_with("application/cloudevents+json"), "{headers:?}");
    assert!(!headers.keys().any(|name| name.starts_with("ce-")), "{headers:?}");
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(headers["Nats-Msg-Id"])));
    assert_eq!((&event["correlationid"], &event["source"]), (&json!(CORRELATION), &json!("rules%20engine")));
    assert_eq!((&event["dataversion"], &event["data"]), (&json!("1"), &serde_json::to_value(billed())?));
    assert!(event.as_object().ok_or("no object")?.iter().all(|(name, value)| name == "data" || value.is_string()));
    Ok(())
}

#[tokio::test]
async fn what_was_published_again_under_its_id_is_stored_once() -> Outcome {
    let (_server, bus) = server().await?;
    let first = bus.publish(&placed()).await?;
    let again = PublishOptions { id: Some(first.id), ..PublishOptions::default() };

    let second = bus.publish_with(&placed(), again).await?;

    assert!(second.duplicate);
    assert_eq!(second.sequence, first.sequence);
    Ok(())
}

async fn comes_back(bus: &Bus) -> Outcome {
    let mut live = bus.subscribe::<OrderBilled>().await?;
    let (consumer, mut told) = consume::<OrderPlaced>(bus, "billing");
    let (other, mut of_notes) = consume::<OrderBilled>(bus, "notes");

    let published = bus.publish_with(&placed(), circumstances()).await?;
    bus.publish_with(&billed(), circumstances()).await?;

    let received = next(&mut told).await?;
    assert_eq!(*received, placed());
    let envelope = received.envelope();
    assert_eq!((envelope.id.as_str(), envelope.version), (&*published.id.to_string(), 2));
    assert_eq!((envelope.event_type.as_str(), envelope.subject.as_str()), ("order.placed", OrderPlaced::SUBJECT));
    assert_eq!(envelope.correlation_id.as_deref(), Some(CORRELATION));
    assert_eq!(envelope.metadata, circumstances().metadata);
    assert_eq!(received.follow_up().causation_id, Some(published.id.to_string()));
    let received = next(&mut of_notes).await?;
    assert_eq!((&*received, received.envelope().metadata.len()), (&billed(), 3));
    let heard = live.next().await.ok_or("nothing was heard")??;
    assert_eq!((&*heard, heard.envelope().correlation_id.as_deref()), (&billed(), Some(CORRELATION)));
    consumer.stop().await?;
    other.stop().await?;
    Ok(())
}

#[tokio::test]
async fn handlers_and_live_readers_get_what_was_published() -> Outcome {
    let (_server, bus) = server().await?;
    comes_back(&bus).await
}

#[tokio::test]
async fn the_bus_in_memory_writes_and_reads_the_same() -> Outcome {
    let bus = Bus::in_memory();
    eventsmith::admin::BusAdmin::provision(&bus, crate::STREAMS).await?;
    comes_back(&bus).await
}
