//! Requests while servers are killed and services restarted: each gets an answer or a definite error within its time, and none is done
//! more often than it may be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, Topology};
use eventsmith::catalogue::Idempotent;
use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config, Received, RequestOptions, Uuid};
use eventsmith_tests::running::PATIENCE as RUNNING;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::common::*;
use crate::common::{Outcome, config};

const SERVICE: &str = "orders";
/// For how long somebody waits, and how much later the answer may be on a busy machine.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2));

/// A command that may run once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    number: usize,
}

/// A command whose answer is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pay {
    number: usize,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Look {
    number: usize,
}

const KEPT: Idempotent = Idempotent::within(Duration::from_secs(600));

request!(Place, Command, "order.place", 1, "rules.command.order.place", Found, NoRefusal, |_| true);
request!(Pay, Command, "order.pay", 1, "rules.command.order.pay", Found, NoRefusal, |_| true, KEPT);
request!(Look, Query, "order.look", 1, "rules.query.order.look", Found, NoRefusal, |_| true);

/// How often each command has run, by its id.
type Runs = Arc<Mutex<HashMap<String, u32>>>;

fn service(bus: &Bus, runs: &Runs) -> Serving {
    let note = |runs: &Runs, id: &str| *runs.lock().unwrap().entry(id.to_owned()).or_default() += 1;
    let (placed, paid) = (Arc::clone(runs), Arc::clone(runs));
    serve(
        bus.service(SERVICE)
            .answer(move |request: Received<Place>| {
                note(&placed, &request.envelope().id);
                async move { Ok(found(&format!("placed {}", request.number))) }
            })
            .answer(move |request: Received<Pay>| {
                note(&paid, &request.envelope().id);
                async move { Ok(found(&format!("paid {}", request.number))) }
            })
            .answer(async |request: Received<Look>| Ok(found(&format!("seen {}", request.number)))),
    )
}

/// Asks one request after the other, until it is told to stop.
struct Caller {
    bus: Bus,
    stop: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    failed: Arc<AtomicU32>,
}

impl Caller {
    async fn ask(self) {
        let mut number = 0;
        while self.stop.load(Ordering::Relaxed) == 0 {
            number += 1;
            let started = Instant::now();
            let options = RequestOptions { timeout: Some(PATIENCE.0), ..RequestOptions::default() };
            let (reply, expected) = match number % 3 {
                0 => (self.bus.request_with(&Place { number }, options).await, "placed"),
                1 => {
                    let options = RequestOptions { id: Some(Uuid::now_v7()), ..options };
                    (self.bus.request_with(&Pay { number }, options).await, "paid")
                }
                _ => (self.bus.request_with(&Look { number }, options).await, "seen"),
            };
            let took = started.elapsed();
            assert!(took < PATIENCE.0 + PATIENCE.1, "{expected} {number} took {took:?}: {reply:?}");
            match reply {
                Ok(reply) => {
                    assert_eq!(reply, found(&format!("{expected} {number}")), "the answer to another request");
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    // Whoever gets an error at once waits for a moment.
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// Waits until a server has caught up with the others: only then may one of those be killed.
async fn is_current(cluster: &NatsCluster, node: usize) -> Outcome {
    let current = async {
        while cluster.node(node).monitor("/healthz").await.map_or(true, |health| health["status"] != "ok") {
            sleep(Duration::from_millis(50)).await;
        }
    };
    Ok(tokio::time::timeout(RUNNING, current).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_answered_in_time_while_servers_are_killed_and_services_restarted() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let servers = |first: usize| {
        let mut urls = cluster.urls();
        urls.rotate_left(first);
        urls.into_iter().map(Into::into).collect::<Vec<_>>()
    };
    let connect = |first: usize| Bus::connect(Config { servers: servers(first), ..config("") });
    let (callers, one, two) = (connect(0).await?, connect(1).await?, connect(2).await?);
    let replicated = |mut topology: Topology| {
        topology.streams.iter_mut().for_each(|stream| stream.replicas = 3);
        topology
    };
    callers.provision(replicated(Topology::default().with_replies(SERVICE, Duration::from_secs(600)))).await?;
    let runs = Runs::default();
    let mut serving = service(&one, &runs);
    let other = service(&two, &runs);

    let (stop, answered, failed) = (Arc::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU32::new(0)));
    let mut asking = JoinSet::new();
    for _ in 0..16 {
        let caller = Caller {
            bus: callers.clone(),
            stop: Arc::clone(&stop),
            answered: Arc::clone(&answered),
            failed: Arc::clone(&failed),
        };
        asking.spawn(caller.ask());
    }
    let more = async |count: usize, when: &str| -> Outcome {
        let (from, begun) = (answered.load(Ordering::Relaxed), Instant::now());
        let ended = tokio::time::timeout(2 * RUNNING, async {
            while answered.load(Ordering::Relaxed) < from + count {
                sleep(Duration::from_millis(5)).await;
            }
        });
        let failed = failed.load(Ordering::Relaxed);
        eprintln!("{when}: {failed} failed before");
        ended.await.map_err(|_| {
            format!("{} answered {when} in {:?}", answered.load(Ordering::Relaxed) - from, begun.elapsed()).into()
        })
    };
    more(300, "at first").await?;
    for node in [0, 1] {
        cluster.kill(node)?;
        more(300, "after a server was killed").await?;
        serving.stop().await?;
        serving = service(&one, &runs);
        more(300, "after a service was restarted").await?;
        cluster.start_again(node).await?;
        is_current(&cluster, node).await?;
        more(300, "after the server came back").await?;
    }
    stop.store(1, Ordering::Relaxed);
    while let Some(asked) = asking.join_next().await {
        asked?;
    }

    serving.stop().await?;
    other.stop().await?;
    let twice: Vec<_> = runs.lock().unwrap().iter().filter(|(_, runs)| **runs > 1).map(|(id, _)| id.clone()).collect();
    assert_eq!(twice, [""; 0], "commands that ran more than once");
    println!("{} answered, {} failed", answered.load(Ordering::Relaxed), failed.load(Ordering::Relaxed));
    Ok(())
}
