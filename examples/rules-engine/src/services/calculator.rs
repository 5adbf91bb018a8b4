//! The calculator totals transactions: a checkout is a [saga](checkout) across the other services, which it starts and tells about.

mod answers;
pub mod checkout;
mod desk;
mod steps;
mod summary;

use std::sync::Arc;

use eventsmith::Bus;
use eventsmith::state::Sagas;

use crate::parts::{Parts, with};
pub use desk::Config;
use desk::Desk;

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let sagas = Sagas::of(bus, rules_events::STREAMS);
    let runner = sagas.runner("calculator").saga(checkout::checkout(config));
    let desk = Desk { sagas, checkout: Arc::new(checkout::checkout(config)) };
    let service = bus.service("calculator").answer(with(&desk, answers::start)).answer(with(&desk, answers::get));
    let bus = bus.clone();
    Parts::answering(service)
        .with(move |stopped| async move { Ok(runner.run(stopped.wait()).await?) })
        .with(move |stopped| async move { Ok(summary::projection().run(&bus, stopped.wait()).await?) })
}
