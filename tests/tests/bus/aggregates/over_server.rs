//! What only a server shows: messages as nobody of ours writes them, acknowledgements that are lost, older servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream;
use eventsmith::admin::{BusAdmin, Effect};
use eventsmith::state::{Aggregates, ExecuteError, ExecuteOptions, StateError};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, PublishError};
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};

use super::common::*;
use super::snapshots::{Every10, pay_each, provisioned};
use crate::common::*;
use crate::malformed::publish_raw;

const PAID: &str = "bank.domain.account.paid.a1";

/// Publishes a message with headers as nobody of ours writes them.
async fn forge(server: &NatsServer, headers: &[(&str, &str)], payload: &str) -> Outcome {
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let mut all = HeaderMap::new();
    headers.iter().for_each(|(name, value)| all.insert(*name, *value));
    context.publish_with_headers(PAID, all, payload.to_owned().into()).await?.await?;
    Ok(())
}

/// What an event of ours looks like.
fn envelope(event_type: &str, data: &str) -> String {
    format!(
        r#"{{"id":"f-1","type":"{event_type}","source":"cron","subject":"{PAID}","time":"2026-11-23T10:00:00Z","version":"1","data":{data}}}"#
    )
}

#[tokio::test]
async fn headers_that_no_client_can_read_make_no_aggregate_unreadable() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    for head in [
        &b"NATS/1.0\r\nno colon\r\n\r\n"[..],
        b"NATS/1.0\r\na: 1\r2\r\n\r\n",
        b"NATS/1.0\r\nEventsmith-Number: 2\r\n\xff: 1\r\n\r\n",
    ] {
        publish_raw(&server, PAID, head, b"{}").await?;
        pay(&accounts, "a1", 1).await?;
    }

    let account = accounts.load::<Account>("a1").await?;
    let history = accounts.history::<Account>("a1").await?;

    assert_eq!((account.number, account.balance), (4, 3));
    assert_eq!(history.strays.iter().map(|stray| stray.sequence).collect::<Vec<_>>(), [2, 4, 6]);
    assert!(history.strays[0].reason.contains("no client can read its headers"), "{:?}", history.strays);
    Ok(())
}

#[tokio::test]
async fn a_payload_that_is_no_event_of_the_aggregate_is_named() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    let headers = [("Eventsmith-Number", "2"), ("Eventsmith-Predecessor", "1")];

    forge(&server, &headers, &envelope("account.closed", "{}")).await?;
    let newer = accounts.load::<Account>("a1").await.unwrap_err();

    assert!(matches!(&newer, StateError::Undecodable { number: 2, sequence: 2, .. }), "{newer}");
    assert!(newer.to_string().contains("account.closed"), "{newer}");
    Ok(())
}

#[tokio::test]
async fn two_events_of_one_number_are_named() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    pay(&accounts, "a1", 1).await?;
    let data = envelope("account.paid", r#"{"account":"a1","amount":1}"#);

    // As a cluster may let it in that appends twice at the same place: the last one does not lead to the one before it.
    forge(&server, &[("Eventsmith-Number", "2"), ("Eventsmith-Predecessor", "1")], &data).await?;
    let double = accounts.load::<Account>("a1").await.unwrap_err();

    let is_double = matches!(&double, StateError::Double { number: 2, first: 2, second: 3, .. });
    assert!(is_double, "{double}");
    let appended = pay(&accounts, "a1", 2).await.unwrap_err();
    assert!(matches!(appended, ExecuteError::State(StateError::Double { .. })), "{appended}");
    assert_eq!(double.to_string().matches("messages 2 and 3 of the stream ACCOUNTS").count(), 1, "{double}");
    Ok(())
}

#[tokio::test]
async fn nobody_deletes_purges_or_rolls_up_where_histories_lie() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[UNPROTECTED]).await?;
    let plan = bus.plan(&[ACCOUNTS]).await?;
    let fields: Vec<_> = plan.changes[0].fields.iter().map(|field| (field.field, field.effect)).collect();
    assert_eq!(fields, [("aggregates", Effect::Update)], "{plan}");
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let stream = context.get_stream("ACCOUNTS").await?;

    assert!(stream.delete_message(1).await.is_err());
    assert!(stream.purge().await.is_err());
    assert!(forge(&server, &[("Nats-Rollup", "all")], "{}").await.is_err());
    assert!(bus.transport().delete_message("ACCOUNTS", 1).await.is_err());

    assert_eq!(accounts.load::<Account>("a1").await?.number, 1);
    // No server takes it back, and no plan tries.
    for wanted in [ACCOUNTS, UNPROTECTED] {
        assert!(bus.plan(&[wanted]).await?.is_empty());
    }
    Ok(())
}

/// The message of a snapshot as the bucket holds it, which may be altered and put back.
#[tokio::test]
async fn a_snapshot_of_another_history_is_ignored_and_replaced() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = provisioned(&bus).await?;
    pay_each(&accounts, "a2", 1..=2).await?;
    pay_each(&accounts, "a1", 1..=11).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let bucket = context.get_stream("KV_ACCOUNT_SNAPSHOTS").await?;
    let kept = bucket.get_last_raw_message_by_subject("$KV.ACCOUNT_SNAPSHOTS.a1").await?;
    let place = kept.headers.get("Eventsmith-Snapshot").ok_or("it has no place")?.to_string();
    let hash = place.split(' ').next().ok_or("it has no hash")?;
    let events = context.get_stream("ACCOUNTS").await?;
    let time =
        async |sequence| -> Outcome<i128> { Ok(events.get_raw_message(sequence).await?.time.unix_timestamp_nanos()) };
    let (of_10, of_11) = (time(12).await?, time(13).await?);
    assert_eq!(place, format!("{hash} 10 12 0 {of_10}"));

    for (id, place) in [
        ("a1", format!("{hash} 2 2 0 {of_10}")),
        ("a1", format!("{hash} 3 7 0 {of_10}")),
        ("a1", format!("{hash} 10 13 0 {of_10}")),
        ("a1", format!("{hash} 90 100 0 {of_10}")),
        ("a1", format!("{hash} 90 1 0 {of_10}")),
        ("a1", format!("{hash} 0 0 0 {of_10}")),
        ("a1", format!("{hash} x")),
        ("a1", hash.to_owned()),
        ("a2", format!("{hash} 90 100 0 {of_10}")),
        ("a3", format!("{hash} 1 1 0 {of_10}")),
        // As of an event with the same numbers, of a stream that was deleted and made anew.
        ("a1", format!("{hash} 10 12 0 {of_11}")),
        ("a1", format!("{hash} 11 13 0 {of_10}")),
        ("a1", format!("{hash} 10 12 0")),
    ] {
        let mut headers = HeaderMap::new();
        for name in ["Eventsmith-Type", "Eventsmith-Version", "Eventsmith-Commands"] {
            headers.insert(name, kept.headers.get(name).cloned().unwrap_or_default());
        }
        headers.insert("Eventsmith-Snapshot", place.as_str());
        let subject = format!("$KV.ACCOUNT_SNAPSHOTS.{id}");
        context.publish_with_headers(subject, headers, r#"{"is_open":true,"balance":1000}"#.into()).await?.await?;

        let (found, expected) = (accounts.load::<Every10>(id).await?, accounts.load::<Account>(id).await?);

        assert_eq!((found.number, found.balance), (expected.number, expected.balance), "{id} {place}");
    }
    Ok(())
}

/// A bus that soon takes an acknowledgement for lost.
async fn impatient(proxy: &Proxy) -> Outcome<Bus> {
    let patience = Duration::from_millis(300);
    Ok(Bus::connect(Config { ack_timeout: patience, ..config(proxy.url()) }).await?)
}

/// Whether the server says that the stream has stored something.
fn is_ack(frame: &Frame<'_>) -> bool {
    frame.from == End::Server && frame.payload.starts_with(br#"{"stream":"ACCOUNTS","seq":"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_acknowledgement_is_lost_is_stored_once() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[ACCOUNTS]).await?;
    let proxy = Proxy::start(server.port()).await?;
    let accounts = Aggregates::of(&impatient(&proxy).await?);
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&dropped);
    proxy.rule(move |frame| match is_ack(frame) {
        true if count.fetch_add(1, Ordering::SeqCst) < 2 => Verdict::Drop,
        _ => Verdict::Forward,
    });

    let one = open(&accounts, "a1").await?;
    let several = accounts.execute("a1", |_: &Account| Ok::<_, String>(vec![paid("a1", 1), paid("a1", 2)])).await?;

    assert_eq!((one.state.number, several.state.number, several.state.balance), (1, 3, 3));
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    let history = Aggregates::of(&bus).history::<Account>("a1").await?;
    assert_eq!(history.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_events_may_be_stored_is_executed_again_under_its_id() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[ACCOUNTS]).await?;
    let proxy = Proxy::start(server.port()).await?;
    let patience = Duration::from_millis(200);
    let config = Config { ack_timeout: patience, publish_timeout: patience, ..config(proxy.url()) };
    let accounts = Aggregates::of(&Bus::connect(config).await?);
    proxy.rule(|frame| if is_ack(frame) { Verdict::Drop } else { Verdict::Forward });

    let lost = open(&accounts, "a1").await.unwrap_err();
    proxy.forward_all();
    let ExecuteError::State(StateError::Append { command_id, source, .. }) = lost else { return Err(lost.into()) };
    let options = ExecuteOptions { command_id: Some(command_id), ..ExecuteOptions::default() };
    let again = accounts.execute_with("a1", options, |_: &Account| Ok::<_, String>(vec![opened("a1")])).await?;

    assert!(matches!(*source, PublishError::Unacknowledged { .. }), "{source}");
    assert!(again.is_repeated);
    assert_eq!(accounts.load::<Account>("a1").await?.number, 1);
    Ok(())
}

/// Counts how often a message of the stream is asked for.
fn count_requests(proxy: &Proxy, stream: &str) -> Arc<AtomicU64> {
    let (count, subject) = (Arc::new(AtomicU64::new(0)), format!("$JS.API.STREAM.MSG.GET.{stream}"));
    let counted = Arc::clone(&count);
    proxy.rule(move |frame| {
        counted.fetch_add(u64::from(frame.from == End::Client && frame.subject == subject), Ordering::SeqCst);
        Verdict::Forward
    });
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_history_that_ends_with_a_stranger_each_event_is_read_once() -> Outcome {
    let (server, bus) = server().await?;
    let direct = accounts(&bus).await?;
    let events = |count: i64| (1..=count).map(|amount| paid("a1", amount)).collect::<Vec<_>>();
    direct.execute("a1", |_: &Account| Ok::<_, String>(events(40))).await?;
    for _ in 0..100 {
        pay(&direct, "other", 1).await?;
    }
    bus.publish(&Foreign { account: "a1".to_owned() }).await?;
    let proxy = Proxy::start(server.port()).await?;
    let accounts = Aggregates::of(&Bus::connect(config(proxy.url())).await?);
    accounts.load::<Account>("other").await?;
    let count = count_requests(&proxy, "ACCOUNTS");

    let account = accounts.load::<Account>("a1").await?;

    assert_eq!((account.number, account.balance), (40, 820));
    // The end, 39 events before the last one, and the search for that: 100 messages back by powers of two and by halves.
    let requests = count.load(Ordering::SeqCst);
    assert!((41..=60).contains(&requests), "{requests}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_comes_again_reads_no_event_twice_and_none_in_vain() -> Outcome {
    let (server, bus) = server().await?;
    let direct = provisioned(&bus).await?;
    let options = |id: &str| ExecuteOptions { command_id: Some(id.to_owned()), ..ExecuteOptions::default() };
    let decide = |_: &Every10| Ok::<_, String>(vec![paid("a1", 1)]);
    for number in 1..=28 {
        direct.execute_with("a1", options(&format!("c-{number}")), decide).await?;
    }
    let proxy = Proxy::start(server.port()).await?;
    let accounts = Aggregates::of(&Bus::connect(config(proxy.url())).await?);
    accounts.load::<Account>("other").await?;

    // Behind the last snapshot, before it, and where there is none.
    for (id, number, most) in [("c-25", 25, 10), ("c-5", 5, 30)] {
        let count = count_requests(&proxy, "ACCOUNTS");
        let again = accounts.execute_with("a1", options(id), decide).await?;
        let requests = count.load(Ordering::SeqCst);
        assert!(again.is_repeated && again.state.number == number, "{again:?}");
        assert!(requests <= most, "{id}: {requests}");
    }
    let count = count_requests(&proxy, "ACCOUNTS");
    let decide = |_: &Account| Ok::<_, String>(vec![paid("a1", 1)]);
    let again = accounts.execute_with("a1", options("c-5"), decide).await?;
    assert!(again.is_repeated && again.state.number == 5, "{again:?}");
    assert!(count.load(Ordering::SeqCst) <= 30, "{count:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_answer_holds_nothing_up() -> Outcome {
    let (server, bus) = server().await?;
    let direct = provisioned(&bus).await?;
    pay_each(&direct, "a1", 1..=19).await?;
    let proxy = Proxy::start(server.port()).await?;
    let accounts = Aggregates::of(&Bus::connect(config(proxy.url())).await?);

    for (silent, number) in [("$KV.ACCOUNT_SNAPSHOTS.", 20), ("$JS.API.STREAM.MSG.GET.KV_ACCOUNT_SNAPSHOTS", 21)] {
        proxy.rule(move |frame| match frame.from == End::Client && frame.subject.starts_with(silent) {
            true => Verdict::Drop,
            false => Verdict::Forward,
        });
        let began = Instant::now();
        pay_each(&accounts, "a1", 1..=1).await?;
        let loaded = accounts.load::<Every10>("a1").await?;
        let took = began.elapsed();

        assert_eq!(loaded.number, number);
        assert!(took < Duration::from_secs(10), "{silent}: {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_of_messages_for_each_subject_is_told_and_taken_back() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = accounts(&bus).await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let by_hand = context.get_stream("ACCOUNTS").await?.cached_info().config.clone();
    let by_hand = jetstream::stream::Config {
        max_messages_per_subject: 1,
        discard: jetstream::stream::DiscardPolicy::New,
        discard_new_per_subject: true,
        ..by_hand
    };
    context.update_stream(by_hand).await?;

    let plan = bus.plan(&[ACCOUNTS]).await?;
    bus.apply(&plan).await?;
    open(&accounts, "a1").await?;
    pay(&accounts, "a1", 1).await?;
    pay(&accounts, "a1", 1).await?;

    let printed = plan.to_string();
    assert!(printed.contains("max_messages_per_subject 1 -> unlimited"), "{printed}");
    assert!(printed.contains("eventsmith aggregates check"), "{printed}");
    assert!(bus.plan(&[ACCOUNTS]).await?.is_empty());
    assert_eq!(accounts.load::<Account>("a1").await?.number, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_is_told_apart() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[ACCOUNTS]).await?;
    for (version, needed) in [("2.10.26", "2.11"), ("2.12.0", "2.12.1")] {
        let proxy = Proxy::start(server.port()).await?;
        proxy.pretend_version(version);
        let accounts = Aggregates::of(&Bus::connect(config(proxy.url())).await?);

        let several = |_: &Account| Ok::<_, String>(vec![opened("a1"), paid("a1", 1)]);
        let error = accounts.execute("a1", several).await.unwrap_err();

        assert!(error.to_string().contains(version) && error.to_string().contains(needed), "{error}");
        assert_eq!(accounts.load::<Account>("a1").await?.number, 0);
    }
    Ok(())
}
