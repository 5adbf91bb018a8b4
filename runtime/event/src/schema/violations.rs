//! What a validator finds wrong, in words.

use std::fmt::{self, Display};

use eventsmith_unions::{Cause, alternative, causes, one_only, values};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::clip::{LONGEST, head};
use crate::invalid::Violation;

/// A validator's error as violations: of a union those of the alternative that was meant.
#[must_use]
pub fn violations(error: &ValidationError<'_>) -> Vec<Violation> {
    causes(error).into_iter().map(of_cause).collect()
}

fn of_cause(cause: Cause<'_, '_>) -> Violation {
    match cause {
        Cause::Error(error) => {
            let violation = violation(error);
            match alternative(&violation.schema).filter(|_| !is_union(error)) {
                Some(alternative) => {
                    Violation { expected: format!("{} ({alternative})", violation.expected), ..violation }
                }
                None => violation,
            }
        }
        Cause::None { union, causes } => {
            let expected = values(&causes).unwrap_or_else(|| {
                let mut each: Vec<String> = causes.iter().map(|cause| expectation(cause)).collect();
                each.dedup();
                each.join(" or ")
            });
            let (instance, found) = match causes.first() {
                Some(cause) => (cause.instance_path().as_str(), describe(cause.instance())),
                None => (union.instance_path().as_str(), describe(union.instance())),
            };
            Violation {
                instance: instance.to_owned(),
                schema: union.schema_path().as_str().to_owned(),
                expected: head(LONGEST, expected),
                found: Some(found),
            }
        }
    }
}

fn is_union(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. })
}

/// A validator's error as one violation.
fn violation(error: &ValidationError<'_>) -> Violation {
    Violation {
        instance: error.instance_path().as_str().to_owned(),
        schema: error.schema_path().as_str().to_owned(),
        expected: expectation(error),
        found: Some(found(error)),
    }
}

/// What stands where a keyword is violated; of an object that lacks something, that it does, and of one that has too
/// much, what that is.
fn found(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Required { .. } => "an object without it".to_owned(),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            head(SHORT, format_args!("also {}", List(unexpected)))
        }
        _ => describe(error.instance()),
    }
}

/// What a violated keyword asks for, in words that do not repeat the value.
fn expectation(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Required { property } => format!("the property {}", property.as_str().unwrap_or_default()),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "no properties but the declared ones".to_owned()
        }
        Kind::Type { kind: TypeKind::Single(name) } => format!("type {name}"),
        Kind::Type { kind: TypeKind::Multiple(types) } => {
            let names: Vec<String> = types.iter().map(|name| name.to_string()).collect();
            format!("type {}", names.join(" or "))
        }
        Kind::Enum { options } => head(LONGEST, format_args!("one of {options}")),
        Kind::Constant { expected_value } => head(LONGEST, expected_value),
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
        Kind::OneOfMultipleValid { context } => head(LONGEST, one_only(context)),
        Kind::Not { schema } => head(LONGEST, format_args!("no match of {schema}")),
        Kind::Contains => "an element as `contains` describes it".to_owned(),
        Kind::PropertyNames { error } => head(LONGEST, format_args!("names with {}", expectation(error))),
        Kind::AdditionalItems { limit } => format!("at most {limit} elements"),
        Kind::UnevaluatedItems { .. } => "no elements but the described ones".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("a text encoded as {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("a text of the media type {content_media_type}"),
        // The keywords that compare decimals say it themselves.
        Kind::Custom { message, .. } => head(LONGEST, message),
        other => format!("agreement with {}", other.keyword()),
    }
}

/// A value as an error shows it: short.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() > 3 => format!("an array of {} elements", items.len()),
        Value::Object(members) if members.len() > 3 => format!("an object with {} properties", members.len()),
        other => head(SHORT, other),
    }
}

/// The longest value that an error shows, in characters.
const SHORT: usize = 60;

/// Texts with commas between.
struct List<'a>(&'a [String]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, text) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: Value, instance: Value) -> Vec<String> {
        let validator = crate::schema::options().build(&schema).unwrap();
        validator.iter_errors(&instance).flat_map(|error| violations(&error)).map(|found| found.to_string()).collect()
    }

    fn tagged() -> Value {
        let of = |kind: &str, most: u32| {
            json!({"type": "object", "required": ["kind", "n"], "properties": {
                "kind": {"const": kind}, "n": {"type": "integer", "maximum": most}
            }})
        };
        json!({"oneOf": [of("a", 5), of("b", 10)]})
    }

    #[test]
    fn a_tag_chooses_the_alternative_whose_causes_are_named() {
        assert_eq!(said(tagged(), json!({"kind": "b", "n": 11})), ["/n: expected at most 10 (oneOf/1), found 11"]);
        assert_eq!(said(tagged(), json!({"kind": "c", "n": 1})), ["/kind: expected one of \"a\", \"b\", found \"c\""]);
    }

    #[test]
    fn without_a_tag_the_nearest_alternative_was_meant() {
        let schema = json!({"anyOf": [
            {"type": "object", "required": ["x", "y"]},
            {"type": "object", "required": ["x"], "properties": {"x": {"anyOf": [{"type": "null"}, {"minimum": 3}]}}},
            {"type": "string"}
        ]});

        assert_eq!(said(schema.clone(), json!({"x": 1})), ["/x: expected at least 3 (anyOf/1), found 1"]);
        assert_eq!(said(schema, json!(true)), ["the payload: expected type object or type string, found true"]);
    }

    #[test]
    fn what_a_schema_describes_in_too_many_ways_is_refused_at_once() {
        static TWICE: crate::schema::Schema = crate::schema::Schema::new(
            "a.b",
            1,
            r##"{"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "array", "items": {"$ref": "#"}}]}"##,
        );
        let refused = |depth| {
            let payload = (0..depth).fold(json!(1), |inner, _| json!([inner]));
            TWICE.validate_interpreted(&payload).unwrap_err().to_string()
        };

        assert!(refused(3).contains("/0/0/0: expected type array"), "{}", refused(3));
        assert!(refused(60).contains("too many ways through its schema"), "{}", refused(60));
    }

    #[test]
    fn what_other_keywords_ask_for_is_said() {
        assert_eq!(
            said(json!({"not": {"const": 1}}), json!(1)),
            ["the payload: expected no match of {\"const\":1}, found 1"]
        );
        assert_eq!(
            said(json!({"oneOf": [{"minimum": 1}, {"type": "string"}, {"minimum": 2}]}), json!(3)),
            ["the payload: expected a match of one alternative only, not of oneOf/0 and oneOf/2, found 3"]
        );
        assert_eq!(
            said(json!({"propertyNames": {"maxLength": 1}}), json!({"ab": 1})),
            ["the payload: expected names with at most 1 characters, found {\"ab\":1}"]
        );
    }
}
