//! How services stop over a server: in time, without losing what was sent to them, and without keeping what others should get.

use std::time::Duration;

use eventsmith::Bus;
use eventsmith_tests::proxy::Proxy;
use tokio::time::{Instant, sleep, timeout};

use super::common::*;
use super::over_server::rules;
use crate::common::{Outcome, config, server, until};

/// Far less than a service has for its shutdown.
const SOON: Duration = Duration::from_secs(12);

#[tokio::test]
async fn a_steady_caller_keeps_no_service_from_stopping() -> Outcome {
    let (server, bus) = server().await?;
    let service = serve(rules(&bus));
    service.is_up(&bus).await?;
    let client = async_nats::connect(server.url()).await?;
    // Never a pause, and never much.
    let calling = tokio::spawn(async move {
        loop {
            drop(client.publish("rules.query.rule.get", r#"{"rule_id":"r1"}"#.into()).await);
            sleep(Duration::from_millis(15)).await;
        }
    });
    until(|| service.monitor.summary().replied > 20).await?;

    let begun = Instant::now();
    service.stop().await?;

    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    calling.abort();
    Ok(())
}

#[tokio::test]
async fn a_stop_without_a_connection_takes_no_time() -> Outcome {
    let (mut server, bus) = server().await?;
    let service = serve(rules(&bus));
    service.is_up(&bus).await?;
    server.kill()?;
    sleep(Duration::from_millis(200)).await;

    let begun = Instant::now();
    service.stop().await?;

    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_service_that_stops_after_a_lost_connection_takes_no_requests_of_others() -> Outcome {
    let (server, callers) = server().await?;
    let proxy = Proxy::start(server.port()).await?;
    let bus = Bus::connect(config(proxy.url())).await?;
    let service = serve(rules(&bus));
    service.is_up(&callers).await?;
    for _ in 0..500 {
        callers.request(&get("r1")).await?;
    }
    proxy.cut();
    proxy.connected(2).await;
    service.is_up(&callers).await?;
    let load: Vec<_> = (0..8)
        .map(|_| {
            let callers = callers.clone();
            tokio::spawn(async move { while callers.request(&get("r1")).await.is_ok() {} })
        })
        .collect();
    until(|| service.monitor.summary().replied > 1_000).await?;

    service.stop().await?;
    for load in load {
        load.await?;
    }

    // The connection of the stopped service lasts.
    let other = serve(rules(&callers));
    for _ in 0..100 {
        let reply =
            timeout(Duration::from_secs(5), callers.request_with(&get("r1"), within(Duration::from_secs(1)))).await?;
        assert_eq!(reply?, found("r1"));
    }
    other.stop().await?;
    drop(bus);
    Ok(())
}
