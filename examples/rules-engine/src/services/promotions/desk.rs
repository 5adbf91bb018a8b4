//! What the handlers work with, and their settings.

use eventsmith::state::Aggregates;
use serde::Deserialize;

/// The settings of promotions.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who creates promotions, as their events tell.
    pub actor: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { actor: "svc_promotions".to_owned() }
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) promotions: Aggregates,
    pub(super) actor: String,
}
