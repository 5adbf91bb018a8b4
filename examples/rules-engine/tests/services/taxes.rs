//! Taxes, to the cent.

use eventsmith::RequestError;
use rules_events::tax::{TaxCalculate, TaxCalculateError, TaxRatesUpdated};
use rules_events::webhook::WebhookReceived;
use serde_json::{Value, json};

use crate::common::{Outcome, bus, of, start};

fn items(items: Value, prices_include_tax: bool) -> Value {
    json!({"transaction_id": "t_1", "items": items, "prices_include_tax": prices_include_tax})
}

#[tokio::test]
async fn each_line_is_rounded_by_itself() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["taxes"])?;
    let item = |category: &str| json!({"jurisdiction": "DE", "category": category, "amount": {"amount_minor": 1_050, "currency": "EUR"}});

    let taxes = bus.request(&of::<TaxCalculate>(items(json!([item("general"), item("food")]), false))?).await?;
    let lines: Vec<_> = taxes.lines.iter().map(|line| (line.rate.as_str(), line.amount.amount_minor)).collect();
    assert_eq!((lines, taxes.total.amount_minor), (vec![("0.19", 200), ("0.07", 74)], 274));
    let included = bus.request(&of::<TaxCalculate>(items(json!([item("general")]), true))?).await?;
    assert_eq!(included.total.amount_minor, 168);

    let nowhere = json!([{"jurisdiction": "XX", "amount": {"amount_minor": 1, "currency": "EUR"}}]);
    let unknown = bus.request(&of::<TaxCalculate>(items(nowhere, false))?).await;
    assert!(matches!(unknown, Err(RequestError::Refused(TaxCalculateError::NotFound(_)))));
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_is_signed_changes_rates() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["taxes"])?;
    let webhook = |is_signed: bool, rate: &str| {
        json!({"tenant_id": "shop", "endpoint_id": "taxes", "delivery_id": format!("d-{is_signed}"), "system": "tax-office",
            "event_type": "tax_rates.updated", "signature_verified": is_signed, "received_at": "2026-01-01T00:00:00Z",
            "payload": {"jurisdiction": "DE", "rates": {"general": rate}}})
    };

    bus.publish(&of::<WebhookReceived>(webhook(false, "0.99"))?).await?;
    bus.publish(&of::<WebhookReceived>(webhook(true, "0.165"))?).await?;
    bus.settle().await;

    let item = json!([{"jurisdiction": "DE", "amount": {"amount_minor": 1_000, "currency": "EUR"}}]);
    assert_eq!(bus.request(&of::<TaxCalculate>(items(item, false))?).await?.total.amount_minor, 165);
    let updated: Vec<TaxRatesUpdated> = bus.published().iter().filter_map(|message| message.event()).collect();
    let rates: Vec<_> = updated.iter().flat_map(|it| &it.rates).collect();
    assert_eq!(rates.len(), 1);
    assert_eq!(rates[0].previous_rate.as_ref().map(|rate| rate.as_str()), Some("0.19"));
    Ok(())
}
