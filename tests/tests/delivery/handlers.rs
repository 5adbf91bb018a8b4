//! Handlers that are slow, fail, or are told to stop.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use eventsmith::config::{BreakerConfig, ConsumerConfig};
use eventsmith::monitor::BreakerState;
use eventsmith::{HandlerError, Received};
use eventsmith_tests::job::{Deed, Entry, JOBS, Job, LETTERS, Orders, What};

use crate::common::*;
use crate::kills::ledger::buried;
use crate::worker::{Supervisor, Worker};

fn begun(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.what == What::Begun)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_slower_than_ack_wait_and_what_waits_behind_it_run_once() -> Outcome {
    let site = Site::new().await?;
    let ack_wait_ms = 300;
    let orders = Orders { ack_wait_ms, concurrency: 1, ..site.orders() };
    let _worker = Worker::ready(&orders).await?;

    for id in 1..=2 {
        site.bus.publish(&Job::new(id, [Deed::Work(10 * ack_wait_ms)])).await?;
    }
    let stream = site.stream(&JOBS).await?;
    until("the end of the jobs", async || settled(&stream, "worker").await).await?;

    let entries = site.journal.read()?;
    assert_eq!(begun(&entries).map(|entry| (entry.id, entry.attempt)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    assert_eq!(stream.consumer_info("worker").await?.delivered.consumer_sequence, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_does_not_delay_its_neighbours() -> Outcome {
    let site = Site::new().await?;
    // It is redelivered only long after the test, so that whoever waited for it would not come at all.
    let orders = Orders { concurrency: 1, retry_delay_ms: 600_000, ..site.orders() };
    let poisons = [Deed::Fail, Deed::Panic, Deed::Reject];
    for (id, deed) in (1..).zip(poisons) {
        site.bus.publish(&Job::new(id, [deed])).await?;
    }
    for id in 4..=100 {
        site.bus.publish(&Job::new(id, [Deed::Complete])).await?;
    }

    let mut worker = Worker::ready(&orders).await?;
    worker.says("DONE 100 ").await?;

    let entries = site.journal.read()?;
    let order: Vec<_> = begun(&entries).map(|entry| (entry.id, entry.attempt)).collect();
    assert_eq!(order, (1..=100).map(|id| (id, 1)).collect::<Vec<_>>());
    let letters = site.stream(&LETTERS).await?;
    assert_eq!(buried(&letters).await?.into_iter().collect::<Vec<_>>(), [(3, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_kills_its_process_is_tried_once_where_it_may_be_tried_once() -> Outcome {
    let site = Site::new().await?;
    let orders = Orders { max_attempts: 1, concurrency: 2, ..site.orders() };
    for id in 1..=20 {
        site.bus.publish(&Job::new(id, [if id == 3 { Deed::Abort } else { Deed::Work(5) }])).await?;
    }
    let stream = site.stream(&JOBS).await?;
    let workers = Supervisor::start(&orders)?;
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;
    drop(workers);

    let entries = site.journal.read()?;
    assert_eq!(begun(&entries).filter(|entry| entry.id == 3).count(), 1, "{entries:?}");
    let letters = buried(&site.stream(&LETTERS).await?).await?;
    // What ran beside it, or was about to, may have been cut short by it in its only attempt.
    assert!(letters.contains_key(&3) && letters.len() <= 2, "{letters:?}");
    let is_accounted = |id: u64| letters.contains_key(&id) || begun(&entries).any(|entry| entry.id == id);
    assert!((1..=20).all(is_accounted), "{entries:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_repeats_nothing_and_hands_back_the_rest() -> Outcome {
    let site = Site::new().await?;
    // What is not nakked is redelivered long after the test.
    let orders = Orders { ack_wait_ms: 300_000, prefetch: 64, ..site.orders() };
    for id in 1..=1_000 {
        site.bus.publish(&Job::new(id, [Deed::Work(5)])).await?;
    }

    let mut old = Worker::ready(&orders).await?;
    for _ in 0..50 {
        old.says("DONE").await?;
    }
    old.process().terminate()?;
    let stopped = old.says("STOPPED").await?;
    let status = old.ended().await?;
    let finished: BTreeSet<u64> = site.journal.done()?.iter().map(|entry| entry.id).collect();
    let numbers: Vec<usize> = stopped.split(' ').skip(1).map(str::parse).collect::<Result<_, _>>()?;
    let [handled, failed, released, 0] = numbers[..] else { return Err(stopped.into()) };
    let mut new = Worker::ready(&orders).await?;
    // Jobs are delivered in the order of their numbers.
    let delivered = 1..=(handled + released) as u64;
    let mut rest: BTreeSet<u64> = delivered.filter(|id| !finished.contains(id)).collect();
    let since = Instant::now();
    while !rest.is_empty() {
        let line = new.says("HANDLING").await?;
        let words: Vec<u64> = line.split(' ').skip(1).map(str::parse).collect::<Result<_, _>>()?;
        let [id, attempt] = words[..] else { return Err(line.into()) };
        assert_eq!(attempt, 1, "what was not run has not been tried");
        rest.remove(&id);
    }
    let waited = since.elapsed();
    let stream = site.stream(&JOBS).await?;
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;

    assert!(status.success(), "{status}");
    assert_eq!((handled, failed), (finished.len(), 0), "{stopped}");
    assert!(released > 0 && finished.len() < 1_000, "SIGTERM came too late: {stopped}");
    assert!(waited < Duration::from_secs(1), "what was released came after {waited:?}");
    let done = site.journal.done()?;
    let once: HashSet<u64> = done.iter().map(|entry| entry.id).collect();
    assert_eq!((done.len(), once.len()), (1_000, 1_000));
    assert_eq!(begun(&site.journal.read()?).count(), 1_000, "a handler was cut off");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_end_in_time_is_cut_off_and_its_event_redelivered() -> Outcome {
    let site = Site::new().await?;
    // What is not nakked is redelivered long after the test.
    let orders = Orders { ack_wait_ms: 300_000, shutdown_timeout_ms: 300, ..site.orders() };
    site.bus.publish(&Job::new(1, [Deed::Hang, Deed::Complete])).await?;
    site.bus.publish(&Job::new(2, [Deed::Work(100)])).await?;

    let mut old = Worker::ready(&orders).await?;
    old.says("HANDLING 1").await?;
    old.says("HANDLING 2").await?;
    old.process().terminate()?;
    let stopped = old.says("STOPPED").await?;
    let status = old.ended().await?;
    let mut new = Worker::ready(&orders).await?;
    new.says("DONE 1 2").await?;

    assert_eq!((stopped.as_str(), status.success()), ("STOPPED 1 0 0 1", true));
    assert_eq!(site.journal.done()?.iter().filter(|entry| entry.id == 2).count(), 1);
    Ok(())
}

/// They block all threads of the process before it is known that they do.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_is_noticed_while_handlers_block_every_thread() -> Outcome {
    const COUNT: u64 = 64;
    let site = Site::new().await?;
    // What is not nakked is redelivered long after the test.
    let concurrency = COUNT as usize / 2;
    let orders = Orders { ack_wait_ms: 300_000, shutdown_timeout_ms: 300, concurrency, ..site.orders() };
    for id in 1..=COUNT {
        site.bus.publish(&Job::new(id, [Deed::Block, Deed::Complete])).await?;
    }

    let mut old = Worker::ready(&orders).await?;
    for _ in 0..concurrency {
        old.says("HANDLING").await?;
    }
    // By then they block.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopping = Instant::now();
    old.process().terminate()?;
    old.says("STOPPED").await?;
    let (stopped, status) = (stopping.elapsed(), old.ended().await?);

    assert!(status.success() && stopped < Duration::from_secs(4), "{status} after {stopped:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_breaker_is_open_nothing_is_delivered_but_probes() -> Outcome {
    let site = Site::new().await?;
    let (down, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (is_down, counter) = (Arc::clone(&down), Arc::clone(&calls));
    let open_for = Duration::from_millis(100);
    let breaker = BreakerConfig { consecutive_failures: 3, open_for, ..BreakerConfig::default() };
    let config = ConsumerConfig { breaker: Some(breaker), concurrency: 1, prefetch: 4, ..quick() };
    let consumer = site.bus.consumer("worker").config(config).on(move |_: Received<Job>| {
        counter.fetch_add(1, SeqCst);
        let outcome = if is_down.load(SeqCst) { Err(HandlerError::retry("down")) } else { Ok(()) };
        async { outcome }
    });
    let monitor = consumer.monitor();
    let stream = site.stream(&JOBS).await?;
    let delivered = async || -> Outcome<u64> { Ok(stream.consumer_info("worker").await?.delivered.consumer_sequence) };

    let consumer = Running::start(consumer);
    for id in 1..=50 {
        site.bus.publish(&Job::new(id, [Deed::Complete])).await?;
    }
    let is_open = || monitor.breakers().any(|(_, state)| state != BreakerState::Closed);
    until("an open breaker", async || Ok(is_open().then_some(()))).await?;
    // What was asked for before it opened may still come; then only probes do.
    let probed = calls.load(SeqCst) + 2;
    until("probes", async || Ok((calls.load(SeqCst) >= probed).then_some(()))).await?;
    let (calls_before, delivered_before, since) = (calls.load(SeqCst) as u64, delivered().await?, Instant::now());
    until("more probes", async || Ok((calls.load(SeqCst) as u64 >= calls_before + 6).then_some(()))).await?;
    let (waited, delivered_after, calls_after) = (since.elapsed(), delivered().await?, calls.load(SeqCst) as u64);
    down.store(false, SeqCst);
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;
    let summary = consumer.stop().await?;

    let (deliveries, probes) = (delivered_after - delivered_before, calls_after - calls_before);
    assert!(deliveries <= probes + 1, "{deliveries} deliveries for {probes} probes");
    assert!(waited >= open_for * 5, "{probes} probes within {waited:?}");
    assert_eq!(summary.handled + summary.dead_lettered, 50, "{summary:?}");
    Ok(())
}
