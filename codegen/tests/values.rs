//! Defaults, and null: what a schema says of values that are not there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::load;
use serde_json::{Value, json};

const FILE: &str = "domain/rule/created.v1.json";

fn generate(files: &[(&str, &str)]) -> String {
    let dir = catalogue(files);
    eventsmith_codegen::generate(&load(dir.path())).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn of(schema: &Value) -> String {
    generate(&[(FILE, &schema.to_string())])
}

/// The text of an event with one required property.
fn required(property: &Value) -> String {
    of(&json!({"type": "object", "required": ["p"], "properties": { "p": property }}))
}

#[track_caller]
fn holds(text: &str, lines: &[&str]) {
    // Where its lines break says nothing.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in lines {
        assert!(words(text).contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_default_of_any_type_is_written_as_it_stands_in_the_schema() {
    let text = json!({"type": "string"});
    let point =
        json!({"type": "object", "required": ["x"], "properties": {"x": {"type": "integer", "default": 1}, "y": text}});
    let tagged = json!({"oneOf": [
        {"type": "object", "required": ["k", "a"], "properties": {"k": {"const": "one"}, "a": {"type": "integer"}}},
        {"type": "object", "required": ["k"], "properties": {"k": {"const": "two"}}}
    ]});
    for (schema, default, expected) in [
        (point.clone(), json!({"x": 5}), "RuleCreatedP { x: 5, y: None }"),
        (
            json!({"type": "string", "format": "date"}),
            json!("2026-01-01"),
            r#"::eventsmith::generated::literal("2026-01-01")"#,
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("2026-01-01T00:00:00Z"),
            r#"::eventsmith::generated::literal("2026-01-01T00:00:00Z")"#,
        ),
        (
            json!({"type": "string", "format": "uuid"}),
            json!("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
            r#"::eventsmith::generated::literal("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")"#,
        ),
        (json!({}), json!({"a": [1]}), r##"::eventsmith::generated::literal(r#"{"a":[1]}"#)"##),
        (
            json!({"type": "array", "items": {"type": ["string", "null"]}}),
            json!(["a", null]),
            r#"::std::vec![Some(String::from("a")), None]"#,
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            json!({"a": 1}),
            r#"BTreeMap::from([(String::from("a"), 1)])"#,
        ),
        (
            json!({"type": "array", "prefixItems": [text, {"type": "integer"}], "items": false, "minItems": 2}),
            json!(["a", 1]),
            r#"(String::from("a"), 1)"#,
        ),
        (tagged, json!({"k": "one", "a": 3}), "RuleCreatedP::One(RuleCreatedPOne { a: 3 })"),
        (json!({"type": ["string", "integer"]}), json!(3), "RuleCreatedP::Integer(3)"),
    ] {
        let mut schema = schema;
        schema["default"] = default;
        holds(&required(&schema), &["impl Default for RuleCreated {", expected]);
    }
}

#[test]
fn a_default_that_cannot_be_said_leaves_the_struct_without_one() {
    let invalid = json!({"type": "object", "required": ["max"], "properties": {"max": {"type": "integer", "default": 1}}, "default": {}});
    assert!(!required(&invalid).contains("impl Default for RuleCreated {"));

    let optional = json!({"type": "object", "properties": {"a": {"type": "string", "format": "date", "default": "soon"}, "b": {"type": "integer", "default": 2}}});
    assert!(!of(&optional).contains("impl Default for RuleCreated {"));
}

#[test]
fn a_text_of_another_module_has_its_default_too_and_so_has_an_upcast() {
    let common = r#"{"$defs": {"Code": {"type": "string", "pattern": "^[A-Z]{3}$"}}}"#;
    let v1 = r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#;
    let v2 = r##"{"type": "object", "required": ["code"], "properties": {"a": {"type": "string"}, "code": {"$ref": "../../common.json#/$defs/Code", "default": "ABC"}}}"##;
    let text = generate(&[("common.json", common), (FILE, v1), ("domain/rule/created.v2.json", v2)]);

    holds(&text, &["impl Default for RuleCreated {", r#"code: ::eventsmith::generated::literal("ABC")"#]);
    holds(&text, &["impl From<super::v1::RuleCreated> for RuleCreated"]);
}

#[test]
fn a_default_applies_through_references() {
    let text = of(&json!({
        "type": "object", "properties": {"status": {"$ref": "#/$defs/Status"}},
        "$defs": {"Status": {"enum": ["a", "b"], "default": "a"}}
    }));

    holds(&text, &["The default is `\"a\"`.", "status: Some(Status::A)"]);
}

#[test]
fn zero_written_as_a_fraction_is_derived() {
    let text = required(&json!({"type": "integer", "default": 0.0}));
    assert!(!text.contains("impl Default for"), "{text}");
    holds(
        &text,
        &["Hash, PartialOrd, Ord, Default, ::serde::Serialize"].map(|line| line.split(", ::").next().unwrap()),
    );
}

#[test]
fn a_list_that_is_filled_in_is_empty_by_default() {
    let list = |default: Value| json!({"type": "array", "items": {"type": "string"}, "default": default});
    let v1 = json!({"type": "object", "properties": {"tags": list(json!([]))}}).to_string();
    let v2 = json!({"type": "object", "required": ["tags"], "properties": {"tags": list(json!([]))}}).to_string();

    holds(&generate(&[(FILE, &v1), ("domain/rule/created.v2.json", &v2)]), &["tags: old.tags.unwrap_or_default()"]);
}

#[test]
fn null_within_alternatives_is_an_option() {
    for (schema, field) in [
        (json!({"anyOf": [{"type": ["string", "null"]}, {"type": "integer"}]}), "pub p: Option<RuleCreatedP>"),
        (json!({"oneOf": [{"type": ["string", "null"]}, {"type": "integer"}]}), "pub p: Option<RuleCreatedP>"),
        // Of exactly one, null is none of two.
        (json!({"oneOf": [{"type": ["string", "null"]}, {"type": ["integer", "null"]}]}), "pub p: RuleCreatedP"),
        (
            json!({"type": ["object", "null"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            "pub p: Option<RuleCreatedP>",
        ),
        (
            json!({"type": ["string", "null"], "anyOf": [{"maxLength": 3}, {"format": "email"}]}),
            "pub p: Option<String>",
        ),
    ] {
        let text = required(&schema);
        holds(&text, &[field]);
        assert!(!text.contains("(Option<") && !text.contains("(pub Option<"), "{text}");
    }
}

#[test]
fn null_of_a_definition_moves_to_where_it_is_used() {
    let card = json!({"type": "object", "required": ["number"], "properties": {"number": {"type": "string"}}});
    let text = of(&json!({
        "type": "object", "required": ["a", "c"],
        "properties": {
            "a": {"$ref": "#/$defs/Note"}, "b": {"$ref": "#/$defs/Note"}, "c": {"$ref": "#/$defs/MaybeCard"},
            "d": {"type": "array", "items": {"$ref": "#/$defs/Own"}}, "e": {"$ref": "#/$defs/Tags"}
        },
        "$defs": {
            "Note": {"type": ["string", "null"]},
            "Card": card,
            "MaybeCard": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Card"}]},
            "Own": {"type": ["object", "null"], "properties": {"x": {"type": "string"}}},
            "Tags": {"type": ["array", "null"], "items": {"type": "string"}}
        }
    }));

    holds(
        &text,
        &["pub a: Option<Note>", "pub b: Maybe<Note>", "pub c: Option<Card>", "pub d: Option<Vec<Option<Own>>>"],
    );
    holds(&text, &["pub e: Maybe<Tags>", "pub struct Note(String);", "pub struct Tags(pub Vec<String>);"]);
    // A required property is asked for, null or not.
    holds(&text, &["deserialize_with = \"::eventsmith::generated::de::required\""]);
    holds(
        &text,
        &["Own \"/$defs/Own\" without null"]
            .map(|line| line.replace(" \"/$defs/Own\"", ""))
            .each_ref()
            .map(String::as_str),
    );
}

#[test]
fn the_rest_of_a_linked_list_is_required() {
    let text = of(&json!({
        "type": "object", "required": ["value", "next"],
        "properties": {"value": {"type": "string"}, "next": {"$ref": "#/$defs/Rest"}},
        "$defs": {"Rest": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}}
    }));

    holds(&text, &["de::required\")] pub next: Option<Box<RuleCreated>>"]);
}

#[test]
fn a_struct_behind_null_tells_schemars_of_itself() {
    let text = required(&json!({"type": ["object", "null"], "properties": {"x": {"type": "string"}}}));

    holds(&text, &["RuleCreatedP \"/properties/p\" without null"]);
}

#[test]
fn the_description_of_an_alternatives_type_is_no_code() {
    let text = of(&json!({
        "type": "object",
        "properties": {"v": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "integer"}]}},
        "$defs": {"A": {
            "description": "See https://example.org\n\n    not rust at all(\n\u{202e}",
            "type": "object", "properties": {"x": {"type": "string"}}
        }}
    }));

    assert!(!text.contains("///     not rust") && !text.contains('\u{202e}'), "{text}");
    assert!(!text.contains("/// See https://"), "{text}");
}

#[test]
fn a_property_with_a_line_break_stays_in_its_code_span() {
    let text = of(&json!({"type": "object", "properties": {"x\n\n    y(": {"type": "string"}}}));

    assert!(!text.contains(r#""x\n\n"#) || text.contains(r"x\\n\\n"), "{text}");
    holds(&text, &[r"x\\n\\n"]);
}

#[test]
fn another_name_for_a_scalar_has_what_the_scalar_has() {
    let text = of(&json!({
        "type": "object", "properties": {"a": {"$ref": "#/$defs/OrderId"}, "b": {"$ref": "#/$defs/Level"}},
        "$defs": {
            "Id": {"type": "string", "pattern": "^a+$"}, "OrderId": {"$ref": "#/$defs/Id"},
            "Shade": {"enum": ["x"]}, "Level": {"$ref": "#/$defs/Shade"}
        }
    }));

    holds(&text, &["wrapper!(OrderId, Id, displayed);", "wrapper!(Level, Shade, displayed);"]);
    assert!(
        text.contains("#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize")
            || text.contains("#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize"),
        "{text}"
    );
}
