//! Burial and what follows, in memory.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::advance;

use super::*;
use crate::memory::Memory;
use crate::topology::{ConsumerSettings, StreamSettings};
use crate::transport::{Headers, Kept, Message};
use crate::{DeliverFrom, Storage, StreamDescriptor};

const SUBJECT: &str = "rules.domain.rule.activated";
const WINDOW: Duration = Duration::from_secs(60);

struct Scene {
    memory: Memory,
    transport: Transport,
    letters: DeadLetters,
}

async fn scene() -> Scene {
    let memory = Memory::default();
    for (name, subject) in [("RULES", "rules.domain.>"), ("LETTERS", "rules.dlq.>")] {
        memory.put_stream(&settings(name, subject)).unwrap();
    }
    let transport = Transport::Memory(memory.clone());
    let letters = DeadLetters::open(&transport, "rules").await.unwrap();
    Scene { memory, transport, letters }
}

fn settings(name: &str, subject: &str) -> StreamSettings {
    StreamSettings {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: Storage::Memory,
        duplicate_window: WINDOW,
        ..StreamSettings::from(&StreamDescriptor::DEFAULT)
    }
}

impl Scene {
    async fn publish(&self) -> Kept {
        let message =
            Message { subject: SUBJECT.into(), headers: Headers::default(), payload: Bytes::from_static(b"{}") };
        let stored = burial::send(&self.transport, message).await.unwrap();
        self.transport.message("RULES", Select::Sequence(stored.sequence)).await.unwrap().unwrap()
    }

    async fn bury(&self, event: &Kept) -> Buried {
        self.bury_as(event, event.stored).await
    }

    async fn bury_as(&self, event: &Kept, stored: Timestamp) -> Buried {
        let Kept { sequence, ref message, .. } = *event;
        let origin = Origin { stream: "RULES", consumer: "promotions", sequence, stored, attempts: 1, message };
        bury(&self.transport, "rules", &origin, DeadReason::Rejected, "no").await.unwrap()
    }

    async fn count(&self) -> usize {
        let (mut list, mut count) = (self.letters.list(&DeadLetterFilter::default()), 0);
        while list.next().await.unwrap().is_some() {
            count += 1;
        }
        count
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_buried_once_for_ever() {
    let scene = scene().await;
    let event = scene.publish().await;

    assert_eq!(scene.bury(&event).await, Buried::Now(1));
    assert_eq!(scene.bury(&event).await, Buried::Before);
    advance(2 * WINDOW).await;
    assert_eq!(scene.bury(&event).await, Buried::Before);

    assert_eq!(scene.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_replayed_at_once_is_not_buried_by_a_late_retry() {
    let scene = scene().await;
    let event = scene.publish().await;
    scene.bury(&event).await;
    scene.letters.replay(1, ReplayTo::Everyone).await.unwrap();

    assert_eq!(scene.bury(&event).await, Buried::Before);

    assert_eq!(scene.count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_number_in_a_later_stream_is_another_event() {
    let scene = scene().await;
    let event = scene.publish().await;
    let later = event.stored + Duration::from_nanos(1);
    scene.bury(&event).await;

    assert_eq!(scene.bury_as(&event, later).await, Buried::Now(2));
    assert_eq!(scene.bury_as(&event, later).await, Buried::Before);

    assert_eq!(scene.count().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_mark_keeps_a_letter_from_being_replayed_twice_after_the_duplicate_window() {
    let scene = scene().await;
    let event = scene.publish().await;
    scene.bury(&event).await;
    let letter = scene.letters.get(1).await.unwrap().unwrap();
    // A replay that came as far as the event, and no further.
    burial::send(&scene.transport, letter::write_mark(&letter, 1)).await.unwrap();
    let mut headers = Headers::default();
    headers.push(Headers::REPLAY_OF, "LETTERS:1");
    burial::send(&scene.transport, Message { headers, ..event.message }).await.unwrap();
    advance(2 * WINDOW).await;

    assert_eq!(scene.letters.replay(1, ReplayTo::Everyone).await.unwrap(), Replayed::Before);

    assert_eq!((scene.memory.stored().len(), scene.count().await), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_memory_gave_up_on_is_recovered() {
    let scene = scene().await;
    scene.publish().await;
    let ack_wait = Duration::from_secs(1);
    let consumer = ConsumerSettings {
        stream: "RULES".to_owned(),
        name: "promotions".to_owned(),
        filters: vec![SUBJECT.to_owned()],
        deliver: DeliverFrom::All,
        ack_wait,
        max_ack_pending: 10,
        max_deliver: Some(2),
        ordered: false,
    };
    scene.memory.put_consumer(&consumer).unwrap();
    let mut deliveries = scene.memory.read(&consumer);
    for _ in 0..2 {
        deliveries.next().await.message();
        advance(ack_wait).await;
    }
    assert!(tokio::time::timeout(ack_wait, deliveries.next()).await.is_err(), "there is nothing more to deliver");

    let recovered = scene.letters.recover("RULES", "promotions").await.unwrap();

    let letter = scene.letters.get(1).await.unwrap().unwrap();
    assert_eq!((recovered.from_reconciling, recovered.unaccounted), (1, 0));
    assert_eq!((letter.reason, letter.attempts), (DeadReason::Exhausted, 2));
    assert_eq!(scene.letters.recover("RULES", "promotions").await.unwrap(), Recovered::default());
}
