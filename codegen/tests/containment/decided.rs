//! Pairs that are decided, though it takes more than a look at two keywords.

use eventsmith_codegen::containment::Compatibility;
use serde_json::{Value, json};

use super::{proves, refutes};

fn text(more: &Value) -> Value {
    let mut schema = json!({"type": "string"});
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schema
}

#[test]
fn a_long_text_of_every_format_is_a_witness() {
    for (format, most) in [
        ("email", 255),
        ("email", 320),
        ("idn-email", 128),
        ("hostname", 63),
        ("uri", 255),
        ("uri-reference", 2_000),
        ("iri", 100),
        ("iri-reference", 100),
        ("uri-template", 100),
        ("json-pointer", 64),
        ("relative-json-pointer", 64),
        ("regex", 500),
        ("date-time", 24),
        ("time", 20),
        ("duration", 10),
        ("ipv6", 39),
        ("ipv4", 14),
    ] {
        let (free, limited) = (json!({"format": format}), json!({"format": format, "maxLength": most}));
        undecided(&text(&free), &text(&limited));
        proves(&text(&limited), &text(&free));
        let between = json!({"format": format, "maxLength": most + 1});
        undecided(&text(&between), &text(&limited));
    }
}

/// Refuted, by a payload that the comparison finds itself.
#[track_caller]
fn undecided(writer: &Value, reader: &Value) {
    match super::compatibility(writer, reader) {
        Compatibility::Breaking(_) => {}
        other => unreachable!("{other:?}: {writer} to {reader}"),
    }
}

#[test]
fn a_short_text_of_every_format_is_a_witness() {
    for (format, least) in [
        ("email", 6),
        ("hostname", 4),
        ("uri", 5),
        ("uri-reference", 1),
        ("iri", 5),
        ("uri-template", 1),
        ("json-pointer", 1),
        ("relative-json-pointer", 2),
        ("regex", 1),
        ("date-time", 21),
        ("time", 10),
        ("duration", 4),
        ("ipv6", 3),
        ("ipv4", 8),
    ] {
        undecided(&text(&json!({"format": format})), &text(&json!({"format": format, "minLength": least})));
    }
    for (format, least, most) in
        [("uuid", 36, 36), ("date", 10, 10), ("ipv4", 7, 15), ("ipv6", 2, 45), ("time", 9, 999)]
    {
        let bounded = text(&json!({"format": format, "minLength": least}));
        proves(&text(&json!({"format": format})), &bounded);
        if most < 999 {
            proves(&text(&json!({"format": format})), &text(&json!({"format": format, "maxLength": most})));
        }
    }
}

#[test]
fn a_limit_on_a_format_deep_below_is_decided() {
    let schema = |more: &Value| {
        json!({
            "type": "object",
            "properties": {"to": {"type": "array", "items": {"type": "object", "properties": {
                "email": {"type": ["string", "null"], "format": "email"}, "name": {"type": "string"}
            }, "required": ["email"]}}},
            "allOf": [{"properties": {"to": {"items": {"properties": {"email": more}}}}}],
            "required": ["to"]
        })
    };

    undecided(&schema(&json!({})), &schema(&json!({"maxLength": 254})));
    undecided(&schema(&json!({"maxLength": 512})), &schema(&json!({"maxLength": 511})));
    proves(&schema(&json!({"maxLength": 254})), &schema(&json!({"maxLength": 255})));
}

#[test]
fn a_format_is_compared_with_a_pattern() {
    let uuid = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
    let lower = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
    let (format, pattern) = (text(&json!({"format": "uuid"})), text(&json!({"pattern": uuid})));

    proves(&format, &pattern);
    proves(&pattern, &format);
    proves(&text(&json!({"pattern": lower})), &format);
    undecided(&format, &text(&json!({"pattern": lower})));
    undecided(&text(&json!({"pattern": "^[0-9a-f-]{36}$"})), &format);

    let date = text(&json!({"format": "date"}));
    proves(&date, &text(&json!({"pattern": "^\\d{4}-\\d{2}-\\d{2}$"})));
    undecided(&text(&json!({"pattern": "^\\d{4}-\\d{2}-\\d{2}$"})), &date);
    proves(&text(&json!({"pattern": "^20\\d{2}-0[1-9]-[12][0-8]$"})), &date);
    let time = text(&json!({"format": "date-time"}));
    proves(&time, &text(&json!({"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]"})));
    undecided(&time, &text(&json!({"pattern": "Z$"})));
    proves(&text(&json!({"pattern": "^2024-01-01T[01]\\d:[0-5]\\d:[0-5]\\dZ$"})), &time);
    proves(&text(&json!({"format": "email"})), &text(&json!({"pattern": "@"})));
    undecided(&text(&json!({"format": "email"})), &text(&json!({"pattern": "^[^@]+@[^@]+$"})));
    undecided(&text(&json!({"format": "uri"})), &text(&json!({"pattern": "^https?://"})));
    proves(&text(&json!({"pattern": "^https://[a-z0-9.-]+(/[a-z0-9]+)*$"})), &text(&json!({"format": "uri"})));
    proves(&text(&json!({"format": "ipv4"})), &text(&json!({"pattern": "^(\\d{1,3}\\.){3}\\d{1,3}$"})));
    undecided(&text(&json!({"pattern": "^(\\d{1,3}\\.){3}\\d{1,3}$"})), &text(&json!({"format": "ipv4"})));
}

#[test]
fn look_around_is_compared_with_what_says_the_same() {
    for (one, other) in [
        ("^(?!-)[a-z-]+$", "^[a-z][a-z-]*$"),
        ("^[a-z-]+(?<!-)$", "^[a-z-]*[a-z]$"),
        ("^(?=.{3,5}$)[a-z]+$", "^[a-z]{3,5}$"),
        ("^(?!.*--)(?!-)[a-z-]+(?<!-)$", "^[a-z]+(-[a-z]+)*$"),
        ("^(?=[a-z0-9]*[0-9])[a-z0-9]+$", "^[a-z0-9]*[0-9][a-z0-9]*$"),
        (
            "^(?!00000000-0000)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
            "^(?!0{8}-0{4})[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        ),
    ] {
        let (one, other) = (text(&json!({"pattern": one})), text(&json!({"pattern": other})));
        proves(&one, &other);
        proves(&other, &one);
    }
    let limited = text(&json!({"pattern": "^(?!foo)[a-z]+$"}));
    undecided(&text(&json!({"pattern": "^[a-z]+$"})), &limited);
    undecided(&text(&json!({})), &limited);
    proves(&limited, &text(&json!({"pattern": "^[a-z]+$"})));
    proves(
        &text(&json!({"pattern": "^(?=.{36}$)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"})),
        &text(&json!({"format": "uuid"})),
    );
    let lengths = text(&json!({"minLength": 3, "maxLength": 5, "pattern": "^[a-z]+$"}));
    proves(&lengths, &text(&json!({"pattern": "^(?=.{3,5}$)[a-z]+$"})));
    proves(&text(&json!({"pattern": "^(?=.{3,5}$)[a-z]+$"})), &lengths);
}

#[test]
fn patterns_beside_properties_are_decided() {
    let schema = |more: &Value| {
        let mut schema = json!({
            "type": "object",
            "properties": {"id": {"type": "string"}},
            "patternProperties": {"^x-": {"type": "string"}},
            "additionalProperties": false
        });
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let one = schema(&json!({}));

    proves(&one, &schema(&json!({"patternProperties": {"^x": {"type": ["string", "null"]}}})));
    refutes(&schema(&json!({"patternProperties": {"^x": {"type": "string"}}})), &one, &json!({"x": "a"}));
    let two = schema(
        &json!({"patternProperties": {"^x-": {"type": "string"}, "^[0-9]+$": {"type": "integer", "minimum": 0, "maximum": 9}}}),
    );
    proves(&one, &two);
    refutes(&two, &one, &json!({"0": 1}));
    proves(&two, &schema(&json!({"patternProperties": {"^x-": {"type": "string"}, "^\\d*$": {"type": "number"}}})));
    proves(&two, &schema(&json!({"patternProperties": {}, "additionalProperties": {"type": ["string", "integer"]}})));
    refutes(
        &one,
        &schema(&json!({"patternProperties": {"^x-a": {"type": "string", "maxLength": 3}, "^x-": true}})),
        &json!({"x-a": "long"}),
    );
    proves(&one, &schema(&json!({"patternProperties": {"^y": {"type": "integer"}, "^x-": true}})));
    let map = json!({"type": "object", "properties": {"id": {"type": "string"}},
        "patternProperties": {"^n_": {"type": "integer"}}, "additionalProperties": {"type": "string"}});
    proves(
        &map,
        &json!({"type": "object", "properties": {"id": {"type": "string"}},
        "patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": {"type": ["string", "null"]}}),
    );
    proves(
        &map,
        &json!({"type": "object", "patternProperties": {"^n_": {"type": "number"}, "^m_": {"type": "string"}}}),
    );
    refutes(&map, &json!({"type": "object", "additionalProperties": {"type": "string"}}), &json!({"n_": 1}));
}

#[test]
fn nested_unions_are_decided() {
    let named = |kind: &str, more: &Value| json!({"type": "object", "properties": {"kind": {"const": kind}, "v": more}, "required": ["kind", "v"]});
    let flat = json!({"oneOf": [named("a", &json!({"type": "string"})), named("b", &json!({"type": "integer"})), {"type": "null"}]});
    let nested = json!({"anyOf": [
        {"oneOf": [named("a", &json!({"type": "string"})), named("b", &json!({"type": "integer"}))]}, {"type": "null"}
    ]});
    proves(&flat, &nested);
    proves(&nested, &flat);
    let wider = json!({"oneOf": [
        {"anyOf": [named("a", &json!({"type": ["string", "integer"]})), named("b", &json!({"type": "number"}))]},
        {"oneOf": [{"type": "null"}, {"type": "boolean"}]}
    ]});
    proves(&nested, &wider);
    undecided(&wider, &nested);
    let list = |item: &Value| json!({"oneOf": [{"type": "array", "items": item}, item]});
    let inner = json!({"anyOf": [{"type": "string", "pattern": "^\\$"}, {"type": "integer"}, {"type": "object", "properties": {"k": {"type": "string"}}}]});
    let outer = json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "object", "properties": {"k": {"type": "string"}}}]});
    proves(&list(&inner), &list(&outer));
    undecided(&list(&outer), &list(&inner));
}

#[test]
fn a_bracket_in_a_set_is_no_proof() {
    let pattern = |pattern: &str| json!({"type": "string", "pattern": pattern});
    for (writer, reader) in [("^[^]]+$", "\\]$"), ("^a\\]$", "^[^]]+$"), ("^[^]{2,}]$", "\\]$")] {
        let found = super::compatibility(&pattern(writer), &pattern(reader));
        assert_ne!(found, Compatibility::Compatible, "{writer} to {reader}");
    }
}

#[test]
fn look_aheads_at_the_start_are_read_as_the_engine_reads_them() {
    let pattern = |pattern: &str| json!({"type": "string", "pattern": pattern});
    for (writer, reader, payload) in [
        ("^é+$", r"^(?=.)\w+$", "é"),
        (r"^(?=.)\W+$", "^[^é]+$", "é"),
        (r"^a\rb$", "^(?=a).+$", "a\rb"),
        ("^٣+$", r"^(?=.)\d+$", "٣"),
    ] {
        refutes(&pattern(writer), &pattern(reader), &json!(payload));
    }
    proves(&pattern(r"^[a-z]{2,5}$"), &pattern(r"^(?=.{2})\w+$"));
    // Names are left to the engine for look-around.
    let names = |pattern: &str| json!({"type": "object", "patternProperties": {pattern: {"type": "string"}}, "additionalProperties": false});
    let found = super::compatibility(&names("^[a-z]$"), &names(r"^(?=.)\w$"));
    assert_ne!(found, Compatibility::Compatible);
}

#[test]
fn long_patterns_beyond_ascii_keep_a_length() {
    for (pattern, most) in [("^.{1,1000}$", 1_000), (r"^\p{L}{1,400}$", 400)] {
        let free = json!({"type": "string", "pattern": pattern});
        let limited = json!({"type": "string", "pattern": pattern, "maxLength": most});
        proves(&free, &limited);
        undecided(&free, &json!({"type": "string", "pattern": pattern, "maxLength": most - 1}));
    }
}

#[test]
fn names_are_compared_as_all_other_texts() {
    let map = |pattern: &str| json!({"type": "object", "propertyNames": {"pattern": pattern}, "additionalProperties": {"type": "string"}});
    let (short, long) = (map("^[a-z]{1,5}$"), map("^[a-z]{1,9}$"));

    proves(&short, &long);
    undecided(&long, &short);
}

#[test]
fn what_does_not_hold_keeps_properties_away() {
    let with = |more: Value| {
        let mut schema = json!({"type": "object", "properties": {"a": {}, "b": {}}});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let (condition, dependency) = (
        with(json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}})),
        with(json!({"dependentRequired": {"a": ["b"]}})),
    );

    proves(&condition, &dependency);
    proves(&dependency, &condition);
    proves(&with(json!({"not": {"required": ["a"]}})), &json!({"type": "object", "properties": {"a": false, "b": {}}}));
    refutes(
        &with(json!({"not": {"required": ["a", "b"]}})),
        &with(json!({"properties": {"a": false}})),
        &json!({"a": 1}),
    );
}

#[test]
fn few_integers_are_compared_one_by_one() {
    let range = |low: i64, high: i64| json!({"type": "integer", "minimum": low, "maximum": high});

    proves(&range(0, 3), &json!({"enum": [0, 1, 2.0, 3, "x"]}));
    proves(&range(7, 7), &json!({"const": 7}));
    undecided(&range(0, 4), &json!({"enum": [0, 1, 2, 3]}));
}
