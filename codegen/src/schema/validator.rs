//! Validators of whole schemas, and what they find.

use std::sync::Arc;

use eventsmith_exact::keywords::{are_needed, with_exact_keywords};
use eventsmith_exact::with_meta_schemas;
use eventsmith_unions::{Cause, alternative, causes, one_only, values};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::json::Json;
use jsonschema::{Retrieve, ValidationError, ValidationOptions};
use serde_json::Value;

/// A place in a schema file and what is wrong there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// The name of a property, where it is the name that is wrong.
    pub name: Option<String>,
    /// What is expected there, where the keyword's value does not say it.
    pub expected: Option<String>,
    /// The alternative of a union that was meant, as `oneOf/1`.
    pub alternative: Option<String>,
}

impl Fault {
    pub(super) fn in_schema(pointer: &str, message: String) -> Self {
        Self { pointer: pointer.to_owned(), message, ..Self::default() }
    }
}

pub(super) fn faults<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> Vec<Fault> {
    errors.map(|error| fault(&error)).collect()
}

fn fault(error: &ValidationError<'_>) -> Fault {
    let (missing, unexpected) = match error.kind() {
        Kind::Required { property } => (property.as_str().map(str::to_owned), Vec::new()),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            (None, unexpected.clone())
        }
        _ => (None, Vec::new()),
    };
    let name = match error.kind() {
        Kind::PropertyNames { error } => error.instance().as_str().map(str::to_owned),
        _ => None,
    };
    let expected = match error.kind() {
        Kind::OneOfMultipleValid { context } => Some(one_only(context)),
        // Ours are the only keywords that say it themselves.
        Kind::Custom { message, .. } => Some(message.clone()),
        _ => None,
    };
    Fault {
        pointer: error.instance_path().as_str().to_owned(),
        keyword: error.schema_path().as_str().to_owned(),
        message: error.to_string(),
        missing,
        unexpected,
        name,
        expected,
        alternative: None,
    }
}

/// What is wrong, with the causes below unions in place of the unions' errors.
fn explained(error: &ValidationError<'_>) -> Vec<Fault> {
    let of_cause = |cause: Cause<'_, '_>| match cause {
        Cause::Error(error) => {
            let fault = fault(error);
            let alternative = alternative(&fault.keyword).filter(|_| fault.expected.is_none());
            Fault { alternative, ..fault }
        }
        Cause::None { union, causes } => {
            let place = causes.first().map_or(union.instance_path(), |cause| cause.instance_path());
            let expected = values(&causes).unwrap_or_else(|| {
                let mut each: Vec<String> = causes.iter().flat_map(|cause| asked(cause)).collect();
                each.dedup();
                each.join(" or ")
            });
            Fault { pointer: place.as_str().to_owned(), expected: Some(expected), ..fault(union) }
        }
    };
    causes(error).into_iter().map(of_cause).collect()
}

/// The types or values that an alternative asks for.
fn asked(cause: &ValidationError<'_>) -> Vec<String> {
    match cause.kind() {
        Kind::Type { kind: TypeKind::Single(name) } => vec![format!("type {name}")],
        Kind::Type { kind: TypeKind::Multiple(types) } => types.iter().map(|name| format!("type {name}")).collect(),
        Kind::Constant { expected_value } => vec![expected_value.to_string()],
        Kind::Enum { options } => vec![format!("one of {options}")],
        _ => Vec::new(),
    }
}

/// A validator of one self-contained schema, with `format` asserted.
pub struct Validator(jsonschema::Validator);

impl Validator {
    /// Compiles a schema; the error says what about it cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        exact_options_for(schema).build(schema).map(Self).map_err(|error| error.to_string())
    }

    /// Compiles a pattern alone; an error where the engine cannot run it.
    pub(super) fn of_pattern(pattern: &str) -> Result<Self, String> {
        Self::new(&serde_json::json!({ "pattern": pattern }))
    }

    /// Whether the schema accepts an instance.
    pub fn is_valid(&self, instance: &Value) -> bool {
        self.0.is_valid(instance)
    }

    /// Every way in which an instance violates the schema.
    pub fn faults(&self, instance: &Value) -> Vec<Fault> {
        faults(self.0.iter_errors(instance))
    }

    /// The first way in which an instance violates the schema; the others are not searched for.
    pub fn fault(&self, instance: &Value) -> Option<Fault> {
        self.0.validate(instance).err().map(|error| fault(&error))
    }

    /// What is wrong with an instance first; only that something is, where more is not to be searched for.
    pub fn first_fault(&self, instance: &Value, is_searchable: impl FnOnce() -> bool) -> Option<Fault> {
        first_fault(&self.0, instance, is_searchable)
    }

    /// The first ways in which an instance violates the schema, and how many more there are. Of a union they are those of the
    /// alternative that was meant.
    pub fn first_faults(&self, instance: &Value, most: usize) -> (Vec<Fault>, usize) {
        explained_first(self.0.iter_errors(instance), most)
    }
}

/// What is wrong with an instance first; only that something is, where more is not to be searched for.
pub(super) fn first_fault(
    validator: &jsonschema::Validator,
    instance: &Value,
    is_searchable: impl FnOnce() -> bool,
) -> Option<Fault> {
    if validator.is_valid(instance) {
        return None;
    }
    if !is_searchable() {
        return Some(Fault::in_schema("", "it does not agree with its schema".to_owned()));
    }
    explained_first(validator.iter_errors(instance), 1).0.into_iter().next()
}

/// The first errors with the causes below unions, and how many more there are.
pub(super) fn explained_first<'a>(
    mut errors: impl Iterator<Item = ValidationError<'a>>,
    most: usize,
) -> (Vec<Fault>, usize) {
    let mut first: Vec<Fault> = errors.by_ref().take(most).flat_map(|error| explained(&error)).collect();
    let more = first.len().saturating_sub(most);
    first.truncate(most);
    (first, errors.count() + more)
}

/// What the validator of a schema is compiled with: keywords that compare decimals, where its own would round.
pub(super) fn exact_options_for<'a>(schema: &Value) -> ValidationOptions<'a, Arc<dyn Retrieve>> {
    let options = with_meta_schemas(options_for(), schema);
    if are_needed(schema) { with_exact_keywords(options) } else { options }
}

/// What every validator is compiled with, however it reads its instances.
pub(super) fn options_for<'a, F: Json>() -> ValidationOptions<'a, Arc<dyn Retrieve>, F> {
    jsonschema::options_for::<F>().should_validate_formats(true).offline()
}
