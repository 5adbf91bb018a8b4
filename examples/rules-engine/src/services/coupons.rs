//! Coupons are issued for campaigns, reserved while a checkout runs, and redeemed once, whatever happens.
//!
//! A coupon is an [aggregate](coupon) with its code. A reservation holds a use of it back; it is redeemed or released.

mod campaigns;
mod commands;
pub mod coupon;
mod desk;

use eventsmith::Bus;
use eventsmith::state::Aggregates;

use crate::parts::{Parts, with};
use desk::Desk;
pub use desk::{Config, code_of};

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
