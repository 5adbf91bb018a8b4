//! Messages that wait for their time. `tests/tests/sagas/schedules.rs` has the same of servers.

use super::*;
use crate::transport::{MessageSelector, SendFailure};

fn scheduling() -> Memory {
    memory(&StreamSettings { schedules: true, atomic: true, ..settings() })
}

fn message(subject: &'static str, headers: &[(&'static str, &str)]) -> Message {
    let mut all = Headers::default();
    headers.iter().for_each(|(name, value)| all.push(*name, *value));
    Message { subject: subject.into(), headers: all, payload: Bytes::from_static(b"1234") }
}

fn scheduled(memory: &Memory, after: Duration, id: &str) -> Message {
    let at = format!("@at {}", memory.time() + after);
    message(
        "a.timer",
        &[
            (Headers::SCHEDULE, &at),
            (Headers::SCHEDULE_TARGET, "a.b"),
            (Headers::ID, id),
            (Headers::TRACEPARENT, "00-1-2-01"),
        ],
    )
}

fn last(memory: &Memory, subject: &str) -> Option<(u64, Message)> {
    let found = Memory::message(memory, "EVENTS", MessageSelector::LastOf(subject)).unwrap();
    found.map(|kept| (kept.sequence, kept.message))
}

#[tokio::test(start_paused = true)]
async fn what_is_scheduled_is_delivered_when_it_is_due() {
    let memory = scheduling();
    let mut deliveries = read(&memory).await;
    let began = Instant::now();

    memory.store(&scheduled(&memory, 90 * SECOND, "1")).unwrap();
    let waits = last(&memory, "a.timer").is_some();
    let fired = next(&mut deliveries).await;

    assert!(waits && last(&memory, "a.timer").is_none());
    assert!((90..92).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!((fired.sequence, &fired.message.payload[..]), (2, &b"1234"[..]));
    let headers = &fired.message.headers;
    assert_eq!((headers.get(Headers::ID), headers.get(Headers::SCHEDULE)), (None, None));
    assert_eq!(headers.get(Headers::SCHEDULER), Some("a.timer"));
    assert_eq!(headers.get(Headers::TRACEPARENT), Some("00-1-2-01"));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_taken_back_by_a_message_of_a_batch_and_replaced_by_a_later_one() {
    let memory = scheduling();
    memory.store(&scheduled(&memory, 5 * SECOND, "1")).unwrap();
    let cancel = [(Headers::SCHEDULER, "a.timer"), (Headers::SCHEDULE_NEXT, Headers::SCHEDULE_PURGE)];
    memory.store_batch(&[message("a.c", &cancel), message("a.c", &[])]).unwrap();
    assert!(last(&memory, "a.timer").is_none());

    memory.store(&scheduled(&memory, 3_600 * SECOND, "2")).unwrap();
    memory.store(&scheduled(&memory, 60 * SECOND, "3")).unwrap();
    advance(59 * SECOND).await;
    assert!(last(&memory, "a.b").is_none());
    advance(2 * SECOND).await;

    assert_eq!(last(&memory, "a.b").map(|(sequence, _)| sequence), Some(6));
    advance(7_200 * SECOND).await;
    assert_eq!(memory.stored().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn settling_puts_the_clock_forward_to_what_is_scheduled() {
    let memory = scheduling();
    let mut deliveries = read(&memory).await;
    memory.store(&scheduled(&memory, 7 * 86_400 * SECOND, "1")).unwrap();
    let handling = tokio::spawn(async move {
        let fired = next(&mut deliveries).await;
        ack(&fired, AckKind::Ack).await;
        (fired.sequence, deliveries)
    });
    let began = Instant::now();

    memory.settle().await;

    assert_eq!(handling.await.unwrap().0, 2);
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_scheduled_is_refused() {
    let (memory, other) = (scheduling(), memory(&settings()));
    let soon = format!("@at {}", memory.time());
    let with =
        |at: &str, target: &str| message("a.timer", &[(Headers::SCHEDULE, at), (Headers::SCHEDULE_TARGET, target)]);

    for (memory, message, expected) in [
        (&other, with(&soon, "a.b"), 10188),
        (&memory, with("soon", "a.b"), 10189),
        (&memory, with(&soon, "b.b"), 10190),
        (&memory, with(&soon, "a.timer"), 10190),
    ] {
        match memory.store(&message) {
            Err(SendFailure::Refused { code: Some(code), .. }) => assert_eq!(code, expected),
            other => panic!("{other:?}"),
        }
    }
}
