//! Leases of events in hand.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{FromConsumer, pull};
use eventsmith::{ConsumerConfig, Received};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::common::*;

#[tokio::test]
async fn leases_are_renewed_as_often_as_a_changed_ack_wait_asks_for() -> Outcome {
    let (server, bus) = server().await?;
    let client = async_nats::connect(server.url()).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (release, released) = oneshot::channel::<()>();
    let released = released.shared();
    bus.publish(&activated("r1")).await?;
    let config = ConsumerConfig { ack_wait: Duration::from_secs(300), ..quick() };
    let consumer = Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let (tell, released) = (tell.clone(), released.clone());
        async move {
            tell.send(event.attempt())?;
            Ok(released.await?)
        }
    }));
    assert_eq!(next(&mut told).await?, 1);

    let mut acks = client.subscribe("$JS.ACK.RULES.promotions.>").await?;
    client.flush().await?;
    let stream = jetstream::new(client.clone()).get_stream(STREAM.name).await?;
    let found = stream.get_consumer::<pull::Config>("promotions").await.map_err(|error| error.to_string())?;
    let shorter = pull::Config {
        ack_wait: Duration::from_secs(3),
        ..pull::Config::try_from_consumer_config(found.cached_info().config.clone())
            .map_err(|error| error.to_string())?
    };
    stream.update_consumer(shorter).await?;

    // With the lease of before, the first would come after 100 s.
    for _ in 0..3 {
        let ack = tokio::time::timeout(Duration::from_secs(30), acks.next()).await?.ok_or("no acks")?;
        assert_eq!(&*ack.payload, b"+WPI");
    }
    release.send(()).map_err(|()| "the handler is gone")?;
    assert_eq!(consumer.stop().await?.handled, 1);
    assert!(told.try_recv().is_err(), "it ran twice");
    Ok(())
}
