//! What counts as an attempt: runs of a handler, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, DeadReason};
use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::{Bus, HandlerError, Received};
use tokio::sync::mpsc;

use crate::common::*;

over_both_transports! {
    what_a_stop_hands_back_unrun_has_not_been_tried
    what_several_stops_hand_back_unrun_has_not_been_tried
    a_failed_attempt_counts_for_whoever_runs_the_next
    an_event_that_was_run_as_often_as_it_may_be_is_not_run_again
}

const LEAST: RetryPolicy = RetryPolicy { max_attempts: 1, ..QUICK };

const EVENTS: usize = 30;

async fn dead_letters(bus: &Bus) -> Outcome<BTreeMap<(String, DeadReason), u64>> {
    Ok(bus.dead_letters("rules").await?.count(&DeadLetterFilter::default()).await?)
}

/// Stops a consumer several times while most of what it fetched waits, then lets it come to an end. All events must have been
/// handled, each at its first attempt.
async fn stop_again_and_again(bus: Bus, stops: usize, retry: RetryPolicy) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    for number in 0..EVENTS {
        bus.publish(&activated(number)).await?;
    }
    let instance = |retry: &RetryPolicy| {
        let tell = tell.clone();
        let config = ConsumerConfig { concurrency: 1, retry: retry.clone(), ..ConsumerConfig::default() };
        Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok(tell.send((event.rule_id.clone(), event.attempt()))?)
            }
        }))
    };

    let mut handled = BTreeMap::new();
    for _ in 0..stops {
        let running = instance(&retry);
        for _ in 0..2 {
            handled.extend([next(&mut told).await?]);
        }
        running.stop().await?;
        while let Ok(told) = told.try_recv() {
            handled.extend([told]);
        }
    }
    let last = instance(&retry);
    while handled.len() < EVENTS {
        handled.extend([next(&mut told).await?]);
    }
    last.stop().await?;

    assert!(handled.values().all(|attempt| *attempt == 1), "{handled:?}");
    assert_eq!(dead_letters(&bus).await?, BTreeMap::new());
    Ok(())
}

async fn what_a_stop_hands_back_unrun_has_not_been_tried(bus: Bus) -> Outcome {
    stop_again_and_again(bus, 1, LEAST).await
}

async fn what_several_stops_hand_back_unrun_has_not_been_tried(bus: Bus) -> Outcome {
    stop_again_and_again(bus, 4, RetryPolicy { max_attempts: 2, ..QUICK }).await
}

async fn a_failed_attempt_counts_for_whoever_runs_the_next(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&activated("r1")).await?;
    let instance = || {
        let tell = tell.clone();
        let retry = RetryPolicy { max_attempts: 3, ..QUICK };
        Running::start(bus.consumer("promotions").retry(retry).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send(event.attempt())?;
                let delay = Duration::from_millis(400);
                Err(HandlerError::retry_after(delay, format!("attempt {}", event.attempt())))
            }
        }))
    };

    for attempt in 1..=3 {
        let running = instance();
        assert_eq!(next(&mut told).await?, attempt);
        running.stop().await?;
    }

    let letters = bus.dead_letters("rules").await?;
    let letter = letters.list(&DeadLetterFilter::default()).next().await?.ok_or("no dead letter")?;
    assert_eq!((letter.reason, letter.error.as_str(), letter.attempts), (DeadReason::Exhausted, "attempt 3", 3));
    Ok(())
}

/// Each instance is dropped in the midst of its handler, as a process that is killed.
async fn an_event_that_was_run_as_often_as_it_may_be_is_not_run_again(bus: Bus) -> Outcome {
    let begun = Arc::new(AtomicUsize::new(0));
    bus.publish(&activated("r1")).await?;
    let instance = || {
        let begun = Arc::clone(&begun);
        let retry = RetryPolicy { max_attempts: 3, ..QUICK };
        let config = ConsumerConfig { retry, ack_wait: Duration::from_millis(200), ..ConsumerConfig::default() };
        let consumer = bus.consumer("promotions").config(config).on(move |_: Received<Activated>| {
            begun.fetch_add(1, Ordering::SeqCst);
            async {
                std::future::pending::<()>().await;
                Ok(())
            }
        });
        tokio::spawn(consumer.run(std::future::pending::<()>()))
    };

    for runs in 1..=3 {
        let killed = instance();
        until(|| begun.load(Ordering::SeqCst) == runs).await?;
        killed.abort();
        let _ = killed.await;
    }
    let last = instance();
    let wait = async {
        while dead_letters(&bus).await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await??;
    last.abort();

    assert_eq!(begun.load(Ordering::SeqCst), 3);
    let letters = bus.dead_letters("rules").await?;
    let letter = letters.list(&DeadLetterFilter::default()).next().await?.ok_or("no dead letter")?;
    assert_eq!((letter.reason, letter.attempts), (DeadReason::Exhausted, 3));
    Ok(())
}
