//! What to change so that a struct and a schema agree.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::side::Side;

/// How to resolve a disagreement: `error` is why one side rejects what the other accepts.
pub(super) fn advice(error: &ValidationError<'_>, accepted_by: Side) -> String {
    match accepted_by {
        Side::Struct => lax_struct(error),
        Side::Schema => strict_struct(error),
    }
}

/// The struct takes more than the schema: say the schema's rule to schemars.
fn lax_struct(error: &ValidationError<'_>) -> String {
    // What is said on the field is said of the list, unless it is said of what is in it.
    let path = error.instance_path().to_string();
    let is_element = path.rsplit('/').next().is_some_and(|step| step.parse::<usize>().is_ok());
    let on_field = |attribute: &str| match (is_element, attribute.starts_with("extend")) {
        (false, _) => on_field(attribute),
        (true, false) => on_field(&format!("inner({attribute})")),
        (true, true) => format!("give the elements a type of their own, with #[schemars({attribute})]"),
    };
    let extend = |keyword: &str, value: &Value| on_field(&format!("extend({keyword:?} = {value})"));
    match error.kind() {
        Kind::Minimum { limit } => on_field(&format!("range(min = {limit})")),
        Kind::Maximum { limit } => on_field(&format!("range(max = {limit})")),
        Kind::ExclusiveMinimum { limit } => extend("exclusiveMinimum", limit),
        Kind::ExclusiveMaximum { limit } => extend("exclusiveMaximum", limit),
        Kind::MinLength { limit } | Kind::MinItems { limit } => on_field(&format!("length(min = {limit})")),
        Kind::MaxLength { limit } | Kind::MaxItems { limit } => on_field(&format!("length(max = {limit})")),
        Kind::MinProperties { limit } => on_field(&format!("extend(\"minProperties\" = {limit})")),
        Kind::MaxProperties { limit } => on_field(&format!("extend(\"maxProperties\" = {limit})")),
        Kind::Pattern { pattern } => on_field(&format!("regex(pattern = {})", raw(pattern))),
        Kind::Format { format } => on_field(&format!("extend(\"format\" = {format:?})")),
        Kind::ContentEncoding { content_encoding } => format!(
            "let the type of the field be the one of `eventsmith::bytes` that is {content_encoding}, or {}",
            on_field(&format!("extend(\"contentEncoding\" = {content_encoding:?})"))
        ),
        Kind::ContentMediaType { content_media_type } => {
            on_field(&format!("extend(\"contentMediaType\" = {content_media_type:?})"))
        }
        Kind::MultipleOf { multiple_of } => on_field(&format!("extend(\"multipleOf\" = {multiple_of})")),
        Kind::UniqueItems => on_field("extend(\"uniqueItems\" = true)"),
        Kind::Enum { options } => {
            format!(
                "make the field's type an enum of these values, or {}",
                on_field(&format!("extend(\"enum\" = {options})"))
            )
        }
        Kind::Constant { expected_value } => extend("const", expected_value),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "write #[serde(deny_unknown_fields)] on the struct".to_owned()
        }
        Kind::Required { property } => {
            format!("{property} is required: remove its `Option` or #[serde(default)]")
        }
        Kind::Type { .. } if error.instance().is_null() => "a `None` is written as null here: write \
            #[serde(skip_serializing_if = \"Option::is_none\")] on the field, or remove its `Option`"
            .to_owned(),
        Kind::Type { .. } => "change the type of the field".to_owned(),
        _ => "say the same in the struct, with its types or with #[schemars(extend(..))]".to_owned(),
    }
}

/// The struct takes less than the schema.
fn strict_struct(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Minimum { .. } | Kind::Maximum { .. } => {
            "give the field a wider integer type or range, or put the limit into a new version of the schema".to_owned()
        }
        Kind::AdditionalProperties { .. } => "remove #[serde(deny_unknown_fields)] from the struct".to_owned(),
        Kind::Required { property } => {
            format!("{property} is optional: make its field an `Option`, or write #[serde(default)] on it")
        }
        _ => "let the struct accept it too, or forbid it in a new version of the schema".to_owned(),
    }
}

fn on_field(attribute: &str) -> String {
    format!("write #[schemars({attribute})] on the field")
}

/// A raw literal, with as many hashes as it takes.
fn raw(pattern: &str) -> String {
    let ends = |hashes: &usize| !pattern.contains(&format!("\"{}", "#".repeat(*hashes)));
    let hashes = "#".repeat((0..).find(ends).unwrap_or_default());
    format!("r{hashes}\"{pattern}\"{hashes}")
}

#[cfg(test)]
mod tests {
    use super::raw;

    #[test]
    fn a_pattern_is_a_literal_with_as_many_hashes_as_it_takes() {
        assert_eq!(raw("^a$"), "r\"^a$\"");
        assert_eq!(raw("^\"$"), "r#\"^\"$\"#");
        assert_eq!(raw("^[\"#]+$"), "r##\"^[\"#]+$\"##");
    }
}
