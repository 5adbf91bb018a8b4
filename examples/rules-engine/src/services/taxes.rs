//! Taxes are calculated line by line, exactly, at the rates of each jurisdiction.
//!
//! Rates are configured, and changed by a webhook of the type `tax_rates.updated`. They are held in memory; what changed is an event.

mod commands;
mod rates;
mod updates;

use eventsmith::Bus;

use crate::parts::{Parts, with};
pub use rates::{Config, Rates};

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let rates = Rates::new(config);
    Parts::answering(bus.service("taxes").answer(with(&rates, commands::calculate)))
        .consuming(bus.consumer("taxes").on(with(&rates, updates::received)))
}
