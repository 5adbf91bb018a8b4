//! Leases of events in hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::{FromConsumer, pull};
use eventsmith::config::{ConsumerConfig, Order};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Received};
use eventsmith_tests::proxy::{End, Proxy, Verdict};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::common::*;

#[tokio::test]
async fn leases_are_renewed_as_often_as_a_changed_ack_wait_asks_for() -> Outcome {
    let (server, bus) = server().await?;
    let client = async_nats::connect(server.url()).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (release, released) = oneshot::channel::<()>();
    let released = released.shared();
    bus.publish(&activated("r1")).await?;
    let config = ConsumerConfig { ack_wait: Duration::from_secs(300), ..quick() };
    let consumer = Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let (tell, released) = (tell.clone(), released.clone());
        async move {
            tell.send(event.attempt())?;
            Ok(released.await?)
        }
    }));
    assert_eq!(next(&mut told).await?, 1);

    let mut acks = client.subscribe("$JS.ACK.RULES.promotions.>").await?;
    client.flush().await?;
    let stream = jetstream::new(client.clone()).get_stream(STREAM.name).await?;
    let found = stream.get_consumer::<pull::Config>("promotions").await.map_err(|error| error.to_string())?;
    let shorter = pull::Config {
        ack_wait: Duration::from_secs(3),
        ..pull::Config::try_from_consumer_config(found.cached_info().config.clone())
            .map_err(|error| error.to_string())?
    };
    stream.update_consumer(shorter).await?;

    // With the lease of before, the first would come after 100 s.
    for _ in 0..3 {
        let ack = tokio::time::timeout(Duration::from_secs(30), acks.next()).await?.ok_or("no acks")?;
        assert_eq!(&*ack.payload, b"+WPI");
    }
    release.send(()).map_err(|()| "the handler is gone")?;
    assert_eq!(consumer.stop().await?.handled, 1);
    assert!(told.try_recv().is_err(), "it ran twice");
    Ok(())
}

/// Short, but much longer than anything here takes on a slow machine.
const ACK_WAIT: Duration = Duration::from_secs(3);

/// How many events both instances handle quickly; the far one takes long for all others.
const QUICK_EVENTS: u32 = 200;
/// More than are fetched ahead before the first of these has ended.
const EVENTS: u32 = 300;

fn leased() -> ConsumerConfig {
    ConsumerConfig { ack_wait: ACK_WAIT, concurrency: 4, prefetch: 60, ..quick() }
}

/// A bus that a proxy can cut off from its server.
async fn behind_proxy(server: &NatsServer) -> Outcome<(Proxy, Bus)> {
    let proxy = Proxy::start(server.port()).await?;
    let bus = Bus::connect(config(proxy.url())).await?;
    Ok((proxy, bus))
}

/// One run of a handler.
#[derive(Debug, Clone)]
struct Run {
    instance: &'static str,
    event: u32,
    key: String,
    token: (u64, u64),
    began: Instant,
    ended: Option<Instant>,
}

/// Notes when runs begin and end, also those that are dropped.
#[derive(Debug, Clone, Default)]
struct Runs(Arc<Mutex<Vec<Run>>>);

impl Runs {
    fn begin(&self, instance: &'static str, event: &Received<Moved>) -> EndOfRun {
        let mut runs = self.0.lock().unwrap();
        runs.push(Run {
            instance,
            event: event.number,
            key: event.key.clone(),
            token: event.fencing_token(),
            began: Instant::now(),
            ended: None,
        });
        EndOfRun(self.clone(), runs.len() - 1)
    }

    fn all(&self) -> Vec<Run> {
        self.0.lock().unwrap().clone()
    }

    /// How many events were begun by an instance.
    fn events(&self, instance: &str) -> BTreeSet<u32> {
        self.all().into_iter().filter(|run| run.instance == instance).map(|run| run.event).collect()
    }
}

struct EndOfRun(Runs, usize);

impl Drop for EndOfRun {
    fn drop(&mut self) {
        self.0.0.lock().unwrap()[self.1].ended = Some(Instant::now());
    }
}

fn noting(bus: &Bus, config: ConsumerConfig, instance: &'static str, runs: &Runs) -> Running {
    let runs = runs.clone();
    Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
        let run = runs.begin(instance, &event);
        // Handlers that have shown to be quick get more ahead than they can handle when they become slow.
        let takes = Duration::from_millis(if instance == "near" || event.number < QUICK_EVENTS { 10 } else { 500 });
        async move {
            tokio::time::sleep(takes).await;
            drop(run);
            Ok(())
        }
    }))
}

/// That no run began while another of the same event, or of the same key, was not over.
fn never_at_once(runs: &[Run], same: impl Fn(&Run, &Run) -> bool) -> Outcome {
    for (index, later) in runs.iter().enumerate() {
        for earlier in runs[..index].iter().filter(|earlier| same(earlier, later)) {
            let over = earlier.ended.is_some_and(|ended| ended <= later.began);
            if !over {
                return Err(format!("{later:?} began during {earlier:?}").into());
            }
        }
    }
    Ok(())
}

/// The connection stands still, in both directions, and nobody closes it; then all that was held back arrives at once.
async fn stands_still(order: Order) -> Outcome<(Vec<Run>, Instant, eventsmith::monitor::Summary)> {
    let (server, bus) = server().await?;
    let (proxy, far) = behind_proxy(&server).await?;
    let config = ConsumerConfig { order, ..leased() };
    let runs = Runs::default();
    let cut_off = noting(&far, config.clone(), "far", &runs);
    for number in 0..EVENTS {
        bus.publish(&Moved { key: format!("k{}", number % 8), number }).await?;
    }
    // What was asked for meanwhile has arrived before a slow handler has ended.
    until(|| runs.events("far").len() >= QUICK_EVENTS as usize + 8).await?;

    proxy.rule(|_| Verdict::Hold);
    let held_since = Instant::now();
    let near = noting(&bus, config, "near", &runs);
    until(|| {
        runs.events("near").union(&runs.events("far")).count() == EVENTS as usize && held_since.elapsed() > ACK_WAIT * 2
    })
    .await?;
    proxy.forward_all();
    proxy.release();
    let stream = jetstream::new(async_nats::connect(server.url()).await?).get_stream(STREAM.name).await?;
    let settled = async {
        loop {
            let info = stream.consumer_info("promotions").await?;
            if info.num_pending == 0 && info.num_ack_pending == 0 {
                return Outcome::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await??;
    near.stop().await?;
    let summary = cut_off.stop().await?;
    Ok((runs.all(), held_since, summary))
}

#[tokio::test]
async fn who_does_not_reach_the_server_begins_nothing_after_the_lease_and_leaves_the_rest_to_others() -> Outcome {
    let (runs, held_since, summary) = stands_still(Order::None).await?;

    never_at_once(&runs, |one, other| one.event == other.event)?;
    let begun_late = |run: &&Run| run.instance == "far" && run.began > held_since + ACK_WAIT;
    let stale: Vec<_> = runs.iter().filter(begun_late).filter(|run| run.token.1 == 1).collect();
    assert!(stale.is_empty(), "begun without a lease: {stale:?}");
    assert!(summary.lease_lost > 0, "{summary:?}");
    let mut handled = BTreeMap::<u32, usize>::new();
    runs.iter().for_each(|run| *handled.entry(run.event).or_default() += 1);
    let twice = handled.values().filter(|count| **count > 1).count();
    assert_eq!(handled.len(), EVENTS as usize);
    // Those whose acks were held back: of at most the time in which it is not noticed, and what ran then.
    assert!(twice <= 4 * 20, "{twice} of {EVENTS} ran twice");
    Ok(())
}

#[tokio::test]
async fn who_does_not_reach_the_server_leaves_no_key_to_two_at_a_time() -> Outcome {
    let (runs, _, _) = stands_still(Order::Key).await?;

    never_at_once(&runs, |one, other| one.key == other.key)?;
    let mut newest = BTreeMap::<&str, (u64, u64)>::new();
    for run in &runs {
        let token = newest.entry(&run.key).or_default();
        // What ran and was not acked runs again, with what came after it; its tokens tell.
        assert!(run.token > *token || run.token.1 > 1 || run.instance == "near", "{run:?} after {token:?}");
        *token = run.token.max(*token);
    }
    Ok(())
}

#[tokio::test]
async fn a_run_that_loses_its_lease_is_dropped_and_can_say_so() -> Outcome {
    let (server, bus) = server().await?;
    let (proxy, far) = behind_proxy(&server).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (ended, mut dropped) = mpsc::unbounded_channel::<()>();
    bus.publish(&activated("r1")).await?;
    let consumer = Running::start(far.consumer("promotions").config(leased()).on(move |event: Received<Activated>| {
        let (tell, ended) = (tell.clone(), ended.clone());
        async move {
            let _ended = ended;
            tell.send(event)?;
            std::future::pending().await
        }
    }));
    let event = next(&mut told).await?;
    assert!(event.has_lease());

    // The server hears, and is not heard.
    let renewals = Arc::new(AtomicU64::new(0));
    let (seen, since) = (Arc::clone(&renewals), Instant::now());
    proxy.rule(move |frame| {
        if frame.payload == b"+WPI" && since.elapsed() > ACK_WAIT {
            seen.fetch_add(1, Relaxed);
        }
        if frame.from == End::Server { Verdict::Drop } else { Verdict::Forward }
    });
    until(|| !event.has_lease()).await?;
    // It is looked at from time to time only, perhaps late.
    assert!(since.elapsed() <= ACK_WAIT * 3 / 2, "{:?}", since.elapsed());
    // The consumer keeps one of the senders.
    until(|| dropped.sender_strong_count() == 1).await?;
    assert!(since.elapsed() <= ACK_WAIT * 2, "{:?}", since.elapsed());

    let other = bus.consumer("promotions").config(leased());
    let (tell, mut told_other) = mpsc::unbounded_channel();
    let other = Running::start(other.on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.fencing_token())?) }
    }));
    let token = next(&mut told_other).await?;
    assert!(token > event.fencing_token(), "{token:?}");
    assert_eq!(renewals.load(Relaxed), 0, "it renewed a lease that it had lost");
    other.stop().await?;
    proxy.forward_all();
    assert_eq!(consumer.stop().await?.lease_lost, 1);
    assert!(dropped.try_recv().is_err());
    Ok(())
}
