//! The cluster of three is upgraded from one version of nats-server to another, one node after the other, while events are published.
//! `.ci/upgrade` has both versions.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::cluster::{lost, more, publish, whole};
use crate::scene::Scene;

/// For how long publishing may stand still.
const LONGEST: Duration = Duration::from_secs(10);

fn program(variable: &str) -> Outcome<PathBuf> {
    let path = env::var_os(variable).ok_or_else(|| format!("{variable} names no nats-server; run .ci/upgrade"))?;
    Ok(PathBuf::from(path))
}

/// The longest time between two acknowledgements, until it is told to stop.
async fn stalls(count: Arc<AtomicUsize>, stop: Arc<AtomicBool>) -> Duration {
    let (mut known, mut since, mut longest) = (0, Instant::now(), Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let now = count.load(Ordering::Relaxed);
        longest = longest.max(since.elapsed());
        if now != known {
            (known, since) = (now, Instant::now());
        }
        sleep(Duration::from_millis(5)).await;
    }
    longest
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs two versions of nats-server: .ci/upgrade"]
async fn nodes_are_upgraded_one_by_one_and_nothing_acknowledged_is_lost() -> Outcome {
    let (old, new) = (program("UPGRADE_FROM")?, program("UPGRADE_TO")?);
    let mut scene = Scene::start_with(3, old).await?;
    scene.provision()?;
    drop(whole(&scene).await?);
    let bus = scene.bus("services/rules-evaluation").await?;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let publisher = tokio::spawn(publish(bus, Arc::clone(&stop), Arc::clone(&count)));
    more(&count, 50).await?;
    let watch = tokio::spawn(stalls(Arc::clone(&count), Arc::clone(&stop)));
    let began = Instant::now();

    for node in 0..3 {
        let (started, before) = (Instant::now(), count.load(Ordering::Relaxed));
        scene.nodes[node].leave(Duration::from_secs(90)).await?;
        let left = started.elapsed();
        scene.nodes[node].upgrade(new.clone())?;
        drop(whole(&scene).await?);
        more(&count, 10).await?;
        println!(
            "node {}: left in {left:.1?}, whole again after {:.1?}, {} events meanwhile",
            node + 1,
            started.elapsed(),
            count.load(Ordering::Relaxed) - before
        );
    }
    stop.store(true, Ordering::Relaxed);
    let ((acknowledged, publish), stall) = (publisher.await??, watch.await?);

    let version = Command::new(&new).arg("--version").output()?.stdout;
    let version = String::from_utf8(version)?.trim().rsplit('v').next().unwrap_or_default().to_owned();
    for node in &scene.nodes {
        let log = node.log();
        let running = log.lines().rfind(|line| line.contains("Version:")).unwrap_or_default();
        assert!(running.ends_with(&version), "{running} {version}");
    }
    let operator = whole(&scene).await?;
    let planned = scene.run_as("operators/provision", &["streams", "plan"]);
    let lost = lost(&operator, &acknowledged).await?;
    println!(
        "3 nodes upgraded, {} events acknowledged, {} lost, longest stall {stall:.1?}, longest publish {publish:.1?}, {:.0?} in all",
        acknowledged.len(),
        lost.len(),
        began.elapsed()
    );
    assert!(lost.is_empty(), "{lost:?}");
    assert!(stall < LONGEST, "{stall:?}");
    assert!(planned.status.success(), "{}", crate::scene::said(&planned));
    Ok(())
}
