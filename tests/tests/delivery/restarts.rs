//! Servers that stop, crash and come back while events are published and consumed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config, PublishError, Received, StreamDescriptor};
use eventsmith_tests::job::{Deed, JOBS, Job, Journal, LETTERS, What};
use tokio::task::JoinHandle;

use crate::common::*;
use crate::worker::Worker;

/// How many jobs there are. Enough that the fault comes in their midst.
const JOBS_IN_ALL: u64 = 3_000;

/// Publishes all jobs, some at a time, and says of each how that went.
fn publish(bus: Bus) -> JoinHandle<Vec<Result<u64, PublishError>>> {
    tokio::spawn(async move {
        let jobs: Vec<_> = (1..=JOBS_IN_ALL).map(|id| Job::new(id, [Deed::Complete])).collect();
        let mut results = Vec::new();
        for some in jobs.chunks(50) {
            let published = bus.publish_all(some).await;
            results.extend(published.into_iter().map(|result| result.map(|published| published.sequence)));
        }
        results
    })
}

/// Waits until so many jobs are done.
async fn done(journal: &Journal, count: usize) -> Outcome<BTreeSet<u64>> {
    until(&format!("{count} jobs"), async || {
        let jobs: BTreeSet<u64> = journal.done()?.iter().map(|entry| entry.id).collect();
        Ok((jobs.len() >= count).then_some(jobs))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_amid_publishing_and_consuming_loses_nothing() -> Outcome {
    for crash in [true, false] {
        let mut site = Site::new().await?;
        let _worker = Worker::ready(&site.orders()).await?;
        let impatient = Config { ack_timeout: Duration::from_secs(1), ..config(site.server.url()) };

        let publishing = publish(Bus::connect(impatient).await?);
        let done_before = done(&site.journal, 200).await?.len();
        if crash {
            site.server.kill()?
        } else {
            site.server.stop().await?
        }
        let amid = !publishing.is_finished();
        site.server.start_again().await?;
        let results = publishing.await?;
        let done = done(&site.journal, JOBS_IN_ALL as usize).await?;

        assert!(amid && done_before < JOBS_IN_ALL as usize, "the fault came too late");
        assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|result| result.is_err()));
        let stored = stored(&site.stream(&JOBS).await?).await?;
        assert!(stored.values().all(|times| *times == 1), "{stored:?}");
        assert!(stored.into_keys().eq(1..=JOBS_IN_ALL));
        assert!(done.into_iter().eq(1..=JOBS_IN_ALL));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_its_leaders_amid_publishing_and_consuming_loses_nothing() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let servers = cluster.urls().into_iter().map(Into::into).collect();
    let bus = Bus::connect(Config { ack_timeout: Duration::from_secs(2), servers, ..config("") }).await?;
    bus.provision(&[JOBS, LETTERS].map(|stream| StreamDescriptor { replicas: 3, ..stream })).await?;
    let folder = tempfile::tempdir()?;
    let journal = Journal::at(folder.path().join("journal"));
    let book = Arc::new(journal.clone());
    let consumer = bus.consumer("worker").config(quick()).on(move |job: Received<Job>| {
        let book = Arc::clone(&book);
        async move { Ok(book.append(What::Done, job.id, job.attempt())?) }
    });
    let consumer = Running::start(consumer);

    let publishing = publish(bus.clone());
    done(&journal, 200).await?;
    let leader =
        stream(&cluster.urls()[0], &JOBS).await?.cached_info().cluster.as_ref().and_then(|it| it.leader.clone());
    let leader = cluster.index_of(&leader.ok_or("the stream has no leader")?).ok_or("an unknown leader")?;
    cluster.kill(leader)?;
    let amid = !publishing.is_finished();
    let before = done(&journal, 0).await?.len();
    done(&journal, before + 200).await?;
    cluster.start_again(leader).await?;
    let durable = stream(&cluster.urls()[0], &JOBS).await?.consumer_info("worker").await?;
    let leader = durable.cluster.and_then(|it| it.leader).ok_or("the consumer has no leader")?;
    let leader = cluster.index_of(&leader).ok_or("an unknown leader")?;
    let amid_consuming = done(&journal, 0).await?.len() < JOBS_IN_ALL as usize;
    cluster.kill(leader)?;
    let results = publishing.await?;
    let done = done(&journal, JOBS_IN_ALL as usize).await?;
    consumer.stop().await?;

    assert!(amid && amid_consuming, "the faults came too late");
    assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|result| result.is_err()));
    assert!(done.into_iter().eq(1..=JOBS_IN_ALL));
    let left = cluster.urls().swap_remove((leader + 1) % 3);
    let stored = stored(&stream(&left, &JOBS).await?).await?;
    assert!(stored.values().all(|times| *times == 1), "{stored:?}");
    assert!(stored.into_keys().eq(1..=JOBS_IN_ALL));
    Ok(())
}
