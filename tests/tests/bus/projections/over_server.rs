//! What only a server shows: connections that end at any frame, streams that are made anew, messages that nobody of ours writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use eventsmith::Bus;
use eventsmith::admin::BusAdmin;
use eventsmith::state::{Documents, OnPoison, Projection, ProjectionConfig, ProjectionError, Projections};
use eventsmith::testing::NatsServer;
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};

use super::common::*;
use crate::common::*;
use crate::malformed::publish_raw;

const MOVED: &str = "rules.domain.rule.moved";

#[tokio::test]
async fn messages_that_nobody_can_read_do_not_keep_the_rest() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    publish(&bus, "a", [1]).await?;
    for (number, head) in (2..).zip([
        &b"NATS/1.0\r\nno colon\r\n\r\n"[..],
        b"NATS/1.0\r\na: 1\r2\r\n\r\n",
        b"NATS/1.0\r\nEventsmith-Type: rule.moved\r\n\xff: 1\r\n\r\n",
    ]) {
        publish_raw(&server, MOVED, head, b"{}").await?;
        publish(&bus, "a", [number]).await?;
    }
    publish_raw(&server, MOVED, b"", b"not even JSON").await?;
    // An event that was replayed for a consumer is the same event once more.
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let original = context.get_stream("RULES").await?.get_raw_message(1).await?;
    let mut headers = HeaderMap::new();
    headers.insert("Eventsmith-Replay-Of", "RULES_DEAD_LETTERS:1");
    headers.insert("Eventsmith-Only", "promotions");
    context.publish_with_headers(MOVED, headers, original.payload.clone()).await?.await?;
    // What others publish without our headers counts by its envelope.
    context.publish(MOVED, original.payload).await?.await?;
    publish(&bus, "a", [5]).await?;

    totals(1).catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "a").await?, [1, 2, 3, 4, 1, 5]);
    let told = status(&bus, "1-1").await?;
    assert_eq!((told.skipped, told.last_skipped.map(|skipped| skipped.sequence)), (4, Some(8)));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_named() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    publish(&bus, "a", 1..=3).await?;
    let running = Projecting::start(totals(1), &bus);
    eventually(async || Ok(numbers(&bus, "a").await.is_ok_and(|numbers| numbers.len() == 3))).await?;

    // While it runs, it finds out by itself.
    context.delete_stream("RULES").await?;
    bus.provision(&[STREAM]).await?;
    publish(&bus, "a", 10..=20).await?;
    let while_it_runs = running.end().await?;
    let when_it_begins = totals(1).catch_up(&bus).await.unwrap_err();
    totals(2).catch_up(&bus).await?;
    let anew = numbers(&bus, "a").await?;
    context.delete_stream("RULES").await?;
    let gone = totals(2).catch_up(&bus).await.unwrap_err();

    let is_named = |error: &ProjectionError| matches!(error, ProjectionError::Recreated { stream, position: 3, .. } if stream == "RULES");
    // It may look when there is none.
    assert!(is_named(&while_it_runs) || matches!(while_it_runs, ProjectionError::NoStream { .. }), "{while_it_runs}");
    assert!(is_named(&when_it_begins), "{when_it_begins}");
    assert_eq!(anew, (10..=20).collect::<Vec<_>>());
    assert!(matches!(gone, ProjectionError::NoStream { .. }), "{gone}");
    Ok(())
}

#[tokio::test]
async fn documents_that_are_gone_are_named() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    let running = Projecting::start(totals(1), &bus);
    publish(&bus, "a", [4]).await?;
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 4)).await?;

    // As when it lay in memory, or was restored from an older backup.
    context.delete_stream("KV_TOTALS").await?;
    provisioned(&bus).await?;
    publish(&bus, "a", [5]).await?;
    let while_it_runs = running.end().await?;
    let when_it_begins = totals(1).catch_up(&bus).await.unwrap_err();
    totals(2).catch_up(&bus).await?;

    for error in [while_it_runs, when_it_begins] {
        assert!(matches!(error, ProjectionError::LostDocuments { bucket: "TOTALS", .. }), "{error}");
    }
    assert_eq!(numbers(&bus, "a").await?, [1, 2, 3, 4, 5]);
    Ok(())
}

/// A document that grows beyond what a message may have.
#[tokio::test]
async fn an_event_that_makes_a_document_too_large_is_left_out_or_stops_by_name() -> Outcome {
    const HUGE: u32 = 7;
    let (_server, bus) = server().await?;
    provisioned(&bus).await?;
    let growing = |revision: u32, config: ProjectionConfig| {
        let add = |total: &mut Option<Total>, event: &eventsmith::Received<Moved>| {
            let count = if event.number == HUGE { 1_000_000 } else { 1 };
            total.get_or_insert_default().numbers.extend(std::iter::repeat_n(event.number, count));
            Ok(())
        };
        Projection::in_bucket::<Total>("totals", revision).config(config).on(|event: &Moved| [event.key.clone()], add)
    };
    publish(&bus, "a", [1, HUGE, 2]).await?;
    publish(&bus, "b", [3]).await?;

    growing(1, hasty()).catch_up(&bus).await?;
    let told = status(&bus, "1-1").await?;
    let stopped =
        growing(2, ProjectionConfig { on_poison: OnPoison::Stop, ..hasty() }).catch_up(&bus).await.unwrap_err();

    assert_eq!((numbers(&bus, "a").await?, numbers(&bus, "b").await?), (vec![1, 2], vec![3]));
    assert_eq!((told.skipped, told.projected), (1, 3));
    assert!(
        told.last_skipped.is_some_and(|skipped| skipped.sequence == 2 && skipped.reason.contains("cannot be stored"))
    );
    assert!(matches!(&stopped, ProjectionError::Event { sequence: 2, .. }), "{stopped}");
    Ok(())
}

/// As after a backup was restored that lacks the newest messages.
#[tokio::test]
async fn a_stream_that_ends_before_what_was_read_is_named() -> Outcome {
    let (_server, bus) = server().await?;
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    let ledger = bus.raw_bucket("EVENTSMITH_PROJECTIONS");
    let kept = ledger.get("totals.1-1.checkpoint").await?.ok_or("there is no checkpoint")?.value.map_err(|_| "gone")?;
    let beyond = String::from_utf8(kept.to_vec())?.replace("\"sequence\":3", "\"sequence\":9");
    ledger.put("totals.1-1.checkpoint", "eventsmith.projection", 1, beyond.into()).await?;

    let error = totals(1).catch_up(&bus).await.unwrap_err();
    ledger.put("totals.1-1.checkpoint", "eventsmith.projection", 1, "{}".into()).await?;
    let unreadable = totals(1).catch_up(&bus).await.unwrap_err();

    assert!(matches!(&error, ProjectionError::BeyondEnd { position: 9, last: 3, .. }), "{error}");
    assert!(
        matches!(&unreadable, ProjectionError::Ledger { key, .. } if key == "totals.1-1.checkpoint"),
        "{unreadable}"
    );
    Ok(())
}

/// As [`totals`], but nobody waits long for an instance that died.
fn impatient(revision: u32) -> Projection<Documents<Total>> {
    totals(revision).config(ProjectionConfig { lease: Duration::from_millis(120), ..hasty() })
}

/// Which write of a projection a process dies at, and whether the server has it.
fn dies_at(frame: &Frame, written: &AtomicU32, write: u32, reaches: bool) -> Option<Verdict> {
    let is_write = frame.from == End::Client && frame.subject.starts_with("$KV.");
    if !is_write || written.fetch_add(1, SeqCst) != write {
        return None;
    }
    Some(if reaches { Verdict::CutAfter } else { Verdict::Cut })
}

/// The process dies at every write that it makes, from the first lease to the last checkpoint, over builds, resumes and switches.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_a_process_dies_at_nothing_is_lost_doubled_or_half_built() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let proxy = Arc::new(Proxy::start(server.port()).await?);
    let mut expected = Vec::new();
    let mut died = 0;
    for round in 0..rounds()? {
        let (write, reaches) = (round / 2 % 16, round % 2 == 1);
        let revision = 1 + round / 32;
        let number = 1 + expected.len() as u32;
        publish(&bus, "a", number..number + 3).await?;
        expected.extend(number..number + 3);
        publish(&bus, &format!("k{}", round % 7), [number]).await?;
        let through = Bus::connect(config(proxy.url())).await?;
        let running = Projecting::start(impatient(revision), &through);
        let (written, kill) = (AtomicU32::new(0), running.killer());
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = std::sync::Mutex::new(Some(tell));
        proxy.rule(move |frame| match dies_at(frame, &written, write, reaches) {
            Some(verdict) => {
                kill.abort();
                tell.lock().unwrap().take().map(|tell| tell.send(()));
                verdict
            }
            None => Verdict::Forward,
        });
        // Later writes come with later events.
        let mut told = Box::pin(told);
        let mut more = 1;
        while tokio::time::timeout(Duration::from_millis(30), &mut told).await.is_err() {
            publish(&bus, &format!("more{round}"), [more]).await?;
            more += 1;
        }
        died += 1;
        running.kill().await;
        proxy.forward_all();

        // What readers have is whole: each document is what a part of its events makes, in their order.
        if let Ok(view) = model(&bus).view().await {
            for key in view.keys(">").await? {
                let total = view.get(&key).await?.ok_or("there is none")?.into_value();
                assert!(
                    total.numbers.is_sorted()
                        && total.sum == total.numbers.iter().map(|number| u64::from(*number)).sum::<u64>()
                );
            }
            let of_a = view.get("a").await?.map(|total| total.into_value().numbers).unwrap_or_default();
            assert_eq!(of_a, expected[..of_a.len()]);
        }
        if round % 8 == 7 {
            impatient(revision).catch_up(&bus).await?;
            assert_eq!(numbers(&bus, "a").await?, expected, "in round {round}");
        }
    }
    let last = 1 + (rounds()? - 1) / 32;
    totals(last).catch_up(&bus).await?;
    assert_eq!(numbers(&bus, "a").await?, expected);
    assert_eq!(died, rounds()?);
    assert_eq!(Projections::of(&bus).get("totals").await?.serving.map(|generation| generation.revision), Some(last));
    Ok(())
}

/// 64, or as many as the environment says.
fn rounds() -> Outcome<u32> {
    match std::env::var("PROJECTION_KILL_ROUNDS") {
        Ok(text) => Ok(text.parse().map_err(|error| format!("PROJECTION_KILL_ROUNDS: {text:?}: {error}"))?),
        Err(_) => Ok(64),
    }
}

/// Connections end at random frames of the server's and of the client's, and the server is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_and_a_server_that_fail_delay_and_change_nothing() -> Outcome {
    let mut server = NatsServer::start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    bus.provision(&[STREAM]).await?;
    provisioned(&bus).await?;
    let proxy = Proxy::start(server.port()).await?;
    let through = Bus::connect(config(proxy.url())).await?;
    let frames = AtomicU32::new(0);
    proxy.rule(move |frame| match frames.fetch_add(1, SeqCst) % 97 {
        96 if frame.from == End::Client => Verdict::Cut,
        96 => Verdict::CutAfter,
        _ => Verdict::Forward,
    });
    let running = Projecting::start(totals(1), &through);
    for round in 0..20 {
        publish(&bus, "a", round * 10 + 1..round * 10 + 11).await?;
    }
    eventually(async || Ok(numbers(&bus, "a").await.is_ok_and(|numbers| numbers.len() == 200))).await?;
    proxy.forward_all();
    server.kill()?;
    server.start_again().await?;
    publish(&bus, "a", 201..=210).await?;
    eventually(async || Ok(numbers(&bus, "a").await.is_ok_and(|numbers| numbers.len() == 210))).await?;
    running.stop().await?;

    assert_eq!(numbers(&bus, "a").await?, (1..=210).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn strays_among_the_events_of_an_aggregate_are_left_out() -> Outcome {
    use crate::aggregates::common::{Foreign, Paid, accounts, open, pay};

    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    pay(&accounts, "a1", 1).await?;
    bus.publish(&Foreign { account: "a1".to_owned() }).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let copied = context.get_stream("ACCOUNTS").await?.get_raw_message(2).await?;
    context.publish(copied.subject, copied.payload).await?.await?;
    pay(&accounts, "a1", 2).await?;
    let projection = totals(1).on(
        |event: &Paid| [event.account.clone()],
        |total: &mut Option<Total>, event: &eventsmith::Received<Paid>| {
            total.get_or_insert_default().numbers.push(u32::try_from(event.amount)?);
            Ok(())
        },
    );

    projection.catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "a1").await?, [1, 2]);
    let told = status(&bus, "1-1").await?;
    assert_eq!(told.skipped, 2);
    assert!(told.last_skipped.is_some_and(|skipped| skipped.reason.contains("no event of the history")));
    Ok(())
}

#[tokio::test]
async fn of_read_models_that_are_dropped_nothing_is_left() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    publish(&bus, "b", [1, REMOVES]).await?;
    for revision in 1..=3 {
        totals(revision).catch_up(&bus).await?;
    }
    // Whoever makes what serves drops what is older than the one before.
    totals(3).catch_up(&bus).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let left = async |stream: &str, subjects: &str| -> Outcome<usize> {
        let info = context.get_stream(stream).await?.info_with_subjects(subjects).await?;
        Ok(futures_util::StreamExt::count(info).await)
    };

    assert_eq!(left("KV_TOTALS", "$KV.TOTALS.totals.1-1.>").await?, 0);
    assert_eq!(left("KV_EVENTSMITH_PROJECTIONS", "$KV.EVENTSMITH_PROJECTIONS.totals.1-1.>").await?, 0);
    assert!(left("KV_TOTALS", "$KV.TOTALS.totals.2-1.>").await? > 0);
    assert_eq!(numbers(&bus, "a").await?, [1, 2, 3]);
    Ok(())
}

/// By its own lease, and not by what others have.
#[tokio::test]
async fn a_holder_that_is_silent_for_longer_than_its_lease_is_gone() -> Outcome {
    let (_server, bus) = server().await?;
    provisioned(&bus).await?;
    let (short, long) = (Duration::from_millis(600), Duration::from_secs(30));
    let holder =
        async || -> Outcome<Option<String>> { Ok(Projections::of(&bus).get("totals").await?.models.remove(0).holder) };
    for (lease, is_gone) in [(short, true), (long, false)] {
        let running = Projecting::start(totals(1).config(ProjectionConfig { lease, ..hasty() }), &bus);
        eventually(async || {
            Ok(matches!(Projections::of(&bus).get("totals").await, Ok(report) if report.serving.is_some())
                && holder().await?.is_some())
        })
        .await?;
        running.kill().await;

        match is_gone {
            true => eventually(async || Ok(holder().await?.is_none())).await?,
            false => assert!(holder().await?.is_some()),
        }
    }
    Ok(())
}
