//! The meta-schemas of JSON Schema as documents, so that references to them lead somewhere whatever the draft of a schema.
//!
//! A validator holds the meta-schema of the draft that it is compiled for, and no others.

use std::sync::Arc;

use jsonschema::json::Json;
use jsonschema::{Retrieve, ValidationOptions};
use referencing::{SPECIFICATIONS, meta};
use serde_json::Value;

/// The meta-schema of a URI: of draft 4, 6, 7, 2019-09 or 2020-12, or a vocabulary of the last two. The URI has no fragment, or
/// an empty one.
pub fn meta_schema(uri: &str) -> Option<&'static Value> {
    let uri = uri.strip_suffix('#').unwrap_or(uri);
    Some(match uri {
        "http://json-schema.org/draft-04/schema" => &meta::DRAFT4,
        "http://json-schema.org/draft-06/schema" => &meta::DRAFT6,
        "http://json-schema.org/draft-07/schema" => &meta::DRAFT7,
        _ => match uri.strip_prefix("https://json-schema.org/draft/")? {
            "2019-09/schema" => &meta::DRAFT201909,
            "2019-09/meta/applicator" => &meta::DRAFT201909_APPLICATOR,
            "2019-09/meta/content" => &meta::DRAFT201909_CONTENT,
            "2019-09/meta/core" => &meta::DRAFT201909_CORE,
            "2019-09/meta/format" => &meta::DRAFT201909_FORMAT,
            "2019-09/meta/meta-data" => &meta::DRAFT201909_META_DATA,
            "2019-09/meta/validation" => &meta::DRAFT201909_VALIDATION,
            "2020-12/schema" => &meta::DRAFT202012,
            "2020-12/meta/applicator" => &meta::DRAFT202012_APPLICATOR,
            "2020-12/meta/content" => &meta::DRAFT202012_CONTENT,
            "2020-12/meta/core" => &meta::DRAFT202012_CORE,
            "2020-12/meta/format-annotation" => &meta::DRAFT202012_FORMAT_ANNOTATION,
            "2020-12/meta/format-assertion" => &meta::DRAFT202012_FORMAT_ASSERTION,
            "2020-12/meta/meta-data" => &meta::DRAFT202012_META_DATA,
            "2020-12/meta/unevaluated" => &meta::DRAFT202012_UNEVALUATED,
            "2020-12/meta/validation" => &meta::DRAFT202012_VALIDATION,
            _ => return None,
        },
    })
}

/// The options for the validator of a schema, which knows the meta-schemas of all drafts where the schema refers to one.
pub fn with_meta_schemas<'i, F: Json>(
    options: ValidationOptions<'i, Arc<dyn Retrieve>, F>,
    schema: &Value,
) -> ValidationOptions<'i, Arc<dyn Retrieve>, F> {
    if refers_to_meta_schema(schema) { options.with_registry(&SPECIFICATIONS) } else { options }
}

fn refers_to_meta_schema(value: &Value) -> bool {
    let is_one = |reference: &Value| reference.as_str().is_some_and(|uri| uri.contains("json-schema.org/"));
    match value {
        Value::Object(members) => {
            members.get("$ref").is_some_and(is_one) || members.values().any(refers_to_meta_schema)
        }
        Value::Array(items) => items.iter().any(refers_to_meta_schema),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_of_any_draft_refers_to_the_meta_schema_of_any_draft() {
        let drafts = [
            "http://json-schema.org/draft-04/schema#",
            "http://json-schema.org/draft-06/schema#",
            "http://json-schema.org/draft-07/schema",
            "https://json-schema.org/draft/2019-09/schema",
            "https://json-schema.org/draft/2020-12/schema",
        ];
        for own in drafts {
            for other in drafts {
                let schema = json!({"$schema": own, "properties": {"a": {"$ref": other}}});
                let validator = with_meta_schemas(jsonschema::options().offline(), &schema).build(&schema).unwrap();

                assert!(validator.is_valid(&json!({"a": {"type": "string"}})), "{own} refers to {other}");
                assert!(!validator.is_valid(&json!({"a": {"type": "strong"}})), "{own} refers to {other}");
                let nested = json!({"a": {"properties": {"b": {"items": {"minLength": "1"}}}}});
                assert!(!validator.is_valid(&nested), "{own} refers to {other}");
            }
        }
    }

    #[test]
    fn a_part_of_a_meta_schema_is_found_and_anything_else_is_not() {
        let build = |reference: &str| {
            let schema = json!({"$ref": reference});
            with_meta_schemas(jsonschema::options().offline(), &schema)
                .build(&schema)
                .map_err(|error| error.to_string())
        };

        let name = build("http://json-schema.org/draft-07/schema#/definitions/simpleTypes").unwrap();
        assert!(name.is_valid(&json!("null")) && !name.is_valid(&json!("nil")));
        let error = build("https://json-schema.org/draft/2077-01/schema").unwrap_err();
        assert!(error.contains("draft/2077-01"), "{error}");
    }
}
