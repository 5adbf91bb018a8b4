//! The rules of time and retention, on a paused clock.

mod schedules;

use std::time::Duration;

use bytes::Bytes;
use eventsmith_event::stream::{DeliverFrom, Retention, Storage, StreamDescriptor};
use tokio::time::{Instant, advance, timeout};

use super::Memory;
use crate::settings::{ConsumerSettings, StreamSettings};
use crate::transport::{AckKind, Deliveries, Delivery, Headers, Message, PublishAck, Transport};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> StreamSettings {
    StreamSettings {
        name: "EVENTS".to_owned(),
        subjects: vec!["a.>".to_owned()],
        storage: Storage::Memory,
        duplicate_window: 60 * SECOND,
        ..StreamSettings::from(&StreamDescriptor::new("", &[]))
    }
}

fn spec() -> ConsumerSettings {
    ConsumerSettings {
        stream: "EVENTS".to_owned(),
        name: "c".to_owned(),
        filters: vec!["a.b".to_owned()],
        deliver: DeliverFrom::All,
        ack_wait: 10 * SECOND,
        max_ack_pending: 2,
        max_deliver: None,
        ordered: false,
    }
}

fn memory(settings: &StreamSettings) -> Memory {
    let memory = Memory::default();
    memory.put_stream(settings).unwrap();
    memory
}

async fn store(memory: &Memory, subject: &'static str, id: &str) -> PublishAck {
    let mut headers = Headers::default();
    headers.push(Headers::ID, id);
    let message = Message { subject: subject.into(), headers, payload: Bytes::from_static(b"1234") };
    memory.send(&message).await.unwrap().await.unwrap()
}

async fn read(memory: &Memory) -> Box<dyn Deliveries> {
    Memory::put_consumer(memory, &spec()).unwrap();
    memory.read(&spec()).await.unwrap()
}

async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    deliveries.next(1).await.unwrap().delivery()
}

async fn ack(delivery: &Delivery, kind: AckKind) {
    delivery.acker.send(kind).await.unwrap();
}

fn numbers(memory: &Memory) -> Vec<u64> {
    memory.stored().iter().map(|message| message.sequence).collect()
}

#[tokio::test(start_paused = true)]
async fn an_id_is_remembered_as_long_as_the_window_says() {
    let memory = memory(&settings());

    let first = store(&memory, "a.b", "1").await;
    advance(59 * SECOND).await;
    let within = store(&memory, "a.b", "1").await;
    advance(2 * SECOND).await;
    let after = store(&memory, "a.b", "1").await;

    assert_eq!((first.sequence, first.duplicate), (1, false));
    assert_eq!((within.sequence, within.duplicate), (1, true));
    assert_eq!((after.sequence, after.duplicate), (2, false));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_in_time_comes_again() {
    let memory = memory(&settings());
    let mut deliveries = read(&memory).await;
    store(&memory, "a.b", "1").await;
    let began = Instant::now();

    let first = next(&mut deliveries).await;
    advance(6 * SECOND).await;
    ack(&first, AckKind::InProgress).await;
    let second = next(&mut deliveries).await;
    ack(&second, AckKind::Ack).await;

    assert_eq!((first.deliveries, second.deliveries), (1, 2));
    assert!(began.elapsed() >= 16 * SECOND, "{:?}", began.elapsed());
    assert!(timeout(60 * SECOND, deliveries.next(1)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_nakked_comes_again_after_its_delay() {
    let memory = memory(&settings());
    let mut deliveries = read(&memory).await;
    store(&memory, "a.b", "1").await;
    let began = Instant::now();

    ack(&next(&mut deliveries).await, AckKind::Nak(Some(3 * SECOND))).await;
    let again = next(&mut deliveries).await;
    let waited = began.elapsed();
    ack(&again, AckKind::Nak(None)).await;
    let at_once = next(&mut deliveries).await;

    assert!(3 * SECOND <= waited && waited < 4 * SECOND, "{waited:?}");
    assert_eq!((again.deliveries, at_once.deliveries), (2, 3));
    assert_eq!(began.elapsed(), waited);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_delivered_than_may_be_unacknowledged() {
    let memory = memory(&settings());
    let mut deliveries = read(&memory).await;
    for id in ["1", "2", "3"] {
        store(&memory, "a.b", id).await;
    }

    let first = next(&mut deliveries).await;
    next(&mut deliveries).await;
    let third = timeout(SECOND, deliveries.next(1)).await;
    ack(&first, AckKind::Ack).await;

    assert!(third.is_err());
    assert_eq!(next(&mut deliveries).await.sequence, 3);
}

#[tokio::test(start_paused = true)]
async fn only_what_passes_a_filter_is_delivered() {
    let memory = memory(&settings());
    let mut deliveries = read(&memory).await;

    store(&memory, "a.c", "1").await;
    store(&memory, "a.b", "2").await;

    assert_eq!(next(&mut deliveries).await.sequence, 2);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_go_beyond_the_limits() {
    let memory = memory(&StreamSettings { max_messages: Some(2), max_age: Some(60 * SECOND), ..settings() });
    for id in ["1", "2", "3"] {
        store(&memory, "a.b", id).await;
    }

    assert_eq!(numbers(&memory), [2, 3]);
    advance(61 * SECOND).await;
    store(&memory, "a.b", "4").await;
    assert_eq!(numbers(&memory), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_work_queue_keeps_what_nobody_has_done() {
    let memory = memory(&StreamSettings { retention: Retention::WorkQueue, ..settings() });
    let mut deliveries = read(&memory).await;
    store(&memory, "a.b", "1").await;
    store(&memory, "a.b", "2").await;

    ack(&next(&mut deliveries).await, AckKind::Ack).await;

    assert_eq!(numbers(&memory), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_by_interest_keeps_only_what_somebody_waits_for() {
    let memory = memory(&StreamSettings { retention: Retention::Interest, ..settings() });
    let mut deliveries = read(&memory).await;

    store(&memory, "a.c", "1").await;
    store(&memory, "a.b", "2").await;
    assert_eq!(numbers(&memory), [2]);

    ack(&next(&mut deliveries).await, AckKind::Ack).await;
    assert!(numbers(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_never_polled_does_nothing() {
    let memory = memory(&settings());
    let mut deliveries = read(&memory).await;
    store(&memory, "a.b", "1").await;
    let delivery = next(&mut deliveries).await;
    let message = Message { subject: "a.b".into(), headers: Headers::default(), payload: Bytes::new() };
    let messages = [message];
    let other = ConsumerSettings { name: "d".to_owned(), ..spec() };

    drop(memory.send(&messages[0]));
    drop(memory.send_batch(&messages, "batch"));
    drop(memory.delete_message("EVENTS", 1));
    drop(memory.terminate("EVENTS", "c", 1));
    drop(delivery.acker.send(AckKind::Ack));
    drop(deliveries.confirm());
    drop(Transport::put_consumer(&memory, &other, false));
    drop(memory.read(&spec()));

    assert_eq!(numbers(&memory), [1]);
    assert_eq!(memory.consumer("EVENTS", "c").unwrap().progress.ack_pending, 1);
    assert!(memory.consumer("EVENTS", "d").is_none());
    let readers = memory.with_durable("EVENTS", "c", |durable, _, _| durable.readers.len());
    assert_eq!(readers, Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_advisory_that_nobody_keeps_wakes_no_reader_for_ever() {
    let memory = memory(&settings());
    let limited = ConsumerSettings { max_deliver: Some(1), ..spec() };
    Memory::put_consumer(&memory, &limited).unwrap();
    let mut deliveries = memory.read(&limited).await.unwrap();
    store(&memory, "a.b", "1").await;
    next(&mut deliveries).await;

    // The paused clock goes on only while nobody has anything to do.
    assert!(timeout(60 * SECOND, deliveries.next(1)).await.is_err());

    let progress = memory.consumer("EVENTS", "c").unwrap().progress;
    assert_eq!((progress.ack_pending, progress.redelivered, progress.ack_floor), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_to_last_longer_than_a_clock_counts_lasts() {
    let marker = crate::settings::BucketSettings {
        history: 1,
        max_value_bytes: None,
        marker_ttl: Some(Duration::MAX),
        defects: Vec::new(),
    };
    let memory = memory(&StreamSettings { max_age: Some(Duration::MAX), bucket: Some(marker), ..settings() });
    let mut headers = Headers::default();
    headers.push(Headers::TTL, format!("{}s", u64::MAX));
    let message = Message { subject: "a.b".into(), headers, payload: Bytes::new() };
    memory.send(&message).await.unwrap().await.unwrap();
    let spec = ConsumerSettings { ack_wait: Duration::MAX, ..spec() };
    Memory::put_consumer(&memory, &spec).unwrap();
    let mut deliveries = memory.read(&spec).await.unwrap();

    let delivery = next(&mut deliveries).await;
    ack(&delivery, AckKind::InProgress).await;
    ack(&delivery, AckKind::Nak(Some(Duration::MAX))).await;

    assert!(timeout(60 * SECOND, deliveries.next(1)).await.is_err());
    assert_eq!(numbers(&memory), [1]);
}
