//! Validators of whole schemas, and what they find.

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::json::Json;
use jsonschema::{Retrieve, ValidationOptions};
use serde_json::Value;

/// A place in a schema file and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer into the checked value.
    pub pointer: String,
    /// JSON pointer of the violated keyword.
    pub keyword: String,
    /// What is wrong.
    pub message: String,
    /// The property that the instance lacks.
    pub missing: Option<String>,
    /// The properties that the instance should not have.
    pub unexpected: Vec<String>,
}

impl Fault {
    pub(super) fn in_schema(pointer: &str, message: String) -> Self {
        let pointer = pointer.to_owned();
        Self { pointer, keyword: String::new(), message, missing: None, unexpected: Vec::new() }
    }
}

pub(super) fn faults<'a>(errors: impl Iterator<Item = jsonschema::ValidationError<'a>>) -> Vec<Fault> {
    let fault = |error: jsonschema::ValidationError<'_>| {
        let (missing, unexpected) = match error.kind() {
            Kind::Required { property } => (property.as_str().map(str::to_owned), Vec::new()),
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                (None, unexpected.clone())
            }
            _ => (None, Vec::new()),
        };
        Fault {
            pointer: error.instance_path().as_str().to_owned(),
            keyword: error.schema_path().as_str().to_owned(),
            message: error.to_string(),
            missing,
            unexpected,
        }
    };
    errors.map(fault).collect()
}

/// A validator of one self-contained schema, with `format` asserted.
pub struct Validator(jsonschema::Validator);

impl Validator {
    /// Compiles a schema; the error says what about it cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        options_for().build(schema).map(Self).map_err(|error| error.to_string())
    }

    /// Whether the schema accepts an instance.
    pub fn is_valid(&self, instance: &Value) -> bool {
        self.0.is_valid(instance)
    }

    /// Every way in which an instance violates the schema.
    pub fn faults(&self, instance: &Value) -> Vec<Fault> {
        faults(self.0.iter_errors(instance))
    }

    /// The first ways in which an instance violates the schema, and how many more there are.
    pub fn first_faults(&self, instance: &Value, most: usize) -> (Vec<Fault>, usize) {
        let mut errors = self.0.iter_errors(instance);
        let first = faults(errors.by_ref().take(most));
        (first, errors.count())
    }
}

/// What every validator is compiled with, however it reads its instances.
pub(super) fn options_for<'a, F: Json>() -> ValidationOptions<'a, Arc<dyn Retrieve>, F> {
    jsonschema::options_for::<F>().should_validate_formats(true).offline()
}
