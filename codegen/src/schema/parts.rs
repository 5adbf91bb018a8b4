//! Validators for the parts of a schema.

use serde_json::Value;

use super::validator::{Fault, exact_options_for, faults};

/// A validator for every subschema of one self-contained schema, with `format` asserted.
pub struct SubschemaValidators(jsonschema::ValidatorMap);

impl SubschemaValidators {
    /// Compiles a schema and everything in it; the error says what cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        exact_options_for(schema).build_map(schema).map(Self).map_err(|error| error.to_string())
    }

    /// Every way in which an instance violates the part at a pointer; `None` if there is no validator for it.
    pub fn faults(&self, pointer: &str, instance: &Value) -> Option<Vec<Fault>> {
        self.0.get(&format!("#{pointer}")).map(|part| faults(part.iter_errors(instance)))
    }
}
