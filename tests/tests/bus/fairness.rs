//! What one type of event takes from others, and one instance from others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::monitor::Monitor;
use eventsmith::{Bus, HandlerError, Received};

use crate::common::*;

/// Publishes as many events whose handler fails as said, then ten of another type.
async fn publish(bus: &Bus, failing: u32) -> Outcome {
    let updated = |revision| Updated { rule_id: "r".to_owned(), revision };
    bus.publish_all(&(0..failing).map(updated).collect::<Vec<_>>()).await?;
    bus.publish_all(&(0..10).map(activated).collect::<Vec<_>>()).await?;
    Ok(())
}

/// A service one of whose handlers fails.
fn half_broken(bus: &Bus, config: ConsumerConfig) -> (Running, Monitor) {
    let consumer = bus.consumer("promotions").config(config);
    let consumer = consumer.on(|_: Received<Updated>| async { Err(HandlerError::retry("the table is locked")) });
    let consumer = consumer.on(|_: Received<Activated>| async { Ok(()) });
    let monitor = consumer.monitor();
    (Running::start(consumer), monitor)
}

#[tokio::test]
async fn a_type_that_fails_does_not_keep_others_from_running() -> Outcome {
    let (_server, bus) = server().await?;
    publish(&bus, 1_200).await?;
    let began = Instant::now();

    let (consumer, monitor) = half_broken(&bus, ConsumerConfig::default());
    until(|| monitor.summary().handled == 10).await?;

    // It takes a second, and waiting for retries took minutes.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(monitor.summary().stalled, 0);
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_consumer_that_stands_because_of_retries_says_so() -> Outcome {
    let (_server, bus) = server().await?;
    publish(&bus, 200).await?;
    let retry = RetryPolicy { first_delay: Duration::from_secs(600), max_delay: Duration::from_secs(600), ..QUICK };

    let (consumer, monitor) =
        half_broken(&bus, ConsumerConfig { max_ack_pending: 100, retry, ..ConsumerConfig::default() });
    until(|| monitor.summary().stalled == 1).await?;

    assert_eq!((monitor.waiting_for_retry(), monitor.summary().handled), (100, 0));
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn slow_events_are_shared_by_instances_that_start_later() -> Outcome {
    const EVENTS: usize = 250;
    let (_server, bus) = server().await?;
    bus.publish_all(&(0..EVENTS).map(activated).collect::<Vec<_>>()).await?;
    let instance = || {
        let handled = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&handled);
        let consumer = bus.consumer("promotions").on(move |_: Received<Activated>| {
            counter.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
        });
        (Running::start(consumer), handled)
    };
    let first = instance();
    until(|| first.1.load(Ordering::Relaxed) > 0).await?;

    let instances: Vec<_> = std::iter::once(first).chain((0..4).map(|_| instance())).collect();
    let begun = || instances.iter().map(|(_, begun)| begun.load(Ordering::Relaxed)).collect::<Vec<_>>();
    until(|| begun().iter().sum::<usize>() == EVENTS).await?;

    let begun = begun();
    // A fifth each, but that the first had a start.
    assert!(begun.iter().all(|count| (20..=100).contains(count)), "{begun:?}");
    for (consumer, _) in instances {
        consumer.stop().await?;
    }
    Ok(())
}
