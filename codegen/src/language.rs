//! Sets of texts: what patterns and formats say, as conditions, and automata that follow several of them at once.

mod automata;
mod conditions;

pub(crate) use automata::{Acceptors, Inclusion};
pub(crate) use conditions::{Condition, conditions, wider_than_format, within_format};
