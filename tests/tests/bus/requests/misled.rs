//! Answers that are not what they seem.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream};
use eventsmith::{Received, RequestError};
use futures_util::StreamExt;
use tokio::time::sleep;

use super::common::*;
use crate::common::*;

/// A stream acknowledges whatever is published to its subjects, to where the reply is expected.
#[tokio::test]
async fn the_acknowledgement_of_a_stream_is_no_reply() -> Outcome {
    let (server, bus) = server().await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let audit = stream::Config { name: "AUDIT".into(), subjects: vec!["rules.command.>".into()], ..Default::default() };
    outside.create_stream(audit).await?;

    let error = ask(bus, within(Duration::from_secs(5))).await.unwrap_err();

    assert!(matches!(&error, RequestError::Stored { stream, .. } if stream == "AUDIT"), "{error:?}");
    assert!(error.may_be_done() && error.to_string().contains("the stream AUDIT stores"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_code_of_a_service_that_is_not_ours_says_nothing_of_what_was_done() -> Outcome {
    let (server, bus) = server().await?;
    let client = async_nats::connect(server.url()).await?;
    let mut requests = client.subscribe("rules.command.rule.activate").await?;
    client.flush().await?;
    let answering = tokio::spawn(async move {
        while let Some(reply) = requests.next().await.and_then(|request| request.reply) {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Service-Error", "half of it is done");
            headers.insert("Nats-Service-Error-Code", "503");
            client.publish_with_headers(reply, headers, "".into()).await?;
        }
        Ok::<_, async_nats::client::PublishError>(())
    });

    let error = ask(bus, within(Duration::from_secs(5))).await.unwrap_err();

    assert!(matches!(&error, RequestError::Failed { code: 503, .. }), "{error:?}");
    assert!(error.may_be_done(), "{error}");
    answering.abort();
    Ok(())
}

/// What was turned away is not under way, so that it counts for no attempt that is.
#[tokio::test]
async fn a_query_that_is_lost_after_it_found_nobody_for_a_while_is_sent_again() -> Outcome {
    let (server, bus) = server().await?;
    let client = async_nats::connect(server.url()).await?;
    let asking = tokio::spawn({
        let bus = bus.clone();
        async move { bus.request_with(&get("r1"), within(Duration::from_secs(8))).await }
    });
    // As long as several attempts take that find nobody.
    sleep(Duration::from_millis(300)).await;
    let mut swallowed = client.subscribe("rules.query.rule.get").await?;
    tokio::time::timeout(eventsmith_tests::running::PATIENCE, swallowed.next()).await?.ok_or("nothing was asked")?;
    drop(swallowed);
    client.flush().await?;

    let service = serve(bus.service("rules").answer(async |request: Received<Get>| Ok(found(&request.rule_id))));

    assert_eq!(asking.await??, found("r1"));
    service.stop().await?;
    Ok(())
}
