//! Whether a process is ready, as it is asked over HTTP.

use std::sync::Arc;
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::telemetry::Telemetry;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, HandlerError, Received};
use eventsmith_telemetry_tests::{Placed, STREAMS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::Outcome;
use crate::names::families;

/// Asks for a page, and returns the status and the body.
pub(crate) async fn get(
    address: std::net::SocketAddr,
    path: &str,
) -> Result<(u16, String), Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// Waits until a page is as it is to be.
async fn until(address: std::net::SocketAddr, status: u16, part: &str) -> Result<String, Box<dyn std::error::Error>> {
    let mut last = (0, String::new());
    for _ in 0..600 {
        last = get(address, "/readyz").await?;
        if last.0 == status && last.1.contains(part) {
            return Ok(last.1);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("waited in vain for {status} with {part:?}: {last:?}").into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_ready_while_it_is_connected_and_all_of_it_is_at_work() -> Outcome {
    let mut server = NatsServer::start().await?;
    let telemetry = Telemetry::builder("shop").build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (serving, stopped) = (telemetry.clone(), Arc::clone(&stop));
    let serving = tokio::spawn(async move { serving.serve_on(listener, stopped.notified()).await });
    until(address, 503, "no bus is observed yet").await?;

    let config = Config { servers: vec![server.url().as_str().into()], create_consumers: true, ..Config::default() };
    let bus = Bus::connect(config).await?.observed_by(telemetry.observer());
    until(address, 200, "ready").await?;
    let (waits, ends) = (Arc::clone(&begun), Arc::clone(&go_on));
    let placed = move |_: Received<Placed>| {
        let (begun, go_on) = (Arc::clone(&waits), Arc::clone(&ends));
        async move {
            begun.notify_one();
            go_on.notified().await;
            Ok::<_, HandlerError>(())
        }
    };
    let consumer = bus.consumer("shop").on(placed);
    until(address, 503, "consumer shop: made").await?;
    bus.provision(STREAMS).await?;
    let end = Arc::new(Notify::new());
    let ended = Arc::clone(&end);
    let consuming = tokio::spawn(async move { consumer.run(ended.notified()).await });
    until(address, 200, "ready").await?;

    // Without a server nothing is ready, and then all is again.
    server.stop().await?;
    until(address, 503, "no connection to the server").await?;
    assert_eq!(get(address, "/healthz").await?, (200, "ok\n".to_owned()));
    server.start_again().await?;
    until(address, 200, "ready").await?;
    bus.publish(&Placed::of("o-1")).await?;
    begun.notified().await;

    // Asked to stop, it is not ready at once, although a handler still runs, and goes on saying so.
    stop.notify_one();
    until(address, 503, "asked to stop").await?;
    end.notify_one();
    until(address, 503, "consumer shop: stopping").await?;
    let (status, page) = get(address, "/metrics").await?;
    assert_eq!(status, 200);
    let found = families(&page);
    assert!(
        found.contains_key("eventsmith_consumer_running") && found.contains_key("eventsmith_connection_up"),
        "{page}"
    );
    assert!(page.contains("eventsmith_connection_reconnects_total 1"), "{page}");
    go_on.notify_one();
    assert_eq!(consuming.await??.handled, 1);
    serving.await??;
    Ok(())
}
