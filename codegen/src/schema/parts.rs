//! Validators for the parts of a schema.

use serde_json::Value;

use super::validator::{Fault, exact_options_for, first_fault};

/// A validator for every subschema of one self-contained schema, with `format` asserted.
pub struct SubschemaValidators(jsonschema::ValidatorMap);

impl SubschemaValidators {
    /// Compiles a schema and everything in it; the error says what cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        exact_options_for(schema).build_map(schema).map(Self).map_err(|error| error.to_string())
    }

    /// What is wrong first with an instance of the part at a pointer; `None` also if there is no validator for it.
    pub fn first_fault(&self, pointer: &str, instance: &Value, is_searchable: impl FnOnce() -> bool) -> Option<Fault> {
        first_fault(self.0.get(&format!("#{pointer}"))?, instance, is_searchable)
    }
}
