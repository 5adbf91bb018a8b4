//! Who may publish and subscribe to what: users by what a catalogue declares, and nothing beyond.
//!
//! Every permission is a [`Grant`] with the reason for it, so that a person can be told why something is allowed, and a pull request what it
//! opens.

mod decide;
mod derive;
mod difference;
mod operators;
mod projections;
mod reached;
mod service;
mod user;

pub use decide::{Decision, Hint};
pub use derive::Permissions;
pub use difference::{Access, Difference};
pub(crate) use projections::PROJECTIONS;
pub use user::{Grant, Role, User, Verb};
