//! Kept answers on a real server: a bucket that is not there, and claims of services that died.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use eventsmith::config::ServiceConfig;
use eventsmith::{Bus, Config, Received, RequestError, RequestOptions, ServiceError, Uuid};
use futures_util::StreamExt as _;

use super::*;

#[tokio::test]
async fn a_command_whose_answer_is_kept_is_sent_again_by_itself() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    // The first attempt goes to somebody who never answers.
    let client = async_nats::connect(server.url()).await?;
    let mut silent = client.subscribe("rules.command.pay.capture").await?;
    client.flush().await?;
    let asking = {
        let bus = bus.clone();
        tokio::spawn(async move { bus.request(&Capture { amount: 1 }).await })
    };
    silent.next().await.ok_or("nothing was asked")?;
    let runs = Arc::default();
    let service = serve(counting(&bus, &runs, Duration::ZERO));

    assert_eq!(asking.await??, found("run 1"));
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_whose_claims_would_be_forgotten_says_so_at_once() -> Outcome {
    let (_server, bus) = server().await?;
    provisioned(&bus).await?;
    let config = ServiceConfig { timeout: Duration::from_secs(3_600), ..ServiceConfig::default() };

    let service = counting(&bus, &Arc::default(), Duration::ZERO).config(config);
    let ended = service.run(std::future::pending::<()>()).await;

    assert!(matches!(&ended, Err(ServiceError::Config { setting, .. }) if setting == "timeout"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_service_without_its_bucket_says_so_at_once() -> Outcome {
    let (_server, bus) = server().await?;
    let runs = Arc::default();

    let ended = counting(&bus, &runs, Duration::ZERO).run(std::future::pending::<()>()).await;

    assert!(matches!(&ended, Err(ServiceError::NoReplies { bucket, .. }) if bucket == "REPLIES_payments"), "{ended:?}");
    Ok(())
}

/// A claim as a service leaves it whose process is killed at work.
#[tokio::test]
async fn the_claim_of_a_service_that_died_is_found_out() -> Outcome {
    let (server, _) = server().await?;
    // A write that takes long is one of the reasons why a claim may be old.
    let quick = Config {
        publish_timeout: Duration::from_millis(500),
        ack_timeout: Duration::from_millis(200),
        ..config(server.url())
    };
    let bus = Bus::connect(quick).await?;
    provisioned(&bus).await?;
    let client = async_nats::connect(server.url()).await?;
    let id = Uuid::now_v7();
    for (subject, hash) in [("pay.capture", r#"{"amount":1}"#), ("pay.reserve", "{}")] {
        let mut headers = HeaderMap::new();
        headers.insert("Eventsmith-Kept", "claim");
        headers.insert("Eventsmith-Request", hex(hash));
        client.publish_with_headers(format!("$KV.REPLIES_payments.{subject}.{id}"), headers, "".into()).await?;
    }
    client.flush().await?;
    let runs = Arc::new(AtomicU32::new(0));
    // A handler that may run for a moment only is soon known to be gone.
    let config = ServiceConfig { timeout: Duration::from_millis(200), ..ServiceConfig::default() };
    let service =
        serve(counting(&bus, &runs, Duration::ZERO).config(config).answer(async |request: Received<Reserve>| {
            Ok(found(if request.was_begun() { "begun before" } else { "fresh" }))
        }));
    let options = || RequestOptions { timeout: Some(Duration::from_secs(30)), ..under(id) };

    let (capture, reserve) =
        tokio::join!(bus.request_with(&Capture { amount: 1 }, options()), bus.request_with(&Reserve {}, options()));

    match capture {
        Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(reserve?, found("begun before"));
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    service.stop().await?;
    Ok(())
}

/// The hash of a payload, as a claim names it.
fn hex(payload: &str) -> String {
    use sha2::Digest as _;
    format!("{:x}", sha2::Sha256::digest(payload))
}
