//! Rates that change.

use eventsmith::{DateTime, HandlerError, PublishOptions, Received};
use rules_events::common::Jurisdiction;
use rules_events::tax::{RateChange, TaxRatesUpdated};
use rules_events::webhook::WebhookReceived;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::rates::{Rates, type_of, written};

/// What the webhook `tax_rates.updated` says.
#[derive(Deserialize)]
struct Update {
    jurisdiction: Jurisdiction,
    rates: std::collections::BTreeMap<String, Decimal>,
}

pub(super) async fn received(rates: Rates, event: Received<WebhookReceived>) -> Result<(), HandlerError> {
    if event.event_type.as_deref() != Some("tax_rates.updated") || !event.signature_verified {
        return Ok(());
    }
    let update: Update = serde_json::from_value(event.payload.clone()).map_err(HandlerError::reject)?;
    let mut changed = Vec::new();
    for (category, rate) in update.rates {
        let previous = rates.set(&update.jurisdiction, &category, rate);
        changed.push(RateChange {
            tax_type: type_of(&update.jurisdiction),
            category,
            previous_rate: previous.map(written).transpose().map_err(HandlerError::reject)?,
            rate: written(rate).map_err(HandlerError::reject)?,
        });
    }
    if changed.is_empty() {
        return Ok(());
    }
    let now = DateTime::now();
    let updated = TaxRatesUpdated {
        jurisdiction: update.jurisdiction,
        rates: changed,
        system: Some(event.system.clone()),
        effective_at: now.clone(),
        updated_at: now,
    };
    let id = Some(crate::ids::made_of(&[&event.envelope().id, "tax.rates_updated"]));
    event.bus().publish_with(&updated, PublishOptions { id, ..event.follow_up() }).await?;
    Ok(())
}
