//! Amounts, exactly: decimals, and one place that rounds.

use eventsmith::error::InvalidText;
use rules_events::common::{Discount, Money};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// An amount in minor units of a currency.
///
/// # Errors
/// [`InvalidText`] where that is no ISO 4217 code.
pub fn money(amount_minor: i64, currency: &str) -> Result<Money, InvalidText> {
    Ok(Money { amount_minor, currency: currency.parse()? })
}

/// The same currency, another amount.
pub fn like(money: &Money, amount_minor: i64) -> Money {
    Money { amount_minor, currency: money.currency.clone() }
}

/// A share of an amount, rounded half away from zero to whole minor units, as invoices are.
///
/// ```
/// use rules_engine::money::share;
///
/// assert_eq!(share(1_050, "0.19".parse().unwrap()), 200); // 199.5
/// assert_eq!(share(1_047, "0.19".parse().unwrap()), 199); // 198.93
/// ```
pub fn share(amount_minor: i64, rate: Decimal) -> i64 {
    let exact = Decimal::from(amount_minor) * rate;
    // An amount has 16 digits at most, and a rate is below ten.
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(i64::MAX)
}

/// What of an amount is tax at a rate, where the tax is included: the amount less what it is without tax.
///
/// ```
/// use rules_engine::money::included;
///
/// assert_eq!(included(1_190, "0.19".parse().unwrap()), 190);
/// ```
pub fn included(amount_minor: i64, rate: Decimal) -> i64 {
    let net = Decimal::from(amount_minor) / (Decimal::ONE + rate);
    let net = net.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(amount_minor);
    amount_minor - net
}

/// What a discount takes off a price: never more than the price, nothing where the currencies differ.
pub fn discount(discount: &Discount, price: &Money) -> i64 {
    let amount = match discount {
        Discount::Amount(fixed) if fixed.amount.currency == price.currency => fixed.amount.amount_minor,
        Discount::Amount(_) => 0,
        Discount::Percentage(percentage) => {
            let percent: Decimal = percentage.percentage.parse().unwrap_or_default();
            let part = share(price.amount_minor, percent / Decimal::ONE_HUNDRED);
            match &percentage.cap {
                Some(cap) if cap.currency == price.currency => part.min(cap.amount_minor),
                _ => part,
            }
        }
    };
    amount.min(price.amount_minor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn off(text: serde_json::Value, price: i64) -> i64 {
        let of = serde_json::from_value(text).expect("a discount");
        discount(&of, &money(price, "EUR").expect("a currency"))
    }

    #[test]
    fn a_percentage_is_rounded_half_up_and_capped() {
        assert_eq!(off(json!({"kind": "percentage", "percentage": "12.5"}), 1_004), 126);
        let cap = json!({"amount_minor": 100, "currency": "EUR"});
        assert_eq!(off(json!({"kind": "percentage", "percentage": "12.5", "cap": cap}), 1_004), 100);
    }

    #[test]
    fn nothing_costs_less_than_nothing() {
        let amount = json!({"amount_minor": 900, "currency": "EUR"});
        assert_eq!(off(json!({"kind": "amount", "amount": amount}), 700), 700);
    }

    #[test]
    fn another_currency_takes_nothing_off() {
        let amount = json!({"amount_minor": 900, "currency": "JPY"});
        assert_eq!(off(json!({"kind": "amount", "amount": amount}), 700), 0);
    }
}
