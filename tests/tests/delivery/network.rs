//! A network that loses things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull};
use eventsmith::admin::BusAdmin;
use eventsmith::config::ConsumerConfig;
use eventsmith::{Bus, Config, ConsumeError, Event, Expect, PublishError, PublishOptions, Received};
use eventsmith_tests::job::{Deed, JOBS, Job, LETTERS, Orders, What};
use eventsmith_tests::proxy::{Frame, Proxy, Verdict};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::common::*;
use crate::kills::ledger::{Ledger, buried};
use crate::worker::Worker;

/// A bus that waits briefly for acknowledgements.
async fn impatient(url: String) -> Outcome<Bus> {
    Ok(Bus::connect(Config { ack_timeout: Duration::from_millis(200), ..config(url) }).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_publish_ack_stores_nothing_twice() -> Outcome {
    let site = Site::new().await?;
    let bus = impatient(site.proxy.url()).await?;
    let dropped = Arc::new(Mutex::new(BTreeSet::new()));
    let first = Arc::clone(&dropped);
    site.proxy.rule(move |frame| match stored_as(frame) {
        Some(sequence) if first.lock().unwrap().insert(sequence) => Verdict::Drop,
        _ => Verdict::Forward,
    });

    let jobs: Vec<_> = (1..=40).map(|id| Job::new(id, [Deed::Complete])).collect();
    let mut results = vec![bus.publish(&jobs[0]).await, bus.publish(&jobs[1]).await];
    results.extend(eventsmith_tests::results(bus.publish_all(&jobs[2..]).await));

    for (number, result) in (1..).zip(results) {
        let published = result?;
        assert!(published.sequence == number && published.duplicate, "{number}: {published:?}");
    }
    assert_eq!(stored(&site.stream(&JOBS).await?).await?, (1..=40).map(|id| (id, 1)).collect::<BTreeMap<_, _>>());
    assert_eq!(dropped.lock().unwrap().len(), 40);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_ack_is_lost_is_redelivered_and_not_handled_again() -> Outcome {
    let site = Site::new().await?;
    site.proxy.rule(|frame| match frame.word_about() {
        Some(about) if frame.payload == b"+ACK" && about.attempt == 1 && about.sequence % 2 == 0 => Verdict::Drop,
        _ => Verdict::Forward,
    });
    let _worker = Worker::ready(&site.orders()).await?;

    for id in 1..=20 {
        site.bus.publish(&Job::new(id, [Deed::Complete])).await?;
    }
    let stream = site.stream(&JOBS).await?;
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;

    let mut attempts = BTreeMap::<u64, Vec<u64>>::new();
    for entry in site.journal.done()? {
        attempts.entry(entry.id).or_default().push(entry.attempt);
    }
    assert_eq!(attempts, (1..=20).map(|id| (id, vec![1])).collect(), "an event was handled again");
    assert!(stream.consumer_info("worker").await?.delivered.consumer_sequence >= 30, "nothing was delivered again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_all_the_time_lose_nothing_and_dead_letter_nothing_twice() -> Outcome {
    let site = Site::new().await?;
    let before_publisher = Proxy::start(site.server.port()).await?;
    let ledger = Arc::new(Ledger::new(Duration::from_millis(site.orders().ack_wait_ms)));
    let bus = impatient(before_publisher.url()).await?;
    let _worker = Worker::ready(&site.orders()).await?;
    // Every so many frames, so that it hits all kinds in turn; a prime, so that it keeps step with none of them.
    let cuts_every = |period: u64, count: AtomicU64| {
        move |_: &Frame| match count.fetch_add(1, SeqCst) + 1 {
            count if count % (2 * period) == 0 => Verdict::CutAfter,
            count if count % period == 0 => Verdict::Cut,
            _ => Verdict::Forward,
        }
    };
    before_publisher.rule(cuts_every(61, AtomicU64::new(0)));
    let (book, cut) = (Arc::clone(&ledger), cuts_every(101, AtomicU64::new(0)));
    site.proxy.rule(move |frame| {
        let verdict = cut(frame);
        book.note(frame, verdict);
        verdict
    });

    // One at a time, so that a job's number is its number in the stream.
    let jobs: Vec<_> = (1..=300_u64)
        .map(|id| match id % 10 {
            0 => Job::new(id, [Deed::Reject]),
            1 => Job::new(id, [Deed::Fail]),
            2 => Job::new(id, [Deed::Panic, Deed::Complete]),
            3 => Job::new(id, [Deed::Fail, Deed::Work(5)]),
            _ => Job::new(id, [Deed::Work(1)]),
        })
        .collect();
    for job in &jobs {
        assert_eq!(bus.publish(job).await?.sequence, job.id);
    }
    let (stream, letters) = (site.stream(&JOBS).await?, site.stream(&LETTERS).await?);
    let ended = until("the end of all jobs", async || settled(&stream, "worker").await).await;
    let (publisher, worker) = (before_publisher.connections(), site.proxy.connections());

    let wrong = ledger.audit(&jobs, &site.journal.read()?, &buried(&letters).await?, site.orders().max_attempts);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    ended?;
    assert_eq!(stored(&stream).await?.into_values().max(), Some(1));
    assert!(publisher > 5 && worker > 5, "few cuts: {publisher} and {worker} connections");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_progress_acks_that_are_lost_do_not_run_a_handler_twice_at_once() -> Outcome {
    let site = Site::new().await?;
    site.proxy.rule(|frame| match frame.word_about() {
        Some(about) if frame.payload == b"+WPI" && about.attempt == 1 => Verdict::Drop,
        _ => Verdict::Forward,
    });
    let mut worker = Worker::ready(&site.orders()).await?;

    site.bus.publish(&Job::new(1, [Deed::Work(1_000)])).await?;
    worker.says("DONE").await?;
    let stream = site.stream(&JOBS).await?;
    until("the end of the job", async || settled(&stream, "worker").await).await?;

    // The first run was dropped with its lease: otherwise it would have been done, too.
    let entries: Vec<_> = site.journal.read()?.into_iter().map(|entry| (entry.what, entry.attempt)).collect();
    assert_eq!(entries, [(What::Begun, 1), (What::Begun, 2), (What::Done, 2)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_cut_off_for_a_while_goes_on_where_it_was() -> Outcome {
    let site = Site::new().await?;
    let bus = Bus::connect(config(site.proxy.url())).await?;
    let done = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&done);
    let consumer = bus.consumer("worker").config(quick()).on(move |job: Received<Job>| {
        book.lock().unwrap().push(job.id);
        async { Ok(()) }
    });
    let consumer = Running::start(consumer);
    let publish = async |ids: std::ops::RangeInclusive<u64>| -> Outcome {
        for id in ids {
            site.bus.publish(&Job::new(id, [Deed::Complete])).await?;
        }
        Ok(())
    };
    let done_in_all = async |count: usize| {
        let enough = || Ok((done.lock().unwrap().len() >= count).then_some(()));
        until(&format!("{count} jobs"), async || enough()).await
    };

    publish(1..=10).await?;
    done_in_all(10).await?;
    let stream = site.stream(&JOBS).await?;
    until("the acknowledgements", async || settled(&stream, "worker").await).await?;
    site.proxy.refuse(true);
    site.proxy.cut();
    publish(11..=20).await?;
    site.proxy.refuse(false);
    // Whoever took its requests for messages for still standing would notice only after two missed heartbeats, 11 s.
    timeout(Duration::from_secs(6), done_in_all(20)).await??;
    let summary = consumer.stop().await?;

    let mut done = done.lock().unwrap().clone();
    done.sort_unstable();
    assert_eq!(done, (1..=20).collect::<Vec<_>>());
    assert_eq!(summary.handled, 20);
    Ok(())
}

/// A consumer that runs one job, and loses its connection meanwhile. The job ends before there is one again.
async fn job_that_ends_without_a_connection(site: &Site) -> Outcome<Running> {
    let bus = Bus::connect(config(site.proxy.url())).await?;
    let (begun, mut has_begun) = mpsc::channel(1);
    let (end, may_end) = watch::channel(false);
    let (ended, mut has_ended) = mpsc::channel(1);
    // What is not acked is redelivered long after the test.
    let config = ConsumerConfig { ack_wait: Duration::from_secs(300), ..quick() };
    let consumer = bus.consumer("worker").config(config).on(move |_: Received<Job>| {
        let (begun, mut may_end, ended) = (begun.clone(), may_end.clone(), ended.clone());
        async move {
            let _ = begun.send(()).await;
            let _ = may_end.wait_for(|may_end| *may_end).await;
            let _ = ended.send(()).await;
            Ok(())
        }
    });
    let consumer = Running::start(consumer);
    site.bus.publish(&Job::new(1, [Deed::Complete])).await?;
    timeout(PATIENCE, has_begun.recv()).await?.ok_or("no run")?;
    site.proxy.refuse(true);
    site.proxy.cut();
    // Whoever gets no answer has no connection, and knows that.
    let is_silent = async || timeout(Duration::from_millis(300), bus.transport().streams_of("x")).await.is_err();
    until("the loss", async || Ok(is_silent().await.then_some(()))).await?;
    end.send_replace(true);
    timeout(PATIENCE, has_ended.recv()).await?.ok_or("no end")?;
    Ok(consumer)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_handled_without_a_connection_is_acked_over_the_next() -> Outcome {
    let site = Site::new().await?;
    let consumer = job_that_ends_without_a_connection(&site).await?;

    site.proxy.refuse(false);
    let stream = site.stream(&JOBS).await?;
    until("the acknowledgement", async || settled(&stream, "worker").await).await?;

    assert_eq!(stream.consumer_info("worker").await?.delivered.consumer_sequence, 1);
    assert_eq!(consumer.stop().await?.handled, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_of_the_messages_of_a_stream_that_was_made_anew_without_a_connection() -> Outcome {
    let site = Site::new().await?;
    let consumer = job_that_ends_without_a_connection(&site).await?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&said);
    site.proxy.rule(move |frame| {
        book.lock().unwrap().extend(frame.word_about().map(|about| (about.sequence, frame.payload.to_vec())));
        Verdict::Forward
    });

    let old = site.stream(&JOBS).await?.consumer_info("worker").await?.config;
    let context = jetstream::new(async_nats::connect(site.server.url()).await?);
    context.delete_stream(JOBS.name).await?;
    site.bus.provision(&[JOBS]).await?;
    let anew = context.get_stream(JOBS.name).await?;
    anew.create_consumer(pull::Config {
        durable_name: old.durable_name,
        ack_wait: old.ack_wait,
        filter_subjects: old.filter_subjects,
        ..pull::Config::default()
    })
    .await?;
    assert_eq!(site.bus.publish(&Job::new(2, [Deed::Complete])).await?.sequence, 1);
    site.proxy.refuse(false);
    let outcome = consumer.end().await?;

    assert!(matches!(outcome, Err(ConsumeError::Gone { .. })), "{outcome:?}");
    assert_eq!(*said.lock().unwrap(), []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_acknowledgement_is_lost_is_found_to_be_ones_own() -> Outcome {
    let site = Site::new().await?;
    let bus = impatient(site.proxy.url()).await?;
    let is_dropped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&is_dropped);
    site.proxy.rule(move |frame| match stored_as(frame) {
        Some(1) if count.fetch_add(1, SeqCst) == 0 => Verdict::Drop,
        _ => Verdict::Forward,
    });
    let append = |id, expect| {
        let options = PublishOptions { expect: Some(expect), ..PublishOptions::default() };
        let (bus, job) = (bus.clone(), Job::new(id, [Deed::Complete]));
        async move { bus.publish_with(&job, options).await }
    };

    let first = append(1, Expect::LastSequence(0)).await?;
    let other = append(2, Expect::LastSequence(0)).await.unwrap_err();

    assert_eq!((first.sequence, first.duplicate, is_dropped.load(SeqCst)), (1, true, 1));
    assert!(matches!(other, PublishError::WrongSequence { last: 1, .. }), "{other}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_is_given_no_batches() -> Outcome {
    let site = Site::new().await?;
    site.proxy.pretend_version("2.11.9");
    let bus = impatient(site.proxy.url()).await?;
    let batch = bus.batch().and(&Job::new(1, [Deed::Complete]))?.and(&Job::new(2, [Deed::Complete]))?;

    let error = bus.publish_atomic(&batch).await.unwrap_err();

    assert!(matches!(&error, PublishError::AtomicUnsupported { server } if server == "2.11.9"), "{error}");
    assert!(error.to_string().contains("2.12.1"), "{error}");
    assert_eq!(stored(&site.stream(&JOBS).await?).await?.len(), 0);
    Ok(())
}

/// What the proxy saw pass.
#[derive(Default)]
struct Seen {
    delivered: bool,
    leaving: bool,
    published: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_on_its_way_to_one_who_leaves_comes_to_a_replacement_at_once() -> Outcome {
    let site = Site::new().await?;
    let url = site.proxy.url();
    // What is not nakked is redelivered long after the test.
    let config_of_consumer = ConsumerConfig { ack_wait: Duration::from_secs(300), ..quick() };
    let bus = Bus::connect(config(url)).await?;
    let consumer = |bus: &Bus| {
        let (tell, told) = mpsc::unbounded_channel();
        let handler = move |event: Received<Job>| {
            let tell = tell.clone();
            async move { Ok(tell.send((event.id, event.attempt()))?) }
        };
        (Running::start(bus.consumer("worker").config(config_of_consumer.clone()).on(handler)), told)
    };
    let stream = site.stream(&JOBS).await?;
    let (leaving, mut told) = consumer(&bus);
    for id in 1..=40 {
        if id == 21 {
            // The server begins to count anew, the client does not.
            site.proxy.refuse(true);
            site.proxy.cut();
            until("the end of all pull requests", async || {
                Ok((stream.consumer_info("worker").await?.num_waiting == 0).then_some(()))
            })
            .await?;
            site.proxy.refuse(false);
        }
        site.bus.publish(&Job::new(id, [Deed::Complete])).await?;
        assert_eq!(timeout(PATIENCE, told.recv()).await?, Some((id, 1)));
    }
    let seen = watch::Sender::new(Seen::default());
    let (see, mut saw) = (seen.clone(), seen.subscribe());
    site.proxy.rule(move |frame| {
        let delivers = frame.delivers().is_some();
        see.send_modify(|seen| match frame.verb {
            "UNSUB" => seen.leaving = true,
            "HPUB" if frame.subject == Job::SUBJECT => seen.published = true,
            _ => seen.delivered |= delivers,
        });
        if delivers { Verdict::Hold } else { Verdict::Forward }
    });
    site.bus.publish(&Job::new(41, [Deed::Complete])).await?;
    timeout(PATIENCE, saw.wait_for(|seen| seen.delivered)).await??;
    let publishing = async {
        // The client does other things, too, and may forget what it need not know any more.
        timeout(PATIENCE, seen.subscribe().wait_for(|seen| seen.leaving)).await??;
        Ok(bus.publish(&Job::new(42, [Deed::Complete])).await?)
    };
    let releasing = async {
        timeout(PATIENCE, saw.wait_for(|seen| seen.published)).await??;
        site.proxy.forward_all();
        site.proxy.release();
        Ok(())
    };
    let (summary, ..) = tokio::try_join!(leaving.stop(), publishing, releasing)?;
    assert_eq!(summary.handled, 40);
    assert!(summary.released > 0, "what was on its way is lost");

    let (replacement, mut told) = consumer(&site.bus);
    let heard = [timeout(PATIENCE, told.recv()).await?, timeout(PATIENCE, told.recv()).await?];
    assert!(heard.contains(&Some((41, 1))), "{heard:?}");
    assert_eq!(replacement.stop().await?.handled, 2);
    Ok(())
}

/// Nobody counts the time of a process that is stopped, its own timers the least.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_for_longer_than_its_leases_begins_nothing_that_others_have() -> Outcome {
    let site = Site::new().await?;
    let orders = Orders { ack_wait_ms: 2_000, concurrency: 2, prefetch: 40, ..site.orders() };
    let mut stopped = Worker::ready(&orders).await?;
    for id in 1..=60 {
        site.bus.publish(&Job::new(id, [Deed::Work(50)])).await?;
    }
    let stream = site.stream(&JOBS).await?;
    until("some jobs", async || Ok((site.journal.done()?.len() >= 4).then_some(()))).await?;

    stopped.process().signal("STOP")?;
    let _other = Worker::ready(&orders).await?;
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;
    stopped.process().signal("CONT")?;
    // It hears the server again, and does what comes.
    let before = site.journal.read()?.len();
    let by_stopped = || -> Outcome<bool> {
        Ok(site.journal.read()?[before..].iter().any(|entry| entry.process == stopped.process().id() && entry.id > 60))
    };
    for id in 61.. {
        if by_stopped()? {
            break;
        }
        site.bus.publish(&Job::new(id, [Deed::Work(50)])).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until("the end of all jobs", async || settled(&stream, "worker").await).await?;
    stopped.process().terminate()?;
    stopped.says("STOPPED").await?;

    let mut done = BTreeMap::<u64, usize>::new();
    site.journal.done()?.iter().for_each(|entry| *done.entry(entry.id).or_default() += 1);
    assert!(done.keys().copied().take(60).eq(1..=60), "{done:?}");
    assert!(done.values().all(|times| *times == 1), "done twice: {done:?}");
    let begun = site.journal.read()?.split_off(before);
    let stale: Vec<_> = begun.iter().filter(|entry| entry.id <= 60).collect();
    assert!(stale.is_empty(), "begun by the stopped process when others had done it: {stale:?}");
    Ok(())
}
