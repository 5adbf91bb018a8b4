//! ruststream: typed, written and decoded by serde, without validation.

use eventsmith::{DateTime, Event, Uuid};
use futures_util::{StreamExt, TryStreamExt, stream};
use rules_events::evaluation::EvaluationCompleted;
use ruststream_nats::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::world::{MAX_ACK_PENDING, SEEN, STREAM, SUBJECT, WINDOW, World};

/// A message as eventsmith writes it, as a service on ruststream would declare it.
#[derive(Serialize, Outgoing)]
#[outgoing(name = "rules.domain.evaluation.completed")]
struct Written<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    source: &'a str,
    subject: &'a str,
    time: DateTime,
    version: &'a str,
    data: &'a EvaluationCompleted,
}

/// The same, as it is read.
#[derive(Deserialize)]
#[expect(dead_code, reason = "a service has these members, whatever this one does with them")]
struct Read {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    source: String,
    subject: String,
    time: DateTime,
    version: String,
    data: EvaluationCompleted,
}

/// Each publish waits for its acknowledgement, so the window is one of publishes under way at the same time.
pub async fn publish(world: World) -> Outcome {
    let (publisher, typed) = (&world.publisher, &world.typed);
    let publish = |index: usize| async move {
        let id = Uuid::now_v7().to_string();
        let written = Written {
            id: &id,
            event_type: EvaluationCompleted::TYPE,
            source: "peers",
            subject: SUBJECT,
            time: DateTime::now(),
            version: "2",
            data: &typed[index],
        };
        publisher.message(&written).message_id(&*id).publish().await
    };
    stream::iter(0..typed.len()).map(publish).buffered(WINDOW).try_collect::<()>().await?;
    Ok(())
}

fn add(message: &Read) -> HandlerOutcome {
    if let Some(seen) = SEEN.get() {
        seen.add(message.data.execution_time as usize - 1);
    }
    HandlerOutcome::ack()
}

#[subscriber(JetStreamSubject::new(SUBJECT, STREAM).durable("ruststream").max_ack_pending(MAX_ACK_PENDING as i64))]
async fn one(message: &Read) -> HandlerOutcome {
    add(message)
}

#[subscriber(
    JetStreamSubject::new(SUBJECT, STREAM).durable("ruststream").max_ack_pending(MAX_ACK_PENDING as i64),
    workers(8)
)]
async fn eight(message: &Read) -> HandlerOutcome {
    add(message)
}

pub async fn consume(world: World, handlers: usize) -> Outcome {
    let app =
        RustStream::new(AppInfo::new("peers", "0.1.0")).with_broker(
            NatsBroker::new(&world.url),
            |broker| match handlers {
                1 => drop(broker.include(one)),
                _ => drop(broker.include(eight)),
            },
        );
    let stop = async {
        world.seen.complete.notified().await;
        // When it stops it may lose acknowledgements that it has not written yet.
        world.acknowledged("ruststream").await;
    };
    app.run_until(stop).await?;
    Ok(())
}
