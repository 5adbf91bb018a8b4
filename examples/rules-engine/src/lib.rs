//! A rules engine of nine services that talk by events, commands and queries alone: what a team builds with eventsmith.
//!
//! `docs/rules-engine.md` is the reader's guide. `cargo run --bin rules-engine` runs all of it in one process.
//!
//! In reading order: [`services`] has one folder for each service; [`parts`] is what they are made of, and [`running`] runs them; [`expression`] and [`rule_text`] are what rules
//! are written in; [`money`] counts exactly; [`config`] is what can be set; [`http`] serves requests over HTTP. Then what shows that it works: [`world`] makes rules, [`load`]
//! checkouts, [`audit`] reads what became of them, and [`run`] is the program, by its [`args`].

/// The reader's guide, whose code is compiled and run, too.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rules-engine.md")]
mod guide {}

pub mod args;
pub mod audit;
pub mod config;
pub mod expression;
pub mod http;
mod ids;
pub mod load;
pub mod money;
pub mod parts;
mod refusals;
pub mod rule_text;
pub mod run;
pub mod running;
pub mod services;
pub mod world;

pub use config::Config;
