//! Which upcasts are derived, and which are asked for. `tests/tests/evolution` of the workspace compiles and runs derived ones.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::load;
use serde_json::{Value, json};

fn generate(files: &[(&str, &str)]) -> String {
    let dir = catalogue(files);
    eventsmith_codegen::generate(&load(dir.path())).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The text of an event whose second version changes the first.
fn versions(older: Value, newer: Value) -> String {
    generate(&[("domain/rule/set.v1.json", &older.to_string()), ("domain/rule/set.v2.json", &newer.to_string())])
}

fn is_derived(text: &str) -> bool {
    let (derived, demanded) = (text.contains("=> super::v1::RuleSet, Self::from"), text.contains("Upcast::upcast"));
    assert!(derived != demanded, "{text}");
    derived
}

/// A struct with a list of required properties.
fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// Whether the upcast of a property is derived when its schema changes.
fn follows(older: Value, newer: Value) -> bool {
    is_derived(&versions(object(&["p"], json!({ "p": older })), object(&["p"], json!({ "p": newer }))))
}

#[test]
fn a_property_follows_every_change_that_only_accepts_more() {
    let status = json!({"type": "string", "enum": ["on", "off"]});
    let part = |extra: Value| object(&["a"], json!({"a": {"type": "string"}, "b": extra}));
    let (small, large) = (json!({"type": "integer", "minimum": 0, "maximum": 9}), json!({"type": "integer"}));
    let of = |keyword: &str, schema: &Value| match keyword {
        "items" => json!({"type": "array", "items": schema}),
        _ => json!({"type": "object", "additionalProperties": schema}),
    };
    for (older, newer) in [
        (status.clone(), json!({"type": "string", "enum": ["off", "on", "broken"]})),
        (status.clone(), json!({"type": "string"})),
        (json!({"type": "string", "format": "uuid"}), json!({"type": "string"})),
        (json!({"type": "string", "format": "date-time"}), json!({"type": "string"})),
        (json!({"type": "string", "pattern": "^a+$"}), json!({"type": "string"})),
        (small.clone(), large.clone()),
        (large.clone(), json!({"type": "number"})),
        (small.clone(), json!({"type": ["integer", "null"]})),
        (of("items", &small), of("items", &large)),
        (of("items", &status), of("items", &json!({"type": "string"}))),
        (of("", &small), of("", &json!({"type": ["number", "null"]}))),
        (of("items", &of("", &status)), of("items", &of("", &json!({"type": "string"})))),
        (part(small.clone()), part(large.clone())),
        (of("items", &part(small.clone())), of("items", &part(large.clone()))),
        (
            json!({"type": "array", "prefixItems": [small, status], "items": false, "minItems": 2}),
            json!({"type": "array", "prefixItems": [large, {"type": "string"}], "items": false, "minItems": 2}),
        ),
    ] {
        assert!(follows(older.clone(), newer.clone()), "{older} -> {newer}");
        assert!(!follows(newer.clone(), older.clone()), "{newer} -> {older}");
    }
}

#[test]
fn alternatives_of_a_union_follow_by_their_tag() {
    let alternative =
        |kind: &str, amount: Value| object(&["kind", "amount"], json!({"kind": {"const": kind}, "amount": amount}));
    let small = json!({"type": "integer", "minimum": 0, "maximum": 9});
    let older = json!({"oneOf": [alternative("cash", small.clone()), alternative("card", small.clone())]});
    let newer = json!({"oneOf": [
        alternative("coin", small.clone()), alternative("card", json!({"type": "integer"})), alternative("cash", small),
    ]});

    let text = versions(object(&["p"], json!({"p": older})), object(&["p"], json!({"p": newer})));

    assert!(is_derived(&text), "{text}");
    assert!(text.contains("super::v1::RuleSetP::Cash(value) => Self::Cash("), "{text}");
}

#[test]
fn a_new_property_gets_the_default_of_its_schema_even_if_it_is_required() {
    let older = object(&[], json!({"a": {"type": "string"}}));
    let newer = object(
        &["level", "a"],
        json!({
            "a": {"type": "string", "default": "none"},
            "level": {"type": "integer", "minimum": 1, "default": 3},
            "tags": {"type": "array", "items": {"type": "string"}, "default": ["x"]},
            "note": {"type": "string"}
        }),
    );

    let text = versions(older, newer);

    assert!(is_derived(&text), "{text}");
    for line in [
        "a: old.a.unwrap_or_else(|| String::from(\"none\")),",
        "level: 3,",
        "tags: Some(::std::vec![String::from(\"x\")]),",
        "note: None,",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn an_empty_list_of_lists_of_its_own_kind_is_a_default() {
    let older = object(&[], json!({"a": {"type": "string"}}));
    let tree = |default: Value, least: usize| {
        let mut newer = object(
            &["tree", "a"],
            json!({"a": {"type": "string", "default": ""}, "tree": {"$ref": "#/$defs/Tree", "default": default}}),
        );
        newer["$defs"] = json!({"Tree": {"type": "array", "minItems": least, "items": {"$ref": "#/$defs/Tree"}}});
        newer
    };

    assert!(is_derived(&versions(older.clone(), tree(json!([]), 0))));
    assert!(!is_derived(&versions(older.clone(), tree(json!([]), 1))));
    assert!(is_derived(&versions(older.clone(), tree(json!([[]]), 0))));
    assert!(!is_derived(&versions(older, tree(json!([[]]), 1))));
}

#[test]
fn a_long_chain_of_types_is_followed_as_far_as_types_go() {
    let chain = |last: usize, most: usize| {
        let mut schema = object(&[], json!({"a": {"$ref": "#/$defs/d0"}}));
        for at in 0..=last {
            let next = match at {
                at if at < last => json!({"$ref": format!("#/$defs/d{}", at + 1)}),
                _ => json!({"type": "string", "maxLength": most}),
            };
            schema["$defs"][format!("d{at}")] = object(&[], json!({ "n": next }));
        }
        schema
    };

    for last in [20, 400] {
        assert!(is_derived(&versions(chain(last, 5), chain(last, 6))), "{last}");
        assert!(!is_derived(&versions(chain(last, 6), chain(last, 5))), "{last}");
    }
}

#[test]
fn a_required_property_without_a_valid_default_asks_for_an_upcast() {
    let older = object(&[], json!({}));
    for level in [json!({"type": "integer"}), json!({"type": "integer", "minimum": 1, "default": 0})] {
        assert!(!is_derived(&versions(older.clone(), object(&["level"], json!({ "level": level })))));
    }
}

#[test]
fn an_optional_property_stays_away_where_its_default_would_break_the_schema() {
    let older = object(&[], json!({"a": {"type": "string"}}));
    let level = json!({"a": {"type": "string"}, "level": {"type": "integer", "minimum": 1, "default": 3}});
    let mut needs_another = object(&[], level.clone());
    needs_another["dependentRequired"] = json!({"level": ["a"]});
    let mut too_many = object(&[], level.clone());
    too_many["maxProperties"] = json!(1);
    too_many["additionalProperties"] = json!(false);
    let mut interpreted = object(&[], level);
    interpreted["propertyNames"] = json!({"not": {"const": "other"}});
    let mut invalid = object(&[], json!({"a": {"type": "string"}, "level": {"type": "integer", "default": 0}}));
    invalid["properties"]["level"]["minimum"] = json!(1);

    for newer in [needs_another, too_many, interpreted, invalid] {
        let text = versions(older.clone(), newer.clone());
        assert!(text.contains("Upcast::upcast") || text.contains("level: None"), "{newer}\n{text}");
    }
}

#[test]
fn a_property_that_may_stand_among_kept_ones_asks_for_an_upcast() {
    let mut older = object(&[], json!({"a": {"type": "string"}}));
    older["additionalProperties"] = json!({"type": "string"});
    let mut newer = object(&[], json!({"a": {"type": "string"}, "b": {"type": "string"}}));
    newer["additionalProperties"] = json!({"type": "string"});

    assert!(is_derived(&versions(older.clone(), older.clone())));
    assert!(!is_derived(&versions(older, newer)), "`b` may stand in `unknown`");
}

#[test]
fn leaving_a_property_out_asks_for_an_upcast_where_elements_must_differ() {
    let list = |properties: Value, unique: bool| json!({"type": "array", "items": object(&["a"], properties), "uniqueItems": unique});
    let (both, one) = (json!({"a": {"type": "string"}, "b": {"type": "string"}}), json!({"a": {"type": "string"}}));

    assert!(follows(list(both.clone(), false), list(one.clone(), false)));
    assert!(!follows(list(both.clone(), true), list(one, true)), "elements may differ in `b` alone");
}

#[test]
fn a_conversion_that_two_events_need_is_written_once() {
    let status = |values: Value| json!({"$defs": {"Status": {"enum": values}}});
    let event = |values: Value| {
        let mut event = object(&["status"], json!({"status": {"$ref": "#/$defs/Status"}}));
        event["$defs"] = status(values)["$defs"].clone();
        event.to_string()
    };
    let (older, newer) = (event(json!(["on", "off"])), event(json!(["on", "off", "broken"])));

    let text = generate(&[
        ("domain/rule/set.v1.json", &older),
        ("domain/rule/set.v2.json", &newer),
        ("domain/rule/unset.v1.json", &older),
        ("domain/rule/unset.v2.json", &newer),
    ]);

    assert_eq!(text.matches("impl From<super::v1::Status> for Status").count(), 1, "{text}");
    assert_eq!(text.matches(", Self::from").count(), 2, "{text}");
}

#[test]
fn a_conversion_between_shared_types_stands_beside_the_newer_one() {
    let event = |of: &str| {
        let reference = format!("../../common.json#/$defs/{of}");
        object(&["status"], json!({"status": {"$ref": reference}})).to_string()
    };
    let common = json!({"$defs": {"Old": {"enum": ["on"]}, "New": {"enum": ["on", "off"]}}}).to_string();

    let text = generate(&[
        ("common.json", &common),
        ("domain/rule/set.v1.json", &event("Old")),
        ("domain/rule/set.v2.json", &event("New")),
    ]);

    assert!(text.contains("    impl From<Old> for New {"), "{text}");
    assert!(text.contains("Self { status: old.status.into() }"), "{text}");
}

#[test]
fn a_text_becomes_another_type_of_text_only_where_every_one_is_legal() {
    let event = |longest: u32| {
        let mut event = object(&["code"], json!({"code": {"$ref": "#/$defs/Code"}}));
        event["$defs"] = json!({"Code": {"type": "string", "minLength": 1, "maxLength": longest}});
        event
    };

    let text = versions(event(8), event(9));

    assert!(is_derived(&text), "{text}");
    assert!(text.contains("Self(old.into())"), "{text}");
    assert!(!is_derived(&versions(event(9), event(8))));
}

#[test]
fn every_event_with_examples_is_tested_as_its_newest_version_and_no_other_is() {
    let with = json!({"type": "object", "examples": [{}]}).to_string();
    let without = json!({"type": "object"}).to_string();

    let text = generate(&[
        ("domain/rule/set.v1.json", &with),
        ("domain/rule/set.v2.json", &without),
        ("domain/rule/unset.v1.json", &without),
        ("query/rule/get.v1.json", &without),
        ("query/rule/get.v1.reply.json", &with),
    ]);

    let test = text.split("::eventsmith::generated::stored_payloads! {").nth(1).unwrap().split('}').next();
    assert_eq!(test, Some("\n    CATALOGUE;\n    of rule::v2::RuleSet,\n    of_request rule::v1::RuleGet,\n"));
    assert!(!generate(&[("domain/rule/set.v1.json", &without)]).contains("stored_payloads"));
    let refused = [("query/rule/get.v1.json", without.as_str()), ("query/rule/get.v1.error.json", &with)];
    assert!(generate(&refused).contains("of_request rule::v1::RuleGet,"));
}
