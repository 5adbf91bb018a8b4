//! Schemas that their meta-schema refuses, with the help that fits what was meant.

use crate::problems;

/// Message and help of the only finding about a property of a schema.
fn found(keywords: &str) -> (String, String) {
    found_in(&format!(r#"{{"type": "object", "properties": {{"n": {keywords}}}}}"#))
}

fn found_in(schema: &str) -> (String, String) {
    let [finding] = problems(&[("domain/rule/created.v1.json", schema)]).try_into().expect(schema);
    assert_eq!(finding.rule, "bad-schema", "{finding}");
    (finding.message, finding.help)
}

#[test]
fn keywords_of_older_drafts_are_explained_in_those_of_the_file() {
    for (keywords, help) in [
        (
            r#"{"minimum": 0, "exclusiveMinimum": true}"#,
            r#"write "exclusiveMinimum": 0 in place of both it and "minimum""#,
        ),
        (r#"{"exclusiveMaximum": true}"#, r#"write the limit: "exclusiveMaximum": 0"#),
        (r#"{"maximum": 5, "exclusiveMaximum": false}"#, "leave it out"),
        (r#"{"type": "string", "required": true}"#, r#""required": ["n"]"#),
        (r#"{"type": "array", "items": [{"type": "string"}]}"#, "rename it to `prefixItems`"),
        (r#"{"type": "any"}"#, "leave `type` out"),
    ] {
        let (message, found) = found(keywords);
        assert!(found.contains(help), "{keywords}: {message}; {found}");
    }
    let old = |keywords: &str| {
        let schema =
            format!(r##"{{"$schema": "http://json-schema.org/draft-04/schema#", "properties": {{"n": {keywords}}}}}"##);
        found_in(&schema).1
    };
    assert!(
        old(r#"{"minimum": 1, "exclusiveMinimum": 3}"#).contains(r#"write "minimum": 3, "exclusiveMinimum": true"#)
    );
    assert!(old("false").contains(r#"{"not": {}}"#));
}

#[test]
fn types_of_other_languages_are_explained() {
    for (name, help) in [
        ("int", "did you mean integer?"),
        ("Float", "did you mean number?"),
        ("bool", "did you mean boolean?"),
        ("datetime", r#"write "type": "string" beside "format": "date-time""#),
        ("strin", "did you mean string?"),
        ("money", "the types are string, integer, number, boolean, array, object and null"),
    ] {
        assert_eq!(found(&format!(r#"{{"type": {name:?}}}"#)), (format!("unknown type {name:?}"), help.to_owned()));
    }
    assert_eq!(found(r#"{"type": ["string", "int"]}"#).0, "unknown type \"int\"");
    assert_eq!(found(r#"{"type": ["string", "string"]}"#).0, "`type` names one type twice");
}

#[test]
fn values_of_the_wrong_kind_are_explained() {
    for (keywords, message, help) in [
        (r#"{"minLength": "1"}"#, "`minLength` is a text, \"1\"", "without quotes: \"minLength\": 1"),
        (r#"{"additionalProperties": "false"}"#, "`additionalProperties` is a text", "without quotes"),
        (r#"{"uniqueItems": "true"}"#, "`uniqueItems` is a text", "without quotes"),
        (r#"{"minItems": -1}"#, "`minItems` is -1", "a whole number from 0"),
        (r#"{"multipleOf": 0}"#, "`multipleOf` is 0", "greater than 0"),
        (r#"{"required": "a"}"#, "`required` is no list", "\"required\": [\"a\"]"),
        (r#"{"enum": "a"}"#, "`enum` is no list", "\"enum\": [\"a\"]"),
        (r#"{"oneOf": {"type": "string"}}"#, "`oneOf` is no list", "write a list"),
        (r#"{"properties": [{"name": "a"}]}"#, "`properties` is a list", "\"properties\": {\"name\""),
        (r#"{"properties": {"a": "string"}}"#, "this is a text", r#"{"type": "string"}"#),
    ] {
        let (found, way_out) = found(keywords);
        assert!(found.contains(message) && way_out.contains(help), "{keywords}: {found}; {way_out}");
    }
}
