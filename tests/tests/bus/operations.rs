//! What operators do to servers while services run: going down slowly, cutting off a leaf node, limiting connections.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eventsmith::admin::{BusAdmin, DeadLetterFilter};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, PublishError, Received};
use eventsmith_tests::running::PATIENCE;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::common::*;
use crate::dead_letters::all;
use crate::domain::Scene;
use crate::letter_pages::write;

/// Publishes events one after the other until it is stopped, and says how many there are.
struct Publishing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<u64, PublishError>>,
    published: Arc<AtomicU64>,
}

impl Publishing {
    fn start(bus: Bus) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let published = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&published);
        let task = tokio::spawn(async move {
            while stopped.try_recv().is_err() {
                bus.publish(&activated(count.load(Ordering::Relaxed))).await?;
                count.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(count.load(Ordering::Relaxed))
        });
        Self { stop, task, published }
    }

    /// Waits until so many more are published, or one failed.
    async fn more(&self, count: u64) -> Outcome {
        let before = self.published.load(Ordering::Relaxed);
        until(|| self.task.is_finished() || self.published.load(Ordering::Relaxed) >= before + count).await
    }

    async fn stop(self) -> Outcome<u64> {
        let _ = self.stop.send(());
        Ok(tokio::time::timeout(PATIENCE, self.task).await???)
    }
}

/// Stops publishing, waits until all that was published is handled, and checks that none was lost or came twice. Returns how
/// many there are.
async fn each_is_handled_once(
    publishing: Publishing,
    consumer: Running,
    told: &mut mpsc::UnboundedReceiver<String>,
) -> Outcome<u64> {
    let count = publishing.stop().await?;
    let mut handled = BTreeMap::<String, u32>::new();
    while (handled.len() as u64) < count {
        *handled.entry(next(told).await?).or_default() += 1;
    }
    let summary = consumer.stop().await?;

    let twice: Vec<_> = handled.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty() && told.try_recv().is_err(), "{twice:?}");
    assert_eq!((summary.handled, summary.dead_lettered), (count, 0), "{summary:?}");
    Ok(count)
}

fn impatient(url: String) -> Config {
    let max_reconnect_delay = Duration::from_millis(200);
    Config { ack_timeout: Duration::from_secs(1), max_reconnect_delay, ..config(url) }
}

/// Such a server ends JetStream at once, and its connections later.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_down_in_lame_duck_mode_loses_and_repeats_nothing() -> Outcome {
    let folder = TempDir::new()?;
    let pid_file = folder.path().join("pid");
    let lines = format!("pid_file: {pid_file:?}\nlame_duck_duration: \"30s\"\nlame_duck_grace_period: \"2s\"");
    let mut server = NatsServer::builder().config(lines).start().await?;
    let bus = Bus::connect(impatient(server.url())).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    let (consumer, mut told) = run_and_tell(&bus);

    let publishing = Publishing::start(bus.clone());
    publishing.more(50).await?;
    let pid = std::fs::read_to_string(&pid_file)?;
    assert!(Command::new("kill").args(["-USR2", pid.trim()]).status()?.success());
    until(|| !server.is_running()).await?;
    server.kill()?;
    server.start_again().await?;
    publishing.more(50).await?;
    let count = each_is_handled_once(publishing, consumer, &mut told).await?;
    let stored = bus.status(None).await?.streams.into_iter().find(|stream| stream.settings.name == STREAM.name);
    assert_eq!(stored.map(|stream| stream.messages), Some(count), "each is stored once");
    Ok(())
}

/// A connection that can be cut.
struct Cable {
    is_cut: watch::Sender<bool>,
    port: u16,
    _task: JoinSet<()>,
}

impl Cable {
    async fn to(port: u16) -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?.port();
        let (is_cut, cut) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cut.clone();
                if *cut.borrow() {
                    continue;
                }
                connections.spawn(async move {
                    let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Ok(Self { is_cut, port: own, _task: task })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_node_that_is_cut_off_from_its_hub_loses_and_repeats_nothing() -> Outcome {
    let mut cable = None;
    let scene = Scene::through(async |port| Ok(cable.insert(Cable::to(port).await?).port)).await?;
    let cable = cable.ok_or("no cable")?;
    let bus = Bus::connect(Config { domain: Some("hub".to_owned()), ..impatient(scene.leaf.url()) }).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    let (consumer, mut told) = run_and_tell(&bus);

    let publishing = Publishing::start(bus.clone());
    publishing.more(50).await?;
    cable.is_cut.send_replace(true);
    scene.has_leaves(0).await?;
    // As long as several attempts to publish take.
    tokio::time::sleep(Duration::from_secs(3)).await;
    cable.is_cut.send_replace(false);
    publishing.more(50).await?;
    each_is_handled_once(publishing, consumer, &mut told).await?;
    Ok(())
}

/// Much less than requests and publishes go on without an answer.
const AT_ONCE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_connection_that_may_not_subscribe_to_answers_says_so_at_once() -> Outcome {
    let server = NatsServer::builder().config("max_subscriptions: 1").start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    let began = Instant::now();

    let error = bus.provision(&[STREAM, DEAD_LETTERS]).await.unwrap_err().to_string();
    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    let of_consumer = consumer.end().await?.unwrap_err().to_string();
    let of_publish = bus.publish(&activated("r1")).await.unwrap_err().to_string();

    for text in [&error, &of_consumer] {
        assert!(text.contains("raise max_subscriptions"), "{text}");
    }
    assert!(!of_publish.is_empty() && began.elapsed() < AT_ONCE, "{:?} {of_publish}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_listed_and_events_published_in_bulk_without_room_for_another_subscription() -> Outcome {
    let server = NatsServer::builder().config("max_subscriptions: 2").start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    let knows_bulk = async_nats::connect(server.url()).await?.is_server_compatible(2, 14, 0);
    bus.provision(&[STREAM.bulk(knows_bulk), DEAD_LETTERS]).await?;
    write(&server.url(), "promotions", 0..20, 10).await?;
    let began = Instant::now();

    let letters = all(&bus.dead_letters("rules").await?, &DeadLetterFilter::default()).await?;
    let published = bus.publish_bulk((0..100).map(activated)).await?;

    assert_eq!((letters.len(), published.events), (20, 100));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    Ok(())
}
