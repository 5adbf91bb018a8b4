//! Coupons are issued for campaigns, reserved while a checkout runs, and redeemed once, whatever happens.
//!
//! A coupon is an [aggregate](coupon) with its code. A reservation holds a use of it back; it is redeemed or released.

mod campaigns;
mod commands;
pub mod coupon;

use eventsmith::Bus;
use eventsmith::state::Aggregates;
use serde::Deserialize;

use crate::parts::{Parts, with};

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
struct Desk {
    coupons: Aggregates,
    config: Config,
}

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let desk = Desk { coupons: Aggregates::of(bus), config: config.clone() };
    let service = bus
        .service("coupons")
        .answer(with(&desk, commands::reserve))
        .answer(with(&desk, commands::redeem))
        .answer(with(&desk, commands::release));
    let consumer = bus.consumer("coupons").on(with(&desk, campaigns::launched)).on(with(&desk, campaigns::ended));
    Parts::answering(service).consuming(consumer)
}

/// The coupon of a campaign: the campaign's id in capitals.
pub fn code_of(promotion_id: &str) -> String {
    promotion_id.chars().take(32).map(|c| if c == '_' { '-' } else { c.to_ascii_uppercase() }).collect()
}
