//! Dead-lettering and what follows, in memory.

use std::time::Duration;

use bytes::Bytes;
use eventsmith_bus::bus::{Backend, Bus};
use eventsmith_bus::dead_letters::origin::Origin;
use eventsmith_bus::dead_letters::record;
use eventsmith_bus::dead_letters::writer::{self, DeadLettered, dead_letter};
use eventsmith_bus::memory::Memory;
use eventsmith_bus::settings::{ConsumerSettings, StreamSettings};
use eventsmith_bus::transport::{Headers, Message, MessageSelector, StreamMessage, Transport};
use eventsmith_event::stream::{DeliverFrom, Storage, StreamDescriptor};
use jiff::Timestamp;
use tokio::time::advance;

use super::*;

const SUBJECT: &str = "rules.domain.rule.activated";
const WINDOW: Duration = Duration::from_secs(60);

const ADVISORIES: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.RULES.*";

struct Scene {
    memory: Memory,
    dead_letters: DeadLetters,
}

async fn scene() -> Scene {
    let bus = Bus::in_memory();
    let Backend::Memory(memory) = bus.backend().clone() else { unreachable!("the bus is in memory") };
    for (name, subjects) in [("RULES", &["rules.domain.>"][..]), ("LETTERS", &["rules.dlq.>", ADVISORIES])] {
        memory.put_stream(&settings(name, subjects)).unwrap();
    }
    let dead_letters = DeadLetters::open(&bus, "rules").await.unwrap();
    Scene { memory, dead_letters }
}

fn settings(name: &str, subjects: &[&str]) -> StreamSettings {
    StreamSettings {
        name: name.to_owned(),
        subjects: subjects.iter().map(ToString::to_string).collect(),
        storage: Storage::Memory,
        duplicate_window: WINDOW,
        ..StreamSettings::from(&StreamDescriptor::new("", &[]))
    }
}

impl Scene {
    async fn publish(&self) -> StreamMessage {
        let message =
            Message { subject: SUBJECT.into(), headers: Headers::default(), payload: Bytes::from_static(b"{}") };
        let stored = writer::send(&self.memory, message).await.unwrap();
        self.memory.message("RULES", MessageSelector::Sequence(stored.sequence)).await.unwrap().unwrap()
    }

    async fn dead_letter(&self, event: &StreamMessage) -> DeadLettered {
        self.dead_letter_as(event, event.stored).await
    }

    async fn dead_letter_as(&self, event: &StreamMessage, stored: Timestamp) -> DeadLettered {
        let StreamMessage { sequence, ref message, .. } = *event;
        let origin = Origin { stream: "RULES", consumer: "promotions", sequence, stored, attempts: 1, message };
        dead_letter(&self.memory, "rules", &origin, DeadReason::Rejected, "no").await.unwrap()
    }

    async fn count(&self) -> usize {
        let (mut list, mut count) = (self.dead_letters.list(&DeadLetterFilter::default()), 0);
        while list.next().await.unwrap().is_some() {
            count += 1;
        }
        count
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_purged_while_its_replay_is_under_way_leaves_nothing_behind() {
    let scene = scene().await;
    let event = scene.publish().await;
    let DeadLettered::Now(number) = scene.dead_letter(&event).await else { unreachable!("it is the first") };
    let letter = scene.dead_letters.get(number).await.unwrap().unwrap();
    writer::send(&scene.memory, record::write_mark(&letter, event.sequence)).await.unwrap();

    scene.dead_letters.delete(number).await.unwrap();

    assert_eq!(scene.count().await, 0);
    let left = scene.memory.message("LETTERS", MessageSelector::LastOf("rules.dlq.>")).await.unwrap();
    assert!(left.is_none(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_dead_lettered_once_for_ever() {
    let scene = scene().await;
    let event = scene.publish().await;

    assert_eq!(scene.dead_letter(&event).await, DeadLettered::Now(1));
    assert_eq!(scene.dead_letter(&event).await, DeadLettered::Before);
    advance(2 * WINDOW).await;
    assert_eq!(scene.dead_letter(&event).await, DeadLettered::Before);

    assert_eq!(scene.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_replayed_at_once_is_not_dead_lettered_by_a_late_retry() {
    let scene = scene().await;
    let event = scene.publish().await;
    scene.dead_letter(&event).await;
    scene.dead_letters.replay(1, ReplayTo::Everyone).await.unwrap();

    assert_eq!(scene.dead_letter(&event).await, DeadLettered::Before);

    assert_eq!(scene.count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_number_in_a_later_stream_is_another_event() {
    let scene = scene().await;
    let event = scene.publish().await;
    let later = event.stored + Duration::from_nanos(1);
    scene.dead_letter(&event).await;

    assert_eq!(scene.dead_letter_as(&event, later).await, DeadLettered::Now(2));
    assert_eq!(scene.dead_letter_as(&event, later).await, DeadLettered::Before);

    assert_eq!(scene.count().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_mark_keeps_a_dead_letter_from_being_replayed_twice_after_the_duplicate_window() {
    let scene = scene().await;
    let event = scene.publish().await;
    scene.dead_letter(&event).await;
    let dead_letter = scene.dead_letters.get(1).await.unwrap().unwrap();
    // A replay that came as far as the event, and no further.
    writer::send(&scene.memory, record::write_mark(&dead_letter, 1)).await.unwrap();
    let mut headers = Headers::default();
    headers.push(Headers::REPLAY_OF, "LETTERS:1");
    writer::send(&scene.memory, Message { headers, ..event.message }).await.unwrap();
    advance(2 * WINDOW).await;

    assert_eq!(scene.dead_letters.replay(1, ReplayTo::Everyone).await.unwrap(), Replayed::Before);

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
    let mut deliveries = scene.memory.read(&consumer).await.unwrap();
    for _ in 0..2 {
        deliveries.next(1).await.unwrap();
        advance(ack_wait).await;
    }
    assert!(tokio::time::timeout(ack_wait, deliveries.next(1)).await.is_err(), "there is nothing more to deliver");

    let recovered = scene.dead_letters.recover("RULES", "promotions").await.unwrap();

    let dead_letter = scene.dead_letters.get(2).await.unwrap().unwrap();
    assert_eq!((recovered.from_advisories, recovered.unaccounted), (1, 0));
    assert_eq!((dead_letter.reason, dead_letter.attempts), (DeadReason::MaxDeliveries, 2));
    assert_eq!(scene.dead_letters.recover("RULES", "promotions").await.unwrap(), Recovered::default());
}
