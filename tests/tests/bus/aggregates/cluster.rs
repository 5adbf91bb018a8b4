//! Many writers on one aggregate, on a cluster whose leaders go: the history is linear, and has each success once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_nats::jetstream;
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::AggregateEvents;
use eventsmith::state::{Aggregates, ExecuteError, ExecuteOptions, StateError, check_histories};
use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::common::*;
use crate::common::*;

const WRITERS: usize = 64;
/// Commands of each writer; every second one makes three events, which are stored together.
const COMMANDS: usize = 2;

fn events_of(command: usize) -> usize {
    if command.is_multiple_of(2) { 1 } else { 3 }
}

/// The node that leads the stream.
async fn leader(cluster: &NatsCluster, url: &str) -> Outcome<usize> {
    let context = jetstream::new(async_nats::connect(url).await?);
    let wait = async {
        loop {
            let found = context.get_stream(ACCOUNTS.name).await.ok();
            let name = found.and_then(|stream| stream.cached_info().cluster.as_ref()?.leader.clone());
            if let Some(index) = name.and_then(|name| cluster.index_of(&name)) {
                return index;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    Ok(timeout(eventsmith_tests::running::PATIENCE, wait).await?)
}

/// Executes a command until it is known to be done, as whoever asked for it would.
async fn execute(accounts: &Aggregates, id: String, events: usize) -> Result<bool, StateError> {
    loop {
        let options = ExecuteOptions { command_id: Some(id.clone()), ..ExecuteOptions::default() };
        let pay = |_: &Account<16>| Ok::<_, String>((0..events).map(|_| paid("a1", 1)).collect());
        match accounts.execute_with("a1", options, pay).await {
            Ok(executed) => return Ok(executed.is_repeated),
            Err(ExecuteError::State(error @ (StateError::Double { .. } | StateError::Gap { .. }))) => {
                return Err(error);
            }
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_on_a_cluster_whose_leaders_go_make_one_history() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let urls = cluster.urls();
    let mut buses = Vec::new();
    for first in 0..urls.len() {
        let servers = (0..urls.len()).map(|next| urls[(first + next) % urls.len()].as_str().into()).collect();
        let ack_timeout = Duration::from_secs(2);
        buses.push(Bus::connect(Config { servers, ack_timeout, ..config("") }).await?);
    }
    buses[0].provision(&[ACCOUNTS.replicas(3)]).await?;
    buses[0].provision(&[SNAPSHOTS.replicas(3)]).await?;
    let done = Arc::new(AtomicUsize::new(0));
    let writers = (0..WRITERS).map(|writer| {
        let (accounts, done) = (Aggregates::of(&buses[writer % buses.len()]), Arc::clone(&done));
        tokio::spawn(async move {
            let mut repeated = 0;
            for command in 0..COMMANDS {
                let id = format!("w{writer}-{command}");
                repeated += usize::from(execute(&accounts, id, events_of(command)).await?);
                done.fetch_add(1, SeqCst);
            }
            Ok::<_, StateError>(repeated)
        })
    });
    let writers: Vec<_> = writers.collect();

    // One leader steps down, another is killed and comes back, a third steps down: each while the writers are at it.
    for (part, is_killed) in [(1, false), (2, true), (3, false)] {
        until(|| {
            done.load(SeqCst) * 4 >= WRITERS * COMMANDS * part || writers.iter().all(|writer| writer.is_finished())
        })
        .await?;
        let at_work = leader(&cluster, &urls[0]).await?;
        if is_killed {
            cluster.kill(at_work)?;
            sleep(Duration::from_millis(500)).await;
            cluster.start_again(at_work).await?;
        } else {
            let client = async_nats::connect(urls[at_work].as_str()).await?;
            client.request(format!("$JS.API.STREAM.LEADER.STEPDOWN.{}", ACCOUNTS.name), "".into()).await?;
        }
    }
    let mut reported = Vec::new();
    let mut repeated = 0;
    for written in join_all(writers).await {
        match written? {
            Ok(times) => repeated += times,
            Err(error) => reported.push(error),
        }
    }

    let mut defects = Vec::new();
    check_histories(&buses[1], ACCOUNTS.name, AccountEvent::SUBJECT, |defect| defects.push(defect)).await?;
    assert!(reported.is_empty() && defects.is_empty(), "{reported:?}\n{defects:?}");
    let history = Aggregates::of(&buses[1]).history::<Account>("a1").await?;
    let numbers: Vec<u64> = history.events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    for event in &history.events {
        *stored.entry(event.command_id.clone().ok_or("an event of no command")?).or_default() += 1;
    }
    let wanted = (0..WRITERS).flat_map(|writer| (0..COMMANDS).map(move |command| (writer, command)));
    let wanted: BTreeMap<String, usize> =
        wanted.map(|(writer, command)| (format!("w{writer}-{command}"), events_of(command))).collect();
    assert_eq!(stored, wanted);
    let balance = Aggregates::of(&buses[2]).load::<Account<16>>("a1").await?.balance;
    assert_eq!(balance, history.events.len() as i64);
    println!("{} events of {WRITERS} writers, {repeated} commands were found stored", history.events.len());
    Ok(())
}
