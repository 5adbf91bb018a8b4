//! What small schemas become.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::load;

fn generate(files: &[(&str, &str)]) -> String {
    let dir = catalogue(files);
    eventsmith_codegen::generate(&load(dir.path())).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn a_root_is_all_that_a_manifest_needs_and_a_schema_may_be_a_boolean() {
    let text = generate(&[("domain/rule/anything.v1.json", "true"), ("domain/rule/nothing.v1.json", "false")]);

    assert!(text.contains("pub struct RuleAnything(pub Value);"));
    assert!(text.contains("pub const ANYTHING: &str = \"rules.domain.rule.anything\";"));
    assert!(text.contains("pub const STREAMS: &[StreamDescriptor] = &[];"));
}

#[test]
fn the_same_catalogue_gives_the_same_text() {
    let files = [
        ("domain/b/two.v1.json", r#"{"type": "object", "properties": {"x": {"enum": ["a", "b"]}}}"#),
        ("domain/a/one.v1.json", r#"{"type": "object", "properties": {"y": {"type": "integer"}}}"#),
    ];

    assert_eq!(generate(&files), generate(&files));
}

#[test]
fn names_that_rust_does_not_allow_become_legal_and_stay_apart() {
    let schema = r#"{"type": "object", "required": ["type", "self", "a-b", "a_b", "", "größe"], "properties": {
        "type": true, "self": true, "a-b": true, "a_b": true, "": true, "größe": true}}"#;
    let text = generate(&[("domain/type/created.v1.json", schema)]);

    for field in ["pub r#type:", "pub self_:", "pub a_b:", "pub a_b2:", "pub unnamed:", "pub gr_e:"] {
        assert!(text.contains(field), "{field}\n{text}");
    }
    assert!(text.contains("pub mod r#type {"));
}

#[test]
fn a_title_that_hides_a_name_of_the_generated_code_gives_way_to_the_path() {
    let text = generate(&[("domain/rule/created.v1.json", r#"{"title": "Option", "type": "object"}"#)]);

    assert!(text.contains("pub struct RuleCreated"), "{text}");
}

#[test]
fn an_equal_type_of_two_versions_is_written_once() {
    let schema = r#"{"type": "object", "properties": {"status": {"enum": ["on", "off"]}}}"#;
    let newer = r#"{"type": "object", "properties": {"status": {"enum": ["on", "off"]}, "x": {"type": "string"}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema), ("domain/rule/set.v2.json", newer)]);

    assert_eq!(text.matches("pub enum RuleSetStatus").count(), 1, "{text}");
    assert!(text.contains("pub use v1::RuleSetStatus;"), "{text}");
    assert!(text.contains("impl From<super::v1::RuleSet> for RuleSet"), "{text}");
}

#[test]
fn an_upcast_is_asked_for_where_the_schemas_prove_nothing() {
    let schema = r#"{"type": "object", "properties": {"level": {"type": "string"}}}"#;
    let newer = r#"{"type": "object", "properties": {"level": {"type": "integer"}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema), ("domain/rule/set.v3.json", newer)]);

    assert!(!text.contains("impl From<"), "{text}");
    assert!(text.contains("Upcast::upcast"), "{text}");
}

#[test]
fn a_recursive_type_lies_on_the_heap_only_where_it_must() {
    let schema = r##"{"type": "object", "properties": {"root": {"$ref": "#/$defs/Node"}}, "$defs": {"Node":
        {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}}}}}"##;
    let text = generate(&[("domain/tree/grown.v1.json", schema)]);

    assert!(text.contains("pub next: Option<Box<Node>>,"), "{text}");
    assert!(text.contains("pub children: Option<Vec<Node>>,"), "{text}");
    assert!(text.contains("pub root: Option<Node>,"), "{text}");
}

#[test]
fn a_number_that_json_cannot_write_is_not_valid() {
    let schema = r#"{"type": "object", "properties": {"rate": {"type": "number"}}, "required": ["rate"]}"#;
    let text = generate(&[("domain/tax/set.v1.json", schema)]);

    assert!(text.contains("self.rate.is_finite()"), "{text}");
}

#[test]
fn a_meta_schema_of_somebodys_own_is_a_warning() {
    let schema = r#"{"$schema": "https://example.org/our-schema/1-0-0", "self": {"name": "x"}, "type": "object"}"#;
    let dir = catalogue(&[("domain/rule/created.v1.json", schema)]);
    let loaded = load(dir.path());

    let found: Vec<_> = loaded.diagnostics.iter().map(|one| (one.rule, one.severity, one.pointer.as_str())).collect();
    assert_eq!(found, [("foreign-dialect", eventsmith_codegen::Severity::Warning, "/$schema")]);
    assert!(!eventsmith_codegen::generate(&loaded).unwrap_or_default().contains("our-schema"));
}
