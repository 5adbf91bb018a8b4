//! What only a server shows: messages as nobody of ours writes them, acknowledgements that are lost, older servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use eventsmith::admin::{BusAdmin, Effect};
use eventsmith::state::{Aggregates, ExecuteError, ExecuteOptions, StateError};
use eventsmith::testing::{NatsCluster, NatsServer};
use eventsmith::{Bus, Config, PublishError};
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};
use futures_util::future::join_all;

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

    for (id, place) in [
        ("a1", format!("{hash} 2 2 0")),
        ("a1", format!("{hash} 3 7 0")),
        ("a1", format!("{hash} 10 13 0")),
        ("a1", format!("{hash} 90 100 0")),
        ("a1", format!("{hash} 90 1 0")),
        ("a1", format!("{hash} 0 0 0")),
        ("a1", format!("{hash} x")),
        ("a1", hash.to_owned()),
        ("a2", format!("{hash} 90 100 0")),
        ("a3", format!("{hash} 1 1 0")),
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

#[tokio::test(flavor = "multi_thread")]
async fn writers_on_a_cluster_append_one_after_the_other() -> Outcome {
    let cluster = NatsCluster::start(3).await?;
    let mut buses = Vec::new();
    for url in cluster.urls() {
        buses.push(Bus::connect(config(url)).await?);
    }
    buses[0].provision(&[ACCOUNTS.replicas(3)]).await?;

    let writers = (0..24_usize).map(|writer| {
        let accounts = Aggregates::of(&buses[writer % buses.len()]);
        tokio::spawn(async move { pay(&accounts, "a1", 1).await.map(|executed| executed.state.number) })
    });
    let mut numbers = Vec::new();
    for written in join_all(writers).await {
        numbers.push(written??);
    }

    numbers.sort_unstable();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    assert_eq!(Aggregates::of(&buses[1]).load::<Account>("a1").await?.balance, 24);
    Ok(())
}
