//! What generated types of one schema write, the validator of another accepts wherever the two were called compatible.

use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use eventsmith_codegen::sample::Instances;
use serde_json::{Value, json};

use crate::harness::{At, Catalogue, Outcome, Program};

/// How many instances of each pair of schemas go through the writer's types.
const INSTANCES: usize = 150;

#[test]
fn what_generated_types_write_compatible_readers_accept() {
    let groups = [of_one_object(), of_what_types_keep_whole(), of_integers()];
    let group: Vec<usize> = groups.iter().enumerate().flat_map(|(at, group)| vec![at; group.len()]).collect();
    let schemas = groups.concat();
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
            if writer == reader || group[writer] != group[reader] {
                continue;
            }
            let status = decide(of_writer, of_reader);
            if !matches!(status, Compatibility::Compatible | Compatibility::Identical) {
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
    let mut written: Vec<((usize, usize), Value)> = Vec::new();
    for (pair, outcome) in compatible.into_iter().zip(program.run(&inputs)) {
        let Outcome::Accepted { encoded, .. } = outcome else { continue };
        written.push((pair, serde_json::from_str(&encoded).unwrap()));
    }
    // A publisher validates what it writes.
    written.retain(|((writer, _), value)| validators[*writer].is_valid(value));
    let read: Vec<(At, String)> =
        written.iter().map(|((_, reader), value)| ((*reader, 0), value.to_string())).collect();
    for (((writer, reader), value), outcome) in written.iter().zip(program.run(&read)) {
        if !validators[*reader].is_valid(value) || !matches!(outcome, Outcome::Accepted { .. }) {
            refused.push(format!("{value}\n  by {}\n  to {}", schemas[*writer], schemas[*reader]));
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
    found.extend(Instances::new(schema, 7).unwrap().take(40).map(|instance| with_more(instance, 0)));
    found.extend([json!({"i": u64::MAX, "n": 1}), json!({"i": i64::MIN, "n": 1}), json!({"i": 1e25, "n": 1})]);
    found
}

/// The value with a property that nobody declares in each object within it.
fn with_more(value: Value, depth: usize) -> Value {
    match value {
        Value::Object(members) => {
            let below = members.into_iter().map(|(name, member)| (name, with_more(member, depth + 1)));
            below.chain((depth > 0).then(|| ("zz".to_owned(), json!("more")))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| with_more(item, depth + 1)).collect(),
        scalar => scalar,
    }
}

/// Objects within what no type says, which is carried as it is; closed, declared or open.
fn of_what_types_keep_whole() -> Vec<Value> {
    let inner = [
        json!({"type": "object", "properties": {"a": {"type": "integer"}}}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}, "zz": {"type": "boolean"}}}),
    ];
    let both = |name: &str| json!({"oneOf": [{"required": [name], "properties": {name: {"type": "string"}}}, {"properties": {name: false}}]});
    let combinations: Vec<Value> = (0..8).map(|at| both(&format!("c{at}"))).collect();
    let around: [fn(&Value, &[Value]) -> Value; 6] = [
        |inner, _| json!({"type": "object", "properties": {"list": {"type": "array", "prefixItems": [inner]}}}),
        |inner, _| json!({"type": "object", "properties": {"list": {"type": "array", "prefixItems": [inner], "items": inner, "uniqueItems": true}}}),
        |inner, _| json!({"type": "object", "patternProperties": {"^a": inner, "^b": {"type": "object"}}}),
        |inner, _| json!({"type": "object", "patternProperties": {"^a": {"type": "string"}}, "additionalProperties": inner}),
        |inner, all| json!({"type": "object", "properties": {"in": inner, "k": {"type": "object", "allOf": all, "properties": {"in": inner}}}}),
        |inner, _| json!({"type": "object", "anyOf": [{"properties": {"a": inner}, "required": ["a"]}, {"properties": {"b": inner}, "required": ["b"]}]}),
    ];
    let mut all: Vec<Value> = around
        .iter()
        .flat_map(|around| inner.iter().map(|inner| around(inner, &combinations)).collect::<Vec<_>>())
        .collect();
    all.extend([
        json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "additionalProperties": false}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "c": {"type": "integer"}}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "if": {"properties": {"a": {"const": "x"}}, "required": ["a"]}, "then": {"properties": {"b": {"type": "integer"}}}, "unevaluatedProperties": false}),
        json!({"type": "object", "properties": {"k": {}}, "anyOf": [{"patternProperties": {"^x": {"type": "string"}}}, {"patternProperties": {"^y": {"type": "integer"}}}], "unevaluatedProperties": false}),
        json!({"type": "object", "properties": {"k": {}}, "additionalProperties": false}),
        json!({"type": "object", "patternProperties": {"^x": {"type": "integer"}}}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "properties": {"a": {"not": {"type": "integer"}}}}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"a": {"not": {"type": "integer"}}}}),
        json!({"$ref": "#/components/A", "components": {"A": {"type": "object", "properties": {"a": {}}, "not": {"required": ["zz"]}}}}),
        json!({"$ref": "#/components/A", "components": {"A": {"type": "object", "properties": {"a": {}}, "additionalProperties": false}}}),
    ]);
    all
}

/// Integers whose limits decide which Rust type they have.
fn of_integers() -> Vec<Value> {
    let limits = [
        json!({}),
        json!({"minimum": 0}),
        json!({"minimum": 0, "maximum": 1e30}),
        json!({"minimum": i64::MIN, "maximum": i64::MAX}),
        json!({"maximum": u64::MAX}),
        json!({"exclusiveMinimum": i64::MAX}),
        json!({"minimum": -1, "maximum": 255}),
        json!({"multipleOf": 4_294_967_296_u64}),
    ];
    let integer = |limits: Value| {
        let mut schema = json!({"type": "integer"});
        schema.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        json!({"type": "object", "properties": {"i": schema}})
    };
    limits.map(integer).to_vec()
}

/// One object, with rules and openings that have a type of its own each.
fn of_one_object() -> Vec<Value> {
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
