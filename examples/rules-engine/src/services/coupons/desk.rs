//! What the handlers work with, and their settings.

use eventsmith::state::Aggregates;
use serde::Deserialize;

/// The settings of coupons.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often the coupon of a campaign may be redeemed in all, where the campaign does not say it.
    pub redemptions: u32,
    /// How long a reservation is held where nobody says how long, in seconds.
    pub hold_for_s: u32,
    /// Who issues coupons, as their events tell.
    pub actor: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { redemptions: 100, hold_for_s: 900, actor: "svc_coupons".to_owned() }
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) coupons: Aggregates,
    pub(super) config: Config,
}

/// The coupon of a campaign: the campaign's id in capitals.
pub fn code_of(promotion_id: &str) -> String {
    promotion_id.chars().take(32).map(|c| if c == '_' { '-' } else { c.to_ascii_uppercase() }).collect()
}
