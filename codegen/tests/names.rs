//! What types, fields and variants are called: after what they are, and never after their position.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::breaking::compare;
use eventsmith_codegen::load;
use eventsmith_codegen::manifest::Policy;

const FILE: &str = "domain/rule/created.v1.json";

fn generate(files: &[(&str, &str)]) -> String {
    let dir = catalogue(files);
    eventsmith_codegen::generate(&load(dir.path())).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The text of an event with some properties.
fn of_properties(properties: &str) -> String {
    generate(&[(FILE, &format!("{{\"type\": \"object\", \"properties\": {properties}}}"))])
}

#[track_caller]
fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn an_enum_that_is_reordered_keeps_its_names() {
    let variants = ["LessThan => \"<\"", "Minus1 => \"-1\""];

    for values in [r#"{"sign": {"enum": ["<", ">", "+1", "-1"]}}"#, r#"{"sign": {"enum": ["-1", "+1", ">", "<"]}}"#] {
        // Where its lines break says nothing.
        holds(&of_properties(values).split_whitespace().collect::<Vec<_>>().join(" "), &variants);
    }
}

#[test]
fn a_schema_names_what_it_describes() {
    let text = of_properties(
        r##"{
            "x": {"type": "string", "x-name": "launch"},
            "\ud83d\ude80": {"title": "Rocket", "type": "string"},
            "grade": {"oneOf": [{"const": "A1", "title": "Priority mail"}, {"const": "<", "x-name": "Below"}]},
            "payment": {"oneOf": [
                {"title": "Card payment", "type": "object", "properties": {"card": {"type": "string"}}, "required": ["card"]},
                {"x-name": "Cash", "type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}
            ]}
        }"##,
    );

    holds(&text, &["pub launch: Option<String>", "pub rocket: Option<String>", "PriorityMail,", "Below,"]);
    holds(&text, &["CardPayment(CardPayment)", "Cash(Cash)"]);
}

#[test]
fn a_definition_takes_its_title_and_an_x_name_before_that() {
    let text = generate(&[(
        FILE,
        r##"{"type": "object", "properties": {"a": {"$ref": "#/$defs/d1"}, "b": {"$ref": "#/$defs/d2"}}, "$defs": {
            "d1": {"title": "Shipping address", "type": "object", "properties": {"street": {"type": "string"}}},
            "d2": {"title": "Two", "x-name": "Second", "type": "object", "properties": {"city": {"type": "string"}}}}}"##,
    )]);

    holds(&text, &["pub struct ShippingAddress {", "pub struct Second {"]);
}

#[test]
fn an_untitled_shared_file_is_named_after_its_path() {
    let event = r#"{"type": "object", "properties": {"total": {"$ref": "../../common/money.json"}}}"#;
    let money = r#"{"type": "object", "properties": {"amount": {"type": "number"}}}"#;

    let text = generate(&[(FILE, event), ("common/money.json", money)]);

    holds(&text, &["pub struct Money {", "pub total: Option<Money>"]);
}

#[test]
fn what_alternatives_have_in_common_is_named_after_the_union() {
    let text = generate(&[(
        "domain/payment/made.v1.json",
        r#"{"type": "object", "required": ["kind"], "properties": {
            "meta": {"type": "object", "properties": {"source": {"type": "string"}}}}, "oneOf": [
            {"properties": {"kind": {"const": "card"}}}, {"properties": {"kind": {"const": "cash"}}}]}"#,
    )]);

    holds(&text, &["pub struct PaymentMadeMeta {"]);
}

#[test]
fn integer_tags_say_what_they_are() {
    let text = of_properties(
        r#"{"shape": {"oneOf": [
            {"type": "object", "required": ["type"], "properties": {"type": {"const": 1}, "a": {"type": "string"}}},
            {"type": "object", "required": ["type"], "properties": {"type": {"const": 2}, "a": {"type": "string"}}}]}}"#,
    );

    holds(&text, &["pub struct RuleCreatedType1 {", "pub struct RuleCreatedType2 {"]);
}

#[test]
fn groups_and_events_that_fall_together_are_one_error_that_names_both() {
    for (one, other) in [
        ("domain/rule/madeUp.v1.json", "domain/rule/made_up.v1.json"),
        ("domain/madeUp/a.v1.json", "domain/made_up/b.v1.json"),
    ] {
        let dir = catalogue(&[(one, "true"), (other, "true")]);
        let findings = load(dir.path()).diagnostics;

        assert_eq!(findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["same-name"], "{findings:#?}");
        assert!(findings[0].to_string().contains(one) && findings[0].to_string().contains(other), "{findings:#?}");
    }
}

#[test]
fn breaking_tells_of_names_that_changed_though_the_schema_did_not() {
    let of = |constants: &str| {
        catalogue(&[(FILE, &format!(r#"{{"properties": {{"sign": {{"oneOf": [{constants}]}}}}, "type": "object"}}"#))])
    };
    let previous = of(r#"{"const": "<", "title": "Less"}, {"const": ">", "title": "More"}"#);
    let current = of(r#"{"const": "<", "title": "More"}, {"const": ">", "title": "Less"}"#);

    let findings = compare(&load(previous.path()), &load(current.path()), Policy::Full).findings;

    let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:#?}");
    assert!(findings.iter().all(|finding| finding.rule == "renamed-in-rust"), "{findings:#?}");
    assert!(
        messages[0].contains("RuleCreatedSign::Less for \"<\" is called RuleCreatedSign::More now"),
        "{messages:#?}"
    );
}
