//! The cluster of three: nodes die, one comes back without its disk, all die at once, and nothing that was acknowledged is lost.
//!
//! `SERVER_KILL_ROUNDS=20` does it more often than the once of CI.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::Bus;
use rules_events::evaluation::EvaluationStarted;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::attempts::topology;
use crate::scene::{Intruder, PATIENCE, Scene};
use crate::works::event;

const STREAM: &str = "RULES_DOMAIN_EVENTS";

/// Publishes until it is told to stop. Returns the sequences that were acknowledged, and the longest time that one publish took.
pub(crate) async fn publish(
    bus: Bus,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> Result<(Vec<u64>, Duration), String> {
    let (mut acknowledged, mut longest) = (Vec::new(), Duration::ZERO);
    let event = event::<EvaluationStarted>().map_err(|error| error.to_string())?;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        // One that could not be confirmed is not counted.
        if let Ok(ack) = bus.publish(&event).await {
            acknowledged.push(ack.sequence);
            count.fetch_add(1, Ordering::Relaxed);
            longest = longest.max(began.elapsed());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok((acknowledged, longest))
}

/// Waits until so many more were acknowledged.
pub(crate) async fn more(count: &AtomicUsize, wanted: usize) -> Outcome {
    let (before, deadline) = (count.load(Ordering::Relaxed), Instant::now() + PATIENCE);
    while count.load(Ordering::Relaxed) < before + wanted {
        if Instant::now() > deadline {
            return Err(format!("no {wanted} events more were acknowledged").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn info(operator: &Intruder, stream: &str) -> Option<Value> {
    let asked = operator.client.request(format!("$JS.API.STREAM.INFO.{stream}"), "".into());
    let answer = tokio::time::timeout(Duration::from_secs(2), asked).await.ok()?.ok()?;
    serde_json::from_slice(&answer.payload).ok()
}

/// Whether each of the streams has a leader, and all others that hold it are current.
async fn is_whole(operator: &Intruder, streams: &[String]) -> bool {
    for stream in streams {
        let Some(info) = info(operator, stream).await else { return false };
        let replicas = info["cluster"]["replicas"].as_array().cloned().unwrap_or_default();
        let current = replicas.iter().filter(|replica| replica["current"] == true && replica["offline"] != true);
        let others = info["config"]["num_replicas"].as_u64().unwrap_or(1) - 1;
        if !info["cluster"]["leader"].is_string() || current.count() as u64 != others {
            return false;
        }
    }
    true
}

/// Waits until every stream has a leader, and all others that hold it are current.
pub(crate) async fn whole(scene: &Scene) -> Outcome<Intruder> {
    let streams: Vec<String> = topology().streams.into_iter().map(|stream| stream.name).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(Ok(operator)) = tokio::time::timeout(Duration::from_secs(5), scene.client("operators/operator")).await
            && is_whole(&operator, &streams).await
        {
            return Ok(operator);
        }
        if Instant::now() > deadline {
            let logs: Vec<String> = scene.nodes.iter().map(|node| node.log()).collect();
            let ends: Vec<&str> = logs.iter().map(|log| &log[log.len().saturating_sub(2_000)..]).collect();
            return Err(format!("the cluster is not whole again: {}", ends.join("\n---\n")).into());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Which of the events that were acknowledged are not there.
pub(crate) async fn lost(operator: &Intruder, acknowledged: &[u64]) -> Outcome<Vec<u64>> {
    let mut lost = Vec::new();
    for sequence in acknowledged {
        let request = format!(r#"{{"seq": {sequence}}}"#);
        let answer = operator.client.request(format!("$JS.API.STREAM.MSG.GET.{STREAM}"), request.into()).await?;
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        if answer["message"]["seq"] != *sequence {
            lost.push(*sequence);
        }
    }
    Ok(lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_survive_the_loss_of_one_of_its_disk_and_of_all() -> Outcome {
    let rounds: usize = std::env::var("SERVER_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut scene = Scene::start(3).await?;
    scene.provision()?;
    drop(whole(&scene).await?);
    let bus = scene.bus("services/rules-evaluation").await?;
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicUsize::new(0));
    let publisher = tokio::spawn(publish(bus, Arc::clone(&stop), Arc::clone(&count)));
    more(&count, 50).await?;
    let began = Instant::now();

    let mut kills = 0;
    for round in 0..rounds {
        let (one, other) = (round % 3, (round + 1) % 3);
        scene.nodes[one].kill();
        sleep(Duration::from_millis(1_500)).await;
        scene.nodes[one].start_again()?;
        drop(whole(&scene).await?);
        // Another one loses its disk.
        scene.nodes[other].kill();
        fs::remove_dir_all(scene.path(&format!("store/rules-{}", other + 1)))?;
        scene.nodes[other].start_again()?;
        drop(whole(&scene).await?);
        // All of them at once.
        scene.nodes.iter_mut().for_each(|node| node.kill());
        for node in &mut scene.nodes {
            node.start_again()?;
        }
        drop(whole(&scene).await?);
        kills += 5;
        more(&count, 10).await?;
    }
    stop.store(true, Ordering::Relaxed);
    let (acknowledged, longest) = publisher.await??;

    let operator = whole(&scene).await?;
    let lost = lost(&operator, &acknowledged).await?;
    println!(
        "{rounds} rounds, {kills} nodes killed, {} events acknowledged, {} lost, longest publish {longest:?}, {:?} in all",
        acknowledged.len(),
        lost.len(),
        began.elapsed()
    );
    assert!(lost.is_empty() && acknowledged.len() > 50, "{} {lost:?}", acknowledged.len());
    Ok(())
}
