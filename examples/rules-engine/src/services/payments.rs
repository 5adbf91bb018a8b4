//! Payments authorizes, captures, voids and refunds by a payment [gateway].
//!
//! What the gateway has on record of a payment is the truth, as money moves there. Each command is done at the gateway first, which
//! does it once for each payment, and then the payment's history is brought to where the record is: so an answer that was lost, and two
//! commands at a time, leave a history that says what happened.

mod commands;
mod desk;
pub mod gateway;
pub mod outside;
pub mod payment;
pub mod played;

use std::sync::Arc;

use eventsmith::Bus;
use eventsmith::state::Aggregates;

use crate::parts::{Parts, with};
pub use desk::Config;
use desk::Desk;
use gateway::Gateway;
use outside::OutsideGateway;
use played::PlayedGateway;

/// The parts of the service, with the gateway that the settings name, or the one that is played in this process.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let Some(outside) = &config.gateway else {
        return parts_with(bus, Arc::new(PlayedGateway::new(config.played.clone())));
    };
    match OutsideGateway::new(bus, outside) {
        Ok(gateway) => parts_with(bus, Arc::new(gateway)),
        // It ends at once, and says why.
        Err(error) => Parts::default().with(move |_| async move { Err(error) }),
    }
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
