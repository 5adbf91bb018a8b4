//! What writers write, and whether readers accept it: the corners where a proof or a witness goes wrong easily.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decided;
mod drafts;
mod rewritten;
mod undeclared;

use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use eventsmith_codegen::schema::Validator;
use serde_json::{Value, json};

fn compatibility(writer: &Value, reader: &Value) -> Compatibility {
    decide(&Prepared::new(writer), &Prepared::new(reader))
}

fn writes(schema: &Value, payload: &Value) -> bool {
    Prepared::new(schema).writes(payload)
}

#[track_caller]
fn breaks(writer: &Value, reader: &Value, payload: &Value) {
    match compatibility(writer, reader) {
        Compatibility::Breaking(witness) => assert_eq!(witness.payload, *payload),
        other => unreachable!("{other:?}"),
    }
}

/// A payload is written and refused, so that no proof may say otherwise; a witness is found.
#[track_caller]
fn refutes(writer: &Value, reader: &Value, payload: &Value) {
    assert!(Validator::new(writer).unwrap().is_valid(payload), "{writer} does not accept {payload}");
    assert!(!Validator::new(reader).unwrap().is_valid(payload), "{reader} accepts {payload}");
    match compatibility(writer, reader) {
        Compatibility::Breaking(_) => {}
        other => unreachable!("{other:?}: {writer} to {reader}"),
    }
}

#[track_caller]
fn proves(writer: &Value, reader: &Value) {
    assert_eq!(compatibility(writer, reader), Compatibility::Compatible, "{writer} to {reader}");
}

#[test]
fn a_property_that_must_be_there_is_written_though_nobody_declares_it() {
    let writer = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]});
    let reader = json!({"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]});

    assert!(writes(&writer, &json!({"b": 1})) && !writes(&writer, &json!({"b": 1, "c": 1})));
    assert!(matches!(compatibility(&writer, &reader), Compatibility::Breaking(_)));
}

#[test]
fn what_several_schemas_declare_of_one_object_is_declared_together() {
    let writer = json!({
        "allOf": [
            {"properties": {"category": {"properties": {"id": {"type": "integer"}}, "required": ["id"]}}},
            {"properties": {"category": {"properties": {"open": {"const": true}}, "required": ["open"]}}}
        ],
        "type": "object",
        "required": ["category"]
    });
    let mut reader = writer.clone();
    reader["allOf"][0]["properties"]["category"]["properties"]["id"] =
        json!({"type": "integer", "minimum": 5, "maximum": 9});

    assert!(writes(&writer, &json!({"category": {"id": 1, "open": true}})));
    assert!(matches!(compatibility(&writer, &reader), Compatibility::Breaking(_)));
    assert_eq!(compatibility(&reader, &writer), Compatibility::Compatible);
}

#[test]
fn properties_of_another_alternative_are_written_only_where_both_may_hold() {
    let union = |keyword: &str| {
        json!({"type": "object", keyword: [
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]}
        ]})
    };
    let mut reader = union("anyOf");
    reader["anyOf"][0]["properties"]["b"] = json!({"type": "integer"});
    let exclusive = json!({"type": "object", "properties": {"a": {}}, "required": ["a"]});

    assert!(writes(&union("anyOf"), &json!({"a": "x", "b": "y"})));
    assert_eq!(
        compatibility(&union("anyOf"), &reader),
        Compatibility::Compatible,
        "the second alternative accepts both"
    );
    breaks(&union("oneOf"), &exclusive, &json!({"b": "text"}));
}

#[test]
fn an_object_that_declares_something_only_under_a_condition_is_free() {
    let writer = json!({"type": "object", "dependentSchemas": {"a": {"properties": {"a": true, "b": true}}}});
    let reader = json!({"type": "object", "properties": {"x": {"type": "string"}}});

    // Its type is a map.
    assert!(writes(&writer, &json!({"x": 1})) && writes(&writer, &json!({"a": 1, "x": 1})));
    assert!(matches!(compatibility(&writer, &reader), Compatibility::Breaking(_)));
}

#[test]
fn a_fraction_that_is_whole_is_no_integer_for_readers_of_draft_4() {
    let new = json!({"type": "integer"});
    let old = json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"});

    let whole = json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "number", "multipleOf": 1});

    breaks(&new, &old, &json!(1.0));
    assert!(!matches!(compatibility(&whole, &old), Compatibility::Compatible));
    assert_eq!(compatibility(&old, &new), Compatibility::Compatible);
}

#[test]
fn a_wider_pattern_is_proved_and_a_narrower_one_refuted() {
    let narrow = json!({"type": "string", "pattern": "^[a-z]{1,8}$"});
    let wide = json!({"type": "string", "pattern": "^[a-z0-9]+$", "maxLength": 20});

    assert_eq!(compatibility(&narrow, &wide), Compatibility::Compatible);
    breaks(&wide, &narrow, &json!("0"));
}

#[test]
fn a_recursive_schema_is_compared_with_itself_changed() {
    let tree = |most: u32| {
        json!({"$ref": "#/$defs/node", "$defs": {"node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": most},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}
            },
            "required": ["name"]
        }}})
    };

    assert_eq!(compatibility(&tree(3), &tree(5)), Compatibility::Compatible);
    breaks(&tree(5), &tree(3), &json!({"name": "text"}));
}

#[test]
fn a_proof_that_fails_says_where_it_stopped() {
    let writer = json!({"type": "string", "pattern": "^a(?=b)b$"});
    let reader = json!({"type": "string", "pattern": "^ab(?!c)$"});

    match compatibility(&writer, &reader) {
        Compatibility::Undecided(obstacle) => {
            assert_eq!(obstacle.pointer, "/pattern");
            assert!(obstacle.reason.contains("does not match"), "{}", obstacle.reason);
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn what_the_reader_says_of_others_under_a_condition_is_not_about_names_that_it_declares() {
    let writer = json!({"type": "object", "additionalProperties": {"type": ["string", "integer"]}});
    let reader = json!({
        "type": "object",
        "if": {"properties": {"z": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
        "then": {"additionalProperties": {"type": "string"}}
    });

    assert!(!matches!(compatibility(&writer, &reader), Compatibility::Compatible));
}

#[test]
fn an_element_that_contains_demands_may_have_what_that_declares() {
    let writer = json!({
        "type": "array",
        "items": {"type": "object", "properties": {"x": {"type": "string"}}},
        "contains": {"required": ["y"], "properties": {"y": {"type": "integer"}}}
    });
    let reader = json!({"type": "array", "items": {"type": "object", "properties": {"y": {"type": "string"}}}});

    assert!(writes(&writer, &json!([{"y": 1}])));
    assert!(matches!(compatibility(&writer, &reader), Compatibility::Breaking(_)));
}

#[test]
fn in_draft_4_a_listed_number_may_be_written_as_a_fraction() {
    let draft = "http://json-schema.org/draft-04/schema#";
    let listed = json!({"$schema": draft, "enum": [1, 2]});
    let whole = json!({"$schema": draft, "type": "integer", "enum": [1, 2, 3]});
    let fewer = json!({"$schema": draft, "type": "integer", "enum": [1, 2]});

    breaks(&listed, &whole, &json!(1.0));
    assert_eq!(compatibility(&fewer, &whole), Compatibility::Compatible);
}

#[test]
fn a_pattern_beyond_ascii_keeps_its_length() {
    let pattern = json!({"type": "string", "pattern": "^[a-zé]{0,3}$"});

    assert_eq!(compatibility(&pattern, &json!({"type": "string", "maxLength": 3})), Compatibility::Compatible);
}

#[test]
fn numbers_that_are_rounded_are_equal_only_where_their_digits_are() {
    let read = |text: &str| eventsmith_exact::schema::read(text).unwrap();
    let schema = |keyword: &str, number: &str| read(&format!(r#"{{"type": "number", "{keyword}": {number}}}"#));
    let described = read(r#"{"type": "number", "description": "new", "const": 18446744073709551617}"#);

    assert_eq!(compatibility(&schema("const", "18446744073709551617"), &described), Compatibility::Identical);
    for keyword in ["const", "maximum", "minimum", "exclusiveMaximum", "multipleOf"] {
        let (one, other) = (schema(keyword, "18446744073709551616"), schema(keyword, "18446744073709551617"));
        let are_apart = |found| matches!(found, Compatibility::Undecided(_) | Compatibility::Breaking(_));
        let apart = (are_apart(compatibility(&one, &other)), are_apart(compatibility(&other, &one)));
        let expected = match keyword {
            "maximum" | "exclusiveMaximum" => (false, true),
            "minimum" => (true, false),
            _ => (true, true),
        };
        assert_eq!(apart, expected, "{keyword}");
    }
    let listed = read(r#"{"enum": [1, 2]}"#);
    assert!(!matches!(compatibility(&listed, &schema("minimum", "1.00000000000000000001")), Compatibility::Compatible));
}

/// An integer within bounds, as a schema file says it.
fn integer(bounds: &str) -> Value {
    eventsmith_exact::schema::read(&format!(r#"{{"type": "integer", {bounds}}}"#)).unwrap()
}

#[test]
fn bounds_of_any_length_are_compared_by_their_digits() {
    let edge = integer(r#""minimum": 0, "maximum": 18446744073709551615"#);
    let beyond = integer(r#""minimum": 0, "maximum": 18446744073709551616"#);
    let further = integer(r#""minimum": -9223372036854775809, "exclusiveMaximum": 18446744073709551617"#);
    let below = integer(r#""minimum": 0, "exclusiveMaximum": 18446744073709551616"#);

    proves(&edge, &beyond);
    proves(&beyond, &further);
    proves(&below, &beyond);
    for (writer, reader) in [(&beyond, &edge), (&further, &beyond), (&beyond, &below)] {
        match compatibility(writer, reader) {
            Compatibility::Breaking(_) => {}
            Compatibility::Undecided(undecided) => {
                assert!(!format!("{undecided:?}").contains("exact"), "{undecided:?}")
            }
            other => unreachable!("{other:?}: {writer} to {reader}"),
        }
    }
}

#[test]
fn an_excluded_bound_at_the_edge_of_64_bits_is_the_one_before_it() {
    for (included, excluded) in
        [("9223372036854775807", "9223372036854775808"), ("18446744073709551614", "18446744073709551615")]
    {
        let (one, other) =
            (integer(&format!(r#""maximum": {included}"#)), integer(&format!(r#""exclusiveMaximum": {excluded}"#)));

        proves(&one, &other);
        proves(&other, &one);
    }
}

#[test]
fn a_name_that_a_wider_pattern_allows_is_a_witness() {
    let of = |pattern: &str| json!({"type": "object", "patternProperties": {pattern: {"type": "number"}}, "additionalProperties": false});

    proves(&of("^x"), &of("^(x|y)"));
    refutes(&of("^(x|y)"), &of("^x"), &json!({"y": 1}));
    refutes(&of("^[a-f]+$"), &of("^[a-e]+$"), &json!({"f": 1}));
    refutes(&of("^(v1|v2|v3)_[a-z]+$"), &of("^(v1|v2)_[a-z]+$"), &json!({"v3_a": 1}));
}

#[test]
fn what_refers_to_the_meta_schema_of_an_older_draft_is_decided() {
    let of = |count: u32| {
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"schema": {"$ref": "http://json-schema.org/draft-07/schema#"}, "count": {"type": "integer", "maximum": count}}
        })
    };

    proves(&of(3), &of(4));
    refutes(&of(4), &of(3), &json!({"count": 4}));
}

#[test]
fn alternatives_of_many_properties_take_bounded_work() {
    let branch = |of: usize, most: usize| {
        let properties: serde_json::Map<_, _> =
            (0..60).map(|name| (format!("p{of}_{name}"), json!({"type": "integer", "maximum": most}))).collect();
        json!({"type": "object", "required": [format!("p{of}_0")], "properties": properties})
    };
    let of = |most: usize| json!({"anyOf": (0..60).map(|number| branch(number, most)).collect::<Vec<_>>()});

    // Whatever is found out: it is the same on every machine, and takes seconds without optimization.
    let found = compatibility(&of(3), &of(4));
    assert!(!matches!(found, Compatibility::Breaking(_)), "{found:?}");
}
