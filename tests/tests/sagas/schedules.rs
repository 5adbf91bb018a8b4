//! What servers do with messages that wait for their time. `runtime/bus/src/memory/tests/schedules.rs` has the same of memory.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use eventsmith::Timestamp;
use eventsmith::admin::BusAdmin;

use crate::bank::*;
use crate::common::{Outcome, server};

const TIMER: &str = "rules.saga.transfer.t-1.v1.timer.1";
const TIMEOUT: &str = "rules.saga.transfer.t-1.v1.timeout.1";
const EVENT: &str = "rules.saga.transfer.t-1.v1.event.started";

/// Publishes a message, and returns its sequence, or the code with which it is refused.
async fn publish(context: &Context, subject: &str, headers: &[(&str, &str)]) -> Outcome<Result<u64, u64>> {
    let mut all = HeaderMap::new();
    headers.iter().for_each(|(name, value)| all.insert(*name, *value));
    let ack = context.publish_with_headers(subject.to_owned(), all, "{}".into()).await?.await;
    match ack {
        Ok(ack) => Ok(Ok(ack.sequence)),
        Err(error) => {
            let source = std::error::Error::source(&error).and_then(|it| it.downcast_ref::<jetstream::Error>());
            let code = source.map(|error| error.error_code().0).ok_or_else(|| error.to_string())?;
            Ok(Err(code))
        }
    }
}

#[tokio::test]
async fn servers_schedule_as_memory_does() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[SAGAS]).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let stream = context.get_stream("SAGAS").await?;
    let after = |millis: u64| format!("@at {}", Timestamp::now() + Duration::from_millis(millis));
    let schedule = async |at: &str, target: &str, id: &str| {
        let headers = [
            ("Nats-Schedule", at),
            ("Nats-Schedule-Target", target),
            ("Nats-Msg-Id", id),
            ("traceparent", "00-1-2-01"),
        ];
        publish(&context, TIMER, &headers).await
    };

    // One that is taken back never comes; a later one takes the place of the one before.
    assert_eq!(schedule(&after(500), TIMEOUT, "s-1").await?, Ok(1));
    let cancel = [("Nats-Scheduler", TIMER), ("Nats-Schedule-Next", "purge")];
    assert_eq!(publish(&context, EVENT, &cancel).await?, Ok(2));
    assert!(stream.get_last_raw_message_by_subject(TIMER).await.is_err());
    assert_eq!(schedule(&after(3_600_000), TIMEOUT, "s-2").await?, Ok(3));
    assert_eq!(schedule(&after(1_000), TIMEOUT, "s-3").await?, Ok(4));
    let fired = loop {
        match stream.get_last_raw_message_by_subject(TIMEOUT).await {
            Ok(fired) => break fired,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(fired.sequence, 5);
    let header = |name: &str| fired.headers.get(name).map(|value| value.to_string());
    assert_eq!((header("Nats-Msg-Id"), header("Nats-Schedule")), (None, None));
    assert_eq!(header("Nats-Scheduler").as_deref(), Some(TIMER));
    assert_eq!(header("traceparent").as_deref(), Some("00-1-2-01"));
    assert!(stream.get_last_raw_message_by_subject(TIMER).await.is_err());

    // The codes that memory has.
    let other = [("Nats-Schedule", "@at 2030-01-01T00:00:00Z"), ("Nats-Schedule-Target", "rules.domain.rule.updated")];
    assert_eq!(publish(&context, "rules.domain.rule.activated", &other).await?, Err(10188));
    assert_eq!(schedule("soon", TIMEOUT, "s-4").await?, Err(10189));
    assert_eq!(schedule(&after(0), "rules.domain.rule.updated", "s-5").await?, Err(10190));
    assert_eq!(schedule(&after(0), TIMER, "s-6").await?, Err(10190));
    Ok(())
}
