use serde_json::{Value, json};

use super::*;

fn sample(schema: Value) -> Value {
    Sampler::new(&schema).unwrap().sample().unwrap_or_else(|error| panic!("{error}: {schema}"))
}

#[test]
fn only_what_is_required_is_there() {
    let schema = json!({
        "type": "object",
        "properties": {"b": {"type": "integer"}, "a": {"type": "boolean"}, "c": {"type": "null"}},
        "required": ["c", "b"]
    });

    assert_eq!(sample(schema).to_string(), r#"{"b":1,"c":null}"#);
}

#[test]
fn the_authors_own_examples_are_preferred_unless_they_are_wrong() {
    assert_eq!(sample(json!({"required": ["a"], "properties": {"a": {"examples": ["R-7"]}}})), json!({"a": "R-7"}));
    assert_eq!(sample(json!({"type": "integer", "default": "seven"})), json!(1));
}

#[test]
fn everything_that_schemas_say_is_kept() {
    let schemas = [
        json!({"type": "string", "minLength": 7, "maxLength": 7}),
        json!({"type": "string", "maxLength": 2}),
        json!({"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$", "minLength": 20}),
        json!({"type": "string", "pattern": "[0-9]", "minLength": 5}),
        json!({"type": "string", "pattern": "^(?!.*00)[0-9]{3}$"}),
        json!({"type": "string", "format": "email", "minLength": 40}),
        json!({"type": "string", "format": "date-time", "pattern": "Z$"}),
        json!({"type": "string", "format": "our-own"}),
        json!({"allOf": [{"pattern": "^[a-f0-9]+$"}, {"pattern": "^.{4}$"}], "type": "string"}),
        json!({"allOf": [{"pattern": "^[a-f]"}, {"pattern": "-v[0-9]$"}, {"pattern": "^(?!a)"}], "type": "string"}),
        json!({"type": "string", "pattern": ":[0-9]{2}$", "format": "ipv6"}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["a"],
            "properties": {"a": {"$ref": "http://json-schema.org/draft-07/schema"}}}),
        json!({"$id": "https://json-schema.org/draft/2020-12/schema", "allOf": [{"$ref": "meta/core"}]}),
        json!({"type": "string", "pattern": "^(ab)*$|^c{7}$", "minLength": 7, "maxLength": 7}),
        json!({"type": "array", "minItems": 3, "uniqueItems": true, "items": {"enum": ["a", "b", "c", "d"]}}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": false, "minItems": 2}),
        json!({"type": "array", "contains": {"const": 7}, "minContains": 2, "items": {"type": "integer"}}),
        json!({"type": "object", "minProperties": 3, "additionalProperties": {"type": "integer"}}),
        json!({"minProperties": 2, "patternProperties": {"^x-[a-z]+$": {"type": "null"}}, "additionalProperties": false, "type": "object"}),
        json!({"type": "object", "minProperties": 2, "propertyNames": {"pattern": "^[A-Z]{2}$"}}),
        json!({"type": "object", "required": ["a"], "dependentRequired": {"a": ["b"]}, "properties": {"b": {"type": "integer"}}}),
        json!({"required": ["a"], "type": "object", "dependentSchemas": {"a": {"required": ["b"], "properties": {"b": {"const": 1}}}}}),
        json!({"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}], "minimum": 15, "maximum": 19}),
        json!({"type": "object", "required": ["k"], "properties": {"k": {"enum": ["a", "b"]}},
            "if": {"properties": {"k": {"const": "a"}}}, "then": {"required": ["x"]}, "else": {"required": ["y"]}}),
        json!({"not": {"type": "string"}, "anyOf": [{"type": "string"}, {"type": "array"}]}),
        json!({"type": ["string", "null"], "enum": [1, null]}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array",
            "items": [{"type": "integer"}], "additionalItems": {"type": "null"}, "minItems": 3}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 0.3}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "unevaluatedProperties": false}),
        json!({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"a": {"minimum": 9}}}], "type": "object"}),
        json!(true),
    ];
    for schema in schemas {
        sample(schema);
    }
}

#[test]
fn recursion_ends_where_it_may() {
    let list = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {
            "type": "object",
            "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["value", "next"]
        }}
    });
    let tree = json!({"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["children"]});

    assert!(sample(list).to_string().len() < 300);
    assert_eq!(sample(tree), json!({"children": []}));
}

#[test]
fn what_accepts_nothing_has_no_sample() {
    let endless = json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]});
    for schema in [json!(false), endless, json!({"type": "integer", "minimum": 2, "maximum": 1})] {
        let error = Sampler::new(&schema).unwrap().sample().unwrap_err();
        assert!(error.to_string().contains("no valid sample"), "{error}");
    }
    let odd = json!({"type": "string", "not": {"type": "string"}});
    let error = Sampler::new(&odd).unwrap().sample().unwrap_err();
    assert!(error.to_string().contains("/not"), "{error}");
}

#[test]
fn seeds_give_many_different_instances_and_the_same_ones_again() {
    let schema = json!({
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^R-[0-9]{1,6}$"},
            "price": {"type": "number", "minimum": 0},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "uniqueItems": true}
        },
        "required": ["id"]
    });
    let sampler = Sampler::new(&schema).unwrap();
    let made = |seed| sampler.candidate(Choices::seeded(seed), false).unwrap();

    let all: std::collections::HashSet<String> = (0..200).map(|seed| made(seed).to_string()).collect();

    assert!(all.len() > 150, "{}", all.len());
    assert!((0..200).all(|seed| made(seed) == made(seed) && sampler.accepts(&made(seed))));
}

/// What says why there is no sample.
fn refused(schema: Value) -> String {
    Sampler::new(&schema).unwrap().sample().unwrap_err().to_string()
}

#[test]
fn what_would_be_too_large_is_reported_as_that_and_not_begun_with() {
    let schemas = [
        json!({"type": "string", "minLength": 900_000_000}),
        json!({"type": "array", "minItems": 900_000_000}),
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 1_000_000, "uniqueItems": true}),
        json!({"type": "array", "contains": {"const": 1}, "minContains": 300_000}),
        json!({"type": "object", "minProperties": 900_000_000}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "minItems": 1000,
            "items": {"type": "array", "minItems": 1000, "items": {"type": "null"}}}}}),
    ];
    for schema in schemas {
        let told = refused(schema);

        assert!(told.ends_with(": a value of this schema is too large to be made here"), "{told}");
    }
}

#[test]
fn a_schema_whose_walk_would_not_end_is_given_up() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        definitions.insert(format!("d{level}"), json!({"if": next, "then": next, "else": next}));
    }
    definitions.insert("d40".to_owned(), json!({"type": "string"}));

    let sampler = Sampler::new(&json!({"$ref": "#/$defs/d0", "$defs": definitions})).unwrap();

    assert_eq!(sampler.candidate(Choices::first(Optional::Leave), false), None);
}

#[test]
fn an_object_of_very_many_properties_has_a_sample() {
    let properties: serde_json::Map<String, Value> =
        (0..20_000).map(|number| (format!("p{number}"), json!({"type": "null"}))).collect();
    let required: Vec<&String> = properties.keys().collect();

    let made = sample(json!({"type": "object", "required": required, "properties": properties}));

    assert_eq!(made.as_object().unwrap().len(), 20_000);
}

#[test]
fn an_example_is_printed_with_the_digits_of_its_author() {
    let text =
        |schema: &str| Sampler::new(&eventsmith_exact::schema::read(schema).unwrap()).unwrap().example_text().unwrap();

    let schema = r#"{"properties": {"n": {"type": "number"}}, "examples": [{"n": "x"}, {"n": 0.1234567890123456789}]}"#;
    assert_eq!(text(schema), "{\n  \"n\": 0.1234567890123456789\n}");
    let schema = r#"{"required": ["n"], "properties": {"n": {"const": 18446744073709551617}},
        "examples": [{"n": 18446744073709551616}, {"n": 18446744073709551617}]}"#;
    assert_eq!(text(schema), "{\n  \"n\": 18446744073709551617\n}");
}

#[test]
fn what_several_schemas_list_is_compared_as_json_schema_does() {
    assert_eq!(sample(json!({"allOf": [{"const": 1}, {"const": 1.0}]})), json!(1));
    assert_eq!(sample(json!({"allOf": [{"enum": [1, 2]}, {"enum": [1.0]}]})), json!(1));
    let edge = 1_700_000_000_000_000_001_u64;
    assert_eq!(sample(json!({"type": "integer", "minimum": edge, "maximum": edge + 99})), json!(edge));
}
