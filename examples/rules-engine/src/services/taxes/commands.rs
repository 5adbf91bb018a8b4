//! Calculating the tax on a transaction.

use eventsmith::{DateTime, PublishOptions, Received, Refusal};
use rules_events::common::TaxLine;
use rules_events::tax::{TaxCalculate, TaxCalculateError, TaxCalculateReply, TaxCalculated};

use super::rates::{GENERAL, Rates, type_of, written};
use crate::ids::made_of;
use crate::money::{included, like, share};
use crate::refusals::not_found;

pub(super) async fn calculate(
    rates: Rates,
    asked: Received<TaxCalculate>,
) -> Result<TaxCalculateReply, Refusal<TaxCalculateError>> {
    let is_included = asked.prices_include_tax.unwrap_or_default();
    let mut lines = Vec::new();
    for item in &asked.items {
        let category = item.category.as_deref().unwrap_or(GENERAL);
        let Some(rate) = rates.get(&item.jurisdiction, category) else {
            let what = format!("no rate is known of {category} in {}", item.jurisdiction);
            return Err(Refusal::new(not_found(what)));
        };
        let amount = match is_included {
            true => included(item.amount.amount_minor, rate),
            false => share(item.amount.amount_minor, rate),
        };
        lines.push(TaxLine {
            jurisdiction: item.jurisdiction.clone(),
            tax_type: type_of(&item.jurisdiction),
            category: item.category.clone(),
            rate: written(rate)?,
            taxable_amount: item.amount.clone(),
            amount: like(&item.amount, amount),
        });
    }
    let Some(first) = lines.first() else { return Err(Refusal::failed("there is nothing to be taxed")) };
    let total = like(&first.amount, lines.iter().map(|line| line.amount.amount_minor).sum());
    let calculated = TaxCalculated {
        transaction_id: asked.transaction_id.clone(),
        customer_id: asked.customer_id.clone(),
        lines: lines.clone(),
        total: total.clone(),
        prices_include_tax: Some(is_included),
        calculated_at: DateTime::now(),
    };
    // Asked again under the same id, it is told once: the stream knows the id of the event, which is made of the request's.
    let options = PublishOptions { id: Some(made_of(&[&asked.envelope().id, "tax.calculated"])), ..asked.follow_up() };
    asked.bus().publish_with(&calculated, options).await?;
    let (transaction_id, calculated_at) = (asked.transaction_id.clone(), calculated.calculated_at);
    Ok(TaxCalculateReply { transaction_id, lines, total, calculated_at })
}
