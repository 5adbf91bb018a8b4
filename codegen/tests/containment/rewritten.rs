//! Schemas that say the same in other words, or more in the same words: both directions are decided.

use serde_json::{Value, json};

use super::{proves, refutes};

const D4: &str = "http://json-schema.org/draft-04/schema#";
const D7: &str = "http://json-schema.org/draft-07/schema#";
const D2020: &str = "https://json-schema.org/draft/2020-12/schema";

/// Both accept the same, and both directions are proved.
#[track_caller]
fn same(one: &Value, other: &Value) {
    proves(one, other);
    proves(other, one);
}

/// The second accepts more, and a payload shows it.
#[track_caller]
fn wider(narrow: &Value, wide: &Value, payload: &Value) {
    proves(narrow, wide);
    refutes(wide, narrow, payload);
}

/// Alternatives that overlap: a value may lack what tells them apart.
fn circle(most: u32) -> Value {
    json!({"type": "object", "properties": {"radius": {"type": "integer", "maximum": most}}, "required": ["radius"]})
}

fn square() -> Value {
    json!({"type": "object", "properties": {"side": {"type": "integer"}}, "required": ["side"]})
}

fn named() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
}

#[test]
fn overlapping_alternatives_may_be_reordered() {
    let (one, other) = (json!([circle(9), square(), named()]), json!([named(), circle(9), square()]));

    same(&json!({"oneOf": one}), &json!({"oneOf": other}));
    same(&json!({"anyOf": one}), &json!({"anyOf": other}));
}

#[test]
fn overlapping_alternatives_may_move_to_definitions_of_any_name() {
    let written_out = json!({"oneOf": [circle(9), square()]});
    let referred = json!({
        "oneOf": [{"$ref": "#/$defs/Square"}, {"$ref": "#/$defs/Circle"}],
        "$defs": {"Circle": circle(9), "Square": square()}
    });
    let renamed = json!({
        "oneOf": [{"$ref": "#/$defs/circle_v2"}, {"$ref": "#/$defs/square_v2"}],
        "$defs": {"circle_v2": circle(9), "square_v2": square()}
    });

    same(&written_out, &referred);
    same(&referred, &renamed);
}

#[test]
fn an_overlapping_alternative_that_is_narrowed_excludes_no_less() {
    let (narrow, wide) = (json!({"oneOf": [circle(9), square()]}), json!({"oneOf": [circle(10), square()]}));

    refutes(&wide, &narrow, &json!({"radius": 10}));
    // Who writes a square has no room for a radius.
    proves(&narrow, &wide);
    let mut open = square();
    open["additionalProperties"] = json!(true);
    let of = |most: u32| json!({"oneOf": [circle(most), open]});
    // An open square may have a radius of 10, which the narrow circle does not accept.
    refutes(&of(9), &of(10), &json!({"side": 1, "radius": 10}));
    proves(&of(10), &json!({"oneOf": [open, circle(10)]}));
}

#[test]
fn an_alternative_among_overlapping_ones_gets_an_optional_property() {
    let mut larger = circle(9);
    larger["properties"]["color"] = json!({"type": "string"});

    proves(&json!({"oneOf": [circle(9), square()]}), &json!({"oneOf": [larger, square()]}));
}

#[test]
fn an_alternative_is_added_and_removed() {
    let tagged = |kind: &str| json!({"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]});
    let of = |kinds: &[&str]| json!({"oneOf": kinds.iter().map(|kind| tagged(kind)).collect::<Vec<_>>()});

    wider(&of(&["a", "b"]), &of(&["c", "a", "b"]), &json!({"kind": "c"}));
    wider(
        &json!({"anyOf": [circle(9), square()]}),
        &json!({"anyOf": [named(), circle(9), square()]}),
        &json!({"name": "x"}),
    );
}

#[test]
fn what_must_not_be_may_be_said_in_other_words() {
    let of = |not: Value| json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "not": not});

    same(&of(json!({"required": ["a", "b"]})), &of(json!({"required": ["b", "a"]})));
    let weaker = of(json!({"required": ["a", "b"], "properties": {"a": {"minimum": 5}}}));
    wider(&of(json!({"required": ["a", "b"]})), &weaker, &json!({"a": 1, "b": 1}));
}

#[test]
fn an_older_draft_becomes_a_newer_one() {
    let old = json!({
        "$schema": D7,
        "type": "object",
        "properties": {
            "pair": {"type": "array", "items": [{"type": "string"}, {"$ref": "#/definitions/n"}], "additionalItems": false},
            "card": {"type": "string"},
            "address": {"type": "string"}
        },
        "dependencies": {"card": ["address"], "address": {"required": ["pair"]}},
        "definitions": {"n": {"type": "integer"}}
    });
    let new = json!({
        "$schema": D2020,
        "type": "object",
        "properties": {
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"$ref": "#/$defs/n"}], "items": false},
            "card": {"type": "string"},
            "address": {"type": "string"}
        },
        "dependentRequired": {"card": ["address"]},
        "dependentSchemas": {"address": {"required": ["pair"]}},
        "$defs": {"n": {"type": "integer"}}
    });

    same(&old, &new);
    let flagged = json!({"$schema": D4, "type": "number", "minimum": 0, "exclusiveMinimum": true});
    same(&flagged, &json!({"$schema": D2020, "type": "number", "exclusiveMinimum": 0}));
}

#[test]
fn a_value_is_a_list_of_one_and_a_list_is_alternatives() {
    same(&json!({"const": "a"}), &json!({"enum": ["a"]}));
    let described = json!({"oneOf": [{"const": "a", "description": "A."}, {"const": "b", "title": "B"}, {"const": 3}]});
    same(&json!({"enum": ["a", "b", 3]}), &described);
    same(&json!({"properties": {"x": {"enum": ["a", "b", 3]}}}), &json!({"properties": {"x": described}}));
}

#[test]
fn types_may_be_said_one_by_one() {
    let list = json!({"type": ["string", "integer", "null"], "maxLength": 5});
    same(&list, &json!({"anyOf": [{"type": "string", "maxLength": 5}, {"type": "integer"}, {"type": "null"}]}));
    same(&list, &json!({"oneOf": [{"type": "null"}, {"type": "string", "maxLength": 5}, {"type": "integer"}]}));

    let reference = json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}], "$defs": {"A": circle(9)}});
    let mut nullable = circle(9);
    nullable["type"] = json!(["object", "null"]);
    same(&reference, &nullable);
    same(&reference, &json!({"oneOf": [circle(9), {"type": "null"}]}));
}

#[test]
fn a_condition_may_be_alternatives() {
    let properties = json!({"kind": {"enum": ["a", "b"]}, "x": {"type": "integer"}});
    let is_a = json!({"properties": {"kind": {"const": "a"}}, "required": ["kind"]});
    let condition = json!({"type": "object", "properties": properties, "required": ["kind"], "if": is_a, "then": {"required": ["x"]}});
    let alternatives = json!({
        "type": "object", "properties": properties, "required": ["kind"],
        "oneOf": [{"properties": {"kind": {"const": "a"}}, "required": ["x"]}, {"properties": {"kind": {"const": "b"}}}]
    });
    let negated = json!({
        "type": "object", "properties": properties, "required": ["kind"],
        "anyOf": [{"not": is_a}, {"required": ["x"]}]
    });

    same(&condition, &alternatives);
    same(&condition, &negated);
    same(&json!({"allOf": [condition]}), &condition);
}

#[test]
fn fractional_multiples_are_compared_exactly() {
    let of = |divisor: &str| {
        serde_json::from_str::<Value>(&format!(r#"{{"type": "number", "multipleOf": {divisor}}}"#)).unwrap()
    };
    for (narrow, wide, witness) in [
        ("3", "1.5", json!(1.5)),
        ("0.1", "0.01", json!(0.01)),
        ("1", "0.5", json!(0.5)),
        ("0.3", "0.1", json!(0.1)),
        ("1e-7", "1e-8", json!(1e-8)),
        ("2.0", "1", json!(1)),
        ("100", "1e1", json!(10)),
        ("0.75", "0.25", json!(0.25)),
    ] {
        wider(&of(narrow), &of(wide), &witness);
    }
    refutes(&of("0.2"), &of("0.3"), &json!(0.2));
    refutes(&of("2"), &of("3"), &json!(2));
    let both = json!({"allOf": [{"type": "integer"}, {"multipleOf": 1.5}]});
    same(&both, &json!({"type": "integer", "multipleOf": 3}));
    proves(&json!({"type": "number", "allOf": [{"multipleOf": 4}, {"multipleOf": 6}]}), &of("12"));
}

#[test]
fn a_reference_leads_through_a_property_that_is_named_like_a_keyword() {
    let of = |most: u32| {
        json!({
            "type": "object",
            "description": "A thing.",
            "properties": {
                "title": {"type": "string", "maxLength": most, "title": "The title"},
                "description": {"$ref": "#/properties/title", "description": "What it is."},
                "vendorExtension": {"$ref": "#/$defs/vendorExtension"}
            },
            "$defs": {"vendorExtension": {"description": "Anything.", "additionalProperties": true}}
        })
    };

    wider(&of(4), &of(5), &json!({"title": "abcde"}));
}

#[test]
fn the_meta_schema_of_any_draft_is_a_schema_as_others_are() {
    let of = |own: &str, reference: &str, most: u32| {
        json!({
            "$schema": own,
            "type": "object",
            "properties": {
                "schema": {"$ref": reference},
                "either": {"oneOf": [{"type": "string"}, {"$ref": reference}]},
                "size": {"$ref": format!("{reference}#/definitions/positiveInteger")},
                "count": {"type": "integer", "maximum": most}
            }
        })
    };
    let (d4, d6) = (D4.trim_end_matches('#'), "http://json-schema.org/draft-06/schema");
    for (own, reference) in [(D4, d4), (D7, D7), (D7, d6), (D2020, D7), (D2020, D2020)] {
        let of = |most: u32| {
            let mut schema = of(own, reference, most);
            if reference != d4 {
                schema["properties"].as_object_mut().unwrap().remove("size");
            }
            schema
        };
        proves(&of(3), &of(4));
        refutes(&of(4), &of(3), &json!({"count": 4}));
    }
    // Any schema of draft 7 is an object or a boolean.
    proves(&json!({"$ref": D7}), &json!({"type": ["object", "boolean"]}));
    refutes(&json!({"$ref": D7}), &json!({"type": "object"}), &json!(true));
}
