//! What is wrong with what is read onto a [`Tape`], without building values. Most payloads are valid, and yes or no is all
//! that is asked of them.

pub use eventsmith_exact::{Node, Tape, TapeValidator, is_searchable};

use super::validator::{Fault, explained_first};

/// The first ways in which a value on a tape violates a schema, and how many more there are.
pub fn first_faults(validator: &TapeValidator, node: Node<'_>, most: usize) -> (Vec<Fault>, usize) {
    validator.errors(node).map(|errors| explained_first(errors, most)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
