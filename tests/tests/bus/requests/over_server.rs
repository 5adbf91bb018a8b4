//! What only a server shows: discovery, foreign callers, permissions, lost connections.

use std::time::Duration;

use async_nats::HeaderMap;
use eventsmith::admin::{BusAdmin as _, ServiceQuestion};
use eventsmith::config::ServiceConfig;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Received, RequestError, Service, ServiceError};
use eventsmith_tests::proxy::Proxy;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::common::*;
use crate::common::{Outcome, config, server};

pub(super) fn rules(bus: &Bus) -> Service {
    let config = ServiceConfig {
        version: "1.2.3".to_owned(),
        description: "Looks after rules".to_owned(),
        ..ServiceConfig::default()
    };
    bus.service("rules").config(config).answer(async |request: Received<Get>| Ok(found(&request.rule_id)))
}

async fn client(server: &NatsServer) -> Outcome<async_nats::Client> {
    Ok(async_nats::connect(server.url()).await?)
}

/// Asks until somebody is there.
async fn asked(
    client: &async_nats::Client,
    subject: &str,
    headers: HeaderMap,
    body: &str,
) -> Outcome<async_nats::Message> {
    loop {
        let asked = client.request_with_headers(subject.to_owned(), headers.clone(), body.to_owned().into()).await;
        match asked {
            Err(error) if error.kind() == async_nats::client::RequestErrorKind::NoResponders => {}
            asked => return Ok(asked?),
        }
    }
}

#[tokio::test]
async fn whoever_knows_nothing_of_us_asks_with_the_payload_alone() -> Outcome {
    let (server, bus) = server().await?;
    let service = serve(rules(&bus));
    let client = client(&server).await?;

    let reply = asked(&client, "rules.query.rule.get", HeaderMap::new(), r#"{"rule_id":"r1"}"#).await?;

    assert_eq!(serde_json::from_slice::<Value>(&reply.payload)?, json!({ "name": "r1" }));
    let invalid = asked(&client, "rules.query.rule.get", HeaderMap::new(), r#"{"rule":1}"#).await?;
    let headers = invalid.headers.ok_or("no headers")?;
    assert_eq!(headers.get("Nats-Service-Error-Code").map(AsRef::as_ref), Some("400"));
    assert!(serde_json::from_slice::<Value>(&invalid.payload)?["violations"][0]["expected"].is_string());
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_request_of_another_type_or_version_is_unknown() -> Outcome {
    let (server, bus) = server().await?;
    let service = serve(rules(&bus));
    let client = client(&server).await?;
    let body = |kind: &str, version: &str| {
        json!({"id": "1", "type": kind, "source": "s", "subject": "rules.query.rule.get",
            "time": "2026-11-29T10:00:00Z", "version": version, "data": {"rule_id": "r1"}})
        .to_string()
    };

    for (kind, version, code) in [
        ("rule.get", "2", None),
        ("rule.get", "1", None),
        ("rule.get", "3", Some("404")),
        ("rule.delete", "1", Some("404")),
    ] {
        let reply = asked(&client, "rules.query.rule.get", HeaderMap::new(), &body(kind, version)).await?;
        let headers = reply.headers.unwrap_or_default();
        assert_eq!(headers.get("Nats-Service-Error-Code").map(AsRef::as_ref), code, "{kind} {version}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("Eventsmith-Type", "rule.delete");
    let reply = asked(&client, "rules.query.rule.get", headers, &body("rule.get", "2")).await?;
    let headers = reply.headers.unwrap_or_default();
    assert_eq!(headers.get("Nats-Service-Error-Code").map(AsRef::as_ref), Some("404"));
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_tells_who_it_is_and_how_it_fares() -> Outcome {
    let (server, bus) = server().await?;
    let service = serve(rules(&bus));
    service.is_up(&bus).await?;
    let client = client(&server).await?;

    let mut answers = Vec::new();
    for verb in ["PING", "INFO", "STATS"] {
        let reply = client.request(format!("$SRV.{verb}"), "".into()).await?;
        answers.push(serde_json::from_slice::<Value>(&reply.payload)?);
    }
    let [ping, info, stats] = &answers[..] else { panic!("{answers:?}") };

    for (answer, kind) in [(ping, "ping"), (info, "info"), (stats, "stats")] {
        assert_eq!(answer["type"], format!("io.nats.micro.v1.{kind}_response"));
        assert_eq!((&answer["name"], &answer["version"]), (&json!("rules"), &json!("1.2.3")));
        assert_eq!(answer["id"], ping["id"]);
    }
    assert_eq!(info["description"], "Looks after rules");
    let endpoint = &info["endpoints"][0];
    assert_eq!(endpoint["name"], "rule-get");
    assert_eq!(endpoint["subject"], "rules.query.rule.get");
    assert_eq!(endpoint["queue_group"], "q");
    assert_eq!(endpoint["metadata"]["eventsmith.type"], "rule.get");
    assert_eq!(endpoint["metadata"]["eventsmith.request"].as_str().map(str::len), Some(64));
    let endpoint = &stats["endpoints"][0];
    assert_eq!(endpoint["num_requests"], 1);
    assert_eq!(endpoint["num_errors"], 0);
    assert!(endpoint["processing_time"].as_u64() >= endpoint["average_processing_time"].as_u64());
    for more in ["rules", &format!("rules.{}", ping["id"].as_str().unwrap_or_default())] {
        assert!(client.request(format!("$SRV.PING.{more}"), "".into()).await.is_ok(), "{more}");
    }
    service.stop().await?;
    assert!(client.request("$SRV.PING".to_owned(), "".into()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn the_service_of_somebody_else_is_asked() -> Outcome {
    let (server, bus) = server().await?;
    let client = client(&server).await?;
    let mut requests = client.subscribe("rules.query.rule.get").await?;
    client.flush().await?;
    let answering = tokio::spawn(async move {
        for error in [None, Some("409"), Some("17")] {
            let Some(request) = requests.next().await else { return };
            let reply = request.reply.unwrap_or_else(|| "nowhere".into());
            let mut headers = HeaderMap::new();
            if let Some(code) = error {
                headers.insert("Nats-Service-Error", "no");
                headers.insert("Nats-Service-Error-Code", code);
            }
            let body = if error.is_none() { r#"{"name":"elsewhere"}"# } else { "" };
            drop(client.publish_with_headers(reply, headers, body.into()).await);
        }
        // What it has not written is gone with it.
        drop(client.flush().await);
    });

    assert_eq!(bus.request(&get("r1")).await?, found("elsewhere"));
    for expected in [409, 17] {
        match bus.request(&get("r1")).await {
            Err(RequestError::Failed { code, message, .. }) => assert_eq!((code, &*message), (expected, "no")),
            other => panic!("{other:?}"),
        }
    }
    answering.await?;
    Ok(())
}

#[tokio::test]
async fn under_load_a_stop_loses_no_request() -> Outcome {
    let (server, bus) = server().await?;
    let callers = Bus::connect(config(server.url())).await?;
    let mut asked = 0;
    for _ in 0..10 {
        let service = serve(rules(&bus));
        service.is_up(&bus).await?;
        let asking: Vec<_> = (0..16)
            .map(|number| {
                let callers = callers.clone();
                tokio::spawn(async move {
                    let mut done = 0;
                    loop {
                        match callers.request_with(&get(&number.to_string()), within(Duration::from_secs(10))).await {
                            Ok(_) => done += 1,
                            Err(RequestError::NoResponders { .. }) => return Ok(done),
                            Err(error) => return Err(error.to_string()),
                        }
                    }
                })
            })
            .collect();
        crate::common::until(|| service.monitor.summary().replied > 200).await?;
        let replied = service.stop().await?.replied;
        let mut done = 0;
        for asking in asking {
            done += asking.await??;
        }
        // One more was asked to see whether it is up.
        assert_eq!(replied, done + 1, "a request that was answered was asked again, or one that was not was lost");
        asked += done;
    }
    assert!(asked > 2_000, "{asked}");
    Ok(())
}

#[tokio::test]
async fn a_service_that_may_not_subscribe_says_so() -> Outcome {
    let server = NatsServer::builder()
        .config(r#"authorization { users = [ { user: u, password: p, permissions: { publish: ">", subscribe: { deny: "rules.query.>" } } } ] }"#)
        .start()
        .await?;
    let bus = Bus::connect(eventsmith::Config {
        user: Some("u".to_owned()),
        password: Some("p".into()),
        ..config(server.url())
    })
    .await?;

    let ended = tokio::time::timeout(Duration::from_secs(30), rules(&bus).run(std::future::pending::<()>())).await?;

    match ended {
        Err(ServiceError::Denied { denied, .. }) => assert_eq!(denied.subject, "rules.query.rule.get"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_tools_may_not_find_answers_all_the_same() -> Outcome {
    let (_server, bus) = restricted(r#"subscribe: { deny: "$SRV.>" }"#).await?;

    let service = serve(rules(&bus));

    assert_eq!(bus.request(&get("r1")).await?, found("r1"));
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn who_may_not_ask_for_services_is_told() -> Outcome {
    let (_server, bus) = restricted(r#"publish: { deny: "$SRV.>" }"#).await?;

    let error = bus.services(ServiceQuestion::Info, None, Duration::from_secs(2)).await.err().ok_or("it may")?;

    assert!(error.to_string().contains("$SRV.INFO"), "{error}");
    Ok(())
}

/// Whatever else is sent to where services are asked, and however long one of them takes.
#[tokio::test]
async fn services_are_found_among_other_answers_and_late_ones() -> Outcome {
    let (server, bus) = server().await?;
    let client = client(&server).await?;
    let mut questions = client.subscribe("$SRV.INFO").await?;
    client.flush().await?;
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let Some(reply) = question.reply else { continue };
            for body in ["", "7", "[]", r#"{"name":"none"}"#, r#"{"type":"io.nats.micro.v1.ping_response","id":"p"}"#] {
                drop(client.publish(reply.clone(), body.into()).await);
            }
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Service-Error-Code", "500");
            drop(client.publish_with_headers(reply.clone(), headers, "".into()).await);
            // Longer than one answer is waited for behind another.
            tokio::time::sleep(Duration::from_millis(900)).await;
            let late = json!({ "type": "io.nats.micro.v1.info_response", "name": "late", "id": "l", "endpoints": [] });
            drop(client.publish(reply, late.to_string().into()).await);
        }
    });
    let service = serve(rules(&bus));
    assert_eq!(bus.request(&get("r1")).await?, found("r1"));
    let names = |found: &[Value]| found.iter().map(|one| one["name"].to_string()).collect::<Vec<_>>();
    let limit = Duration::from_secs(20);

    let quick = bus.services(ServiceQuestion::Info, None, limit).await?;
    assert_eq!(names(&quick), [r#""rules""#]);
    let all = bus.services_until(ServiceQuestion::Info, None, limit, |found| found.len() == 2).await?;
    assert_eq!(names(&all), [r#""late""#, r#""rules""#]);
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn where_no_service_runs_nobody_waits() -> Outcome {
    let (_server, bus) = server().await?;

    let found = bus.services_until(ServiceQuestion::Ping, None, Duration::from_secs(3_600), |_| false);

    assert_eq!(tokio::time::timeout(Duration::from_secs(20), found).await??, [] as [Value; 0]);
    Ok(())
}

/// A bus to a server that lets it do all but something.
async fn restricted(permissions: &str) -> Outcome<(NatsServer, Bus)> {
    let user = format!("authorization {{ users = [ {{ user: u, password: p, permissions: {{ {permissions} }} }} ] }}");
    let server = NatsServer::builder().config(user).start().await?;
    let config = eventsmith::Config { user: Some("u".to_owned()), password: Some("p".into()), ..config(server.url()) };
    let bus = Bus::connect(config).await?;
    Ok((server, bus))
}

#[tokio::test]
async fn a_reply_that_is_too_large_is_a_failure_that_says_so() -> Outcome {
    let (_server, bus) = server().await?;
    let service = serve(bus.service("rules").answer(async |_: Received<Get>| Ok(found(&"x".repeat(1_200_000)))));

    match bus.request(&get("r1")).await {
        Err(RequestError::Failed { code: 500, message, .. }) => assert!(message.contains("1048576"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(service.stop().await?.failed, 1);
    Ok(())
}

#[tokio::test]
async fn no_answer_goes_where_the_server_or_another_protocol_listens() -> Outcome {
    let (server, bus) = server().await?;
    bus.publish(&crate::common::activated("r1")).await?;
    let service = serve(rules(&bus));
    service.is_up(&bus).await?;
    let replied = service.monitor.summary().replied;
    let client = client(&server).await?;

    let replies = [
        "$JS.API.STREAM.PURGE.RULES",
        "rules.domain.rule.activated",
        "rules.query.rule.get",
        "rules.dlq.a.b",
        "rules.saga.checkout.1",
        "elsewhere",
    ];
    for reply in replies {
        for (subject, body) in
            [("rules.query.rule.get", r#"{"rule_id":"r1"}"#), ("rules.query.rule.get", "no request"), ("$SRV.INFO", "")]
        {
            client.publish_with_reply(subject, reply, body.into()).await?;
        }
    }
    client.flush().await?;
    // Nothing is handled, whether it is valid or not.
    crate::common::until(|| service.monitor.summary().invalid == 2 * replies.len() as u64).await?;
    assert_eq!(service.monitor.summary().replied, replied);

    assert!(asked(&client, "$SRV.PING", HeaderMap::new(), "").await?.payload.starts_with(b"{"), "inboxes are answered");
    assert_eq!(bus.status(None).await?.streams.iter().map(|stream| stream.messages).sum::<u64>(), 1);
    assert_eq!(service.monitor.under_way(), 0);
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn requests_of_others_are_told_apart() -> Outcome {
    let (server, bus) = server().await?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let service = serve(bus.service("rules").answer(move |request: Received<Get>| {
        let told = tell.send(request.envelope().id.clone());
        async move {
            told?;
            Ok(found("r1"))
        }
    }));
    let client = client(&server).await?;
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "theirs-1");

    for headers in [HeaderMap::new(), HeaderMap::new(), headers] {
        asked(&client, "rules.query.rule.get", headers, r#"{"rule_id":"r1"}"#).await?;
    }

    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(crate::common::next(&mut told).await?);
    }
    assert!(ids[0] != ids[1] && !ids[0].is_empty() && !ids[1].is_empty(), "{ids:?}");
    assert_eq!(ids[2], "theirs-1");
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_request_that_waits_for_a_connection_waits_for_less_when_it_is_sent() -> Outcome {
    let (server, elsewhere) = server().await?;
    let proxy = Proxy::start(server.port()).await?;
    let bus = Bus::connect(config(proxy.url())).await?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let service = serve(elsewhere.service("rules").answer(move |request: Received<Get>| {
        let told = tell.send(request.time_left());
        async move {
            told?;
            Ok(found("r1"))
        }
    }));
    service.is_up(&elsewhere).await?;
    crate::common::next(&mut told).await?;

    proxy.refuse(true);
    proxy.cut();
    // Until the client has noticed, it takes on what it sends later.
    while !matches!(
        bus.request_with(&get("r1"), within(Duration::from_millis(20))).await,
        Err(RequestError::NotConnected { .. })
    ) {}
    let asking = tokio::spawn(async move { bus.request_with(&get("r1"), within(Duration::from_secs(20))).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    proxy.refuse(false);

    assert_eq!(asking.await??, found("r1"));
    let time_left = crate::common::next(&mut told).await?;
    assert!(time_left < Duration::from_millis(19_200), "{time_left:?}");
    service.stop().await?;
    Ok(())
}
