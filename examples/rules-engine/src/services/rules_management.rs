//! Rules management owns the rules: their life cycle, their versions, and what happened to them.
//!
//! A rule is an [aggregate](rule). Commands append to its history, `rule.get` and `audit.trail` read it; `rule.list` is asked of a read
//! model, which a projection makes.

mod commands;
mod list;
mod queries;
pub mod rule;

use eventsmith::Bus;
use eventsmith::state::Aggregates;

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
        .answer(with(&rules, queries::get))
        .answer(with(&rules, queries::trail))
        .answer(with(bus, list::list));
    let bus = bus.clone();
    Parts::answering(service)
        .with(move |stopped| async move { Ok(list::projection().run(&bus, stopped.wait()).await?) })
}
