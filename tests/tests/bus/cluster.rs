//! Three servers.

use std::time::Duration;

use async_nats::jetstream;
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config, Expect, PublishError, PublishOptions, Received, Uuid};
use eventsmith_tests::running::PATIENCE;
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

/// Who asks a stream with replicas by an expectation that only its replicas look at, stops those that start later.
#[tokio::test]
async fn whether_an_id_is_known_is_asked_in_a_way_that_stops_no_replica() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let servers = cluster.urls().into_iter().map(Into::into).collect();
    let bus = Bus::connect(Config { servers, ..config("") }).await?;
    bus.provision(&[STREAM.replicas(3)]).await?;
    let first = bus.publish(&activated("r1")).await?;
    bus.publish(&activated("r1")).await?;
    let options = |id, expected| PublishOptions {
        id: Some(id),
        expect: Some(Expect::LastSubjectSequence(expected)),
        ..PublishOptions::default()
    };

    // An id that the stream does not remember, and one that it does, behind other events.
    let unknown = bus.publish_with(&activated("r1"), options(Uuid::now_v7(), 0)).await;
    assert!(matches!(unknown, Err(PublishError::WrongSequence { last: 2, .. })), "{unknown:?}");
    let known = bus.publish_with(&activated("r1"), options(first.id, 0)).await?;
    assert!(known.duplicate && known.sequence == first.sequence);

    for node in 0..3 {
        cluster.kill(node)?;
        cluster.start_again(node).await?;
        let healthy = async {
            while cluster.node(node).monitor("/healthz").await.map_or(true, |health| health["status"] != "ok") {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, healthy).await.map_err(|_| cluster.node(node).log())?;
    }
    assert_eq!(bus.publish(&activated("r1")).await?.sequence, 3);
    Ok(())
}
