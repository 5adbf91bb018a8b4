//! Payloads that are hard to judge: `validate` comes to an end, and says what `decode` does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

use eventsmith_codegen::from_files;
use eventsmith_codegen::payload::{CheckResult, Checker, Input, Options};

/// How many payloads of a text are valid, and the messages about the others.
fn checked(schema: &str, payload: &str) -> (usize, Vec<String>) {
    let files = [("eventsmith.toml", "root = \"rules\"\n"), ("domain/group/happened.v1.json", schema)];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let loaded = from_files("probe", BTreeMap::from(files));
    assert_eq!(loaded.diagnostics, [], "{schema}");
    let checker = Checker::new(&loaded, Options { file: Some("domain/group/happened.v1.json"), mask: false });
    let bytes = payload.as_bytes().to_vec();
    let input = Input { name: "payload.json".into(), open: Box::new(move || Ok(Box::new(Cursor::new(bytes)))) };
    let (mut valid, mut messages) = (0, Vec::new());
    checker
        .check([input].into_iter(), |result| {
            if let CheckResult::Checked(part) = result {
                valid += part.valid;
                messages.extend(part.findings.into_iter().map(|finding| finding.diagnostic.message));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    (valid, messages)
}

fn is_valid(schema: &str, payload: &str) -> bool {
    let (valid, messages) = checked(schema, payload);
    assert_eq!(valid == 1, messages.is_empty(), "{schema} {payload}: {messages:?}");
    valid == 1
}

const WIDE: &str = "9223372036854775808";

#[test]
fn a_wide_number_deep_in_unions_is_looked_at_once() {
    const TAGGED: &str = r##"{"$ref": "#/$defs/Expr", "$defs": {"Expr": {"oneOf": [
        {"type": "object", "required": ["op", "arg"], "properties": {"op": {"const": "not"}, "arg": {"$ref": "#/$defs/Expr"}}},
        {"type": "object", "required": ["op", "v"], "properties": {"op": {"const": "lit"}, "v": {"type": "number"}}}
    ]}}}"##;
    let nested = |open: &str, last: &str, depth: usize| format!("{}{last}{}", open.repeat(depth), "}".repeat(depth));
    let lit = |number: &str| nested(r#"{"op": "not", "arg": "#, &format!(r#"{{"op": "lit", "v": {number}}}"#), 60);
    assert!(is_valid(TAGGED, &lit(WIDE)) && is_valid(TAGGED, &lit("0.12345678901234567890")));

    const UNTAGGED: &str = r##"{"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "anyOf": [
        {"properties": {"below": {"$ref": "#/$defs/N"}, "a": {"type": "number"}}},
        {"properties": {"below": {"$ref": "#/$defs/N"}, "b": {"type": "integer"}}}
    ]}}}"##;
    let below = |last: &str| nested(r#"{"below": "#, last, 60);
    assert!(is_valid(UNTAGGED, &below(&format!(r#"{{"a": {WIDE}}}"#))));
}

#[test]
fn an_alternative_of_another_type_has_no_room_for_a_number() {
    let schema = |property: &str| format!(r#"{{"type": "object", "properties": {{"v": {property}}}}}"#);
    let payload = format!(r#"{{"v": {WIDE}}}"#);
    for property in [
        r#"{"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}"#,
        r#"{"anyOf": [{"type": "integer"}, {"type": "object", "properties": {"a": {"type": "string"}}}]}"#,
        r#"{"anyOf": [{"type": "integer"}, {"type": "object", "additionalProperties": {"type": "string"}}]}"#,
        r#"{"type": ["integer", "boolean", "null"]}"#,
    ] {
        assert!(!is_valid(&schema(property), &payload), "{property}");
    }
    for property in [
        r#"{"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}, {"type": "number"}]}"#,
        r#"{"anyOf": [{"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 0, "maximum": 18446744073709551615}]}"#,
    ] {
        assert!(is_valid(&schema(property), &payload), "{property}");
    }
    let objects = r#"{"oneOf": [
        {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        {"type": "object", "required": ["m"], "properties": {"m": {"type": "string"}}}
    ]}"#;
    assert!(!is_valid(objects, &format!(r#"{{"n": {WIDE}}}"#)));
    assert!(is_valid(objects, &format!(r#"{{"m": "", "x": {WIDE}}}"#)));
}

#[test]
fn a_name_that_is_repeated_is_refused_as_consumers_refuse_it() {
    let schema = r#"{"type": "object", "properties": {"a": {"type": "integer"}}}"#;
    for payload in [r#"{"a": 1, "a": 2}"#, r#"{"b": {"a": 1, "\u0061": 1}}"#, r#"{"b": [{"a": [], "c": 1, "a": "x"}]}"#]
    {
        assert_eq!(checked(schema, payload), (0, vec![r#"the member "a" is there twice"#.to_owned()]), "{payload}");
    }
    assert!(is_valid(schema, r#"{"a": 1, "b": {"a": 1}}"#));
}

#[test]
fn a_name_that_serde_json_takes_for_a_marker_is_refused() {
    let schema = r#"{"type": "object", "properties": {"a": {"type": "integer"}}}"#;
    for payload in [
        r#"{"a": {"$serde_json::private::RawValue": "5"}}"#,
        r#"{"b": {"\u0024serde_json::private::RawValue": "5"}}"#,
        r#"{"$serde_json::private::RawValue": "{\"a\": 5}"}"#,
    ] {
        let (valid, messages) = checked(schema, payload);
        assert_eq!((valid, messages.len()), (0, 1), "{payload}: {messages:?}");
        assert!(messages[0].contains("reserved name"), "{messages:?}");
    }
    assert!(is_valid(schema, r#"{"b": "$serde_json::private::RawValue"}"#));
}
