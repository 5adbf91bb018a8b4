//! Keywords that assert something in one draft and not in another, or something else.

use eventsmith_codegen::schema::is_known_format;
use serde_json::{Value, json};

use super::{proves, refutes};

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";
const DRAFT_6: &str = "http://json-schema.org/draft-06/schema#";
const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2019: &str = "https://json-schema.org/draft/2019-09/schema";
const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema as one of a draft.
fn of(draft: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["$schema"] = json!(draft);
    schema
}

#[test]
fn an_encoding_is_asserted_in_drafts_6_and_7_only() {
    let encoded = json!({"type": "string", "contentEncoding": "base64"});
    let json = json!({"type": "string", "contentMediaType": "application/json"});
    for draft in [DRAFT_6, DRAFT_7] {
        for newer in [DRAFT_4, DRAFT_2019, DRAFT_2020] {
            refutes(&of(newer, &encoded), &of(draft, &encoded), &json!("!"));
            proves(&of(draft, &encoded), &of(newer, &encoded));
            refutes(&of(newer, &json), &of(draft, &json), &json!("{"));
        }
        refutes(&json!({"type": "string", "maxLength": 1}), &of(draft, &encoded), &json!("a"));
        refutes(&json!({"type": "string", "pattern": "^x{5}$"}), &of(draft, &encoded), &json!("xxxxx"));
    }
    proves(&of(DRAFT_6, &encoded), &of(DRAFT_7, &encoded));
    let unknown = json!({"type": "string", "contentEncoding": "quoted-printable", "contentMediaType": "image/png"});
    proves(&json!({"type": "string"}), &of(DRAFT_7, &unknown));
}

#[test]
fn an_encoding_and_a_media_type_are_asserted_together() {
    let json = json!({"$schema": DRAFT_7, "type": "string", "contentMediaType": "application/json"});
    let both = json!({
        "$schema": DRAFT_7, "type": "string", "contentMediaType": "application/json", "contentEncoding": "base64"
    });
    let apart = json!({"$schema": DRAFT_7, "type": "string", "allOf": [
        {"contentMediaType": "application/json"}, {"contentEncoding": "base64"}
    ]});

    refutes(&apart, &both, &json!("1234"));
    refutes(&both, &json, &json!("e30="));
}

#[test]
fn an_encoding_below_a_union_or_a_reference_is_asserted_too() {
    let newer = json!({"type": "object", "properties": {"a": {"oneOf": [
        {"type": "string", "contentEncoding": "base64"}, {"type": "integer"}
    ]}}});
    refutes(&of(DRAFT_2020, &newer), &of(DRAFT_7, &newer), &json!({"a": "!"}));
    let listed = json!({"enum": ["!", "e30="], "contentEncoding": "base64"});
    refutes(&of(DRAFT_2020, &listed), &of(DRAFT_7, &listed), &json!("!"));
}

#[test]
fn a_format_is_asserted_where_the_draft_knows_it() {
    for (format, older, text) in [
        ("uuid", DRAFT_7, "text"),
        ("duration", DRAFT_7, "text"),
        ("iri", DRAFT_6, "text"),
        ("json-pointer", DRAFT_4, "text"),
        ("uri-template", DRAFT_4, "{"),
        ("relative-json-pointer", DRAFT_6, "text"),
    ] {
        let schema = json!({"type": "string", "format": format});
        let (older, newer) = (of(older, &schema), of(DRAFT_2020, &schema));
        assert!(!is_known_format(&older, format) && is_known_format(&newer, format), "{format}");
        refutes(&older, &newer, &json!(text));
        proves(&newer, &older);
    }
}

#[test]
fn a_host_name_is_less_in_newer_drafts() {
    let schema = json!({"type": "string", "format": "hostname"});
    for older in [DRAFT_4, DRAFT_6] {
        refutes(&of(older, &schema), &of(DRAFT_7, &schema), &json!("ab--c"));
        proves(&of(DRAFT_7, &schema), &of(older, &schema));
    }
    proves(&of(DRAFT_4, &schema), &of(DRAFT_6, &schema));
}

#[test]
fn dependencies_of_all_drafts_hold_together() {
    let properties = json!({"a": true, "b": true, "c": true, "d": true});
    let both = json!({
        "type": "object", "properties": properties,
        "dependencies": {"a": ["b"]}, "dependentRequired": {"c": ["d"]}
    });
    let one = json!({"type": "object", "properties": properties, "dependentRequired": {"c": ["d"]}});
    let other = json!({"type": "object", "properties": properties, "dependencies": {"a": ["b"]}});

    refutes(&one, &both, &json!({"a": 1}));
    refutes(&other, &both, &json!({"c": 1}));
    proves(&both, &one);
    proves(&both, &other);
    let same_name = json!({
        "type": "object", "properties": properties,
        "dependentRequired": {"a": ["b"]}, "dependencies": {"a": ["c"]}
    });
    refutes(&other, &same_name, &json!({"a": 1, "b": 1}));
    proves(&same_name, &other);
}

#[test]
fn a_reference_leads_to_a_property_that_is_named_like_a_keyword_of_another_draft() {
    let writer = json!({
        "$schema": DRAFT_4, "type": "object",
        "properties": {"const": {"type": "string"}, "a": {"$ref": "#/properties/const"}, "b": {"const": 3}}
    });
    let reader = json!({"type": "object", "properties": {"b": {"const": 3}}});

    refutes(&writer, &reader, &json!({"b": 4}));
}

#[test]
fn siblings_of_a_reference_count_from_2019_on() {
    let schema = |draft: &str| {
        json!({"$schema": draft, "type": "object", "properties": {"a": {"$ref": "#/definitions/t", "maxLength": 2}},
            "definitions": {"t": {"type": "string"}}})
    };

    refutes(&schema(DRAFT_7), &schema(DRAFT_2019), &json!({"a": "abc"}));
    proves(&schema(DRAFT_2020), &schema(DRAFT_4));
}

#[test]
fn items_and_exclusive_bounds_mean_what_their_draft_says() {
    let pair = json!({"$schema": DRAFT_7, "type": "array", "items": [{"type": "string"}], "additionalItems": false});
    let newer = json!({"type": "array", "prefixItems": [{"type": "string"}]});
    refutes(&newer, &pair, &json!(["a", 1]));
    proves(&pair, &newer);
    refutes(&json!({"$schema": DRAFT_7, "type": "array", "prefixItems": [{"type": "string"}]}), &newer, &json!([1]));
    let bounded = json!({"$schema": DRAFT_4, "type": "integer", "minimum": 1, "exclusiveMinimum": true});
    refutes(&json!({"type": "integer", "minimum": 1}), &bounded, &json!(1));
    proves(&bounded, &json!({"type": "integer", "minimum": 2}));
}

#[test]
fn a_recursive_or_dynamic_reference_asserts_what_it_leads_to() {
    let tree = json!({
        "$schema": DRAFT_2019, "$id": "https://example.org/tree", "$recursiveAnchor": true, "type": "object",
        "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$recursiveRef": "#"}}}
    });
    let mut loose = tree.clone();
    loose["properties"]["below"]["items"] = json!(true);
    refutes(&loose, &tree, &json!({"below": [1]}));

    let strict = json!({
        "$id": "https://example.org/strict", "$dynamicAnchor": "node", "$ref": "tree",
        "properties": {"name": {"maxLength": 3}},
        "$defs": {"tree": {
            "$id": "https://example.org/tree", "$dynamicAnchor": "node", "type": "object",
            "properties": {"name": {"type": "string"}, "below": {"$dynamicRef": "#node"}}
        }}
    });
    let once = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 3},
            "below": {"type": "object", "properties": {"name": {"type": "string"}}}
        }
    });
    refutes(&once, &strict, &json!({"below": {"name": "long"}}));
}

#[test]
fn an_embedded_schema_is_of_its_own_draft() {
    let embedding = |draft: &str| {
        json!({
            "$schema": DRAFT_7, "$id": "https://example.org/a", "type": "object",
            "properties": {"n": {"$ref": "https://example.org/b"}},
            "definitions": {"b": {"$id": "https://example.org/b", "id": "https://example.org/b", "$schema": draft, "type": "integer"}}
        })
    };

    refutes(&embedding(DRAFT_7), &embedding(DRAFT_4), &json!({"n": 1.0}));
}

#[test]
fn only_the_draft_decides_what_an_identifier_is() {
    let schema = |name: &str| {
        json!({"type": "object", "properties": {"a": {name: "inner", "allOf": [{"$ref": "#/$defs/t"}]}},
            "$defs": {"t": {"type": "integer"}}})
    };

    refutes(&json!({"type": "object", "properties": {"a": {"type": "string"}}}), &schema("id"), &json!({"a": "x"}));
    proves(
        &json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 9}}}),
        &schema("id"),
    );
}

#[test]
fn where_a_newer_draft_accepts_more_integers_it_may_accept_less_around_them() {
    let of = |draft: &str, a: &Value| json!({"$schema": draft, "type": "object", "properties": {"a": a}});
    let (old, new) = ("http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#");

    for a in
        [json!({"not": {"type": "integer"}}), json!({"oneOf": [{"type": "integer"}, {"type": "number", "maximum": 5}]})]
    {
        refutes(&of(old, &a), &of(new, &a), &json!({"a": 1.0}));
    }
    proves(&of(old, &json!({"type": "integer"})), &of(new, &json!({"type": "integer"})));
}
