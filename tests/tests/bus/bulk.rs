//! Publishing in bulk: what is said to be stored is, once and in order, whatever happens on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use eventsmith::admin::BusAdmin;
use eventsmith::bulk::BulkError;
use eventsmith::catalogue::{Discard, StreamDescriptor};
use eventsmith::error::Denied;
use eventsmith::testing::{NatsCluster, NatsServer};
use eventsmith::{Bus, Config, Expect, PublishError, PublishOptions, Uuid};
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};
use serde_json::Value;

use crate::common::*;

const BULK: StreamDescriptor = STREAM.bulk(true);
/// Few enough for several windows to pass: of a batch 16 times as many are on their way.
const IN_FLIGHT: usize = 4;
const EVENTS: usize = 300;

fn small_window(url: String) -> Config {
    Config { max_in_flight: IN_FLIGHT, ack_timeout: Duration::from_secs(1), ..config(url) }
}

fn numbered(count: usize) -> impl Iterator<Item = Activated> + Send {
    (0..count).map(activated)
}

/// A bus over each transport, and the server of the second.
async fn both(stream: StreamDescriptor) -> Outcome<([Bus; 2], NatsServer)> {
    let server = NatsServer::start().await?;
    let buses = [Bus::in_memory(), Bus::connect(small_window(server.url())).await?];
    for bus in &buses {
        // An older server has no such streams.
        if bus.provision(&[stream]).await.is_err() {
            bus.provision(&[stream.bulk(false)]).await?;
        }
    }
    Ok((buses, server))
}

/// A server with the stream, a proxy before it, and a bus through the proxy.
async fn proxied() -> Outcome<(NatsServer, Proxy, Bus)> {
    let (_, server) = both(BULK).await?;
    let proxy = Proxy::start(server.port()).await?;
    let bus = Bus::connect(small_window(proxy.url())).await?;
    Ok((server, proxy, bus))
}

/// The rules of the events that a stream of the server holds, in order.
async fn held(server: &NatsServer, stream: &str) -> Outcome<Vec<String>> {
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let stream = context.get_stream(stream).await?;
    let mut rules = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let envelope: Value = serde_json::from_slice(&stream.get_raw_message(sequence).await?.payload)?;
        rules.push(envelope["data"]["rule_id"].as_str().ok_or("an event without a rule")?.to_owned());
    }
    Ok(rules)
}

/// What the server's stream holds; sorted where there are no batches: what goes one by one may overtake what was lost.
async fn held_in_order(server: &NatsServer) -> Outcome<Vec<String>> {
    let mut rules = held(server, "RULES").await?;
    if !knows_bulk(server).await? {
        rules.sort_by_key(|rule| rule.parse::<usize>().ok());
    }
    Ok(rules)
}

fn rules(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Whether a frame is a message of a fast batch.
fn is_batched(frame: &Frame) -> bool {
    frame.from == End::Client && frame.reply.is_some_and(|reply| reply.ends_with(".$FI"))
}

/// Whether a frame is an event on its way to the server.
fn is_event(frame: &Frame) -> bool {
    frame.from == End::Client && frame.subject.starts_with("rules.domain.")
}

/// Whether a frame is what the server says of a fast batch.
fn is_report(frame: &Frame) -> bool {
    frame.from == End::Server && frame.subject.ends_with(".$FI")
}

type Choice = fn(&Frame) -> bool;

/// Decides about the frame with this number, from 1 on, of those that are chosen; all others pass.
fn at(number: usize, is_chosen: Choice, verdict: Verdict) -> impl Fn(&Frame) -> Verdict + Send + Sync + 'static {
    let seen = AtomicUsize::new(0);
    move |frame| {
        let is_it = is_chosen(frame) && seen.fetch_add(1, Ordering::Relaxed) + 1 == number;
        if is_it { verdict } else { Verdict::Forward }
    }
}

#[tokio::test]
async fn events_in_bulk_are_stored_in_order_and_counted() -> Outcome {
    let (buses, server) = both(BULK).await?;
    for (bus, is_batched) in buses.iter().zip([false, knows_bulk(&server).await?]) {
        for (count, last) in [(EVENTS, EVENTS), (1, EVENTS + 1), (2, EVENTS + 3)] {
            let published = bus.publish_bulk(numbered(count)).await?;

            assert_eq!(published.events, count as u64, "{bus:?}");
            assert_eq!(published.batched, if is_batched { count as u64 } else { 0 }, "{bus:?}");
            let place = published.last.ok_or("nothing is stored")?;
            assert_eq!((&*place.stream, place.sequence), ("RULES", last as u64), "{bus:?}");
        }
        let nothing = bus.publish_bulk(numbered(0)).await?;
        assert_eq!((nothing.events, nothing.last), (0, None), "{bus:?}");
    }
    assert_eq!(held(&server, "RULES").await?[..EVENTS], rules(EVENTS));
    Ok(())
}

async fn knows_bulk(server: &NatsServer) -> Outcome<bool> {
    Ok(async_nats::connect(server.url()).await?.is_server_compatible(2, 14, 0))
}

#[tokio::test]
async fn what_the_stream_holds_already_counts_and_is_stored_once() -> Outcome {
    let (buses, server) = both(BULK).await?;
    let ids: Vec<Uuid> = (0..EVENTS).map(|_| Uuid::now_v7()).collect();
    for bus in &buses {
        for (events, last) in [(100, Some(100)), (100, None), (1, None), (EVENTS, Some(EVENTS as u64))] {
            let mut bulk = bus.bulk();
            for (event, id) in numbered(events).zip(&ids) {
                bulk.push_with(&event, PublishOptions { id: Some(*id), ..PublishOptions::default() }).await?;
            }
            let published = bulk.finish().await?;

            assert_eq!(published.events, events as u64, "{bus:?}");
            assert_eq!(published.last.map(|place| place.sequence), last, "{bus:?}");
        }
    }
    assert_eq!(held(&server, "RULES").await?, rules(EVENTS));
    Ok(())
}

#[tokio::test]
async fn an_invalid_event_ends_the_call_behind_those_before_it() -> Outcome {
    let (buses, server) = both(BULK).await?;
    for bus in buses {
        let events = ["0", "1", "2", "", "4"].map(activated);

        let error = bus.publish_bulk(events).await.unwrap_err();

        assert_eq!((error.stored(), error.ids().len()), (3, 0), "{bus:?}");
        assert!(matches!(error.reason(), PublishError::Invalid(_)), "{bus:?} {error}");
        assert!(error.to_string().starts_with("3 events are stored; event 3, counted from 0, is not"), "{error}");
    }
    assert_eq!(held(&server, "RULES").await?, rules(3));
    Ok(())
}

#[tokio::test]
async fn who_pushes_may_leave_out_what_is_refused_before_it_is_sent() -> Outcome {
    let (buses, server) = both(BULK).await?;
    for bus in buses {
        let mut bulk = bus.bulk();
        let expecting = PublishOptions { expect: Some(Expect::LastSequence(0)), ..PublishOptions::default() };

        bulk.push(&activated(0)).await?;
        let invalid = bulk.push(&activated("")).await;
        let unexpected = bulk.push_with(&activated("9"), expecting).await;
        bulk.push(&activated(1)).await?;
        let published = bulk.finish().await?;

        assert!(matches!(invalid, Err(PublishError::Invalid(_))), "{bus:?} {invalid:?}");
        assert!(matches!(unexpected, Err(PublishError::Batch { .. })), "{bus:?} {unexpected:?}");
        assert_eq!(published.events, 2, "{bus:?}");
    }
    assert_eq!(held(&server, "RULES").await?, rules(2));
    Ok(())
}

#[tokio::test]
async fn a_full_stream_ends_the_call_with_the_servers_words() -> Outcome {
    let (buses, server) = both(BULK.discard(Discard::New).max_messages(100)).await?;
    for bus in buses {
        let started = Instant::now();

        let error = bus.publish_bulk(numbered(EVENTS)).await.unwrap_err();

        assert_eq!(error.stored(), 100, "{bus:?} {error}");
        assert!(matches!(error.reason(), PublishError::Refused { code: Some(10077), .. }), "{bus:?} {error}");
        assert!(started.elapsed() < Duration::from_secs(20), "the time to publish is 30 s: nothing was retried");
    }
    assert_eq!(held(&server, "RULES").await?, rules(100));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_takes_no_batches_is_published_to_one_by_one() -> Outcome {
    let server = NatsServer::start().await?;
    let proxy = Proxy::start(server.port()).await?;
    // One that is older stores the first message as if it belonged to no batch.
    proxy.pretend_version("2.15.0");
    let bus = Bus::connect(small_window(proxy.url())).await?;
    bus.provision(&[STREAM]).await?;

    let published = bus.publish_bulk(numbered(EVENTS)).await?;

    assert_eq!((published.events, published.batched), (EVENTS as u64, 0));
    assert_eq!(published.last.map(|place| place.sequence), Some(EVENTS as u64));
    assert_eq!(held(&server, "RULES").await?, rules(EVENTS));
    Ok(())
}

#[tokio::test]
async fn an_older_server_is_sent_no_batches() -> Outcome {
    let (server, proxy, _) = proxied().await?;
    proxy.pretend_version("2.12.8");
    let bus = Bus::connect(small_window(proxy.url())).await?;
    let batched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&batched);
    proxy.rule(move |frame| {
        count.fetch_add(usize::from(is_batched(frame)), Ordering::Relaxed);
        Verdict::Forward
    });

    let published = bus.publish_bulk(numbered(EVENTS)).await?;

    assert_eq!((published.events, published.batched), (EVENTS as u64, 0));
    assert_eq!(batched.load(Ordering::Relaxed), 0);
    assert_eq!(held(&server, "RULES").await?, rules(EVENTS));
    Ok(())
}

#[tokio::test]
async fn without_a_stream_nothing_is_stored() -> Outcome {
    let (buses, _server) = both(BULK).await?;
    for bus in buses {
        let error = bus.publish_bulk([Homeless {}, Homeless {}]).await.unwrap_err();

        assert!(matches!(error.reason(), PublishError::NoStream { .. }), "{bus:?} {error}");
        assert_eq!(error.stored(), 0, "{bus:?}");
    }
    Ok(())
}

#[tokio::test]
async fn events_of_several_streams_are_all_stored() -> Outcome {
    let rules_stream = BULK.subjects(&["rules.domain.rule.activated"]);
    let others = BULK.name("OTHERS").subjects(&["rules.domain.rule.updated"]);
    let (buses, server) = both(rules_stream).await?;
    for bus in &buses {
        if bus.provision(&[others]).await.is_err() {
            bus.provision(&[others.bulk(false)]).await?;
        }
        let mut bulk = bus.bulk();
        for number in 0..EVENTS {
            bulk.push(&activated(number)).await?;
            bulk.push(&Updated { rule_id: number.to_string(), revision: 1 }).await?;
        }
        assert_eq!(bulk.finish().await?.events, 2 * EVENTS as u64, "{bus:?}");
    }
    assert_eq!(held(&server, "RULES").await?, rules(EVENTS));
    assert_eq!(held(&server, "OTHERS").await?, rules(EVENTS));
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_loses_and_doubles_nothing() -> Outcome {
    // The first message, one within the first window, one behind it, the last but one, the last.
    for number in [1, 2, 40, 150, EVENTS - 1, EVENTS] {
        for verdict in [Verdict::Cut, Verdict::CutAfter] {
            let (server, proxy, bus) = proxied().await?;
            proxy.rule(at(number, is_event, verdict));

            let published = bus.publish_bulk(numbered(EVENTS)).await?;

            assert_eq!(published.events, EVENTS as u64, "{number} {verdict:?}");
            assert_eq!(held_in_order(&server).await?, rules(EVENTS), "{number} {verdict:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_message_or_report_loses_and_doubles_nothing() -> Outcome {
    let chosen: [(Choice, &[usize]); 2] =
        [(is_event, &[1, 2, 40, 150, EVENTS]), (is_report, &[1, 2, 3, 1 + EVENTS / (IN_FLIGHT * 4)])];
    for (is_chosen, numbers) in chosen {
        for number in numbers {
            let (server, proxy, bus) = proxied().await?;
            proxy.rule(at(*number, is_chosen, Verdict::Drop));

            let published = bus.publish_bulk(numbered(EVENTS)).await?;

            assert_eq!(published.events, EVENTS as u64, "{number}");
            assert_eq!(held_in_order(&server).await?, rules(EVENTS), "{number}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_reports_is_published_to_one_by_one() -> Outcome {
    let (server, proxy, bus) = proxied().await?;
    proxy.rule(|frame| if is_report(frame) { Verdict::Drop } else { Verdict::Forward });

    let published = bus.publish_bulk(numbered(EVENTS)).await?;

    assert_eq!((published.events, published.batched), (EVENTS as u64, 0));
    assert_eq!(held(&server, "RULES").await?, rules(EVENTS));
    Ok(())
}

#[tokio::test]
async fn a_push_that_nobody_waits_for_is_made_up_for() -> Outcome {
    let (server, proxy, bus) = proxied().await?;
    let mut bulk = bus.bulk();
    proxy.rule(at(40, is_event, Verdict::Hold));

    let mut dropped = 0;
    for event in numbered(EVENTS) {
        // The window is full until what is held is released.
        if tokio::time::timeout(Duration::from_millis(100), bulk.push(&event)).await.is_err() {
            dropped += 1;
            proxy.release();
        }
    }
    let published = bulk.finish().await?;

    assert!(dropped > 0, "no push had to wait");
    assert_eq!(published.events, EVENTS as u64);
    assert_eq!(held_in_order(&server).await?, rules(EVENTS));
    Ok(())
}

/// What is stored when the server dies for good, and what is when it is back and the rest was published.
#[tokio::test]
async fn what_is_said_to_be_stored_when_the_server_dies_is_stored() -> Outcome {
    const MANY: usize = 2_000;
    for kill_at in [1, 100, 1_000] {
        let (_, mut server) = both(BULK).await?;
        let proxy = Proxy::start(server.port()).await?;
        let bus = Bus::connect(Config { publish_timeout: Duration::from_secs(1), ..small_window(proxy.url()) }).await?;
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let decide = at(kill_at, is_event, Verdict::Hold);
        proxy.rule(move |frame| {
            let verdict = decide(frame);
            if verdict == Verdict::Hold {
                let _ = tell.send(());
            }
            verdict
        });

        let publishing = tokio::spawn(async move { (bus.publish_bulk(numbered(MANY)).await, bus) });
        next(&mut told).await?;
        server.kill()?;
        proxy.release();
        proxy.forward_all();
        let (result, bus) = publishing.await?;
        let error = result.unwrap_err();
        server.start_again().await?;
        let stored = held_in_order(&server).await?;

        let claimed = usize::try_from(error.stored())?;
        assert!(stored.len() >= claimed, "{claimed} are said to be stored, {} are: {error}", stored.len());
        assert!(stored.len() <= claimed + error.ids().len(), "{} are stored: {error}", stored.len());
        assert_eq!(stored[..claimed], rules(claimed));
        assert!(matches!(error.reason(), PublishError::Unacknowledged { .. }), "{error}");
        assert_eq!(go_on(&bus, MANY, &error).await?, (MANY - claimed) as u64);
        assert_eq!(held_in_order(&server).await?, rules(MANY));
    }
    Ok(())
}

/// Publishes what was left, under the ids that it had.
async fn go_on(bus: &Bus, count: usize, error: &BulkError) -> Outcome<u64> {
    let mut bulk = bus.bulk();
    let mut ids = error.ids().iter().copied();
    for event in numbered(count).skip(usize::try_from(error.stored())?) {
        bulk.push_with(&event, PublishOptions { id: ids.next(), ..PublishOptions::default() }).await?;
    }
    Ok(bulk.finish().await?.events)
}

#[tokio::test]
async fn a_denied_event_ends_the_call_at_once_and_by_name() -> Outcome {
    let server = NatsServer::builder()
        .config(
            r#"authorization { users = [
                { user: operator, password: x }
                { user: service, password: x, permissions: { publish: { deny: "rules.domain.rule.updated" } } }
            ] }"#,
        )
        .start()
        .await?;
    let user = |name: &str| Config {
        user: Some(name.to_owned()),
        password: Some("x".to_owned().into()),
        max_in_flight: IN_FLIGHT,
        ..config(server.url())
    };
    let operator = Bus::connect(user("operator")).await?;
    if operator.provision(&[BULK]).await.is_err() {
        operator.provision(&[STREAM]).await?;
    }
    let bus = Bus::connect(user("service")).await?;
    let mut stored = 0;
    // Nothing before it, something before it, something behind it, more than a window behind it.
    for (before, behind) in [(0, 0), (0, 10), (1, 0), (20, 0), (20, 10), (100, EVENTS)] {
        let (mut bulk, started) = (bus.bulk(), Instant::now());
        for number in 0..before {
            bulk.push(&activated(number)).await?;
        }
        bulk.push(&Updated { rule_id: "1".to_owned(), revision: 1 }).await?;
        for number in 0..behind {
            if bulk.push(&activated(number)).await.is_err() {
                break;
            }
        }
        let error = bulk.finish().await.unwrap_err();

        assert!(started.elapsed() < Duration::from_secs(4), "{before} {behind}: {:?}", started.elapsed());
        let PublishError::Denied(Denied { subject, .. }) = error.reason() else {
            return Err(format!("{before} {behind}: {error}").into());
        };
        assert_eq!(subject, "rules.domain.rule.updated");
        assert_eq!(error.stored(), before as u64, "{error}");
        stored += before;
    }
    let options = async_nats::ConnectOptions::with_user_and_password("operator".to_owned(), "x".to_owned());
    let client = options.connect(server.url()).await?;
    // What goes one by one may overtake the one that is denied.
    if client.is_server_compatible(2, 14, 0) {
        let stream = jetstream::new(client).get_stream("RULES").await?;
        assert_eq!(stream.cached_info().state.messages, stored as u64);
    }
    Ok(())
}

#[tokio::test]
async fn a_leader_that_is_lost_loses_and_doubles_nothing() -> Outcome {
    const MANY: usize = 1_000;
    let mut cluster = NatsCluster::start(3).await?;
    let servers = cluster.urls().into_iter().map(Into::into).collect();
    let bus = Bus::connect(Config { servers, ..small_window(String::new()) }).await?;
    if bus.provision(&[BULK.replicas(3)]).await.is_err() {
        bus.provision(&[STREAM.replicas(3)]).await?;
    }
    let inspect = jetstream::new(async_nats::connect(cluster.urls()).await?);
    let mut stream = inspect.get_stream("RULES").await?;
    let leader = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone());
    let leader = cluster.index_of(&leader.ok_or("no leader")?).ok_or("an unknown leader")?;

    let mut bulk = bus.bulk();
    for (number, event) in numbered(MANY).enumerate() {
        if number == MANY / 2 {
            cluster.kill(leader)?;
        }
        bulk.push(&event).await?;
    }
    let published = bulk.finish().await?;
    cluster.start_again(leader).await?;

    assert_eq!(published.events, MANY as u64);
    let mut stored = Vec::new();
    for sequence in 1..=stream.info().await?.state.last_sequence {
        let envelope: Value = serde_json::from_slice(&stream.get_raw_message(sequence).await?.payload)?;
        stored.push(envelope["data"]["rule_id"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(stored, rules(MANY));
    Ok(())
}
