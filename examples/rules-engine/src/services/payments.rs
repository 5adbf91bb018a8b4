//! Payments authorizes, captures, voids and refunds by a payment [gateway].
//!
//! What the gateway has on record of a payment is the truth, as money moves there. Each command is done at the gateway first, which
//! does it once for each payment, and then the payment's history is brought to where the record is: so an answer that was lost, and two
//! commands at a time, leave a history that says what happened.

mod commands;
mod desk;
pub mod gateway;
pub mod payment;
pub mod played;

use std::sync::Arc;

use eventsmith::Bus;
use eventsmith::state::Aggregates;

use crate::parts::{Parts, with};
pub use desk::Config;
use desk::Desk;
use gateway::Gateway;
use played::PlayedGateway;

/// The parts of the service, with the gateway that is played in this process.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    parts_with(bus, Arc::new(PlayedGateway::new(config.played.clone())))
}

/// The parts of the service, with a gateway.
pub fn parts_with(bus: &Bus, gateway: Arc<dyn Gateway>) -> Parts {
    let desk = Desk { payments: Aggregates::of(bus), gateway };
    Parts::answering(
        bus.service("payments")
            .answer(with(&desk, commands::authorize))
            .answer(with(&desk, commands::capture))
            .answer(with(&desk, commands::void))
            .answer(with(&desk, commands::refund)),
    )
}
