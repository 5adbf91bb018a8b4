//! Payments at a gateway elsewhere: the same promises, by what that gateway does.

use std::sync::Arc;

use eventsmith::{Bus, RequestError};
use rules_engine::running::Running;
use rules_engine::services::payments::outside::{Outside, OutsideGateway};
use rules_engine::services::payments::parts_with;
use rules_engine_edge::played::{Fault, PlayedGateway};
use rules_events::external::{ExternalRequestCompleted, ExternalRequestFailed};
use rules_events::payment::{
    PaymentAuthorize, PaymentAuthorizeError, PaymentCapture, PaymentCaptureError, PaymentRefund, PaymentRefundError,
    PaymentVoid, PaymentVoidError,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Outcome, bus, of, run};
use crate::moves::{refund, told, void};

const TOKEN: &str = "tok-5d1e";

struct World {
    bus: Bus,
    gateway: PlayedGateway,
    _running: Running,
    _folder: TempDir,
}

async fn world() -> Result<World, Box<dyn std::error::Error>> {
    let (bus, gateway, folder) = (bus().await?, PlayedGateway::start(TOKEN).await?, tempfile::tempdir()?);
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, TOKEN)?;
    let outside = OutsideGateway::new(&bus, &Outside { url: gateway.url(), token_file })?;
    let running = run(&bus, "payments", parts_with(&bus, Arc::new(outside)))?;
    Ok(World { bus, gateway, _running: running, _folder: folder })
}

fn order(last_four: &str) -> Value {
    json!({"payment_id": "pay_1", "transaction_id": "t_1", "customer_id": "cus_1",
        "amount": {"amount_minor": 990, "currency": "EUR"},
        "method": {"kind": "card", "brand": "visa", "last_four": last_four}})
}

fn capture() -> Value {
    json!({"payment_id": "pay_1", "transaction_id": "t_1"})
}

#[tokio::test]
async fn a_payment_is_moved_once_and_each_call_is_on_record() -> Outcome {
    let World { bus, gateway, .. } = &world().await?;

    for _ in 0..2 {
        bus.request(&of::<PaymentAuthorize>(order("4242"))?).await?;
        assert_eq!(bus.request(&of::<PaymentCapture>(capture())?).await?.amount.amount_minor, 990);
        assert_eq!(bus.request(&of::<PaymentRefund>(refund())?).await?.amount.amount_minor, 990);
    }

    assert_eq!(told(bus).await?, ["payment.authorized", "payment.captured", "payment.refunded"]);
    let charges = gateway.charges();
    assert_eq!((charges.len(), charges[0].collected, charges[0].reversed), (1, 990, 990));
    let recorded = bus.published().iter().filter_map(|it| it.event::<ExternalRequestCompleted>()).count();
    assert!(recorded >= 6, "{recorded}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_up() -> Outcome {
    let World { bus, gateway, .. } = &world().await?;
    gateway.faults().push(Fault::CutAfter);

    bus.request(&of::<PaymentAuthorize>(order("4242"))?).await?;

    assert_eq!(told(bus).await?, ["payment.authorized"]);
    assert_eq!(gateway.charges()[0].keys, ["pay_1-authorize"]);
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_hangs_is_no_refusal() -> Outcome {
    let World { bus, gateway, .. } = &world().await?;
    gateway.faults().always(Some(Fault::Hang));

    let hung = bus.request(&of::<PaymentAuthorize>(order("4242"))?).await;
    gateway.faults().always(None);
    bus.request(&of::<PaymentAuthorize>(order("4242"))?).await?;

    assert!(matches!(hung, Err(RequestError::Failed { .. } | RequestError::TimedOut { .. })), "{hung:?}");
    assert_eq!(told(bus).await?, ["payment.authorized"]);
    assert_eq!(bus.published().iter().filter_map(|it| it.event::<ExternalRequestFailed>()).count(), 1);
    Ok(())
}

#[tokio::test]
async fn what_was_voided_unheard_is_never_authorized() -> Outcome {
    let World { bus, gateway, .. } = &world().await?;

    for _ in 0..2 {
        let nothing = bus.request(&of::<PaymentVoid>(void())?).await;
        assert!(matches!(nothing, Err(RequestError::Refused(PaymentVoidError::NotFound(_)))), "{nothing:?}");
    }
    let late = bus.request(&of::<PaymentAuthorize>(order("4242"))?).await;

    assert!(matches!(late, Err(RequestError::Refused(PaymentAuthorizeError::NotAllowed(_)))), "{late:?}");
    assert_eq!(told(bus).await?, ["payment.failed"]);
    assert_eq!((gateway.charges()[0].stage, gateway.charges()[0].reserved), ("cancelled", 0));
    Ok(())
}

#[tokio::test]
async fn what_is_voided_is_not_captured_and_what_is_captured_is_refunded_alone() -> Outcome {
    let World { bus, .. } = &world().await?;
    bus.request(&of::<PaymentAuthorize>(order("4242"))?).await?;

    // Refused before the capture, and done after it: a refusal does not stay.
    let asked = json!({"payment_id": "pay_1", "refund_id": "ref_1", "reason": "customer_request"});
    let early = bus.request(&of::<PaymentRefund>(asked)?).await;
    assert!(matches!(early, Err(RequestError::Refused(PaymentRefundError::WrongState(_)))), "{early:?}");
    bus.request(&of::<PaymentCapture>(capture())?).await?;
    let captured = bus.request(&of::<PaymentVoid>(void())?).await;
    assert!(matches!(captured, Err(RequestError::Refused(PaymentVoidError::WrongState(_)))), "{captured:?}");
    bus.request(&of::<PaymentRefund>(refund())?).await?;

    assert_eq!(told(bus).await?, ["payment.authorized", "payment.captured", "payment.refunded"]);
    Ok(())
}

#[tokio::test]
async fn a_bank_that_declines_is_a_fact() -> Outcome {
    let World { bus, .. } = &world().await?;

    let declined = bus.request(&of::<PaymentAuthorize>(order("0002"))?).await;

    assert!(matches!(declined, Err(RequestError::Refused(PaymentAuthorizeError::NotAllowed(_)))), "{declined:?}");
    assert_eq!(told(bus).await?, ["payment.failed"]);
    Ok(())
}

#[tokio::test]
async fn what_is_cancelled_before_it_is_captured_never_is() -> Outcome {
    let World { bus, gateway, .. } = &world().await?;
    bus.request(&of::<PaymentAuthorize>(order("4242"))?).await?;

    let cancelled = bus.request(&of::<PaymentRefund>(refund())?).await;
    // It was on its way when the checkout gave up.
    let late = bus.request(&of::<PaymentCapture>(capture())?).await;
    bus.request(&of::<PaymentVoid>(void())?).await?;

    assert!(matches!(cancelled, Err(RequestError::Refused(PaymentRefundError::WrongState(_)))), "{cancelled:?}");
    assert!(matches!(late, Err(RequestError::Refused(PaymentCaptureError::WrongState(_)))), "{late:?}");
    assert_eq!(told(bus).await?, ["payment.authorized", "payment.voided"]);
    assert_eq!(gateway.charges()[0].stage, "cancelled");
    Ok(())
}

#[tokio::test]
async fn what_the_gateway_did_and_nobody_wrote_down_is_written_when_it_is_voided() -> Outcome {
    let World { bus, gateway, .. } = &world().await?;
    bus.request(&of::<PaymentAuthorize>(order("4242"))?).await?;
    // The same gateway, and a history that is empty: as if the service had died before the event.
    let (other, folder) = (crate::common::bus().await?, tempfile::tempdir()?);
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, TOKEN)?;
    let outside = OutsideGateway::new(&other, &Outside { url: gateway.url(), token_file })?;
    let _running = run(&other, "payments", parts_with(&other, Arc::new(outside)))?;

    other.request(&of::<PaymentVoid>(void())?).await?;

    assert_eq!(told(&other).await?, ["payment.authorized", "payment.voided"]);
    Ok(())
}
