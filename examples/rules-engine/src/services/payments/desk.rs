//! What the handlers work with, and their settings.

use std::sync::Arc;

use eventsmith::state::Aggregates;
use serde::Deserialize;

use super::gateway::Gateway;
use super::outside::Outside;
use super::played::Played;

/// The settings of payments.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the gateway is; without, it is played.
    pub gateway: Option<Outside>,
    /// How the gateway behaves that is played in this process.
    pub played: Played,
}

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) payments: Aggregates,
    pub(super) gateway: Arc<dyn Gateway>,
}
