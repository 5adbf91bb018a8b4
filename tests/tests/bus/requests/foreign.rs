//! Requests between us and the client for Python, which implements NATS services (ADR-32) on its own.

use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, ServiceQuestion};
use eventsmith::{Received, Refusal, RequestError, ServiceConfig};
use serde_json::{Value, json};

use super::common::*;
use crate::common::{Outcome, server};
use crate::python::python;

const SCRIPT: &str = "requests/foreign.py";

#[tokio::test]
async fn a_caller_in_python_discovers_our_service_and_understands_its_answers() -> Outcome {
    let (server, bus) = server().await?;
    let config = ServiceConfig { version: "1.2.3".to_owned(), ..ServiceConfig::default() };
    let service =
        serve(bus.service("rules").config(config).answer(async |request: Received<Get>| match &*request.rule_id {
            "unknown" => Err(Refusal::new(unknown("unknown"))),
            "broken" => Err("out of order".into()),
            name => Ok(found(name)),
        }));
    service.is_up(&bus).await?;

    let line = python(SCRIPT, "caller", server.url()).await?.line().await?;

    let told: Value = serde_json::from_str(&line)?;
    let (found, answers) = (&told["found"], &told["answers"]);
    assert_eq!((&found["PING"]["name"], &found["PING"]["version"]), (&json!("rules"), &json!("1.2.3")));
    assert_eq!(found["INFO.rules"]["endpoints"][0]["metadata"]["eventsmith.type"], "rule.get");
    assert!(found["STATS.rules"]["endpoints"][0]["processing_time"].is_u64());
    let codes: Vec<&Value> = (0..5).map(|index| &answers[index][0]).collect();
    assert_eq!(codes, [&Value::Null, &json!("400"), &json!("409"), &json!("500"), &json!("400")], "{answers}");
    assert_eq!(answers[0][2], r#"{"name":"r1"}"#);
    assert_eq!(answers[2][2], r#"{"rule_id":"unknown"}"#);
    assert_eq!(answers[3][1], "out of order");
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_in_python_is_found_and_asked() -> Outcome {
    let (server, bus) = server().await?;
    let mut service = python(SCRIPT, "service", server.url()).await?;
    assert_eq!(service.line().await?, "up\n");

    let services = bus.services(ServiceQuestion::Info, None, Duration::from_secs(20)).await?;
    assert_eq!(services.len(), 1);
    assert_eq!((&services[0]["name"], &services[0]["endpoints"][0]["name"]), (&json!("elsewhere"), &json!("rule-get")));
    assert_eq!(bus.request(&get("r1")).await?, found("from Python: r1"));
    for (rule_id, expected, text) in [("unknown", 404, "no such rule"), ("broken", 500, "out of order")] {
        match bus.request(&get(rule_id)).await {
            Err(RequestError::Failed { code, message, .. }) if code == expected && message.contains(text) => {}
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}
