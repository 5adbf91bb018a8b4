//! Jobs of one key, in their order, whoever dies.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use eventsmith_tests::job::{Deed, Entry, JOBS, Job, Orders, What};
use eventsmith_tests::proxy::{End, Frame, Verdict};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::common::*;
use crate::worker::Worker;

const KEYS: u64 = 40;
const JOBS_IN_ALL: u64 = 1_600;

/// All that is out of order, a sentence for each.
///
/// A job may begin once all jobs before it with its key are done. What a process has begun it does not go behind, and
/// once another process has begun a job of a key, it touches that key no more.
fn out_of_order(entries: &[Entry]) -> Vec<String> {
    let (mut done, mut last) = (BTreeSet::new(), BTreeMap::<u64, (u32, u64)>::new());
    let mut gone = BTreeSet::new();
    let mut wrong = Vec::new();
    for &Entry { what, id, process, .. } in entries {
        let key = id % KEYS;
        if what == What::Done {
            done.insert(id);
        } else if let Some(before) = (1..id).rev().find(|other| other % KEYS == key && !done.contains(other)) {
            wrong.push(format!("{id} began in {process} before {before} was done"));
        }
        match last.insert(key, (process, id)) {
            Some((same, latest)) if same == process && latest > id => {
                wrong.push(format!("{process} did {id} after {latest}"));
            }
            Some((other, _)) if other != process => drop(gone.insert((other, key))),
            _ => {}
        }
        if gone.contains(&(process, key)) {
            wrong.push(format!("{process} did {id} after another process had begun with its key"));
        }
    }
    wrong
}

#[test]
fn disorder_is_found() {
    let entry = |what, id, process| Entry { what, id, attempt: 1, delivery: 1, process };
    let (first, second) = (KEYS, 2 * KEYS);
    let orderly = [
        entry(What::Begun, first, 1),
        entry(What::Begun, first, 1),
        entry(What::Done, first, 1),
        entry(What::Begun, second, 1),
        entry(What::Begun, first, 2),
        entry(What::Done, first, 2),
        entry(What::Begun, second, 2),
        entry(What::Done, second, 2),
    ];

    assert_eq!(out_of_order(&orderly), [] as [String; 0]);
    assert_eq!(out_of_order(&[entry(What::Begun, second, 1), entry(What::Begun, first, 1)]).len(), 2);
    let mut late = orderly.to_vec();
    late.push(entry(What::Done, second, 1));
    assert_eq!(out_of_order(&late).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_key_keep_their_order_through_redelivery_and_a_rolling_restart() -> Outcome {
    let _alone = ALONE.lock().await;
    let site = Site::new().await?;
    let orders = Orders { concurrency: 64, prefetch: 64, ordered: true, max_attempts: 20, ..site.orders() };
    for id in 1..=JOBS_IN_ALL {
        let deeds = match id % 7 {
            0 => vec![Deed::Fail, Deed::Fail, Deed::Complete],
            1 => vec![Deed::Panic, Deed::Work(3)],
            2 => vec![Deed::Work(10)],
            _ => vec![Deed::Complete],
        };
        let job = Job { key: format!("key-{}", id % KEYS), ..Job::new(id, deeds) };
        site.bus.publish(&job).await?;
    }

    let mut instances = vec![Worker::ready(&orders).await?, Worker::ready(&orders).await?];
    for part in 1..=3_usize {
        until("some more jobs", async || Ok((site.journal.done()?.len() >= part * 300).then_some(()))).await?;
        // The one that is at work goes; the second that does dies without warning.
        let active = until("one of them at work", async || {
            let active = site.journal.read()?.last().ok_or("nothing was done")?.process;
            Ok(instances.iter().position(|worker| worker.process().id() == active))
        })
        .await?;
        let old = instances.swap_remove(active);
        instances.push(Worker::ready(&orders).await?);
        if part == 2 {
            old.process().kill();
        } else {
            old.process().terminate()?;
            assert!(old.ended().await?.success());
        }
    }
    let stream = site.stream(&JOBS).await?;
    let ended = until("the end of all jobs", async || settled(&stream, "worker").await).await;

    let entries = site.journal.read()?;
    let wrong = out_of_order(&entries);
    assert!(
        wrong.is_empty(),
        "{} of {} entries:\n{}",
        wrong.len(),
        entries.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    ended?;
    let done: BTreeSet<u64> = site.journal.done()?.iter().map(|entry| entry.id).collect();
    assert!(done.into_iter().eq(1..=JOBS_IN_ALL));
    let processes: BTreeSet<u32> = entries.iter().map(|entry| entry.process).collect();
    assert!(processes.len() >= 4, "{processes:?} did all, and the restart came too late");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_lost_with_the_connection_is_not_overtaken_by_the_next_of_its_key() -> Outcome {
    let site = Site::new().await?;
    let orders = Orders { ordered: true, ack_wait_ms: 2_000, ..site.orders() };
    let job = |id| Job { key: "key".to_owned(), ..Job::new(id, [Deed::Complete]) };
    let is_lost = |frame: &Frame| frame.delivers().is_some_and(|it| (it.sequence, it.attempt) == (2, 1));
    site.proxy.rule(move |frame| if is_lost(frame) { Verdict::Cut } else { Verdict::Forward });
    let mut worker = Worker::ready(&orders).await?;
    site.bus.publish(&job(1)).await?;
    worker.says("DONE 1").await?;

    let before = site.proxy.connections();
    site.bus.publish(&job(2)).await?;
    timeout(PATIENCE, site.proxy.connected(before + 1)).await?;
    site.bus.publish(&job(3)).await?;
    let stream = site.stream(&JOBS).await?;
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;

    let done: Vec<_> = site.journal.done()?.into_iter().map(|entry| (entry.id, entry.attempt)).collect();
    assert_eq!(done, [(1, 1), (2, 1), (3, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nakked_to_see_who_has_it_is_not_overtaken_however_long_that_takes() -> Outcome {
    const NAKKED: u64 = 8;
    const ALL: u64 = 12;
    let site = Site::new().await?;
    let orders = Orders { ordered: true, ack_wait_ms: 10_000, prefetch: 16, ..site.orders() };
    let publish = async |ids: RangeInclusive<u64>| -> Outcome {
        for id in ids {
            let deed = if id == 1 { Deed::Work(1_500) } else { Deed::Complete };
            site.bus.publish(&Job { key: "key".to_owned(), ..Job::new(id, [deed]) }).await?;
        }
        Ok(())
    };
    publish(1..=NAKKED).await?;
    let old = Worker::ready(&orders).await?;
    until("the first job", async || Ok((!site.journal.read()?.is_empty()).then_some(()))).await?;
    let _new = Worker::ready(&orders).await?;

    // What the old one did not begin it naks. From then on it takes seconds to note that something was not run.
    let (nakked, mut nakking) = watch::channel(0);
    site.proxy.rule(move |frame| {
        let has_nakked = *nakked.borrow() >= NAKKED - 1;
        if frame.word_about().is_some() && frame.payload.starts_with(b"-NAK") {
            nakked.send_modify(|count| *count += 1);
        }
        let is_note = frame.subject.contains("._runs.") || frame.subject.ends_with(".STREAM.MSG.GET.LETTERS");
        let is_slow = *nakked.borrow() < 2 * (NAKKED - 1);
        if frame.from == End::Client && has_nakked && is_slow && is_note { Verdict::Drop } else { Verdict::Forward }
    });
    old.process().terminate()?;
    timeout(PATIENCE, nakking.wait_for(|nakked| *nakked >= NAKKED - 1)).await??;
    publish(NAKKED + 1..=ALL).await?;
    assert!(old.ended().await?.success());
    let stream = site.stream(&JOBS).await?;
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;

    assert!(*nakking.borrow() >= 2 * (NAKKED - 1), "the new one did not ask whether others have what it got");
    let done: Vec<u64> = site.journal.done()?.into_iter().map(|entry| entry.id).collect();
    assert!(done.iter().copied().eq(1..=ALL), "{done:?}");
    Ok(())
}
