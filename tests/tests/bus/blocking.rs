//! Handlers that block the threads they run on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use eventsmith::Received;
use eventsmith::config::{ConsumerConfig, Order};
use tokio::sync::mpsc;

use crate::common::*;

const ACK_WAIT: Duration = Duration::from_secs(1);

/// Handlers that block both threads for longer than a lease lasts, on two instances: nothing runs twice, and a stop takes no
/// longer than the handlers at work and the time to cut them off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_all_threads_lose_no_lease_and_hold_up_no_stop() -> Outcome {
    const EVENTS: u32 = 24;
    const BLOCKS: Duration = Duration::from_millis(250);

    let (_server, bus) = server().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    for number in 0..EVENTS {
        bus.publish(&activated(number)).await?;
    }
    let instance = || {
        let tell = tell.clone();
        let config = ConsumerConfig { concurrency: 2, ack_wait: ACK_WAIT, ..ConsumerConfig::default() };
        Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                sleep(BLOCKS);
                Ok(tell.send(event.rule_id.clone())?)
            }
        }))
    };

    let instances = [instance(), instance()];
    let mut handled = BTreeMap::<String, u32>::new();
    while handled.len() < EVENTS as usize / 2 {
        *handled.entry(next(&mut told).await?).or_default() += 1;
    }
    let stopping = Instant::now();
    for instance in instances {
        instance.stop().await?;
    }
    let stopped = stopping.elapsed();
    while let Ok(rule_id) = told.try_recv() {
        *handled.entry(rule_id).or_default() += 1;
    }

    assert!(handled.values().all(|times| *times == 1), "{handled:?}");
    assert!(stopped < BLOCKS * 8, "{stopped:?}");
    Ok(())
}

/// A single thread, blocked again and again: the events behind are renewed by the thread of the connection.
#[tokio::test]
async fn what_waits_behind_a_handler_that_blocks_its_thread_is_not_delivered_again() -> Outcome {
    let (_server, bus) = server().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    for number in 0..3 {
        bus.publish(&activated(number)).await?;
    }
    let config = ConsumerConfig { concurrency: 1, ack_wait: ACK_WAIT, ..ConsumerConfig::default() };
    let consumer = Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            sleep(ACK_WAIT * 2);
            Ok(tell.send((event.rule_id.clone(), event.attempt()))?)
        }
    }));

    let mut handled = Vec::new();
    for _ in 0..3 {
        handled.push(next(&mut told).await?);
    }
    let summary = consumer.stop().await?;

    assert_eq!(handled, [("0".to_owned(), 1), ("1".to_owned(), 1), ("2".to_owned(), 1)]);
    assert_eq!(summary.handled, 3);
    assert!(told.try_recv().is_err(), "one of them ran twice");
    Ok(())
}

/// Before it has blocked nobody knows that it does, so it runs where the events are fetched.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_does_not_wait_for_the_first_handler_that_blocks() -> Outcome {
    for order in [Order::None, Order::Key] {
        stop_while_the_first_blocks(order).await?;
    }
    Ok(())
}

async fn stop_while_the_first_blocks(order: Order) -> Outcome {
    const PATIENCE: Duration = Duration::from_secs(1);

    let (_server, bus) = server().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    for number in 0..3 {
        bus.publish(&Moved { key: number.to_string(), number }).await?;
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let blocks = |is_over: &Arc<AtomicBool>| {
        let (tell, is_over) = (tell.clone(), Arc::clone(is_over));
        move |event: Received<Moved>| {
            let (tell, is_over) = (tell.clone(), Arc::clone(&is_over));
            async move {
                tell.send((event.number, event.attempt()))?;
                while !is_over.load(Ordering::Relaxed) {
                    sleep(Duration::from_millis(5));
                }
                Ok(())
            }
        }
    };
    let config = ConsumerConfig { concurrency: 1, order, shutdown_timeout: PATIENCE, ..ConsumerConfig::default() };
    let consumer = Running::start(bus.consumer("promotions").config(config.clone()).on(blocks(&is_over)));
    let first = next(&mut told).await?;

    let stopping = Instant::now();
    consumer.stop().await?;
    let stopped = stopping.elapsed();
    let mut others = Vec::new();
    // Where keys are ordered, others wait until they know that this one is done.
    if order == Order::None {
        let config = ConsumerConfig { order, ..config };
        let other =
            Running::start(bus.consumer("promotions").config(config).on(blocks(&Arc::new(AtomicBool::new(true)))));
        others = vec![next(&mut told).await?, next(&mut told).await?];
        other.stop().await?;
    }
    is_over.store(true, Ordering::Relaxed);

    assert!(stopped < PATIENCE * 2, "{stopped:?}");
    if order == Order::None {
        assert_eq!((first, others), ((0, 1), vec![(1, 1), (2, 1)]), "what waited was not nakked");
    }
    Ok(())
}
