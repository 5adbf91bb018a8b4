//! Sets of texts: what patterns and formats say, as conditions, and automata that follow several of them at once.

mod automata;
mod conditions;

pub(crate) use automata::{Acceptors, Automata, Inclusion};
pub(crate) use conditions::{Condition, wider_than_format, within_format};
