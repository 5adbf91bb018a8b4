//! Promotions run from when their rule is activated until it is deactivated, and are applied to transactions.
//!
//! A promotion is an [aggregate](promotion) with the id of its rule. Which promotions go together is decided by rules-evaluation, by the
//! rules' priorities; here each is applied once to a transaction, within its limits, and taken back where the checkout fails.

mod commands;
mod desk;
mod launches;
pub mod promotion;

use eventsmith::Bus;
use eventsmith::state::Aggregates;

use crate::parts::{Parts, with};
pub use desk::Config;
use desk::Desk;

pub(crate) use launches::CAMPAIGN;

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let desk = Desk { promotions: Aggregates::of(bus), actor: config.actor.clone() };
    let service = bus.service("promotions").answer(with(&desk, commands::apply)).answer(with(&desk, commands::cancel));
    let consumer = bus
        .consumer("promotions")
        .on(with(&desk, launches::activated))
        .on(with(&desk, launches::deactivated))
        .on(with(&desk, launches::deleted));
    Parts::answering(service).consuming(consumer)
}
