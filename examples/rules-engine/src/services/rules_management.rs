//! Rules management owns the rules: their life cycle, their versions, and what happened to them.
//!
//! A rule is an [aggregate](rule). Commands append to its history, `rule.get` and `audit.trail` read it; `rule.list` is asked of a read
//! model, which a projection makes. A rule that takes effect later has a [saga](activation) until then.

pub mod activation;
mod commands;
mod list;
mod queries;
pub mod rule;

use eventsmith::Bus;
use eventsmith::state::{Aggregates, Sagas};

use crate::parts::{Parts, with};

/// The parts of the service.
pub fn parts(bus: &Bus) -> Parts {
    let rules = Aggregates::of(bus);
    let service = bus
        .service("rules-management")
        .answer(with(&rules, commands::create))
        .answer(with(&rules, commands::update))
        .answer(with(&rules, commands::activate))
        .answer(with(&rules, commands::deactivate))
        .answer(with(&rules, commands::delete))
        .answer(with(bus, queries::get))
        .answer(with(&rules, queries::trail))
        .answer(with(bus, list::list));
    let runner = Sagas::of(bus, rules_events::STREAMS).runner("rules-management").saga(activation::activation());
    let bus = bus.clone();
    Parts::answering(service)
        .with(move |stopped| async move { Ok(runner.run(stopped.wait()).await?) })
        .with(move |stopped| async move { Ok(list::projection().run(&bus, stopped.wait()).await?) })
}
