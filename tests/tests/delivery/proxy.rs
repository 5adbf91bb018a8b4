//! The proxy itself: faults that it makes are faults, and there are no others.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventsmith::testing::NatsCluster;
use eventsmith::testing::NatsServer;
use eventsmith_tests::proxy::{End, Proxy, Verdict};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::common::*;

/// A client behind a proxy that subscribes to `a`, and one beside it.
async fn two_clients() -> Outcome<(NatsServer, Proxy, async_nats::Client, async_nats::Subscriber, async_nats::Client)> {
    let server = NatsServer::start().await?;
    let proxy = Proxy::start(server.port()).await?;
    let behind = async_nats::connect(proxy.url()).await?;
    let heard = subscribed(&behind, "a").await?;
    let beside = async_nats::connect(server.url()).await?;
    Ok((server, proxy, behind, heard, beside))
}

/// A subscription that the server knows of.
async fn subscribed(client: &async_nats::Client, subject: &'static str) -> Outcome<async_nats::Subscriber> {
    let mut heard = client.subscribe(subject).await?;
    client.publish(subject, "subscribed".into()).await?;
    assert_eq!(next(&mut heard).await?, "subscribed");
    Ok(heard)
}

async fn next(heard: &mut async_nats::Subscriber) -> Outcome<String> {
    let message = timeout(PATIENCE, heard.next()).await?.ok_or("the subscription has ended")?;
    Ok(String::from_utf8(message.payload.to_vec())?)
}

#[tokio::test]
async fn without_a_rule_everything_passes_unchanged() -> Outcome {
    let (_server, _proxy, behind, mut heard, _) = two_clients().await?;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("X", "y");
    let large = "\r\nPUB a 3\r\n".repeat(50_000);

    behind.publish_with_headers("a", headers, large.clone().into()).await?;
    behind.publish("a", "".into()).await?;

    assert!(next(&mut heard).await? == large);
    assert_eq!(next(&mut heard).await?, "");
    Ok(())
}

#[tokio::test]
async fn a_rule_sees_both_directions_and_drops_single_frames() -> Outcome {
    let (_server, proxy, behind, mut heard, beside) = two_clients().await?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    proxy.rule(move |frame| {
        let payload = String::from_utf8_lossy(frame.payload).into_owned();
        let verdict = if payload == "lost" { Verdict::Drop } else { Verdict::Forward };
        log.lock().unwrap().push((frame.from, frame.verb.to_owned(), frame.subject.to_owned(), payload));
        verdict
    });

    for payload in ["one", "lost", "two"] {
        behind.publish("a", payload.into()).await?;
    }
    assert_eq!([next(&mut heard).await?, next(&mut heard).await?], ["one", "two"]);
    for payload in ["lost", "three"] {
        beside.publish("a", payload.into()).await?;
    }
    assert_eq!(next(&mut heard).await?, "three");

    let seen = seen.lock().unwrap();
    let saw =
        |from, verb: &str, payload: &str| seen.contains(&(from, verb.to_owned(), "a".to_owned(), payload.to_owned()));
    assert!(saw(End::Client, "PUB", "lost") && saw(End::Server, "MSG", "lost"), "{seen:?}");
    assert!(saw(End::Client, "PUB", "two") && saw(End::Server, "MSG", "two"), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_frame_that_is_cut_is_lost_and_the_client_connects_anew() -> Outcome {
    for (verdict, arrives) in [(Verdict::Cut, false), (Verdict::CutAfter, true)] {
        let (_server, proxy, behind, _, beside) = two_clients().await?;
        let mut heard = subscribed(&beside, "b").await?;
        proxy.rule(move |frame| if frame.payload == b"now" { verdict } else { Verdict::Forward });

        behind.publish("b", "now".into()).await?;
        timeout(PATIENCE, proxy.connected(2)).await?;
        proxy.forward_all();
        behind.publish("b", "then".into()).await?;

        if arrives {
            assert_eq!(next(&mut heard).await?, "now");
        }
        assert_eq!(next(&mut heard).await?, "then");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_held_waits_for_its_release_and_keeps_its_order() -> Outcome {
    let (_server, proxy, behind, _, beside) = two_clients().await?;
    let mut heard = subscribed(&beside, "b").await?;
    let held = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&held);
    proxy.rule(move |frame| {
        if frame.payload != b"one" {
            return Verdict::Forward;
        }
        count.fetch_add(1, Ordering::SeqCst);
        Verdict::Hold
    });

    behind.publish("b", "one".into()).await?;
    behind.publish("b", "two".into()).await?;
    until("the frame", async || Ok((held.load(Ordering::SeqCst) == 1).then_some(()))).await?;
    beside.publish("b", "between".into()).await?;
    assert_eq!(next(&mut heard).await?, "between");
    proxy.release();

    assert_eq!([next(&mut heard).await?, next(&mut heard).await?], ["one", "two"]);
    Ok(())
}

#[tokio::test]
async fn what_comes_later_is_overtaken_and_what_comes_twice_is_doubled() -> Outcome {
    let (_server, proxy, behind, _, beside) = two_clients().await?;
    let mut heard = subscribed(&beside, "b").await?;
    proxy.rule(|frame| match frame.payload {
        b"one" => Verdict::Later,
        b"two" => Verdict::Twice,
        _ => Verdict::Forward,
    });

    for payload in ["one", "two", "three"] {
        behind.publish("b", payload.into()).await?;
    }
    assert_eq!([next(&mut heard).await?, next(&mut heard).await?, next(&mut heard).await?], ["two", "two", "three"]);
    proxy.release();

    assert_eq!(next(&mut heard).await?, "one");
    Ok(())
}

#[tokio::test]
async fn who_is_refused_comes_back_and_is_let_in_later() -> Outcome {
    let (_server, proxy, behind, mut heard, _) = two_clients().await?;

    proxy.refuse(true);
    proxy.cut();
    until("the loss", async || {
        Ok((behind.connection_state() != async_nats::connection::State::Connected).then_some(()))
    })
    .await?;
    assert!(async_nats::connect(proxy.url()).await.is_err());
    assert_eq!(proxy.connections(), 1);
    proxy.refuse(false);
    timeout(PATIENCE, proxy.connected(2)).await?;
    behind.publish("a", "again".into()).await?;

    assert_eq!(next(&mut heard).await?, "again");
    Ok(())
}

#[tokio::test]
async fn a_client_learns_of_no_other_server() -> Outcome {
    let cluster = NatsCluster::start(3).await?;
    let proxy = Proxy::start(cluster.node(0).port()).await?;

    let straight = async_nats::connect(cluster.node(0).url()).await?;
    let behind = async_nats::connect(proxy.url()).await?;

    assert!(!straight.server_info().connect_urls.is_empty());
    assert!(behind.server_info().connect_urls.is_empty());
    Ok(())
}
