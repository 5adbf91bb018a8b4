//! Streams that somebody configured to acknowledge nothing.

use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use eventsmith::PublishError;
use eventsmith::admin::{Action, BusAdmin};
use eventsmith::testing::NatsServer;

use crate::common::*;

/// Much less than a publish goes on that is not acknowledged.
const SOON: Duration = Duration::from_secs(10);

async fn silence(server: &NatsServer, name: &str) -> Outcome {
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let config = outside.get_stream(name).await?.cached_info().config.clone();
    outside.update_stream(stream::Config { no_ack: true, ..config }).await?;
    Ok(())
}

#[tokio::test]
async fn a_publish_to_a_stream_that_acknowledges_nothing_says_so_soon() -> Outcome {
    let (server, bus) = server().await?;
    silence(&server, STREAM.name).await?;
    let events: Vec<_> = (0..20).map(activated).collect();

    let began = Instant::now();
    let error = bus.publish(&activated("r1")).await.unwrap_err();
    let of_all = bus.publish_all(&events).await.unwrap_err();
    let of_bulk = bus.publish_bulk(events.clone()).await.unwrap_err();
    let took = began.elapsed();

    assert!(matches!(&error, PublishError::NoAck { stream, .. } if stream == STREAM.name), "{error:?}");
    assert!(error.to_string().contains("streams apply"), "{error}");
    let reasons: Vec<_> = of_all.failures().map(|(_, reason)| reason).collect();
    let is_known = |reason: &&PublishError| matches!(reason, PublishError::NoAck { .. } | PublishError::NotSent);
    assert!(reasons.len() == events.len() && reasons.iter().all(is_known), "{reasons:?}");
    assert!(of_bulk.to_string().contains("no_ack"), "{of_bulk}");
    assert!(took < SOON, "{took:?}");
    Ok(())
}

#[tokio::test]
async fn a_plan_sees_a_stream_that_acknowledges_nothing_and_apply_mends_it() -> Outcome {
    let (server, bus) = server().await?;
    silence(&server, STREAM.name).await?;

    let plan = bus.plan(&[STREAM]).await?;
    bus.apply(&plan).await?;
    let stored = bus.publish(&activated("r1")).await?;

    assert_eq!(plan.changes[0].action, Action::Update);
    assert!(plan.to_string().contains("no_ack true -> false"), "{plan}");
    assert_eq!(stored.sequence, 1);
    assert!(bus.plan(&[STREAM]).await?.is_empty());
    Ok(())
}

/// The dead letters are stored, and yet nobody may conclude that.
#[tokio::test]
async fn a_stream_of_dead_letters_that_acknowledges_nothing_is_told() -> Outcome {
    let (server, bus) = server().await?;
    silence(&server, DEAD_LETTERS.name).await?;
    bus.publish(&activated("r1")).await?;
    let consumer = bus
        .consumer("promotions")
        .on(|_: eventsmith::Received<Activated>| async { Err(eventsmith::HandlerError::reject("never")) });
    let monitor = consumer.monitor();

    let consumer = run(consumer);
    until(|| monitor.dead_letter_error().is_some_and(|error| error.contains("no_ack"))).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    until(|| monitor.summary().dead_lettered == 1).await?;
    consumer.stop().await?;

    let letters = crate::dead_lettering::letters(&bus, 1).await?;
    assert_eq!((letters.len(), letters[0].error.as_str()), (1, "never"));
    Ok(())
}
