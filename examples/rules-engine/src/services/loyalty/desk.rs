//! What the handlers work with, and their settings.

use eventsmith::state::Aggregates;
use serde::Deserialize;

/// The settings of loyalty.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many points are earned for each 100 minor units.
    pub points_per_unit: i64,
    /// What a point is worth, in minor units.
    pub point_is_worth: i64,
    /// The currency in which points pay.
    pub currency: String,
    /// How many points in all make a customer silver, gold, and platinum.
    pub tiers: [i64; 3],
    /// How many points an account begins with, when it is first asked for.
    pub welcome: i64,
}

impl Default for Config {
    fn default() -> Self {
        let tiers = [500, 2_000, 10_000];
        Self { points_per_unit: 1, point_is_worth: 1, currency: "EUR".to_owned(), tiers, welcome: 100 }
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) accounts: Aggregates,
    pub(super) config: Config,
}
