//! What generated types of one schema write, the validator of another accepts wherever the two were called compatible.

use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use eventsmith_codegen::sample::Instances;
use serde_json::{Value, json};

use crate::harness::{At, Catalogue, Outcome, Program};

/// How many instances of each pair of schemas go through the writer's types.
const INSTANCES: usize = 150;

#[test]
fn what_generated_types_write_compatible_readers_accept() {
    let schemas = schemas();
    let name = |index: usize| format!("writer_{index}");
    let catalogues: Vec<Catalogue> =
        schemas.iter().enumerate().map(|(index, schema)| Catalogue::of(&name(index), schema)).collect();
    let program = Program::build("evolution", &catalogues);
    assert!(program.problems.is_empty(), "{:?}", program.problems);

    let mut compatible: Vec<(usize, usize)> = Vec::new();
    let mut inputs: Vec<(At, String)> = Vec::new();
    let prepared: Vec<Prepared<'_>> = schemas.iter().map(Prepared::new).collect();
    for (writer, of_writer) in prepared.iter().enumerate() {
        for (reader, of_reader) in prepared.iter().enumerate() {
            let status = decide(of_writer, of_reader);
            if writer == reader || !matches!(status, Compatibility::Compatible | Compatibility::Identical) {
                continue;
            }
            let around = |index: usize| Instances::new(&schemas[index], 3).unwrap().take(INSTANCES);
            let all: Vec<Value> = around(writer).chain(around(reader)).chain(with_others(&schemas[writer])).collect();
            compatible.extend(all.iter().map(|_| (writer, reader)));
            inputs.extend(all.iter().map(|instance| ((writer, 0), instance.to_string())));
        }
    }
    assert!(compatible.len() > 20 * INSTANCES, "{} attacks", compatible.len());

    let validators: Vec<jsonschema::Validator> = schemas
        .iter()
        .map(|schema| jsonschema::options().should_validate_formats(true).offline().build(schema).unwrap())
        .collect();
    let mut refused = Vec::new();
    for ((writer, reader), outcome) in compatible.iter().zip(program.run(&inputs)) {
        let Outcome::Accepted { encoded, .. } = outcome else { continue };
        let written: Value = serde_json::from_str(&encoded).unwrap();
        // A publisher validates what it writes.
        if validators[*writer].is_valid(&written) && !validators[*reader].is_valid(&written) {
            refused.push(format!("{written}\n  by {}\n  to {}", schemas[*writer], schemas[*reader]));
        }
    }
    refused.dedup_by_key(|text| text.split_once("\n").map(|(_, pair)| pair.to_owned()));
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

/// Instances with properties that nobody declares.
fn with_others(schema: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    let objects = Instances::new(schema, 5).unwrap().take(40).filter(Value::is_object);
    for (object, value) in objects.zip([json!(1), json!("x"), json!(null), json!({"a": 1})].into_iter().cycle()) {
        for name in ["zz", "x-a", "c", "other"] {
            let mut object = object.clone();
            object[name] = value.clone();
            found.push(object);
        }
    }
    found
}

/// One object, with rules and openings that have a type of its own each.
fn schemas() -> Vec<Value> {
    let base = json!({
        "type": "object", "required": ["n"],
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "n": {"type": "number"}}
    });
    let with = |more: Value| {
        let mut schema = base.clone();
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let declaring = |name: &str, more: Value| {
        let mut schema = with(more);
        schema["properties"][name] = json!({"type": "boolean"});
        schema
    };
    vec![
        base.clone(),
        with(json!({"additionalProperties": false})),
        with(json!({"unevaluatedProperties": false})),
        with(json!({"additionalProperties": true})),
        with(json!({"unevaluatedProperties": true})),
        with(json!({"additionalProperties": {"type": "integer"}})),
        with(json!({"patternProperties": {"^x-": {"type": "string"}}})),
        with(json!({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false})),
        with(json!({"propertyNames": {"maxLength": 3}})),
        declaring("zz", json!({})),
        declaring("c", json!({})),
        declaring("c", json!({"additionalProperties": true})),
        with(json!({"not": {"required": ["zz"]}})),
        with(json!({"not": {"required": ["b"]}})),
        with(json!({"not": {"properties": {"n": {"minimum": 5}}}})),
        with(json!({"dependentRequired": {"a": ["zz"]}})),
        with(json!({"dependentRequired": {"a": ["b"]}})),
        with(json!({"dependentSchemas": {"a": {"properties": {"c": {"type": "integer"}}}}})),
        with(json!({"if": {"properties": {"n": {"const": 5}}}, "then": {"required": ["b"]}})),
        with(json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}})),
        with(json!({"if": {"required": ["zz"]}, "then": {"required": ["b"]}})),
        with(json!({"maxProperties": 3})),
        with(json!({"minProperties": 2})),
        with(json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]})),
        with(json!({"anyOf": [{"required": ["a"]}, {"required": ["zz"]}]})),
        with(json!({"oneOf": [
            {"properties": {"k": {"const": "x"}}, "required": ["k"]},
            {"properties": {"k": {"const": "y"}, "c": {"type": "integer"}}, "required": ["k"], "additionalProperties": true}
        ]})),
        with(json!({"anyOf": [
            {"properties": {"c": {"type": "integer"}}, "required": ["c"]}, {"properties": {"d": {"type": "string"}}}
        ]})),
        with(json!({"allOf": [{"additionalProperties": true}]})),
        with(
            json!({"allOf": [{"$ref": "#/$defs/more"}], "$defs": {"more": {"properties": {"c": {"type": "boolean"}}, "maxProperties": 4}}}),
        ),
        json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}, "n": {}, "list": {"type": "array", "items": base}}, "required": ["n"]}),
        json!({"type": "object", "properties": {"a": {}, "n": {}, "list": {"type": "array", "items": with(json!({"additionalProperties": false}))}}, "required": ["n"], "additionalProperties": true}),
    ]
}
