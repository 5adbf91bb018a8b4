//! The rates of each jurisdiction.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use rules_events::common::{TaxRate, TaxType};
use rust_decimal::Decimal;
use serde::Deserialize;

/// The settings of taxes.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The rates of each jurisdiction, by the category of goods; `general` is for all that have no other.
    pub rates: BTreeMap<String, BTreeMap<String, Decimal>>,
}

impl Default for Config {
    fn default() -> Self {
        let rate = |thousandths: i64| Decimal::new(thousandths, 4);
        let of = |rates: &[(&str, i64)]| rates.iter().map(|(name, it)| ((*name).to_owned(), rate(*it))).collect();
        let rates = [
            ("DE", of(&[("general", 1_900), ("food", 700)])),
            ("FR", of(&[("general", 2_000), ("food", 550)])),
            ("US-CA", of(&[("general", 725)])),
            ("GB", of(&[("general", 2_000), ("food", 0)])),
        ];
        Self { rates: rates.into_iter().map(|(name, rates)| (name.to_owned(), rates)).collect() }
    }
}

/// The rates as they are, shared by all handlers.
#[derive(Debug, Clone)]
pub struct Rates(Arc<RwLock<BTreeMap<String, BTreeMap<String, Decimal>>>>);

/// The category of all goods that have no other.
pub(super) const GENERAL: &str = "general";

impl Rates {
    /// The rates that are configured.
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(RwLock::new(config.rates.clone())))
    }

    /// The rate of a category in a jurisdiction, if the jurisdiction has one.
    pub fn get(&self, jurisdiction: &str, category: &str) -> Option<Decimal> {
        let rates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let rates = rates.get(jurisdiction)?;
        rates.get(category).or_else(|| rates.get(GENERAL)).copied()
    }

    /// Sets a rate, and returns the one before.
    pub fn set(&self, jurisdiction: &str, category: &str, rate: Decimal) -> Option<Decimal> {
        let mut rates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        rates.entry(jurisdiction.to_owned()).or_default().insert(category.to_owned(), rate)
    }
}

/// A rate as events write it.
pub(super) fn written(rate: Decimal) -> Result<TaxRate, eventsmith::error::InvalidText> {
    rate.normalize().to_string().parse()
}

/// What taxes are called in a jurisdiction.
pub(super) fn type_of(jurisdiction: &str) -> TaxType {
    match jurisdiction {
        it if it.starts_with("US") => TaxType::Sales,
        "AU" | "NZ" | "SG" | "IN" => TaxType::Gst,
        _ => TaxType::Vat,
    }
}
