//! What a bus in memory offers to unit tests beyond the bus over a server.

use std::time::{Duration, Instant};

use eventsmith::admin::{BusAdmin, DeadLetterFilter, DeadReason, Topology};
use eventsmith::catalogue::ConsumerDescriptor;
use eventsmith::config::{ConsumerConfig, Order, RetryPolicy};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, HandlerError, Received};

use crate::common::*;

async fn bus() -> Outcome<Bus> {
    let bus = Bus::in_memory();
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    Ok(bus)
}

#[tokio::test]
async fn ten_attempts_over_half_an_hour_take_no_time() -> Outcome {
    let (bus, began) = (bus().await?, Instant::now());
    let consumer = bus.consumer("promotions").retry(RetryPolicy::default());
    let consumer = Running::start(consumer.on(|_: Received<Activated>| async { Err(HandlerError::retry("never")) }));

    bus.publish(&activated("r1")).await?;
    bus.settle().await;

    let counts = bus.dead_letters("rules").await?.count(&DeadLetterFilter::default()).await?;
    assert_eq!(counts.values().sum::<u64>(), 1);
    let summary = consumer.stop().await?;
    assert_eq!((summary.failed, summary.dead_lettered), (9, 1));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn settling_waits_for_what_handlers_publish_and_do() -> Outcome {
    let bus = bus().await?;
    let first = run(bus.consumer("promotions").on(|event: Received<Activated>| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        event.publish(&Updated { rule_id: event.rule_id.clone(), revision: 1 }).await?;
        Ok(())
    }));
    let second = run(bus.consumer("loyalty").on(|_: Received<Updated>| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }));

    bus.publish(&activated("r1")).await?;
    bus.settle().await;

    let updates: Vec<Updated> = bus.published().iter().filter_map(|message| message.event()).collect();
    assert_eq!(updates, [Updated { rule_id: "r1".to_owned(), revision: 1 }]);
    assert_eq!((first.stop().await?.handled, second.stop().await?.handled), (1, 1));
    Ok(())
}

#[tokio::test]
async fn settling_without_a_consumer_waits_for_nothing() -> Outcome {
    let bus = bus().await?;
    bus.publish(&activated("r1")).await?;

    bus.settle().await;

    assert_eq!(bus.published().len(), 1);
    Ok(())
}

/// Two consumers die in its handler; the third finds that it has been delivered too often.
#[tokio::test]
async fn an_event_that_kills_its_consumers_is_dead_lettered_after_its_attempts() -> Outcome {
    let bus = bus().await?;
    bus.publish(&activated("r1")).await?;
    let config = || eventsmith::config::ConsumerConfig {
        retry: RetryPolicy { max_attempts: 2, ..QUICK },
        ack_wait: Duration::from_millis(20),
        ..eventsmith::config::ConsumerConfig::default()
    };
    for _ in 0..3 {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let consumer = bus.consumer("promotions").config(config()).on(move |_: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send(())?;
                std::future::pending::<()>().await;
                Ok(())
            }
        });
        // Dropped in the midst of its handler, as a process that is killed.
        let consumer = tokio::spawn(consumer.run(std::future::pending::<()>()));
        let letters = bus.dead_letters("rules").await?;
        let heard = async {
            tokio::select! {
                _ = told.recv() => Ok(()),
                found = until_dead_lettered(&letters) => found,
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await??;
        consumer.abort();
        let _ = consumer.await;
    }

    let counts = bus.dead_letters("rules").await?.count(&DeadLetterFilter::default()).await?;
    let (consumer, reason) = counts.keys().next().ok_or("no letter")?;
    assert_eq!((consumer.as_str(), *reason, counts.values().sum::<u64>()), ("promotions", DeadReason::Exhausted, 1));
    Ok(())
}

/// In memory consumers are created as long as no service is provisioned. Then it refuses what a server refuses.
#[tokio::test]
async fn a_service_that_is_not_as_provisioned_is_refused_as_on_a_server() -> Outcome {
    let nats = NatsServer::start().await?;
    let server = Bus::connect(Config { create_consumers: false, ..config(nats.url()) }).await?;
    let (ordered, unordered) = (ConsumerDescriptor::DEFAULT.ordered(true), ConsumerDescriptor::DEFAULT);
    let topology = Topology::from(&[STREAM, DEAD_LETTERS])
        .with_service("ordered", &["rules.domain.rule.moved"], &ordered)
        .with_service("unordered", &["rules.domain.rule.moved"], &unordered);
    let memory = Bus::in_memory();
    let refusals = async |bus: &Bus| {
        bus.provision(topology.clone()).await?;
        let mut refusals = Vec::new();
        for (name, order) in
            [("unknown", Order::None), ("ordered", Order::None), ("unordered", Order::Key), ("other", Order::Key)]
        {
            let consumer = bus.consumer(name).config(ConsumerConfig { order, ..quick() });
            let running = Running::start(consumer.on(|_: Received<Moved>| async { Ok(()) }));
            refusals.push(running.end().await?.err().map(|error| error.to_string()));
        }
        Outcome::Ok(refusals)
    };

    let (in_memory, on_server) = (refusals(&memory).await?, refusals(&server).await?);
    let running =
        Running::start(memory.consumer("unordered").config(quick()).on(|_: Received<Moved>| async { Ok(()) }));
    memory.publish(&Moved { key: "k".to_owned(), number: 1 }).await?;
    memory.settle().await;

    assert_eq!(in_memory, on_server);
    assert!(
        in_memory[0].as_ref().is_some_and(|text| text.contains("unknown of RULES does not exist")),
        "{in_memory:?}"
    );
    assert!(in_memory[1].as_ref().is_some_and(|text| text.contains("ordered is true and must be false")));
    assert!(in_memory[2].as_ref().is_some_and(|text| text.contains("ordered is false and must be true")));
    assert_eq!(running.stop().await?.handled, 1);
    Ok(())
}

async fn until_dead_lettered(letters: &eventsmith::admin::DeadLetters) -> Outcome {
    while letters.count(&DeadLetterFilter::default()).await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
