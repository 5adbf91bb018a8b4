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
