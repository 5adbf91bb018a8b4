//! Payments at the gateway: whatever is lost on the way is done once, and on record.

use std::error::Error;
use std::time::{Duration, Instant};

use eventsmith::{Bus, DateTime};
use rules_engine_edge::external::{Backoff, CallContext};
use rules_engine_edge::gateway::{Authorization, ChargeStatus, GatewayClient, GatewayConfig, GatewayError};
use rules_engine_edge::played::{Fault, PlayedGateway};
use rules_events::common::{CardBrand, CardMethod, CardMethodRequired, Money, PaymentMethod};
use rules_events::external::{ExternalRequestCompleted, ExternalRequestFailed};
use tempfile::TempDir;

use crate::common::{Outcome, TOKEN, bus, events, everything, secret_file};

struct World {
    bus: Bus,
    gateway: PlayedGateway,
    client: GatewayClient,
    context: CallContext,
    _secret: TempDir,
}

async fn world() -> Result<World, Box<dyn Error>> {
    let bus = bus().await?;
    let gateway = PlayedGateway::start(TOKEN).await?;
    let (secret, path) = secret_file(TOKEN)?;
    let client = GatewayClient::new(&bus, quick(GatewayConfig::new("paygate".parse()?, gateway.url(), path)))?;
    let context = CallContext { transaction_id: Some("txn_1".parse()?), ..CallContext::default() };
    Ok(World { bus, gateway, client, context, _secret: secret })
}

/// The same gateway, waited for no longer than a test may take.
fn quick(config: GatewayConfig) -> GatewayConfig {
    GatewayConfig {
        attempt_timeout: Duration::from_millis(300),
        timeout: Duration::from_secs(3),
        backoff: Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(50) },
        ..config
    }
}

fn order(payment: &str, minor: i64, last_four: &str) -> Result<Authorization, Box<dyn Error>> {
    let card = CardMethodRequired { brand: CardBrand::Visa, last_four: last_four.parse()? };
    Ok(Authorization {
        payment_id: payment.parse()?,
        transaction_id: "txn_1".parse()?,
        amount: Money { amount_minor: minor, currency: "EUR".parse()? },
        method: PaymentMethod::Card(CardMethod::from(card)),
        memo: None,
    })
}

#[tokio::test]
async fn a_payment_goes_through_its_life_and_each_call_is_on_record() -> Outcome {
    let kept = world().await?;
    let World { bus, gateway, client, context, .. } = &kept;
    let order = order("pay_1", 9_800, "4242")?;

    let reserved = client.authorize(&order, "k1", context).await?;
    let captured = client.capture(&order.payment_id, None, "k2", context).await?;
    let back = Money { amount_minor: 800, currency: "EUR".parse()? };
    let refunded = client.refund(&order.payment_id, Some(&back), "k3", context).await?;
    let found = client.find(&order.payment_id, context).await?.ok_or("the payment is not found")?;

    assert_eq!((reserved.status, reserved.authorized), (ChargeStatus::Authorized, order.amount.clone()));
    assert!(reserved.expires_at.is_some_and(|expires| expires.timestamp() > DateTime::now().timestamp()));
    assert_eq!((captured.status, captured.captured), (ChargeStatus::Captured, order.amount));
    assert_eq!(refunded.refunded, back);
    assert_eq!(found, refunded);
    assert_eq!(gateway.charges()[0].keys, ["k1", "k2", "k3"]);
    let calls: Vec<_> =
        events::<ExternalRequestCompleted>(bus).into_iter().map(|event| (event.operation, event.status_code)).collect();
    let ok = |name: &str| (name.to_owned(), Some(200));
    assert_eq!(calls, [ok("authorize"), ok("capture"), ok("refund"), ok("find")]);
    assert!(!everything(bus).contains(TOKEN));
    Ok(())
}

#[tokio::test]
async fn what_is_done_and_not_heard_is_found_and_not_done_again() -> Outcome {
    for fault in [
        Fault::HangAfter,
        Fault::CutAfter,
        Fault::StatusAfter(500),
        Fault::StatusAfter(504),
        Fault::GarbledAfter,
        Fault::HugeAfter(3 << 20),
    ] {
        let kept = world().await?;
        let World { gateway, client, context, bus, .. } = &kept;
        let order = order("pay_1", 500, "4242")?;
        client.authorize(&order, "k1", context).await?;

        gateway.faults().push(fault);
        let captured = client
            .capture(&order.payment_id, None, "k2", context)
            .await
            .map_err(|error| format!("{fault:?}: {error}"))?;

        assert_eq!(captured.captured.amount_minor, 500, "{fault:?}");
        assert_eq!(gateway.charges()[0].keys, ["k1", "k2"], "{fault:?}");
        assert_eq!(gateway.faults().seen(), 3, "{fault:?}: authorized, captured, looked up");
        assert_eq!(events::<ExternalRequestCompleted>(bus).len(), 2, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_hangs_and_is_not_done_is_asked_for_again_under_the_same_key() -> Outcome {
    for faults in [&[Fault::Hang][..], &[Fault::Status(503)], &[Fault::Hang, Fault::Hang, Fault::Status(500)]] {
        let kept = world().await?;
        let World { gateway, client, context, .. } = &kept;

        faults.iter().for_each(|fault| gateway.faults().push(*fault));
        let charge = client.authorize(&order("pay_1", 500, "4242")?, "k1", context).await?;

        assert_eq!(charge.status, ChargeStatus::Authorized, "{faults:?}");
        assert_eq!(gateway.charges()[0].keys, ["k1"], "{faults:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_hangs_for_long_ends_in_time_as_unknown_and_a_later_call_resolves_it() -> Outcome {
    let kept = world().await?;
    let World { bus, gateway, client, context, .. } = &kept;
    let order = order("pay_1", 500, "4242")?;

    gateway.faults().always(Some(Fault::HangAfter));
    let begun = Instant::now();
    let lost = client.authorize(&order, "k1", context).await.unwrap_err();
    let took = begun.elapsed();
    gateway.faults().always(None);
    let charge = client.authorize(&order, "k1", context).await?;

    assert!(lost.may_be_done() && lost.is_passing(), "{lost}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(charge.status, ChargeStatus::Authorized);
    assert_eq!(gateway.charges()[0].keys, ["k1"]);
    let failed = events::<ExternalRequestFailed>(bus);
    assert_eq!((failed.len(), failed[0].error_code.as_str(), failed[0].retryable), (1, "UPSTREAM_TIMEOUT", true));
    assert!(failed[0].attempts > 1);
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_is_down_has_done_nothing() -> Outcome {
    let World { bus, gateway, client, context, _secret } = world().await?;
    drop(gateway);

    let error = client.authorize(&order("pay_1", 500, "4242")?, "k1", &context).await.unwrap_err();

    assert!(matches!(error, GatewayError::Unavailable(_)), "{error}");
    assert_eq!(events::<ExternalRequestFailed>(&bus).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_bank_that_declines_and_a_wrong_state_are_answers() -> Outcome {
    let kept = world().await?;
    let World { bus, client, context, .. } = &kept;
    let declined = order("pay_1", 500, "0002")?;
    let voided = order("pay_2", 500, "4242")?;

    let first = client.authorize(&declined, "k1", context).await.unwrap_err();
    let again = client.authorize(&declined, "k1", context).await.unwrap_err();
    client.authorize(&voided, "k2", context).await?;
    client.void(&voided.payment_id, "k3", context).await?;
    let late = client.capture(&voided.payment_id, None, "k4", context).await.unwrap_err();
    let unknown = client.void(&"pay_3".parse()?, "k5", context).await.unwrap_err();

    assert!(matches!(&first, GatewayError::Declined { code, .. } if code == "INSUFFICIENT_FUNDS"), "{first}");
    assert_eq!(again, first);
    assert!(matches!(late, GatewayError::WrongState(_)), "{late}");
    assert_eq!(unknown, GatewayError::NotFound);
    assert_eq!(client.find(&"pay_3".parse()?, context).await?, None);
    assert_eq!(events::<ExternalRequestFailed>(bus).len(), 0);
    assert_eq!(events::<ExternalRequestCompleted>(bus).len(), 7);
    Ok(())
}

#[tokio::test]
async fn a_wrong_token_is_told_without_the_token() -> Outcome {
    let kept = world().await?;
    let World { bus, gateway, context, .. } = &kept;
    let (_folder, path) = secret_file("tok-of-somebody-else\n")?;
    let client = GatewayClient::new(bus, quick(GatewayConfig::new("paygate".parse()?, gateway.url(), path)))?;

    let error = client.authorize(&order("pay_1", 500, "4242")?, "k1", context).await.unwrap_err();

    assert!(matches!(error, GatewayError::Rejected(_)), "{error}");
    let told = format!("{error} {error:?} {client:?} {}", everything(bus));
    assert!(!told.contains("tok-of-somebody-else"), "{told}");
    assert_eq!(events::<ExternalRequestFailed>(bus).len(), 1);
    Ok(())
}

#[tokio::test]
async fn of_many_who_ask_under_one_key_at_once_one_does_it() -> Outcome {
    let kept = world().await?;
    let World { gateway, client, context, .. } = &kept;
    let order = order("pay_1", 500, "4242")?;

    let asked = (0..32).map(|_| client.authorize(&order, "k1", context));
    let charges = futures_util::future::join_all(asked).await;

    assert!(charges.iter().all(Result::is_ok), "{charges:?}");
    assert_eq!(gateway.charges().len(), 1);
    assert_eq!(gateway.charges()[0].keys, ["k1"]);
    Ok(())
}
