//! What becomes of events that were delivered as often as they may be, whatever the transport.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, DeadReason, Topology};
use eventsmith::catalogue::ConsumerDescriptor;
use eventsmith::config::ConsumerConfig;
use eventsmith::{Bus, Received};
use tokio::sync::{Notify, mpsc};

use crate::common::*;
use crate::dead_letters::all;

const NAME: &str = "promotions";

/// What a consumer says of itself.
#[derive(Debug, PartialEq)]
struct Progress {
    ack_pending: u64,
    redelivered: u64,
    ack_floor: u64,
    last_delivered: u64,
}

async fn progress(bus: &Bus) -> Outcome<Progress> {
    let found = bus.transport().consumer(STREAM.name, NAME).await?.ok_or("no consumer")?.progress;
    let (ack_pending, redelivered) = (found.ack_pending, found.redelivered);
    Ok(Progress { ack_pending, redelivered, ack_floor: found.ack_floor, last_delivered: found.delivered })
}

/// A consumer that delivers twice, and that has given up on as many events: nobody acknowledges one, as processes that die.
async fn give_up(bus: &Bus, events: u64) -> Outcome {
    let settings = ConsumerDescriptor::DEFAULT.ack_wait(Duration::from_millis(50)).max_deliver(2);
    let topology = Topology::from(&[STREAM]).with_service(NAME, &["rules.domain.>"], &settings);
    bus.provision(topology).await?;
    for event in 0..events {
        bus.publish(&activated(event)).await?;
    }
    let consumer = bus.transport().consumer(STREAM.name, NAME).await?.ok_or("no consumer")?;
    let mut deliveries = bus.transport().read(&consumer.settings).await?;
    let wait = async {
        loop {
            // A server gives up when somebody asks for more.
            let delivery = tokio::time::timeout(Duration::from_millis(100), deliveries.next(10)).await;
            let Progress { ack_pending, last_delivered, .. } = progress(bus).await?;
            if delivery.is_err() && (ack_pending, last_delivered) == (0, events) {
                return Outcome::Ok(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await?
}

pub(super) async fn what_is_given_up_is_not_pending_and_counts_as_redelivered(bus: Bus) -> Outcome {
    give_up(&bus, 2).await?;

    let given_up = progress(&bus).await?;
    bus.transport().terminate(STREAM.name, NAME, 1).await?;
    let terminated = progress(&bus).await?;

    assert_eq!(given_up, Progress { ack_pending: 0, redelivered: 2, ack_floor: 0, last_delivered: 2 });
    assert_eq!(terminated, Progress { ack_pending: 0, redelivered: 1, ack_floor: 0, last_delivered: 2 });
    Ok(())
}

pub(super) async fn what_is_given_up_and_dropped_counts_no_more(bus: Bus) -> Outcome {
    give_up(&bus, 2).await?;

    bus.transport().delete_message(STREAM.name, 1).await?;

    assert_eq!(progress(&bus).await?, Progress { ack_pending: 0, redelivered: 1, ack_floor: 0, last_delivered: 2 });
    Ok(())
}

pub(super) async fn what_no_advisory_reported_is_recovered_by_a_search(bus: Bus) -> Outcome {
    // Without the subjects of the advisories.
    bus.provision(&[DEAD_LETTERS]).await?;
    give_up(&bus, 2).await?;
    let letters = bus.dead_letters("rules").await?;

    let recovered = letters.recover(STREAM.name, NAME).await?;

    assert_eq!((recovered.from_advisories, recovered.from_reconciling, recovered.unaccounted), (0, 2, 0));
    let letters = all(&letters, &DeadLetterFilter::default()).await?;
    let origins: Vec<_> = letters.iter().map(|letter| (letter.origin_sequence, letter.reason)).collect();
    assert_eq!(origins, [(1, DeadReason::MaxDeliveries), (2, DeadReason::MaxDeliveries)]);
    assert_eq!(progress(&bus).await?.redelivered, 0);
    Ok(())
}

pub(super) async fn what_is_given_up_holds_the_ack_floor_until_nothing_is_pending(bus: Bus) -> Outcome {
    // Without the subjects of the advisories, so that no consumer dead-letters it.
    bus.provision(&[DEAD_LETTERS]).await?;
    give_up(&bus, 1).await?;
    let settings = ConsumerDescriptor::DEFAULT.ack_wait(Duration::from_secs(20));
    bus.provision(Topology::from(&[STREAM]).with_service(NAME, &["rules.domain.>"], &settings)).await?;
    let (entered, mut told) = mpsc::unbounded_channel();
    let release = [2, 3].map(|sequence| (sequence, Arc::new(Notify::new())));
    let released = HashMap::from(release.clone());
    let config = ConsumerConfig { ack_wait: Duration::from_secs(20), ..quick() };
    let consumer = bus.consumer(NAME).config(config).on(move |event: Received<Updated>| {
        let (entered, released) = (entered.clone(), released[&event.revision].clone());
        async move {
            entered.send(())?;
            released.notified().await;
            Ok(())
        }
    });
    let monitor = consumer.monitor();
    let consumer = Running::start(consumer);
    for revision in [2, 3] {
        bus.publish(&Updated { rule_id: "r".to_owned(), revision }).await?;
        next(&mut told).await?;
    }

    release[0].1.notify_one();
    until(|| monitor.summary().handled == 1).await?;
    until_pending(&bus, 1).await?;
    let held = progress(&bus).await?;
    release[1].1.notify_one();
    consumer.stop().await?;
    let past = progress(&bus).await?;

    assert_eq!(held, Progress { ack_pending: 1, redelivered: 1, ack_floor: 0, last_delivered: 3 });
    assert_eq!(past, Progress { ack_pending: 0, redelivered: 1, ack_floor: 3, last_delivered: 3 });
    Ok(())
}

/// Waits until as few are pending.
async fn until_pending(bus: &Bus, pending: u64) -> Outcome {
    let wait = async {
        while progress(bus).await?.ack_pending > pending {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await?
}
