//! Where a user may publish or ask, what a message says may still be too much: headers that change streams, consumers with other settings
//! than their subject names.

use async_nats::HeaderMap;
use serde_json::{Value, json};

use crate::Outcome;
use crate::scene::{Intruder, Scene};

const CREATED: &str = "rules.domain.promotion.created.p1";

async fn published(intruder: &Intruder, headers: &[(&str, &str)]) -> Outcome<Value> {
    let mut map = HeaderMap::new();
    headers.iter().for_each(|(name, value)| map.insert(*name, *value));
    let answer = intruder.client.request_with_headers(CREATED, map, "{}".into()).await?;
    Ok(serde_json::from_slice(&answer.payload)?)
}

async fn asked(intruder: &Intruder, subject: &str, request: &Value) -> Outcome<Value> {
    let answer = intruder.client.request(subject.to_owned(), request.to_string().into()).await?;
    Ok(serde_json::from_slice(&answer.payload)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_change_a_stream_are_refused_by_the_stream() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    let intruder = scene.client("services/promotions").await?;
    let first = published(&intruder, &[]).await?;
    assert_eq!(first["seq"], 1, "{first}");

    for headers in [
        &[("Nats-Rollup", "all")][..],
        &[("Nats-Rollup", "sub")],
        &[("Nats-TTL", "1s")],
        &[("Nats-Schedule", "@at 2030-01-01T00:00:00Z"), ("Nats-Schedule-Target", "rules.domain.promotion.expired.p1")],
        &[("Nats-Incr", "+1")],
        &[("Nats-Expected-Stream", "RULES_RULE")],
    ] {
        let answer = published(&intruder, headers).await?;
        assert!(answer["error"].is_object(), "{headers:?}: {answer}");
    }

    let operator = scene.client("operators/operator").await?;
    let info = asked(&operator, "$JS.API.STREAM.INFO.RULES_PROMOTION", &json!({})).await?;
    assert_eq!(info["state"]["messages"], 1, "{info}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_is_allowed_opens_nothing_that_its_message_names() -> Outcome {
    let scene = Scene::start(1).await?;
    scene.provision()?;
    // No service of this catalogue may make a consumer at all.
    let intruder = scene.client("operators/operator").await?;
    let create = "$JS.API.CONSUMER.CREATE.KV_RULES_COMPILED.evil.$KV.RULES_COMPILED.>";
    let base = json!({ "name": "evil", "filter_subject": "$KV.RULES_COMPILED.>", "ack_policy": "none" });
    let with = |name: &str, value: Value| {
        let mut config = base.clone();
        config[name] = value;
        json!({ "stream_name": "KV_RULES_COMPILED", "config": config })
    };

    let own = asked(&intruder, create, &with("inactive_threshold", json!(1_000_000_000))).await?;
    let refused = [
        json!({ "stream_name": "RULES_RULE", "config": base }),
        json!({ "stream_name": "KV_RULE_SNAPSHOTS", "config": base }),
        with("filter_subject", json!("rules.domain.>")),
        with("filter_subject", json!(">")),
        with("durable_name", json!("other")),
        with("deliver_subject", json!("$KV.RULES_COMPILED.x")),
    ];
    for request in &refused {
        let answer = asked(&intruder, create, request).await?;
        assert!(answer["error"].is_object(), "{request}: {answer}");
    }
    // The subject says which stream is read, whatever the message says.
    let get = json!({ "last_by_subj": "rules.domain.rule.created.x", "stream": "RULES_PROMOTION" });
    let answer = asked(&intruder, "$JS.API.STREAM.MSG.GET.RULES_RULE", &get).await?;
    assert!(answer["error"].is_object(), "{answer}");

    // Nor is a consumer made under another name than that of the subject.
    let named = asked(&intruder, create, &with("name", json!("other"))).await?;
    assert!(own["error"].is_null() && named["name"] != "other", "{own} {named}");
    let operator = scene.client("operators/operator").await?;
    let durable = asked(&operator, "$JS.API.CONSUMER.NAMES.KV_RULES_COMPILED", &json!({})).await?;
    assert!(durable["consumers"].as_array().is_none_or(|names| names.len() <= 1), "{durable}");
    Ok(())
}

/// The client refuses what would become another line of the protocol.
#[tokio::test(flavor = "multi_thread")]
async fn subjects_and_headers_are_one_line() -> Outcome {
    let scene = Scene::start(1).await?;
    let intruder = scene.client("services/promotions").await?;

    for subject in
        ["rules.domain.promotion.created.p1 _INBOX.x", "rules.domain.promotion.created.p1\r\nPUB rules.x 0\r\n", ""]
    {
        let sent = intruder.client.publish(subject.to_owned(), "".into()).await;
        // Whatever the client lets through, the server must not take for an allowed subject and more.
        if sent.is_ok() {
            assert!(!intruder.denied().await?.is_empty(), "{subject:?}");
        }
    }
    let value = "a\r\nNats-Rollup: all".parse::<async_nats::HeaderValue>();
    assert!(value.is_err());
    Ok(())
}
