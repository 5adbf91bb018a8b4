//! Servers that stop, crash and come back while events are published and consumed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use eventsmith::admin::BusAdmin;
use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config, PublishError, Published, Received};
use eventsmith_tests::job::{Deed, JOBS, Job, Journal, LETTERS, What};
use eventsmith_tests::proxy::{Proxy, Verdict};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, timeout};

use crate::common::*;
use crate::worker::Worker;

/// Publishes jobs without end until it is stopped.
struct Publishing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<Result<Published, PublishError>>>,
}

impl Publishing {
    fn start(bus: Bus) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut results = Vec::new();
            // As many as workers can do, so that these are under load and yet keep up.
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stopped => return results,
                    _ = pace.tick() => {}
                }
                let first = results.len() as u64 + 1;
                let jobs: Vec<_> = (first..first + 60).map(|id| Job::new(id, [Deed::Complete])).collect();
                results.extend(eventsmith_tests::results(bus.publish_all(&jobs).await));
            }
        });
        Self { stop, task }
    }

    /// How many were published, all of them with success.
    async fn stop(self) -> Outcome<usize> {
        let _ = self.stop.send(());
        let results = timeout(PATIENCE, self.task).await??;
        let all = results.len();
        results.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(all)
    }
}

/// Waits until so many jobs are done.
async fn done(journal: &Journal, count: usize) -> Outcome<BTreeSet<u64>> {
    until(&format!("{count} jobs"), async || {
        let jobs: BTreeSet<u64> = journal.done()?.iter().map(|entry| entry.id).collect();
        Ok((jobs.len() >= count).then_some(jobs))
    })
    .await
}

/// Waits until so many more jobs are done.
async fn more(journal: &Journal, count: usize) -> Outcome {
    let before = done(journal, 0).await?.len();
    done(journal, before + count).await.map(drop)
}

/// That each of so many jobs is in the stream once, and was done.
async fn check(stream: &Stream, journal: &Journal, count: usize) -> Outcome {
    let done = done(journal, count).await?;
    let stored = stored(stream).await?;

    assert!(stored.values().all(|times| *times == 1), "{stored:?}");
    assert!(stored.into_keys().eq(1..=count as u64));
    assert!(done.into_iter().eq(1..=count as u64));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_amid_publishing_and_consuming_loses_nothing() -> Outcome {
    let mut site = Site::new().await?;
    let _worker = Worker::ready(&site.orders()).await?;
    let before_publisher = Proxy::start(site.server.port()).await?;
    let impatient = Config { ack_timeout: Duration::from_secs(1), ..config(before_publisher.url()) };

    let publishing = Publishing::start(Bus::connect(impatient).await?);
    for crash in [true, false] {
        more(&site.journal, 200).await?;
        // From here on acknowledgements do not arrive, so that the publisher waits for some when the server goes.
        let unacknowledged = Arc::new(Notify::new());
        let tell = Arc::clone(&unacknowledged);
        before_publisher.rule(move |frame| match stored_as(frame) {
            Some(_) => {
                tell.notify_one();
                Verdict::Drop
            }
            None => Verdict::Forward,
        });
        timeout(PATIENCE, unacknowledged.notified()).await?;
        if crash {
            site.server.kill()?
        } else {
            site.server.stop().await?
        }
        before_publisher.forward_all();
        site.server.start_again().await?;
    }
    more(&site.journal, 200).await?;
    let count = publishing.stop().await?;

    check(&site.stream(&JOBS).await?, &site.journal, count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_its_leaders_amid_publishing_and_consuming_loses_nothing() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let servers = cluster.urls().into_iter().map(Into::into).collect();
    let bus = Bus::connect(Config { ack_timeout: Duration::from_secs(2), servers, ..config("") }).await?;
    // Servers that get no processor for a while take one another for offline.
    let streams = [JOBS, LETTERS].map(|stream| stream.replicas(3));
    until("a cluster that takes streams", async || Ok(bus.provision(&streams).await.ok().map(drop))).await?;
    let folder = tempfile::tempdir()?;
    let journal = Journal::at(folder.path().join("journal"));
    let book = journal.clone();
    let consumer = bus.consumer("worker").config(quick()).on(move |job: Received<Job>| {
        let book = book.clone();
        async move { Ok(book.append(What::Done, job.id, job.attempt(), job.fencing_token().1)?) }
    });
    let consumer = Running::start(consumer);

    let publishing = Publishing::start(bus);
    more(&journal, 200).await?;
    let jobs = stream(&cluster.urls()[0], &JOBS).await?;
    // While leaders change, servers answer that JetStream is unavailable.
    let leader = until("the leader of the stream", async || {
        Ok(jobs.get_info().await.ok().and_then(|info| info.cluster?.leader))
    });
    let leader = cluster.index_of(&leader.await?).ok_or("an unknown leader")?;
    cluster.kill(leader)?;
    more(&journal, 200).await?;
    cluster.start_again(leader).await?;
    let jobs = stream(&cluster.urls()[0], &JOBS).await?;
    let leader = until("the leader of the consumer", async || {
        Ok(jobs.consumer_info("worker").await.ok().and_then(|info| info.cluster?.leader))
    });
    let leader = cluster.index_of(&leader.await?).ok_or("an unknown leader")?;
    cluster.kill(leader)?;
    more(&journal, 200).await?;
    let count = publishing.stop().await?;

    let left = cluster.urls().swap_remove((leader + 1) % 3);
    check(&stream(&left, &JOBS).await?, &journal, count).await?;
    consumer.stop().await?;
    Ok(())
}
