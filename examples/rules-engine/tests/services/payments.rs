//! Money is moved once, whatever becomes of the answers.

use std::sync::Arc;

use eventsmith::{RequestError, RequestOptions};
use rules_engine::services::payments::gateway::Gateway;
use rules_engine::services::payments::parts_with;
use rules_engine::services::payments::played::{Played, PlayedGateway};
use rules_events::payment::{
    PaymentAuthorize, PaymentAuthorizeError, PaymentCapture, PaymentCaptureError, PaymentRefund, PaymentRefundError,
    PaymentVoid, PaymentVoidError,
};
use serde_json::{Value, json};

use crate::common::{Outcome, bus, of, run};
use crate::moves::{refund, told, void};

fn well() -> Played {
    Played { refuses: 0, hangs: 0, unheard: 0, hangs_for_ms: 50 }
}

fn order() -> Value {
    json!({"payment_id": "pay_1", "transaction_id": "t_1", "amount": {"amount_minor": 990, "currency": "EUR"},
        "method": {"kind": "card", "brand": "visa", "last_four": "4242"}})
}

#[tokio::test]
async fn a_payment_is_authorized_captured_and_refunded_once() -> Outcome {
    let (bus, gateway) = (bus().await?, PlayedGateway::new(well()));
    let _running = run(&bus, "payments", parts_with(&bus, Arc::new(gateway.clone())))?;

    for _ in 0..2 {
        bus.request(&of::<PaymentAuthorize>(order())?).await?;
        let captured =
            bus.request(&of::<PaymentCapture>(json!({"payment_id": "pay_1", "transaction_id": "t_1"}))?).await?;
        assert_eq!(captured.amount.amount_minor, 990);
        assert_eq!(bus.request(&of::<PaymentRefund>(refund())?).await?.amount.amount_minor, 990);
    }

    assert_eq!(told(&bus).await?, ["payment.authorized", "payment.captured", "payment.refunded"]);
    let record = gateway.find("pay_1".parse()?).await?;
    assert_eq!((record.captured_minor, record.refunds.values().sum::<i64>()), (990, 990));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_was_lost_is_made_up_for() -> Outcome {
    let (bus, gateway) = (bus().await?, PlayedGateway::new(Played { unheard: 1_000, ..well() }));
    let _running = run(&bus, "payments", parts_with(&bus, Arc::new(gateway)))?;
    let authorize: PaymentAuthorize = of(order())?;
    let options =
        RequestOptions { id: Some("019cadab-23b8-7c3a-9e21-4f6d8a0b7c15".parse()?), ..RequestOptions::default() };

    let unheard = bus.request_with(&authorize, options.clone()).await;
    assert!(matches!(unheard, Err(RequestError::Failed { .. })), "{unheard:?}");
    assert_eq!(told(&bus).await?, Vec::<String>::new());
    bus.request_with(&authorize, options).await?;

    assert_eq!(told(&bus).await?, ["payment.authorized"]);
    Ok(())
}

#[tokio::test]
async fn what_was_voided_unheard_is_never_authorized() -> Outcome {
    let (bus, gateway) = (bus().await?, PlayedGateway::new(well()));
    let _running = run(&bus, "payments", parts_with(&bus, Arc::new(gateway)))?;

    let nothing = bus.request(&of::<PaymentVoid>(void())?).await;
    assert!(matches!(nothing, Err(RequestError::Refused(PaymentVoidError::NotFound(_)))));
    let late = bus.request(&of::<PaymentAuthorize>(order())?).await;
    assert!(matches!(late, Err(RequestError::Refused(PaymentAuthorizeError::NotAllowed(_)))));

    assert_eq!(told(&bus).await?, ["payment.failed"]);
    Ok(())
}

#[tokio::test]
async fn what_was_captured_is_refunded_and_not_voided() -> Outcome {
    let (bus, gateway) = (bus().await?, PlayedGateway::new(well()));
    // Authorized and captured at the gateway, and nobody here has heard of it.
    gateway.authorize(of(order())?).await?;
    gateway.capture("pay_1".parse()?, None).await?;
    let _running = run(&bus, "payments", parts_with(&bus, Arc::new(gateway)))?;

    let captured = bus.request(&of::<PaymentVoid>(void())?).await;
    assert!(
        matches!(captured, Err(RequestError::Refused(PaymentVoidError::WrongState(it))) if it.state.as_str() == "captured")
    );
    bus.request(&of::<PaymentRefund>(refund())?).await?;

    assert_eq!(told(&bus).await?, ["payment.authorized", "payment.captured", "payment.refunded"]);
    Ok(())
}

#[tokio::test]
async fn what_was_not_captured_is_not_refunded() -> Outcome {
    let (bus, gateway) = (bus().await?, PlayedGateway::new(well()));
    let _running = run(&bus, "payments", parts_with(&bus, Arc::new(gateway)))?;
    bus.request(&of::<PaymentAuthorize>(order())?).await?;

    let asked = json!({"payment_id": "pay_1", "refund_id": "ref_1", "reason": "customer_request"});
    let refused = bus.request(&of::<PaymentRefund>(asked)?).await;

    assert!(
        matches!(refused, Err(RequestError::Refused(PaymentRefundError::WrongState(it))) if it.state.as_str() == "authorized")
    );
    Ok(())
}

#[tokio::test]
async fn what_is_cancelled_before_it_is_captured_never_is() -> Outcome {
    let (bus, gateway) = (bus().await?, PlayedGateway::new(well()));
    let _running = run(&bus, "payments", parts_with(&bus, Arc::new(gateway)))?;
    bus.request(&of::<PaymentAuthorize>(order())?).await?;

    let cancelled = bus.request(&of::<PaymentRefund>(refund())?).await;
    // It was on its way when the checkout gave up.
    let late = bus.request(&of::<PaymentCapture>(json!({"payment_id": "pay_1", "transaction_id": "t_1"}))?).await;
    bus.request(&of::<PaymentVoid>(void())?).await?;

    let is_voided = |error: &PaymentRefundError| matches!(error, PaymentRefundError::WrongState(it) if it.state.as_str() == "voided");
    assert!(matches!(&cancelled, Err(RequestError::Refused(error)) if is_voided(error)), "{cancelled:?}");
    assert!(matches!(late, Err(RequestError::Refused(PaymentCaptureError::WrongState(_)))), "{late:?}");
    assert_eq!(told(&bus).await?, ["payment.authorized", "payment.voided"]);
    Ok(())
}
