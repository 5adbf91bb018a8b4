//! What the handlers work with, and their settings.

use eventsmith::Bus;
use serde::Deserialize;

use super::cache::Cache;

/// The settings of evaluating.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many promotions are applied to one transaction; three at most, as a checkout has that many steps for them.
    pub most_promotions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { most_promotions: 3 }
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) bus: Bus,
    pub(super) cache: Cache,
    pub(super) config: Config,
}
