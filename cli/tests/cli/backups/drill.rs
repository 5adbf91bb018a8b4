//! The drill: a backup under load, the server lost with all that it stored, a new one, and everything goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use eventsmith::testing::NatsServer;
use tokio::task::JoinSet;

use super::{SUBJECT, back_up, catalogue, context, envelope, eventsmith, handle, provisioned, publish, put, stored};

/// How many events are stored before the backup begins: `DRILL_EVENTS`, else few.
fn events() -> usize {
    std::env::var("DRILL_EVENTS").ok().and_then(|events| events.parse().ok()).unwrap_or(2_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_that_was_acknowledged_before_the_backup_began() {
    let folder = catalogue();
    let mut server = provisioned(&folder).await;
    let before = context(&server).await;
    let events = events();
    publish(&before, 0..events).await;
    put(&before, "north", r#"{"shops":3}"#).await;
    let handled = handle(&before, 300).await;

    // Somebody publishes all the while, and somebody handles; each notes what was acknowledged to it.
    let (ended, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut load = JoinSet::new();
    for worker in 0..2 {
        let (context, ended, acknowledged) = (before.clone(), Arc::clone(&ended), Arc::clone(&acknowledged));
        load.spawn(async move {
            for number in 0.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let number = 1_000_000 * (worker + 1) + number;
                let ack = context.publish(SUBJECT, envelope(number).into()).await.unwrap().await.unwrap();
                acknowledged.fetch_max(ack.sequence, Ordering::Relaxed);
            }
        });
    }
    let (handling, until) = (before.clone(), Arc::clone(&ended));
    load.spawn(async move {
        while !until.load(Ordering::Relaxed) {
            handle(&handling, 20).await;
        }
    });
    // Under load: all three have something to show.
    while acknowledged.load(Ordering::Relaxed) < events as u64 + 20 {
        tokio::task::yield_now().await;
    }
    let promised = acknowledged.load(Ordering::Relaxed);

    let begun = Instant::now();
    let (path, hash) = tokio::task::block_in_place(|| back_up(&folder, &server));
    let backed_up = begun.elapsed();
    ended.store(true, Ordering::Relaxed);
    while load.join_next().await.is_some() {}
    let known = stored(&before, "RULES").await;
    let done = handle(&before, 1).await;

    // All is lost: the process, and what it stored.
    server.kill().unwrap();
    drop(server);
    let begun = Instant::now();
    let server = NatsServer::start().await.unwrap();
    let applied = eventsmith(&folder, &server, &["streams", "apply", "--replicas", "1"]);
    let restored = eventsmith(&folder, &server, &["backup", "restore", &path, "--expect", &hash]);
    let plan = eventsmith(&folder, &server, &["streams", "plan", "--replicas", "1"]);
    let recovered = begun.elapsed();

    assert_eq!((applied.status, restored.status, plan.status), (0, 0, 0), "{applied:?} {restored:?} {plan:?}");
    let after = context(&server).await;
    let found = stored(&after, "RULES").await;
    // What was acknowledged before is there, under its number; and what came later is there up to some number, without a gap.
    assert!(found.len() as u64 >= promised, "{} of {promised}", found.len());
    assert_eq!(found, known[..found.len()]);
    assert_eq!(stored(&after, "KV_SHOPS").await.len(), 1);
    // What a consumer did before is not done again, but for what it did while the backup was made, which comes again in order.
    let next = handle(&after, 1).await;
    assert!(next[0] > *handled.last().unwrap() && next[0] <= done[0], "{next:?} {handled:?} {done:?}");
    assert_eq!(publish(&after, 0..1).await, found.len() as u64 + 1);
    println!(
        "{} events, {} bytes of backup: backed up under load in {backed_up:?}, a new server with all of it in {recovered:?}",
        found.len(),
        folder_size(&folder.path().join(&path)),
    );
}

fn folder_size(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
