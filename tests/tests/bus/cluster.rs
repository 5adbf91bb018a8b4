//! Three servers.

use std::time::Duration;

use async_nats::jetstream;
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config, Received};
use tokio::sync::mpsc;

use crate::common::*;

#[tokio::test]
async fn three_replicas_survive_the_loss_of_the_leader() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let servers = cluster.urls().into_iter().map(Into::into).collect();
    let bus = Bus::connect(Config { ack_timeout: Duration::from_secs(2), servers, ..config("") }).await?;
    let (tell, mut told) = mpsc::unbounded_channel();

    let replicated = |stream: StreamDescriptor| stream.replicas(3);
    bus.provision(&[replicated(STREAM), replicated(DEAD_LETTERS)]).await?;
    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    }));
    let before: Vec<_> = (0..200).map(activated).collect();
    bus.publish_all(&before).await?;
    // The consumer is at work, and not about to be created, when the leader is lost.
    let mut missing: std::collections::HashSet<String> = (0..400).map(|number: u32| number.to_string()).collect();
    missing.remove(&next(&mut told).await?);
    let inspect = jetstream::new(async_nats::connect(cluster.urls()[0].as_str()).await?);
    let stream = inspect.get_stream("RULES").await?;
    let leader = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone());
    let leader = cluster.index_of(&leader.ok_or("no leader")?).ok_or("an unknown leader")?;
    cluster.kill(leader)?;
    let after: Vec<_> = (200..400).map(activated).collect();
    bus.publish_all(&after).await?;

    while !missing.is_empty() {
        missing.remove(&next(&mut told).await?);
    }
    consumer.stop().await?;
    Ok(())
}
