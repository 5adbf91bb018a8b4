//! Validators of what is read onto a [`Tape`], without building values. Most payloads are valid, and yes or no is all that
//! is asked of them.

use std::sync::OnceLock;

use eventsmith_exact::OnTape;
use eventsmith_exact::keywords::{are_needed, with_exact_keywords};
pub use eventsmith_exact::{Node, Tape};
use serde_json::Value;

use super::validator::{Fault, explained_first, options_for};

/// A validator of values on a tape.
pub struct TapeValidator {
    schema: Value,
    /// The validator's own keywords; none where some of them would round a number of the schema.
    own: Option<jsonschema::Validator<OnTape>>,
    /// Those that compare decimals, for payloads with wide numbers.
    exact: OnceLock<Option<jsonschema::Validator<OnTape>>>,
}

impl TapeValidator {
    /// Compiles a schema as [`Validator::new`](super::Validator::new) does.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let own = options_for::<OnTape>().build(schema).map_err(|error| error.to_string())?;
        let own = Some(own).filter(|_| !are_needed(schema));
        Ok(Self { schema: schema.clone(), own, exact: OnceLock::new() })
    }

    /// Whether a value is valid.
    pub fn accepts(&self, node: Node<'_>) -> bool {
        self.of(node).is_some_and(|validator| validator.is_valid(node))
    }

    /// The first ways in which a value violates the schema, and how many more there are.
    pub fn first_faults(&self, node: Node<'_>, most: usize) -> (Vec<Fault>, usize) {
        self.of(node).map(|validator| explained_first(validator.iter_errors(node), most)).unwrap_or_default()
    }

    fn of(&self, node: Node<'_>) -> Option<&jsonschema::Validator<OnTape>> {
        match &self.own {
            Some(own) if !node.has_wide() => Some(own),
            _ => {
                let exact = || with_exact_keywords(options_for::<OnTape>()).build(&self.schema).ok();
                self.exact.get_or_init(exact).as_ref()
            }
        }
    }
}

#[cfg(test)]
mod tests;
