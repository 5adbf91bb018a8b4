//! Requests between us and clients that implement NATS services (ADR-32) on their own: for Python, for JavaScript, and the service
//! module of the client for Rust.

use std::time::Duration;

use async_nats::service::ServiceExt as _;
use async_nats::service::error::Error as ServiceFailure;
use eventsmith::admin::{BusAdmin as _, ServiceQuestion};
use eventsmith::config::ServiceConfig;
use eventsmith::{Bus, Received, Refusal, RequestError};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::common::*;
use crate::common::{Outcome, server};
use crate::foreign::{javascript, python};

/// A service of ours that replies, refuses and fails.
async fn serving(bus: &Bus) -> Outcome<Serving> {
    let config = ServiceConfig { version: "1.2.3".to_owned(), ..ServiceConfig::default() };
    let service =
        serve(bus.service("rules").config(config).answer(async |request: Received<Get>| match &*request.rule_id {
            "unknown" => Err(Refusal::new(unknown("unknown"))),
            "broken" => Err("out of order".into()),
            name => Ok(found(name)),
        }));
    service.is_up(bus).await?;
    Ok(service)
}

/// What a caller printed: what it found, and how it was answered.
fn check_caller(line: &str) -> Outcome {
    let told: Value = serde_json::from_str(line)?;
    let (found, answers) = (&told["found"], &told["answers"]);
    assert_eq!((&found["PING"]["name"], &found["PING"]["version"]), (&json!("rules"), &json!("1.2.3")));
    assert_eq!(found["INFO.rules"]["endpoints"][0]["metadata"]["eventsmith.type"], "rule.get");
    assert!(found["STATS.rules"]["endpoints"][0]["processing_time"].is_u64());
    let codes: Vec<&Value> = (0..5).map(|index| &answers[index][0]).collect();
    assert_eq!(codes, [&Value::Null, &json!("400"), &json!("409"), &json!("500"), &json!("400")], "{answers}");
    assert_eq!(answers[0][2], r#"{"name":"r1"}"#);
    assert_eq!(answers[2][2], r#"{"rule_id":"unknown"}"#);
    assert_eq!(answers[3][1], "out of order");
    Ok(())
}

/// Finds a service of somebody else, and asks it for a reply and two errors.
async fn check_service(bus: &Bus, language: &str) -> Outcome {
    let services = bus.services(ServiceQuestion::Info, None, Duration::from_secs(20)).await?;
    assert_eq!(services.len(), 1);
    assert_eq!((&services[0]["name"], &services[0]["endpoints"][0]["name"]), (&json!("elsewhere"), &json!("rule-get")));
    assert_eq!(bus.request(&get("r1")).await?, found(&format!("from {language}: r1")));
    for (rule_id, expected, text) in [("unknown", 404, "no such rule"), ("broken", 500, "out of order")] {
        match bus.request(&get(rule_id)).await {
            Err(RequestError::Failed { code, message, .. }) if code == expected && message.contains(text) => {}
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_in_python_discovers_our_service_and_understands_its_answers() -> Outcome {
    let (server, bus) = server().await?;
    let service = serving(&bus).await?;

    check_caller(&python("requests/others.py", "caller", server.url()).await?.line().await?)?;

    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_in_python_is_found_and_asked() -> Outcome {
    let (server, bus) = server().await?;
    let mut service = python("requests/others.py", "service", server.url()).await?;
    assert_eq!(service.line().await?, "up\n");

    check_service(&bus, "Python").await
}

#[tokio::test]
async fn a_caller_in_javascript_discovers_our_service_and_understands_its_answers() -> Outcome {
    let (server, bus) = server().await?;
    let service = serving(&bus).await?;

    check_caller(&javascript("requests/others.cjs", "caller", server.url()).await?.line().await?)?;

    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_in_javascript_is_found_and_asked() -> Outcome {
    let (server, bus) = server().await?;
    let mut service = javascript("requests/others.cjs", "service", server.url()).await?;
    assert_eq!(service.line().await?, "up\n");

    check_service(&bus, "JavaScript").await
}

#[tokio::test]
async fn a_service_of_the_client_for_rust_is_found_and_asked() -> Outcome {
    let (server, bus) = server().await?;
    let client = async_nats::connect(server.url()).await?;
    let service = client.service_builder().start("elsewhere", "1.0.0").await.map_err(|error| error.to_string())?;
    let endpoint = service.endpoint_builder().name("rule-get").add("rules.query.rule.get").await;
    let mut requests = endpoint.map_err(|error| error.to_string())?;
    // `flush` waits for the socket alone; an answer on the same connection shows that the server knows the subscriptions.
    client.request("$SRV.PING.elsewhere", "".into()).await?;
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let envelope: Value = serde_json::from_slice(&request.message.payload).unwrap_or_default();
            let failure = |code, status: &str| Err(ServiceFailure { code, status: status.to_owned() });
            let answer = match envelope["data"]["rule_id"].as_str() {
                Some("unknown") => failure(404, "no such rule"),
                Some("broken") => failure(500, "out of order"),
                rule_id => {
                    Ok(json!({ "name": format!("from Rust: {}", rule_id.unwrap_or_default()) }).to_string().into())
                }
            };
            drop(request.respond(answer).await);
        }
    });

    check_service(&bus, "Rust").await?;

    answering.abort();
    drop(service);
    Ok(())
}
