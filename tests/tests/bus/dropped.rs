//! What a stream drops before a consumer got it is counted, and nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::{Retention, StreamDescriptor};
use eventsmith::config::ConsumerConfig;
use eventsmith::monitor::Monitor;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Received};
use futures_util::StreamExt;
use tokio::sync::watch;

use crate::common::*;

const EVENTS: usize = 1_000;
/// How many the consumer takes before it stands still.
const TAKEN: usize = 20;
/// How many the stream keeps in the end.
const KEPT: u64 = 10;

/// Holds events of one type alone.
const NARROW: StreamDescriptor = STREAM.subjects(&["rules.domain.rule.activated"]);

struct Scene {
    server: NatsServer,
    bus: Bus,
}

async fn scene(stream: StreamDescriptor) -> Outcome<Scene> {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    bus.provision(&[stream, DEAD_LETTERS]).await?;
    Ok(Scene { server, bus })
}

impl Scene {
    /// A consumer that stands still after a few events, until it is let go.
    async fn stuck(&self) -> Outcome<(Running, Monitor, watch::Sender<bool>)> {
        let (go, may_go) = watch::channel(false);
        let config = ConsumerConfig { max_ack_pending: TAKEN, ..quick() };
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let consumer = self.bus.consumer("promotions").config(config).on(move |_: Received<Activated>| {
            counter.fetch_add(1, Ordering::Relaxed);
            let mut may_go = may_go.clone();
            async move { Ok(may_go.wait_for(|go| *go).await.map(drop)?) }
        });
        let monitor = consumer.monitor();
        let running = Running::start(consumer);
        Ok((running, monitor, go))
    }

    async fn publish(&self, is_mixed: bool) -> Outcome {
        let events: Vec<_> = (0..EVENTS).map(activated).collect();
        if is_mixed {
            let others = |n: usize| Updated { rule_id: n.to_string(), revision: 1 };
            for part in 0..10 {
                let numbers = part * EVENTS / 10..(part + 1) * EVENTS / 10;
                self.bus.publish_all(&events[numbers.clone()]).await?;
                self.bus.publish_all(&numbers.map(others).collect::<Vec<_>>()).await?;
            }
        } else {
            self.bus.publish_all(&events).await?;
        }
        Ok(())
    }

    /// Waits for this many looks, which ask twice each.
    async fn looks(&self, count: usize) -> Outcome {
        let client = async_nats::connect(self.server.url()).await?;
        let mut asked = client.subscribe("$JS.API.STREAM.INFO.RULES").await?;
        for _ in 0..2 * count {
            tokio::time::timeout(eventsmith_tests::running::PATIENCE, asked.next()).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_the_limits_drop_unread_is_counted() -> Outcome {
    let scene = scene(NARROW).await?;
    let (consumer, monitor, go) = scene.stuck().await?;
    scene.publish(false).await?;
    scene.looks(1).await?;

    scene.bus.provision(&[NARROW.max_messages(KEPT)]).await?;
    until(|| monitor.summary().dropped_unread > 0).await?;

    // While the stream drops them one by one, the consumer gets some more.
    go.send_replace(true);
    let all = || monitor.summary().handled + monitor.summary().dropped_unread;
    until(|| all() == EVENTS as u64).await?;
    assert!(monitor.summary().dropped_unread > EVENTS as u64 / 2, "{:?}", monitor.summary());
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn of_a_stream_for_several_what_waited_for_the_consumer_is_counted() -> Outcome {
    let scene = scene(STREAM).await?;
    let (consumer, monitor, go) = scene.stuck().await?;
    scene.publish(true).await?;
    // The first that begins after all was published, and ends.
    scene.looks(2).await?;

    let outside = async_nats::jetstream::new(async_nats::connect(scene.server.url()).await?);
    outside.get_stream("RULES").await?.purge().await?;
    until(|| monitor.summary().dropped_unread > 0).await?;

    // It has what it took, and nothing else comes.
    go.send_replace(true);
    until(|| monitor.summary().handled > 0).await?;
    let summary = consumer.stop().await?;
    assert_eq!(summary.handled + summary.dropped_unread, EVENTS as u64, "{summary:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_dropped_while_no_instance_ran_is_shown_and_counted_at_the_start() -> Outcome {
    let scene = scene(NARROW.max_messages(KEPT)).await?;
    let consumer = run(scene.bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    until_consumer(&scene.bus).await?;
    consumer.stop().await?;
    scene.publish(false).await?;

    let dropped = EVENTS as u64 - KEPT;
    let status = scene.bus.status(None).await?;
    let shown = &status.streams[0].consumers[0];
    assert_eq!((shown.dropped_unread, shown.dropped_unread_is_certain), (dropped, true));
    assert!(status.to_string().contains(&format!("{dropped} dropped unread")), "{status}");

    let consumer = scene.bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) });
    let monitor = consumer.monitor();
    let consumer = run(consumer);
    until(|| monitor.summary().handled == KEPT).await?;
    let summary = consumer.stop().await?;

    assert_eq!(summary.dropped_unread, dropped);
    Ok(())
}

#[tokio::test]
async fn what_was_handled_or_is_for_others_is_no_loss() -> Outcome {
    let streams = [
        NARROW.max_messages(KEPT),
        NARROW.retention(Retention::Interest),
        NARROW.retention(Retention::WorkQueue),
        STREAM.max_messages(KEPT),
    ];
    let all = streams.map(|stream| async move {
        let scene = scene(stream).await?;
        let consumer = scene.bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) });
        let monitor = consumer.monitor();
        let consumer = run(consumer);
        until_consumer(&scene.bus).await?;
        for number in 0..100 {
            scene.bus.publish(&activated(number)).await?;
            if stream.subjects == STREAM.subjects {
                let others: Vec<_> = (0..2 * KEPT).map(|n| Updated { rule_id: n.to_string(), revision: 1 }).collect();
                until(|| monitor.summary().handled == number + 1).await?;
                scene.bus.publish_all(&others).await?;
            }
            until(|| monitor.summary().handled == number + 1).await?;
        }

        scene.looks(1).await?;
        scene.looks(1).await?;

        let summary = consumer.stop().await?;
        assert_eq!((summary.handled, summary.dropped_unread), (100, 0), "{stream:?}");
        Outcome::Ok(())
    });
    futures_util::future::try_join_all(all).await?;
    Ok(())
}

/// Waits until the consumer is there.
async fn until_consumer(bus: &Bus) -> Outcome {
    let wait = async {
        while bus.status(None).await?.streams[0].consumers.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(eventsmith_tests::running::PATIENCE, wait).await?
}
