//! What somebody else sends beside the streams ends no work on the streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::Received;
use eventsmith::config::ConsumerConfig;
use eventsmith_tests::running::PATIENCE;
use tokio::time::timeout;

use super::common::*;
use crate::common::*;
use crate::malformed::{DEADLY, MALFORMED, publish_raw};

/// A consumer reads, a subscriber and a service listen; what neither can read is sent to them.
#[tokio::test]
async fn what_listeners_cannot_read_costs_no_consumer_its_connection() -> Outcome {
    let (server, bus) = server().await?;
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    // What is lost with a connection would come again after this time only.
    let config = ConsumerConfig { ack_wait: PATIENCE * 2, ..quick() };
    let consumer = bus.consumer("promotions").config(config).concurrency(1).on(move |_: Received<Moved>| {
        let counter = Arc::clone(&counter);
        async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    });
    let consumer = Running::start(consumer);
    let mut live = bus.subscribe::<Activated>().await?;
    let service = serve(bus.service("rules").answer(async |request: Received<Get>| Ok(found(&request.rule_id))));
    assert_eq!(bus.request(&get("r1")).await?, found("r1"));

    let mut published = 0;
    for head in MALFORMED.iter().copied().chain([DEADLY, DEADLY]) {
        for _ in 0..50 {
            bus.publish(&Moved { key: "k".to_owned(), number: published }).await?;
            published += 1;
        }
        // It is no event of a stream there, and no request of ours.
        publish_raw(&server, "rules.query.rule.get", head, b"{}").await?;
    }
    until(|| handled.load(Ordering::Relaxed) >= published as usize).await?;

    // Those who listen do so again.
    let hears = async {
        loop {
            bus.publish(&activated("r2")).await?;
            if let Ok(Some(Ok(event))) = timeout(Duration::from_millis(200), live.next()).await {
                assert_eq!(event.rule_id, "r2");
                return Outcome::Ok(());
            }
        }
    };
    timeout(PATIENCE, hears).await??;
    let answers = async {
        while bus.request(&get("r3")).await.ok() != Some(found("r3")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, answers).await?;
    service.stop().await?;
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.lease_lost), (u64::from(published), 0));
    Ok(())
}
