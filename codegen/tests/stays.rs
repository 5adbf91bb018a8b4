//! What stays when schemas are put into another order, or grow elsewhere: names, above all.

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
fn alternatives_without_types_of_their_own_are_named_after_what_they_are_made_of() {
    let list = |item: &str| format!(r#"{{"type": "array", "items": {{"type": "{item}"}}}}"#);
    let map = |item: &str| format!(r#"{{"type": "object", "additionalProperties": {{"type": "{item}"}}}}"#);
    let range = |min: i8, max: i8| format!(r#"{{"type": "integer", "minimum": {min}, "maximum": {max}}}"#);
    for (one, other, names) in [
        (list("string"), list("integer"), ["ListOfString(Vec<String>)", "ListOfInteger(Vec<i64>)"]),
        (map("string"), map("boolean"), ["MapOfString(", "MapOfBoolean("]),
        (range(-5, 5), range(7, 9), ["IntegerMinus5To5(i32)", "Integer7To9(u8)"]),
        (r#"{"const": 1}"#.to_owned(), range(7, 9), ["Integer1(u8)", "Integer7To9(u8)"]),
    ] {
        for alternatives in [format!("{one}, {other}"), format!("{other}, {one}")] {
            holds(&of_properties(&format!(r#"{{"v": {{"anyOf": [{alternatives}]}}}}"#)), &names);
        }
    }
}

#[test]
fn texts_are_named_after_what_they_list_and_after_their_format() {
    let text = r#"{"type": "string"}"#;
    let uuid = r#"{"type": "string", "format": "uuid"}"#;
    for (one, other, names) in [
        (r#"{"enum": ["a", "b"]}"#, text, ["Known(RuleCreatedVKnown)", "String(String)"]),
        (r#"{"type": "string", "enum": ["a", "b", "c", "d"]}"#, text, ["Known(RuleCreatedVKnown)", "String(String)"]),
        (r#"{"const": "all"}"#, uuid, ["All(RuleCreatedVAll)", "Uuid(RuleCreatedVUuid)"]),
    ] {
        for alternatives in [format!("{one}, {other}"), format!("{other}, {one}")] {
            holds(&of_properties(&format!(r#"{{"v": {{"anyOf": [{alternatives}]}}}}"#)), &names);
        }
    }
}

#[test]
fn integers_that_are_listed_are_one_integer_and_have_their_names_as_constants() {
    let (one, other) =
        (r#"{"const": 1, "title": "Low", "description": "Can wait."}"#, r#"{"const": -2, "x-name": "very high"}"#);
    for alternatives in [format!("{one}, {other}"), format!("{other}, {one}")] {
        let text = of_properties(&format!(r#"{{"v": {{"oneOf": [{alternatives}]}}}}"#));
        holds(
            &text,
            &[
                "pub v: Option<RuleCreatedV>",
                "pub struct RuleCreatedV(pub i32);",
                "/// Can wait.",
                "pub const LOW: Self = Self(1);",
                "pub const VERY_HIGH: Self = Self(-2);",
            ],
        );
    }
    holds(&of_properties(r#"{"v": {"oneOf": [{"const": 1}, {"const": 2}]}}"#), &["pub v: Option<u8>"]);
}

#[test]
fn breaking_tells_where_another_property_takes_a_name() {
    let schema = |properties: &str| format!(r#"{{"type": "object", "properties": {{{properties}}}}}"#);
    let (camel, snake) = (r#""madeUp": {"type": "string"}"#, r#""made_up": {"type": "string"}"#);
    let (before, after) =
        (catalogue(&[(FILE, &schema(camel))]), catalogue(&[(FILE, &schema(&format!("{camel}, {snake}")))]));

    let findings = compare(&load(before.path()), &load(after.path()), Policy::Full).findings;

    let message = "the field made_up of RuleCreated is called made_up_camel now";
    let found = findings.iter().find(|found| found.rule == "renamed-in-rust").unwrap();
    assert_eq!(found.message, message, "{findings:#?}");
}

#[test]
fn lint_finds_alternatives_that_only_a_number_tells_apart() {
    let list = |length: u8| format!(r#"{{"type": "array", "items": {{"type": "string"}}, "maxItems": {length}}}"#);
    let schema = format!(r#"{{"type": "object", "properties": {{"v": {{"oneOf": [{}, {}]}}}}}}"#, list(1), list(2));
    let dir = catalogue(&[(FILE, &schema)]);

    let found = eventsmith_codegen::lint::lint(&load(dir.path()));

    let unreadable = found.iter().filter(|found| found.rule == "unreadable-name");
    assert!(unreadable.clone().all(|found| found.message.contains("RuleCreatedV::ListX")), "{found:#?}");
    assert_eq!(unreadable.count(), 2, "{found:#?}");
}

#[test]
fn of_several_types_with_one_title_none_has_it() {
    let object = |name: &str, own: &str| {
        format!(
            r#""{name}": {{"title": "Address", "type": "object", "properties": {{"{own}": {{"type": "string"}}}}}}"#
        )
    };
    let (from, to) = (object("from", "street"), object("to", "city"));
    for properties in [format!("{{{from}, {to}}}"), format!("{{{to}, {from}}}")] {
        let text = of_properties(&properties);
        holds(&text, &["pub from: Option<RuleCreatedFrom>", "pub to: Option<RuleCreatedTo>"]);
    }
    holds(&of_properties(&format!("{{{from}}}")), &["pub from: Option<Address>"]);
}

#[test]
fn a_definition_has_its_name_before_what_lies_in_properties() {
    let (address, home) = (
        r#""address": {"type": "object", "properties": {"a": {"type": "string"}}}"#,
        r##""home": {"$ref": "#/$defs/RuleCreatedAddress"}"##,
    );
    let definitions = r#""$defs": {"RuleCreatedAddress": {"type": "object", "properties": {"b": {"type": "string"}}}}"#;
    for properties in [format!("{address}, {home}"), format!("{home}, {address}")] {
        let text =
            generate(&[(FILE, &format!(r#"{{"type": "object", "properties": {{{properties}}}, {definitions}}}"#))]);
        holds(&text, &["pub home: Option<RuleCreatedAddress>", "pub address: Option<RuleCreatedPropertiesAddress>"]);
    }
}

#[test]
fn a_new_event_takes_no_name_of_another_ones_definition() {
    let event = |ty: &str| {
        format!(
            r##"{{"type": "object", "properties": {{"item": {{"$ref": "#/$defs/Item"}}}},
            "$defs": {{"Item": {{"type": "object", "properties": {{"x": {{"type": "{ty}"}}}}}}}}}}"##
        )
    };
    let all = [
        ("domain/rule/archived.v1.json", event("boolean")),
        (FILE, event("string")),
        ("domain/rule/updated.v1.json", event("integer")),
    ];
    let all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (*path, text.as_str())).collect();

    for files in [&all[1..], &all] {
        holds(&generate(files), &["Option<RuleCreatedItem>", "Option<RuleUpdatedItem>"]);
    }
}

#[test]
fn an_alternative_is_named_whatever_the_order_of_its_properties() {
    let of = |names: [&str; 2]| {
        let properties: Vec<String> = names.iter().map(|name| format!(r#""{name}": {{"type": "string"}}"#)).collect();
        format!(
            r#"{{"type": "object", "required": ["{}", "{}"], "properties": {{{}}}}}"#,
            names[0],
            names[1],
            properties.join(", ")
        )
    };
    for (one, other) in [(["iban", "bic"], ["number", "cvc"]), (["bic", "iban"], ["cvc", "number"])] {
        let text = of_properties(&format!(r#"{{"by": {{"oneOf": [{}, {}]}}}}"#, of(one), of(other)));
        holds(&text, &["Bic(RuleCreatedByBic)", "Cvc(RuleCreatedByCvc)"]);
    }
}

#[test]
fn a_tag_is_the_same_whatever_the_order_of_the_properties() {
    let of = |kind: &str, reversed: bool| {
        let mut pair = [format!(r#""kind": {{"const": "{kind}"}}"#), format!(r#""schema": {{"const": "{kind}/1"}}"#)];
        if reversed {
            pair.reverse();
        }
        format!(r#"{{"type": "object", "required": ["schema", "kind"], "properties": {{{}}}}}"#, pair.join(", "))
    };
    let text =
        |reversed| of_properties(&format!(r#"{{"v": {{"oneOf": [{}, {}]}}}}"#, of("a", reversed), of("b", !reversed)));

    for reversed in [false, true] {
        holds(&text(reversed), &[r#"#[serde(tag = "kind")]"#]);
    }
}

#[test]
fn the_constant_of_an_event_called_all_stays() {
    let files = [("domain/rule/all.v1.json", "true"), ("domain/rule/all2.v1.json", "true")];

    for files in [&files[..1], &files] {
        holds(&generate(files), &["pub const ALL_VALUE: &str = \"rules.domain.rule.all\""]);
    }
}

#[test]
fn payloads_of_different_kinds_that_fall_together_are_an_error() {
    for files in [
        [("command/rule/madeUp.v1.json", "true"), ("domain/rule/made_up.v1.json", "true")].as_slice(),
        &[
            ("command/rule/get.v1.json", "true"),
            ("command/rule/get.v1.reply.json", "true"),
            ("domain/rule/get_reply.v1.json", "true"),
        ],
        &[("domain/rule/_.v1.json", "true"), ("domain/rule/__.v1.json", "true")],
    ] {
        let dir = catalogue(files);
        let findings = load(dir.path()).diagnostics;
        assert_eq!(findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["same-name"], "{findings:#?}");
    }
}

#[test]
fn an_event_at_home_keeps_its_short_name_in_the_aggregate() {
    let event = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}},
        "x-event": {"key": "/id", "aggregate": "rule"}}"#;
    let files = [(FILE, event), ("domain/rule_tag/created.v1.json", event)];
    let enum_of = |files: &[(&str, &str)]| {
        let dir = catalogue(files);
        let loaded = load(dir.path());
        eventsmith_codegen::generate(&loaded).unwrap_or_else(|problems| panic!("{problems:#?}"))
    };

    holds(&enum_of(&files[..1]), &["Created(super::rule::v1::RuleCreated)"]);
    holds(&enum_of(&files), &["Created(super::rule::v1::RuleCreated)", "RuleTagCreated("]);
}

fn renamed(before: &str, after: &str) -> Vec<String> {
    let of = |alternatives: &str| {
        catalogue(&[(FILE, &format!(r#"{{"type": "object", "properties": {{"v": {{"anyOf": [{alternatives}]}}}}}}"#))])
    };
    let (previous, current) = (of(before), of(after));
    let findings = compare(&load(previous.path()), &load(current.path()), Policy::Full).findings;
    findings.into_iter().filter(|found| found.rule == "renamed-in-rust").map(|found| found.message).collect()
}

#[test]
fn breaking_follows_alternatives_by_what_they_are() {
    let (integer, text) = (r#"{"type": "integer"}"#, r#"{"type": "string"}"#);
    let counted = r#"{"type": "integer", "title": "Count"}"#;
    let found = renamed(&format!("{integer}, {text}"), &format!("{counted}, {text}"));
    assert_eq!(found, ["the variant RuleCreatedV::Integer is called RuleCreatedV::Count now"]);

    let object = |title: &str, own: &str| {
        format!(r#"{{"title": "{title}", "type": "object", "properties": {{"{own}": {{"type": "string"}}}}}}"#)
    };
    let (a, b) = (object("A", "a"), object("B", "b"));
    assert_eq!(renamed(&format!("{a}, {b}"), &format!("{b}, {a}")), Vec::<String>::new());
    assert_eq!(renamed(&a, &a), Vec::<String>::new());
}

#[test]
fn a_sentence_is_no_name() {
    let of = |title: &str, own: &str| {
        format!(
            r#"{{"title": "{title}", "type": "object", "required": ["{own}"], "properties": {{"{own}": {{"type": "string"}}}}}}"#
        )
    };
    let text = of_properties(&format!(
        r#"{{"v": {{"oneOf": [{}, {}]}}}}"#,
        of("Used when the customer pays by card in a shop", "card"),
        of("Cash payment", "note")
    ));

    holds(&text, &["Card(RuleCreatedVCard)", "CashPayment(CashPayment)"]);
}
