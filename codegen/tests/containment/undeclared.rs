//! Properties that nobody declares and generated types carry all the same.

use serde_json::{Value, json};

use super::{proves, refutes};

fn object(more: &Value) -> Value {
    let mut schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let members = schema.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    schema
}

fn open() -> Value {
    object(&json!({"additionalProperties": true}))
}

#[test]
fn what_an_open_object_carries_is_written() {
    let payload = &json!({"b": 1});

    refutes(&open(), &object(&json!({"additionalProperties": false})), payload);
    refutes(&open(), &object(&json!({"unevaluatedProperties": false})), payload);
    refutes(&open(), &object(&json!({"additionalProperties": {"type": "string"}})), payload);
    refutes(&open(), &object(&json!({"patternProperties": {"^b": {"type": "string"}}})), payload);
    refutes(&open(), &object(&json!({"propertyNames": {"pattern": "^a$"}})), payload);
    refutes(&open(), &object(&json!({"maxProperties": 1})), &json!({"b": 1, "c": 1}));
    refutes(&open(), &object(&json!({"not": {"required": ["b"]}})), payload);
    refutes(&open(), &object(&json!({"dependentRequired": {"b": ["c"]}})), payload);
    let mut declared = open();
    declared["properties"]["b"] = json!({"type": "string"});
    refutes(&open(), &declared, payload);
    proves(&declared, &open());
    proves(&object(&json!({})), &declared);
}

#[test]
fn an_object_is_open_in_any_words() {
    let payload = &json!({"b": 1});
    let closed = &object(&json!({"additionalProperties": false}));

    refutes(&object(&json!({"unevaluatedProperties": true})), closed, payload);
    refutes(&object(&json!({"additionalProperties": {}})), closed, payload);
    refutes(&object(&json!({"allOf": [{"additionalProperties": true}]})), closed, payload);
    refutes(&object(&json!({"patternProperties": {"^x": {"type": "string"}}})), closed, payload);
    refutes(&object(&json!({"propertyNames": {"maxLength": 3}})), closed, payload);
    refutes(
        &json!({"$ref": "#/$defs/o", "$defs": {"o": open()}}),
        &json!({"$ref": "#/$defs/o", "$defs": {"o": closed}}),
        payload,
    );
    proves(&object(&json!({"allOf": [{"properties": {"a": true}, "additionalProperties": false}]})), closed);
}

#[test]
fn an_alternative_may_be_open() {
    let union = |more: &Value| {
        json!({"oneOf": [
            {"type": "object", "properties": {"kind": {"const": "x"}}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"const": "y"}}, "required": ["kind"], "additionalProperties": more}
        ]})
    };

    refutes(&union(&json!(true)), &union(&json!(false)), &json!({"kind": "y", "b": 1}));
    proves(&union(&json!({"type": "integer"})), &union(&json!({"type": "number"})));
}

#[test]
fn what_lies_below_is_open_by_itself() {
    let list = |inner: Value| json!({"type": "object", "properties": {"list": {"type": "array", "items": inner}}});
    let closed = object(&json!({"additionalProperties": false}));

    refutes(&list(open()), &list(closed.clone()), &json!({"list": [{"b": 1}]}));
    proves(&list(object(&json!({}))), &list(closed));
}

#[test]
fn what_a_type_keeps_for_the_validator_is_written() {
    let closed = object(&json!({"additionalProperties": false}));

    // Fields can say this rule, but not those below: their types keep what they do not know.
    proves(&object(&json!({"not": {"required": ["a"]}})), &closed);
    for rule in [
        json!({"not": {"required": ["zz"]}}),
        json!({"if": {"required": ["zz"]}, "then": {"required": ["a"]}}),
        json!({"dependentRequired": {"a": ["zz"]}}),
        json!({"maxProperties": 3}),
    ] {
        refutes(&object(&rule), &closed, &json!({"b": 1}));
    }
}

/// A payload is written and refused, so that no proof may say otherwise.
#[track_caller]
fn never_proves(writer: &Value, reader: &Value) {
    let found = super::compatibility(writer, reader);
    assert!(!matches!(found, super::Compatibility::Compatible | super::Compatibility::Identical), "{found:?}");
}

#[test]
fn what_no_type_says_is_carried_as_it_is() {
    let inner = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false});
    let more = json!({"a": 1, "zz": 2});
    let meta = "http://json-schema.org/draft-07/schema#";

    let list = |inner: &Value| json!({"type": "array", "prefixItems": [inner]});
    refutes(&list(&inner), &list(&closed), &json!([more]));
    let patterns =
        |inner: &Value| json!({"type": "object", "patternProperties": {"^a": inner, "^b": {"type": "object"}}});
    refutes(&patterns(&inner), &patterns(&closed), &json!({"a1": more}));
    let union = |name: &str| {
        let no = json!({"properties": {name: false}});
        json!({"oneOf": [{"required": [name], "properties": {name: {"type": "string"}}}, no]})
    };
    let unions: Vec<Value> = (0..8).map(|at| union(&format!("u{at}"))).collect();
    let many = |inner: &Value| json!({"type": "object", "allOf": unions, "properties": {"in": inner}});
    never_proves(&many(&inner), &many(&closed));
    let wide = |more: &Value| {
        let mut schema = json!({"type": "object", "properties": {}});
        for at in 0..4_200 {
            schema["properties"][format!("p{at}")] = json!({"type": "string"});
        }
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    never_proves(&wide(&json!({})), &wide(&json!({"additionalProperties": false})));
    never_proves(
        &object(&json!({"properties": {"m": {"$ref": meta}}})),
        &object(&json!({"properties": {"m": closed}})),
    );
}

#[test]
fn what_several_alternatives_accept_is_carried_as_it_is() {
    let alternative = |name: &str| json!({"properties": {name: {"type": "integer"}}, "required": [name]});
    let writer = json!({"type": "object", "anyOf": [alternative("a"), alternative("b")]});
    let reader = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "additionalProperties": false});

    refutes(&writer, &reader, &json!({"a": 1, "b": 2, "zz": 3}));
    assert!(super::writes(&writer, &json!({"a": 1, "b": 2, "zz": 3})));
    assert!(!super::writes(&writer, &json!({"a": 1, "zz": 3})), "one alternative alone carries what it declares");
}

#[test]
fn what_a_reader_leaves_to_its_validator_is_refused_all_the_same() {
    let writer = object(&json!({"properties": {"a": {"type": "string"}, "c": {"type": "integer"}}}));
    let rule = json!({"if": {"properties": {"a": {"const": "x"}}, "required": ["a"]}, "then": {"properties": {"b": {"type": "integer"}}}, "unevaluatedProperties": false});

    refutes(&writer, &object(&rule), &json!({"c": 1}));
}

#[test]
fn patterns_of_alternatives_declare_names_once_one_is_chosen() {
    let of = |pattern: &str, name: &str| json!({"patternProperties": {pattern: {"type": name}}});
    let writer = json!({"type": "object", "properties": {"k": {}}, "anyOf": [of("^x", "string"), of("^y", "integer")], "unevaluatedProperties": false});

    let payload = json!({"k": 1, "xa": "s"});
    refutes(&writer, &json!({"type": "object", "properties": {"k": {}}, "additionalProperties": false}), &payload);
    refutes(&writer, &json!({"type": "object", "patternProperties": {"^x": {"type": "integer"}}}), &payload);
}

#[test]
fn rules_in_schemas_that_only_references_lead_to_keep_what_they_need() {
    let of = |more: &Value| json!({"$ref": "#/components/A", "components": {"A": object(more)}});

    refutes(
        &of(&json!({"not": {"required": ["zz"]}})),
        &of(&json!({"additionalProperties": false})),
        &json!({"a": "x", "b": 2}),
    );
}

#[test]
fn integers_are_those_of_their_rust_types() {
    let integer = |more: Value| {
        let mut schema = json!({"type": "integer"});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "object", "properties": {"i": schema}})
    };
    let breaks = |writer: &Value, reader: &Value| match super::compatibility(writer, reader) {
        super::Compatibility::Breaking(witness) => witness,
        other => unreachable!("{other:?}"),
    };

    let witness = breaks(&integer(json!({"minimum": 0})), &integer(json!({})));
    assert!(witness.payload["i"].as_f64().unwrap() > i64::MAX as f64 / 1.01, "{}", witness.payload);
    assert_eq!(witness.fault.pointer, "/i");
    assert!(witness.fault.message.contains("beyond the integers"), "{}", witness.fault.message);
    breaks(&integer(json!({"minimum": 0, "maximum": 1e30})), &integer(json!({"minimum": 0})));
    proves(&integer(json!({})), &integer(json!({"minimum": i64::MIN, "maximum": i64::MAX})));
    proves(&integer(json!({"minimum": 0})), &integer(json!({"maximum": u64::MAX, "minimum": -1e30})));
    proves(&integer(json!({"minimum": 0, "maximum": 9})), &integer(json!({})));
}

#[test]
fn integers_beyond_their_types_are_refused_wherever_they_stand() {
    let of = |a: &Value| json!({"type": "object", "properties": {"a": a}, "$defs": {"i": {"type": "integer"}}});
    let large = of(&json!({"type": "number", "minimum": 1_u64 << 63}));
    let payload = json!({"a": 1_u64 << 63});

    // By the schemas both alternatives accept it, whatever the first one has room for.
    refutes(&large, &of(&json!({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 0}]})), &payload);
    let mut excluding = of(&json!({"not": {"$ref": "#/$defs/i"}}));
    excluding["properties"]["b"] = json!({"$ref": "#/$defs/i"});
    refutes(&large, &excluding, &payload);

    // Alternatives that no value fulfils together keep their bounds.
    let tagged = |n: &Value| {
        let one =
            |tag: &str| json!({"type": "object", "properties": {"k": {"const": tag}, "n": n}, "required": ["k", "n"]});
        of(&json!({"oneOf": [one("a"), one("b"), {"type": "null"}]}))
    };
    let unsigned = tagged(&json!({"type": "integer", "minimum": 0}));
    match super::compatibility(&unsigned, &tagged(&json!({"type": "integer"}))) {
        super::Compatibility::Breaking(witness) => assert_eq!(witness.fault.pointer, "/a/n"),
        other => unreachable!("{other:?}"),
    }
}
