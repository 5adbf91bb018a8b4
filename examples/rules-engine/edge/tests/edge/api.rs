//! The HTTP API: what is asked, what comes back, and what is told of what goes wrong.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, Topology};
use eventsmith::{Bus, Kind, NoRefusal, Received, Refusal, Reply, Request};
use rules_engine_edge::api::{Api, ApiConfig};
use rules_engine_edge::serve::Limits;
use rules_events::CATALOGUE;
use rules_events::payment::{PaymentCapture, PaymentCaptureError, PaymentCaptureReply};
use rules_events::rule::{
    RuleActivate, RuleActivateError, RuleActivateReply, RuleGet, RuleGetError, RuleGetReply, RuleList, RuleListReply,
};
use serde_json::json;
use tempfile::TempDir;

use crate::common::{Http, Outcome, Served, TOKEN, bus, example, json, secret_file, served};

pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) http: Http,
    pub(crate) served: Served,
    _secret: TempDir,
}

/// An API over a bus in memory, and somebody who may ask it.
pub(crate) async fn world(change: impl FnOnce(ApiConfig) -> ApiConfig) -> Result<World, Box<dyn Error>> {
    world_over(bus().await?, change).await
}

pub(crate) async fn world_over(bus: Bus, change: impl FnOnce(ApiConfig) -> ApiConfig) -> Result<World, Box<dyn Error>> {
    let (secret, path) = secret_file(&format!("# who may ask\nshop {TOKEN}\ntill tok-of-the-till\n"))?;
    let api = Api::new(&bus, CATALOGUE, change(ApiConfig::new(path)));
    let served = served(api.router(), Limits::default()).await?;
    let http = Http::at(served.address)?
        .with("authorization", format!("Bearer {TOKEN}"))
        .with("content-type", "application/json");
    Ok(World { bus, http, served, _secret: secret })
}

fn reply<R: Reply>() -> R {
    let example = example(R::SCHEMA).unwrap();
    R::decode(example.to_string().as_bytes()).unwrap()
}

async fn get(_: Received<RuleGet>) -> Result<RuleGetReply, Refusal<RuleGetError>> {
    Ok(reply())
}

async fn list(request: Received<RuleList>) -> Result<RuleListReply, Refusal<NoRefusal>> {
    assert_eq!(request.page_size, Some(7));
    Ok(reply())
}

async fn activate(request: Received<RuleActivate>) -> Result<RuleActivateReply, Refusal<RuleActivateError>> {
    match request.rule_id.as_str() {
        "rul_refused" => Err(Refusal::new(reply::<RuleActivateError>())),
        "rul_failing" => Err(Refusal::failed("the password of the database is hunter2")),
        "rul_later" => Err(Refusal::unavailable(Duration::from_secs(30), "the disk is full")),
        "rul_slow" => std::future::pending().await,
        _ => Ok(reply()),
    }
}

fn start(bus: &Bus) {
    let service = bus.service("rules-management").answer(get).answer(list).answer(activate);
    tokio::spawn(service.run(std::future::pending::<()>()));
}

fn body(rule: &str) -> String {
    let mut body = example(RuleActivate::SCHEMA).unwrap();
    body["rule_id"] = json!(rule);
    body.to_string()
}

#[tokio::test]
async fn commands_and_queries_are_asked_over_http() -> Outcome {
    let kept = world(|config| config).await?;
    let World { bus, http, served: _served, .. } = &kept;
    start(bus);

    let got = http.get("/queries/rule/get?rule_id=rul_1").await?;
    let posted = http.post("/queries/rule/get", r#"{"rule_id": "rul_1"}"#).await?;
    let listed = http.get("/queries/rule/list?page_size=7").await?;
    let done = http.post("/commands/rule/activate", body("rul_1")).await?;

    assert_eq!(json(&got)?, example(RuleGetReply::SCHEMA)?);
    assert_eq!(json(&posted)?, example(RuleGetReply::SCHEMA)?);
    assert_eq!(json(&listed)?, example(RuleListReply::SCHEMA)?);
    assert_eq!(json(&done)?, example(RuleActivateReply::SCHEMA)?);
    for answer in [got, posted, listed, done] {
        assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &"application/json".parse()?));
        assert!(answer.headers.contains_key("request-id"));
    }
    Ok(())
}

/// Nobody has to add a route: each request of the catalogue has one, and its own examples get as far as its service.
#[tokio::test]
async fn every_request_of_the_catalogue_has_a_route_that_takes_its_examples() -> Outcome {
    let kept = world(|config| config).await?;
    let World { http, served: _served, .. } = &kept;
    let http = http.with("eventsmith-timeout", "20");
    let mut seen = 0;

    for described in CATALOGUE.iter().filter(|described| matches!(described.kind, Kind::Command | Kind::Query)) {
        let kind = if described.kind == Kind::Command { "commands" } else { "queries" };
        let path = format!("/{kind}/{}", described.event_type.replace('.', "/"));
        let answer = http.post(&path, example(described.schema)?.to_string()).await?;
        assert_eq!(answer.status.as_u16(), 503, "{path}: {:?}", answer.body);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    Ok(())
}

#[tokio::test]
async fn what_violates_the_schema_is_pointed_at() -> Outcome {
    let kept = world(|config| config).await?;
    let World { bus, http, served: _served, .. } = &kept;
    start(bus);

    let answer = http.post("/commands/rule/activate", r#"{"rule_id": "a b", "effective_at": 7}"#).await?;
    let broken = http.post("/commands/rule/activate", "{").await?;
    let asked = http.get("/queries/rule/list?page_size=many").await?;

    let problem = json(&answer)?;
    assert_eq!((answer.status.as_u16(), &problem["type"]), (400, &json!("/problems/invalid")));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let pointers: Vec<_> =
        problem["violations"].as_array().ok_or("no violations")?.iter().map(|one| one["pointer"].as_str()).collect();
    assert!(pointers.contains(&Some("/rule_id")) && pointers.contains(&Some("/effective_at")), "{problem}");
    assert_eq!(broken.status.as_u16(), 400);
    assert_eq!(json(&asked)?["violations"][0]["pointer"], "/page_size");
    Ok(())
}

#[tokio::test]
async fn codes_of_services_are_statuses_and_what_failed_is_not_told() -> Outcome {
    let kept = world(|config| config).await?;
    let World { bus, http, served: _served, .. } = &kept;
    start(bus);
    let ask =
        async |rule: &str| http.with("eventsmith-timeout", "800").post("/commands/rule/activate", body(rule)).await;

    let refused = ask("rul_refused").await?;
    let failed = ask("rul_failing").await?;
    let later = ask("rul_later").await?;
    let slow = ask("rul_slow").await?;
    let nobody = http.with("eventsmith-timeout", "50").get("/queries/metrics/summary").await?;
    let unknown = http.post("/commands/rule/explode", "{}").await?;
    let method = http.get("/commands/rule/activate").await?;

    assert_eq!((refused.status.as_u16(), &json(&refused)?["refusal"]), (409, &example(RuleActivateError::SCHEMA)?));
    assert_eq!(failed.status.as_u16(), 500);
    assert!(!String::from_utf8_lossy(&failed.body).contains("hunter2"));
    assert_eq!((later.status.as_u16(), &later.headers["retry-after"]), (503, &"30".parse()?));
    assert_eq!((slow.status.as_u16(), &json(&slow)?["may_be_done"]), (408, &json!(true)));
    assert_eq!(unknown.status.as_u16(), 404);
    assert_eq!(method.status.as_u16(), 405);
    assert_ne!(nobody.status.as_u16(), 200);
    for answer in [refused, failed, later, slow, nobody, unknown, method] {
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(json(&answer)?["status"], answer.status.as_u16());
    }
    Ok(())
}

#[tokio::test]
async fn a_command_under_a_key_is_done_once_for_each_caller() -> Outcome {
    let bus = bus().await?;
    bus.provision(Topology::default().with_replies("payments", Duration::from_secs(600))).await?;
    let kept = world_over(bus, |config| config).await?;
    let World { bus, http, served: _served, .. } = &kept;
    let runs = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&runs);
    let capture = move |_: Received<PaymentCapture>| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok::<PaymentCaptureReply, Refusal<PaymentCaptureError>>(reply()) }
    };
    tokio::spawn(bus.service("payments").answer(capture).run(std::future::pending::<()>()));
    let body = example(PaymentCapture::SCHEMA)?.to_string();
    let shop = http.with("idempotency-key", "\"order-17\"");
    let till = shop.with("authorization", "Bearer tok-of-the-till");

    let first = shop.post("/commands/payment/capture", body.clone()).await?;
    let again = shop.post("/commands/payment/capture", body.clone()).await?;
    let other = till.post("/commands/payment/capture", body.clone()).await?;
    let changed =
        shop.post("/commands/payment/capture", r#"{"payment_id": "pay_2", "transaction_id": "txn_2"}"#).await?;
    let senseless = shop.post("/commands/rule/activate", self::body("rul_1")).await?;
    let malformed = http.with("idempotency-key", "a b").post("/commands/payment/capture", body).await?;

    assert_eq!([&first, &again, &other].map(|answer| answer.status.as_u16()), [200; 3]);
    assert_eq!(first.body, again.body);
    assert_eq!(first.headers["request-id"], again.headers["request-id"]);
    assert_ne!(first.headers["request-id"], other.headers["request-id"]);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!([changed, senseless, malformed].map(|answer| answer.status.as_u16()), [400; 3]);
    Ok(())
}

#[tokio::test]
async fn who_has_no_token_asks_nothing_and_a_new_token_needs_no_restart() -> Outcome {
    let World { bus, http, served: _served, _secret: secret } = world(|config| config).await?;
    start(&bus);
    let path = "/queries/rule/get?rule_id=rul_1";

    for wrong in ["", "Bearer", "Bearer ", "Basic c2hvcDp0b2s=", "Bearer tok", "Bearer shop", "bearer tok-of-nobody"] {
        let answer = http.with("authorization", wrong).get(path).await?;
        assert_eq!((answer.status.as_u16(), &answer.headers["www-authenticate"]), (401, &"Bearer".parse()?), "{wrong}");
    }
    assert_eq!(http.with("authorization", format!("bearer {TOKEN}")).get(path).await?.status.as_u16(), 200);
    std::fs::write(secret.path().join("secret"), "shop tok-of-tomorrow\n")?;
    assert_eq!(http.get(path).await?.status.as_u16(), 401);
    assert_eq!(http.with("authorization", "Bearer tok-of-tomorrow").get(path).await?.status.as_u16(), 200);
    std::fs::remove_file(secret.path().join("secret"))?;
    assert_eq!(http.get(path).await?.status.as_u16(), 503);
    Ok(())
}

#[tokio::test]
async fn health_needs_no_token() -> Outcome {
    let kept = world(|config| config).await?;
    let World { served, .. } = &kept;
    let anybody = Http::at(served.address)?;

    assert_eq!(anybody.get("/healthz").await?.status.as_u16(), 200);
    assert_eq!(anybody.get("/readyz").await?.status.as_u16(), 200);
    assert_eq!(json(&anybody.get("/openapi.json").await?)?["openapi"], "3.1.0");
    Ok(())
}
