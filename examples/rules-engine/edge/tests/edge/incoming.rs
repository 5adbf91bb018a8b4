//! Calls of systems of others: what is taken on, once, and what is not.

use std::error::Error;
use std::time::{Duration, SystemTime};

use eventsmith::Bus;
use rules_engine_edge::serve::Limits;
use rules_engine_edge::webhooks::{Endpoint, Incoming, IncomingConfig, SigningKeys};
use rules_events::webhook::WebhookReceived;
use tempfile::TempDir;

use crate::common::{Http, Outcome, Served, bus, events, everything, json, secret_file, served};

pub(crate) const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PATH: &str = "/webhooks/end_paygate";

struct World {
    bus: Bus,
    http: Http,
    _served: Served,
    secret: TempDir,
}

async fn world(bus: Bus) -> Result<World, Box<dyn Error>> {
    let (secret, path) = secret_file(&format!("{NEW}\n{OLD}\n"))?;
    let endpoint = Endpoint {
        endpoint_id: "end_paygate".parse()?,
        tenant_id: "ten_1".parse()?,
        system: "paygate".parse()?,
        secret_file: path,
        kept_headers: vec!["user-agent".to_owned(), "authorization".to_owned()],
    };
    let config = IncomingConfig {
        max_body: 2_000,
        body_timeout: Duration::from_millis(300),
        ..IncomingConfig::new(vec![endpoint])
    };
    let served = served(Incoming::new(&bus, config).router(), Limits::default()).await?;
    let http = Http::at(served.address)?.with("user-agent", "paygate/3");
    Ok(World { bus, http, _served: served, secret })
}

pub(crate) fn keys(secrets: &[&str]) -> SigningKeys {
    SigningKeys::parse(secrets.iter().map(|secret| (*secret).into())).unwrap()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}

/// The same client with the headers of a call.
fn signed(http: &Http, by: &SigningKeys, id: &str, time: i64, body: &str) -> Http {
    http.with("webhook-id", id)
        .with("webhook-timestamp", time.to_string())
        .with("webhook-signature", by.sign(id, time, body.as_bytes()))
}

#[tokio::test]
async fn a_signed_call_becomes_one_event_however_often_it_comes() -> Outcome {
    let World { bus, http, _served, secret: _secret } = world(bus().await?).await?;
    let body = r#"{"type": "charge.collected", "amount": 9007199254740993}"#;

    let first = signed(&http, &keys(&[OLD]), "msg_1", now(), body).post(PATH, body).await?;
    let again = signed(&http, &keys(&[NEW]), "msg_1", now() - 60, body).post(PATH, body).await?;
    let other = signed(&http, &keys(&[NEW]), "msg_1", now(), "{}").post(PATH, "{}").await?;
    let next = signed(&http, &keys(&[NEW]), "msg_2", now(), body).post(PATH, body).await?;

    assert_eq!((first.status.as_u16(), &json(&first)?["status"]), (200, &"received".into()));
    assert_eq!((again.status.as_u16(), &json(&again)?["status"]), (200, &"repeated".into()));
    assert_eq!(other.status.as_u16(), 409);
    assert_eq!(next.status.as_u16(), 200);
    let events = events::<WebhookReceived>(&bus);
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].delivery_id.as_str(), events[0].signature_verified), ("msg_1", true));
    assert_eq!(events[0].event_type.as_deref(), Some("charge.collected"));
    assert_eq!(events[0].payload["amount"], 9_007_199_254_740_993_u64);
    assert_eq!(events[0].headers.as_ref().map(|headers| headers.len()), Some(1));
    assert!(!everything(&bus).contains("whsec_"));
    Ok(())
}

#[tokio::test]
async fn of_many_replays_at_once_one_is_an_event() -> Outcome {
    let World { bus, http, _served, secret: _secret } = world(bus().await?).await?;
    let call = signed(&http, &keys(&[OLD]), "msg_1", now(), "{}");

    let answers = futures_util::future::join_all((0..40).map(|_| call.post(PATH, "{}"))).await;

    assert!(answers.iter().flatten().all(|answer| answer.status.as_u16() == 200));
    assert_eq!(answers.iter().flatten().count(), 40);
    assert_eq!(events::<WebhookReceived>(&bus).len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_not_signed_stale_or_malformed_leaves_no_trace() -> Outcome {
    let World { bus, http, _served, secret: _secret } = world(bus().await?).await?;
    let (old, wrong) = (keys(&[OLD]), keys(&["whsec_////////////////////////////////"]));
    let good = signed(&http, &old, "msg_1", now(), "{}");
    let huge = format!("\"{}\"", "x".repeat(2_000));

    for (call, body, status, why) in [
        (http.with("webhook-id", "msg_1"), "{}", 401, "no signature"),
        (signed(&http, &wrong, "msg_1", now(), "{}"), "{}", 401, "another secret"),
        (signed(&http, &old, "msg_1", now(), "{}"), "{ }", 401, "another body"),
        (signed(&http, &old, "msg_1", now() - 301, "{}"), "{}", 401, "too old"),
        (signed(&http, &old, "msg_1", now() + 310, "{}"), "{}", 401, "from the future"),
        (good.with("webhook-id", "msg_2"), "{}", 401, "another id"),
        (good.with("webhook-timestamp", (now() + 1).to_string()), "{}", 401, "another time"),
        (good.with("webhook-timestamp", "soon"), "{}", 400, "no time"),
        (good.with("webhook-timestamp", "99999999999999999999"), "{}", 400, "no time at all"),
        (good.with("webhook-signature", "v1,"), "{}", 401, "an empty signature"),
        (good.with("webhook-signature", "v1,AAAA ".repeat(200)), "{}", 401, "many signatures"),
        (signed(&http, &old, "msg.*.>", now(), "{}"), "{}", 400, "an id that is no name"),
        (signed(&http, &old, &"m".repeat(65), now(), "{}"), "{}", 400, "an id that is too long"),
        (signed(&http, &old, "msg_1", now(), "{"), "{", 400, "no JSON"),
        (signed(&http, &old, "msg_1", now(), &huge), huge.as_str(), 413, "too large"),
    ] {
        let answer = call.post(PATH, body.to_owned()).await?;
        assert_eq!(answer.status.as_u16(), status, "{why}: {:?}", answer.body);
    }
    assert_eq!(good.post("/webhooks/end_other", "{}").await?.status.as_u16(), 404);
    assert_eq!(good.get(PATH).await?.status.as_u16(), 405);
    assert_eq!(bus.published().iter().filter(|stored| !stored.stream.starts_with("KV_")).count(), 0);
    assert_eq!(good.post(PATH, "{}").await?.status.as_u16(), 200, "the good one is good all the while");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_answered_as_taken() -> Outcome {
    let World { bus: _bus, http, _served, secret } = world(Bus::in_memory()).await?;

    let unstored = signed(&http, &keys(&[OLD]), "msg_1", now(), "{}").post(PATH, "{}").await?;
    std::fs::write(secret.path().join("secret"), format!("{NEW}\n"))?;
    let rotated = signed(&http, &keys(&[OLD]), "msg_1", now(), "{}").post(PATH, "{}").await?;
    std::fs::remove_file(secret.path().join("secret"))?;
    let unverifiable = signed(&http, &keys(&[NEW]), "msg_1", now(), "{}").post(PATH, "{}").await?;

    assert_eq!([unstored, rotated, unverifiable].map(|answer| answer.status.as_u16()), [503, 401, 503]);
    Ok(())
}
