//! Everything that can be set, of all services at once: each has its own part.

use serde::Deserialize;

use crate::services::{calculator, coupons, loyalty, payments, promotions, rules_evaluation, taxes};

/// The settings of all nine services. Every one has a default.
///
/// ```
/// let config: rules_engine::Config = toml::from_str(
///     r#"
///     [loyalty]
///     points_per_unit = 2
///
///     [payments.played]
///     refuses = 50
///     "#,
/// )?;
/// assert_eq!(config.loyalty.points_per_unit, 2);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Evaluating rules.
    pub evaluation: rules_evaluation::Config,
    /// Promotions.
    pub promotions: promotions::Config,
    /// Points and tiers.
    pub loyalty: loyalty::Config,
    /// Coupons.
    pub coupons: coupons::Config,
    /// The rates of each jurisdiction.
    pub taxes: taxes::Config,
    /// The payment gateway.
    pub payments: payments::Config,
    /// Checkouts.
    pub calculator: calculator::Config,
}
