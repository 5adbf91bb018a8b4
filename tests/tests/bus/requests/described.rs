//! Requests by their descriptors: of programs that do not know the types.

use eventsmith::catalogue::{AnyReply, EventDescriptor};
use eventsmith::{Bus, Received, Refusal, RequestError, RequestOptions};
use rules_events::CATALOGUE;
use rules_events::common::NotFound;
use rules_events::coupon::{CouponRelease, CouponReleaseError, CouponReleaseReply};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::common::serve;
use crate::common::{Outcome, over_both_transports};

over_both_transports! {
    a_described_request_is_answered_as_a_typed_one
    what_is_no_such_request_is_not_sent
    a_described_request_that_nobody_answers_says_so
}

fn described(name: &str) -> &'static EventDescriptor {
    CATALOGUE.iter().find(|described| described.event_type == name).unwrap()
}

fn release(code: &str) -> Value {
    json!({"coupon_code": code, "transaction_id": "txn_1", "reason": "checkout_failed"})
}

async fn ask(bus: &Bus, name: &str, data: &str) -> Result<AnyReply, RequestError<AnyReply>> {
    bus.request_described(described(name), data.as_bytes(), RequestOptions::default()).await
}

async fn a_described_request_is_answered_as_a_typed_one(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = serve(bus.service("coupons").answer(move |asked: Received<CouponRelease>| {
        let _ = tell.send((asked.envelope().event_type.clone(), asked.transaction_id.to_string()));
        async move {
            match asked.coupon_code.as_str() {
                "SPRING26" => Ok(CouponReleaseReply {
                    coupon_code: asked.coupon_code.clone(),
                    transaction_id: asked.transaction_id.clone(),
                    released_at: "2026-03-05T10:19:02+01:00".parse()?,
                }),
                _ => {
                    Err(Refusal::new(CouponReleaseError::NotFound(NotFound { message: "no such coupon".parse().ok() })))
                }
            }
        }
    }));

    let reply = loop {
        match ask(&bus, "coupon.release", &release("SPRING26").to_string()).await {
            // It has not subscribed yet.
            Err(RequestError::NoResponders { .. }) => tokio::task::yield_now().await,
            replied => break replied,
        }
    };
    let refusal = ask(&bus, "coupon.release", &release("WINTER26").to_string()).await;

    // As it came, and not as this machine would write it.
    let replied = r#"{"coupon_code":"SPRING26","transaction_id":"txn_1","released_at":"2026-03-05T10:19:02+01:00"}"#;
    assert_eq!(reply?.as_str(), replied);
    let Err(RequestError::Refused(refusal)) = refusal else { return Err(format!("{refusal:?}").into()) };
    assert_eq!(refusal.as_str(), r#"{"code":"not_found","message":"no such coupon"}"#);
    for _ in 0..2 {
        assert_eq!(told.recv().await, Some(("coupon.release".to_owned(), "txn_1".to_owned())));
    }
    service.stop().await?;
    Ok(())
}

async fn what_is_no_such_request_is_not_sent(bus: Bus) -> Outcome {
    let twice =
        r#"{"coupon_code": "SPRING26", "coupon_code": "X", "transaction_id": "t", "reason": "checkout_failed"}"#;
    for (name, data) in [
        ("coupon.release", r#"{"coupon_code": "SPRING26"}"#),
        ("coupon.release", "no JSON"),
        ("coupon.release", twice),
        ("coupon.release", ""),
        // An event is no request, however good it is.
        ("coupon.released", &release("SPRING26").to_string()),
    ] {
        let asked = ask(&bus, name, data).await;

        assert!(matches!(asked, Err(RequestError::Invalid(_))), "{name} {data}: {asked:?}");
    }
    Ok(())
}

async fn a_described_request_that_nobody_answers_says_so(bus: Bus) -> Outcome {
    let asked = ask(&bus, "coupon.release", &release("SPRING26").to_string()).await;

    assert!(matches!(asked, Err(RequestError::NoResponders { .. })), "{asked:?}");
    Ok(())
}
