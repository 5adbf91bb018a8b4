//! Loyalty keeps the points and the tiers of customers.
//!
//! An account is an [aggregate](account) with the customer's id. Points are earned by what was captured, pay for what is bought, and are
//! given back where a checkout fails; whoever earns enough rises a tier.

pub mod account;
mod commands;
mod desk;

use eventsmith::Bus;
use eventsmith::state::Aggregates;

use crate::parts::{Parts, with};
pub use desk::Config;
use desk::Desk;

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let desk = Desk { accounts: Aggregates::of(bus), config: config.clone() };
    Parts::answering(
        bus.service("loyalty")
            .answer(with(&desk, commands::earn))
            .answer(with(&desk, commands::redeem))
            .answer(with(&desk, commands::give_back)),
    )
}
