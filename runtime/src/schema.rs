//! Payloads against their schemas. The one module that names `jsonschema`.
//!
//! The fast path never comes here: serde and generated checks say yes in one pass. Whatever they do not say yes to is
//! judged by the validator, which has the last word and names every violation.

pub mod agreement;
mod text;

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::de::Strict;
use crate::invalid::{Invalid, Violation};
use crate::subject::{SubjectToken, fill_subject};

pub use text::{Format, Pattern};

/// The schema of a payload, compiled into a validator when it is needed for the first time.
#[derive(Debug)]
pub struct Schema {
    event_type: &'static str,
    version: u32,
    text: &'static str,
    validator: OnceLock<Result<jsonschema::Validator, String>>,
}

impl Schema {
    /// The schema of an event.
    pub const fn of<E: crate::Event>() -> Self {
        Self::new(E::TYPE, E::VERSION, E::SCHEMA)
    }

    /// A schema by its text; type and version are for messages.
    pub const fn new(event_type: &'static str, version: u32, text: &'static str) -> Self {
        Self { event_type, version, text, validator: OnceLock::new() }
    }

    /// Decodes a payload whose type and `check` together accept nothing that the schema forbids.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    pub fn decode<T: DeserializeOwned>(&self, data: &[u8], check: fn(&T) -> bool) -> Result<T, Invalid> {
        // serde_json skips over strings it has no use for without looking at their encoding.
        if let Ok(text) = str::from_utf8(data) {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            if let Ok(value) = T::deserialize(Strict(&mut deserializer))
                && deserializer.end().is_ok()
                && check(&value)
            {
                return Ok(value);
            }
        }
        self.decode_interpreted(data)
    }

    /// Decodes a payload with the validator, for types that do not say all that the schema says.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    pub fn decode_interpreted<T: DeserializeOwned>(&self, data: &[u8]) -> Result<T, Invalid> {
        let value: Value = serde_json::from_slice(data).map_err(|error| self.malformed(&error))?;
        self.judge(&value)?;
        let found = describe(&value);
        // Types of the user's own may hold enums that are objects in JSON, which only serde's own reading takes.
        T::deserialize(Strict(&value)).or_else(|_| T::deserialize(&value)).map_err(|error| {
            let expected = format!("a value that the Rust type can hold ({error})");
            self.invalid(Violation { instance: String::new(), schema: String::new(), expected, found: Some(found) })
        })
    }

    /// Validates a typed value with the checks of its type.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    pub fn validate<T: Serialize>(&self, value: &T, check: fn(&T) -> bool) -> Result<(), Invalid> {
        if check(value) { Ok(()) } else { self.validate_interpreted(value) }
    }

    /// Validates a typed value with the validator.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    pub fn validate_interpreted<T: Serialize>(&self, value: &T) -> Result<(), Invalid> {
        let value = serde_json::to_value(value).map_err(|error| {
            let expected = format!("a value that can be written as JSON ({error})");
            self.invalid(Violation { instance: String::new(), schema: String::new(), expected, found: None })
        })?;
        self.judge(&value)
    }

    /// Fills the subject template of an event.
    ///
    /// # Errors
    /// [`Invalid`] names the property whose value is not one legal subject token.
    pub fn subject<const N: usize>(&self, tokens: [SubjectToken; N]) -> Result<Cow<'static, str>, Invalid> {
        fill_subject(tokens).map(Cow::Owned).map_err(|error| {
            self.invalid(Violation {
                instance: format!("/{}", error.property.replace('~', "~0").replace('/', "~1")),
                schema: "/x-event/subject".to_owned(),
                expected: "one legal subject token".to_owned(),
                found: error.value,
            })
        })
    }

    fn judge(&self, value: &Value) -> Result<(), Invalid> {
        let validator = self.validator.get_or_init(|| {
            let schema = serde_json::from_str(self.text).map_err(|error| error.to_string())?;
            options().build(&schema).map_err(|error| error.to_string())
        });
        let violations: Vec<Violation> = match validator {
            Ok(validator) if validator.is_valid(value) => return Ok(()),
            Ok(validator) => validator.iter_errors(value).map(|error| violation(&error)).collect(),
            Err(error) => {
                let expected = format!("a schema that compiles ({error})");
                vec![Violation { instance: String::new(), schema: String::new(), expected, found: None }]
            }
        };
        Err(Invalid::new(self.event_type, self.version, violations))
    }

    fn malformed(&self, error: &serde_json::Error) -> Invalid {
        let found = Some(format!("{error}"));
        let (instance, schema) = (String::new(), String::new());
        self.invalid(Violation { instance, schema, expected: "JSON".to_owned(), found })
    }

    fn invalid(&self, violation: Violation) -> Invalid {
        Invalid::new(self.event_type, self.version, vec![violation])
    }
}

fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options().should_validate_formats(true).offline()
}

fn violation(error: &jsonschema::ValidationError<'_>) -> Violation {
    Violation {
        instance: error.instance_path().as_str().to_owned(),
        schema: error.schema_path().as_str().to_owned(),
        expected: expectation(error),
        found: Some(found(error)),
    }
}

/// What stands where a keyword is violated; of an object that lacks something, that it does.
fn found(error: &jsonschema::ValidationError<'_>) -> String {
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Required { .. } => "an object without it".to_owned(),
        _ => describe(error.instance()),
    }
}

/// What a violated keyword asks for, in words that do not repeat the value.
fn expectation(error: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Required { property } => format!("the property {}", property.as_str().unwrap_or_default()),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("no property {}", unexpected.join(", "))
        }
        Kind::Type { kind: jsonschema::error::TypeKind::Single(name) } => format!("type {name}"),
        Kind::Enum { options } => format!("one of {options}"),
        Kind::Constant { expected_value } => expected_value.to_string(),
        Kind::Pattern { pattern } => format!("a match of {pattern}"),
        Kind::Format { format } => format!("the format {format}"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::MinItems { limit } => format!("at least {limit} elements"),
        Kind::MaxItems { limit } => format!("at most {limit} elements"),
        Kind::MinProperties { limit } => format!("at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("at most {limit} properties"),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::UniqueItems => "no two equal elements".to_owned(),
        Kind::FalseSchema => "nothing".to_owned(),
        Kind::OneOfNotValid { .. } | Kind::AnyOf { .. } => "a match of one alternative".to_owned(),
        Kind::OneOfMultipleValid { .. } => "a match of one alternative only".to_owned(),
        other => format!("agreement with {}", other.keyword()),
    }
}

/// A value as an error shows it: short.
fn describe(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::Array(items) if items.len() > 3 => return format!("an array of {} elements", items.len()),
        Value::Object(members) if members.len() > 3 => return format!("an object with {} properties", members.len()),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
