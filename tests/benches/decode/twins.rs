//! What an engineer would write who trusts every payload: the same fields, and no checks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CouponExpired {
    coupon_code: String,
    promotion_id: String,
    customer_id: Option<String>,
    unused_redemptions: u32,
    expired_at: Timestamp,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TaxCalculated {
    transaction_id: String,
    customer_id: Option<String>,
    lines: Vec<TaxLine>,
    total: Money,
    prices_include_tax: Option<bool>,
    calculated_at: Timestamp,
}

#[derive(Debug, Deserialize, Serialize)]
struct TaxLine {
    jurisdiction: String,
    tax_type: TaxType,
    category: Option<String>,
    rate: String,
    taxable_amount: Money,
    amount: Money,
}

#[derive(Debug, Deserialize, Serialize)]
struct Money {
    amount_minor: u64,
    currency: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum TaxType {
    Vat,
    Gst,
    Sales,
    Excise,
    Other,
}
