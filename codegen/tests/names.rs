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
fn holds(text: &str, lines: &[impl AsRef<str>]) {
    for line in lines.iter().map(AsRef::as_ref) {
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

    holds(&text, &["pub struct RuleCreatedShapeType1 {", "pub struct RuleCreatedShapeType2 {"]);
    holds(&text, &["Type1(RuleCreatedShapeType1)", "Type2(RuleCreatedShapeType2)"]);
}

/// The types of the alternatives of a property `shape`, which are called the same however they are ordered.
#[track_caller]
fn alternatives(one: &str, other: &str, names: &[&str]) {
    for alternatives in [format!("{one}, {other}"), format!("{other}, {one}")] {
        let text = of_properties(&format!(r#"{{"shape": {{"anyOf": [{alternatives}]}}}}"#));
        holds(&text, &names.iter().map(|name| format!("pub struct RuleCreatedShape{name} {{")).collect::<Vec<_>>());
    }
}

#[test]
fn an_alternative_without_a_name_is_called_after_what_tells_it_apart() {
    let object = |properties: &str, required: &str| {
        format!(r#"{{"type": "object", "required": [{required}], "properties": {{{properties}}}}}"#)
    };
    let sized = |schema: &str| object(&format!(r#""size": {schema}"#), r#""size""#);

    alternatives(&sized(r#"{"const": 1}"#), &sized(r#"{"const": 2}"#), &["Size1", "Size2"]);
    alternatives(&sized(r#"{"enum": ["s", "m"]}"#), &sized(r#"{"enum": ["l"]}"#), &["MOrS", "L"]);
    alternatives(&sized(r#"{"enum": [1, 2]}"#), &sized(r#"{"enum": [3, 4]}"#), &["Size1Or2", "Size3Or4"]);
    alternatives(&sized(r#"{"const": true}"#), &sized(r#"{"const": false}"#), &["SizeTrue", "SizeFalse"]);
    alternatives(&sized(r#"{"type": "string"}"#), &sized(r#"{"type": "number"}"#), &["SizeString", "SizeNumber"]);
    alternatives(&object(r#""size": true"#, ""), r#"{"type": "array"}"#, &["Size"]);
    alternatives(&object(r#""a": true"#, ""), &object(r#""b": true"#, ""), &["A", "B"]);
}

#[test]
fn an_alternative_that_nothing_tells_apart_has_a_number_of_its_schema_and_is_linted() {
    let long = r#"{"type": "object", "properties": {"a": {"type": "string", "minLength": 9}}}"#;
    let short = r#"{"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}"#;
    let names = |one: &str, other: &str| {
        let text = of_properties(&format!(r#"{{"shape": {{"oneOf": [{one}, {other}]}}}}"#));
        let structs = text.lines().filter_map(|line| line.trim().strip_prefix("pub struct RuleCreatedShape"));
        structs.map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };

    let dir = catalogue(&[(
        FILE,
        &format!(r#"{{"type": "object", "properties": {{"shape": {{"oneOf": [{long}, {short}]}}}}}}"#),
    )]);
    let lint = eventsmith_codegen::lint::lint(&load(dir.path()));
    let found: Vec<String> =
        lint.into_iter().filter(|found| found.rule == "unreadable-name").map(|found| found.pointer).collect();

    assert_eq!(found, ["/properties/shape/oneOf/0", "/properties/shape/oneOf/1"]);
    assert_eq!(names(long, short), names(short, long));
    assert!(names(long, short).iter().all(|name| name.starts_with('X')), "{:?}", names(long, short));
}

#[test]
fn types_that_fall_together_do_not_change_places() {
    let object = |name: &str, own: &str| {
        format!(r#""{name}": {{"type": "object", "properties": {{"{own}": {{"type": "string"}}}}}}"#)
    };
    for (one, other) in [("made_up", "madeUp"), ("madeUp", "made_up")] {
        let (a, b) = (object(one, one), object(other, other));
        let text = of_properties(&format!("{{{a}, {b}}}"));
        holds(&text, &["pub made_up: Option<RuleCreatedMadeUp>", "pub made_up_camel: Option<RuleCreatedMadeUpCamel>"]);

        let file = format!(
            r##"{{"type": "object", "properties": {{"a": {{"$ref": "#/$defs/{one}"}}, "b": {{"$ref": "#/$defs/{other}"}}}},
                "$defs": {{{a}, {b}}}}}"##
        );
        let text = generate(&[(FILE, &file)]);
        let (first, second) = if one == "made_up" { ("MadeUp", "MadeUpCamel") } else { ("MadeUpCamel", "MadeUp") };
        holds(&text, &[&format!("pub a: Option<{first}>"), &format!("pub b: Option<{second}>")]);
    }
}

#[test]
fn a_type_called_as_one_of_the_prelude_says_that_it_is_a_type() {
    let object = r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#;
    let text = generate(&[("domain/option.v1.json", object), ("domain/maybe.v1.json", object)]);

    holds(&text, &["pub struct OptionType {", "pub struct MaybeType {"]);
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

#[test]
fn a_group_that_is_called_like_a_version_is_told_from_one() {
    let schema = "{\"type\": \"object\"}";

    let text = generate(&[("domain/v2/things.v1.json", schema), ("domain/lonely.v1.json", schema)]);

    holds(
        &text,
        &[
            "/// The types of `v2`, in their newest versions.",
            "/// Version 1 of the `v2` events.",
            "/// Version 1 of the events without a group.",
        ],
    );
}
