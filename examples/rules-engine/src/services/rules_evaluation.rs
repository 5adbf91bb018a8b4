//! Rules evaluation evaluates the active rules against a transaction.
//!
//! Rules are compiled when they change, and kept as documents of the bucket `RULES_COMPILED`; each instance holds what the bucket has in
//! memory, ready to be evaluated, and watches it.

mod answers;
mod cache;
mod compile;
pub mod decision;
mod desk;

use eventsmith::Bus;

use crate::parts::{Parts, with};
use cache::Cache;
pub use desk::Config;
use desk::Desk;

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let desk = Desk { bus: bus.clone(), cache: Cache::default(), config: config.clone() };
    let service = bus
        .service("rules-evaluation")
        .answer(with(&desk, answers::evaluate))
        .answer(with(&desk, answers::warm))
        .answer(with(&desk, answers::invalidate));
    let consumer = bus
        .consumer("rules-evaluation")
        .on(with(&desk, compile::updated))
        .on(with(&desk, compile::activated))
        .on(with(&desk, compile::deactivated))
        .on(with(&desk, compile::deleted));
    Parts::answering(service)
        .consuming(consumer)
        .with(move |stopped| async move { desk.cache.watch(&desk.bus, stopped).await })
}
