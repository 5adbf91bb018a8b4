//! Random schemas and narrower ones: what generated types of the one write, the validator of the other accepts wherever the two were
//! called compatible. Writers get payloads with properties that nobody declares, at every level.
//!
//! `EVENTSMITH_RANDOM_WRITERS` and `EVENTSMITH_SEED` ask for more or others.

use std::env;

use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use eventsmith_codegen::sample::{Choices, Instances};
use eventsmith_exact::keywords;
use eventsmith_tests::random_schema::random_schema;
use serde_json::{Map, Value, json};

use crate::harness::{At, Catalogue, Outcome, Program};

/// How many readers each writer is compared with, and how many instances of it are written for each.
const READERS: usize = 24;
const INSTANCES: usize = 40;

#[test]
fn what_types_of_random_schemas_write_narrower_readers_accept_where_they_are_compatible() {
    let number = |name: &str, default: u64| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (writers, seed) = (number("EVENTSMITH_RANDOM_WRITERS", 60), number("EVENTSMITH_SEED", 1));
    let schemas: Vec<Value> = (seed..seed + writers).map(random_schema).collect();
    let name = |index: usize| format!("writer_{index}");
    let catalogues: Vec<Catalogue> =
        schemas.iter().enumerate().map(|(index, schema)| Catalogue::of(&name(index), schema)).collect();
    let program = Program::build("narrowed", &catalogues);
    assert!(program.problems.is_empty(), "{:?}", program.problems);

    let mut inputs: Vec<(At, String)> = Vec::new();
    let mut pairs: Vec<(usize, Value)> = Vec::new();
    let mut compared = 0;
    for (index, writer) in schemas.iter().enumerate() {
        let prepared = Prepared::new(writer);
        let mut choices = Choices::seeded(seed + index as u64);
        let mut readers: Vec<Value> = (0..READERS).filter_map(|_| narrowed(writer, &mut choices)).collect();
        readers.retain(|reader| eventsmith_codegen::schema::check_schema(reader).is_empty());
        compared += readers.len();
        readers.retain(|reader| {
            let found = decide(&prepared, &Prepared::new(reader));
            matches!(found, Compatibility::Compatible | Compatibility::Identical)
        });
        let instances: Vec<Value> = Instances::new(writer, seed).unwrap().take(INSTANCES).collect();
        let all: Vec<Value> = instances.iter().flat_map(|instance| [instance.clone(), with_others(instance)]).collect();
        for reader in readers {
            let around = Instances::new(&reader, seed).unwrap().take(INSTANCES / 2);
            for instance in all.iter().cloned().chain(around) {
                inputs.push(((index, 0), instance.to_string()));
                pairs.push((index, reader.clone()));
            }
        }
    }

    let (mut refused, mut written_by): (Vec<String>, usize) = Default::default();
    let mut validators: Option<(Value, jsonschema::Validator, jsonschema::Validator)> = None;
    for ((index, reader), outcome) in pairs.iter().zip(program.run(&inputs)) {
        let Outcome::Accepted { encoded, trouble: None } = outcome else { continue };
        let written: Value = serde_json::from_str(&encoded).unwrap();
        if validators.as_ref().is_none_or(|(known, ..)| known != reader) {
            validators = Some((reader.clone(), validator(&schemas[*index]), validator(reader)));
        }
        let Some((_, of_writer, of_reader)) = &validators else { continue };
        written_by += 1;
        // A publisher validates what it writes.
        if of_writer.is_valid(&written) && !of_reader.is_valid(&written) {
            refused.push(format!("{written}\n  by {}\n  to {reader}", schemas[*index]));
        }
    }
    refused.dedup_by_key(|text| text.split_once('\n').map(|(_, pair)| pair.to_owned()));
    println!("{writers} writers, {compared} readers, {written_by} payloads written for compatible ones");
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(written_by > 100, "{written_by} payloads attack nothing");
}

fn validator(schema: &Value) -> jsonschema::Validator {
    let options = jsonschema::options().should_validate_formats(true).offline();
    let options = if keywords::are_needed(schema) { keywords::with_exact_keywords(options) } else { options };
    options.build(schema).unwrap()
}

/// The schema with one thing more, or less, said somewhere.
fn narrowed(schema: &Value, choices: &mut Choices) -> Option<Value> {
    let mut places = Vec::new();
    objects(schema, String::new(), &mut places);
    let mut copy = schema.clone();
    let place = places.get(choices.pick(places.len().max(1)))?;
    let members = copy.pointer_mut(place)?.as_object_mut()?;
    let names = ["zz", "a", "b", "id", "name", "x-a"];
    let name = names[choices.pick(names.len())];
    let says =
        [json!({"type": "boolean"}), json!({"type": "integer", "maximum": 3}), json!(false), json!({"maxLength": 1})];
    let said = says[choices.pick(says.len())].clone();
    let mut declare = |keyword: &str, name: &str| {
        if let Value::Object(known) = members.entry(keyword).or_insert_with(|| json!({})) {
            known.insert(name.to_owned(), said.clone());
        }
    };
    match choices.pick(9) {
        0..=2 => declare("properties", name),
        3 => declare("patternProperties", "^z"),
        4 | 5 => drop(members.insert("additionalProperties".to_owned(), json!(false))),
        6 => drop(members.insert("unevaluatedProperties".to_owned(), json!(false))),
        7 => drop(members.insert("propertyNames".to_owned(), json!({"maxLength": 1}))),
        _ => {
            let keys: Vec<String> = members.keys().filter(|key| !key.starts_with('$')).cloned().collect();
            members.shift_remove(keys.get(choices.pick(keys.len().max(1)))?);
        }
    }
    Some(copy)
}

/// The pointers of all schemas that are objects.
fn objects(schema: &Value, at: String, found: &mut Vec<String>) {
    const ONE: [&str; 9] = [
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "then",
        "unevaluatedItems",
        "additionalItems",
    ];
    const MANY: [&str; 9] = [
        "allOf",
        "anyOf",
        "definitions",
        "$defs",
        "dependentSchemas",
        "oneOf",
        "patternProperties",
        "prefixItems",
        "properties",
    ];
    let Value::Object(members) = schema else { return };
    found.push(at.clone());
    let step = |at: &str, name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    for (keyword, value) in members {
        let at = step(&at, keyword);
        match value {
            Value::Object(all) if MANY.contains(&keyword.as_str()) => {
                all.iter().for_each(|(name, schema)| objects(schema, step(&at, name), found));
            }
            Value::Array(all) if MANY.contains(&keyword.as_str()) || keyword == "items" => {
                all.iter().enumerate().for_each(|(index, schema)| objects(schema, format!("{at}/{index}"), found));
            }
            one if ONE.contains(&keyword.as_str()) => objects(one, at, found),
            _ => {}
        }
    }
}

/// The value with properties that nobody declares in each of its objects.
fn with_others(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut all: Map<String, Value> =
                members.iter().map(|(name, member)| (name.clone(), with_others(member))).collect();
            for (name, value) in [("zz", json!("long")), ("x-a", json!(7)), ("b", json!("long")), ("name", json!(7))] {
                all.entry(name).or_insert(value);
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(with_others).collect(),
        scalar => scalar.clone(),
    }
}
