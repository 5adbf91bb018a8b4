use jsonschema::json::conformance;
use serde_json::{Value, json};

use super::{Tape, TapeValidator};
use crate::sample::Instances;
use crate::schema::Validator;

fn accepts(validator: &TapeValidator, text: &str) -> Option<bool> {
    Tape::default().read(text).map(|node| validator.accepts(node))
}

#[test]
fn the_tape_is_a_representation_as_the_validator_wants_it() {
    let text = conformance::document().to_string();

    conformance::assert_conformance::<eventsmith_exact::OnTape>(&Tape::default().read(&text).unwrap());
}

/// Every keyword asks values in its own way.
#[test]
fn both_validators_agree_about_every_keyword() {
    let schemas = [
        json!({"type": "integer", "multipleOf": 3, "minimum": -9, "exclusiveMaximum": 30}),
        json!({"type": ["number", "null", "boolean"], "maximum": 1.5}),
        json!({"type": "string", "minLength": 2, "maxLength": 3}),
        json!({"type": "string", "pattern": "^[a-zä]+$"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"enum": [1, "a", null, {"a": [1.0]}, [true]]}),
        json!({"const": {"a": 1, "b": [1, "x"]}}),
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3, "uniqueItems": true}),
        json!({"type": "array", "uniqueItems": true, "prefixItems": [{"type": "string"}, {"type": "object"}]}),
        json!({"type": "array", "contains": {"const": 1}, "minContains": 1, "maxContains": 2}),
        json!({"type": "array", "prefixItems": [true], "unevaluatedItems": {"type": "null"}}),
        json!({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"], "additionalProperties": false}),
        json!({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": {"type": "string"}}),
        json!({"propertyNames": {"maxLength": 2, "pattern": "^[a-c]"}, "minProperties": 1, "maxProperties": 2}),
        json!({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": {"required": ["c"]}}}),
        json!({"allOf": [{"properties": {"a": {"type": "integer"}}}], "unevaluatedProperties": false}),
        json!({"oneOf": [{"type": "integer"}, {"minimum": 2}], "not": {"const": 7}}),
        json!({"anyOf": [{"type": "string"}, {"required": ["a"]}], "if": {"type": "object"}, "then": {"maxProperties": 1}}),
        json!({"properties": {"left": {"$ref": "#"}, "value": {"type": "integer"}}, "required": ["value"]}),
        json!({"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}, "maxItems": 2}}, "$ref": "#/$defs/a"}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 0, "exclusiveMinimum": true}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}], "additionalItems": false}),
    ];
    let (mut yes, mut no) = (0, 0);
    for schema in &schemas {
        let (on_tape, validator) = (TapeValidator::new(schema).unwrap(), Validator::new(schema).unwrap());
        for instance in Instances::new(schema, 7).unwrap().take(300) {
            let instance: Value = instance;
            let wanted = validator.faults(&instance).is_empty();
            if Tape::default().read(&instance.to_string()).unwrap().has_wide() {
                // A value does not know its text: in draft 4 `1e20` is no integer.
                continue;
            }
            assert_eq!(accepts(&on_tape, &instance.to_string()), Some(wanted), "{schema} {instance}");
            *(if wanted { &mut yes } else { &mut no }) += 1;
        }
    }
    assert!(yes > 500 && no > 500, "{yes} valid, {no} invalid");
}

#[test]
fn texts_with_escapes_are_read_as_they_are_meant() {
    let validator =
        TapeValidator::new(&json!({"properties": {"a\n": {"const": "ü\"😀"}}, "required": ["a\n"]})).unwrap();

    assert_eq!(accepts(&validator, r#"{"a\n": "\u00fc\"\ud83d\ude00"}"#), Some(true));
    assert_eq!(accepts(&validator, r#"{"a\\n": "ü"}"#), Some(false));
}

#[test]
fn numbers_are_those_that_a_value_holds() {
    let validator = TapeValidator::new(&json!({"items": {"type": "integer", "maximum": 1e30}})).unwrap();

    for number in
        ["0", "-0", "-5", "1.0", "1e2", "18446744073709551615", "18446744073709551616", "-1e29", "1e31", "1.5"]
    {
        let value: Value = serde_json::from_str(number).unwrap();
        let schema = json!({"type": "integer", "maximum": 1e30});
        let wanted = Validator::new(&schema).unwrap().faults(&value).is_empty();
        assert_eq!(accepts(&validator, &format!("[{number}]")), Some(wanted), "{number}");
    }
}

#[test]
fn what_is_strange_is_left_to_the_other_reading() {
    let many: String = (0..40).map(|index| format!("\"n{index}\": {{\"n1\": [1]}},")).collect();

    for text in ["", "{", "{} {}", "[1,]", "1e999", r#"{"a": 1, "\u0061": 2}"#, &format!("{{{many}\"n39\": 1}}")] {
        assert!(Tape::default().read(text).is_none(), "{text}");
    }
    assert!(Tape::default().read(&format!("{{{many}\"n40\": 1}}")).is_some());
    assert!(Tape::default().read(&"[".repeat(200)).is_none());
}

#[test]
fn a_tape_forgets_what_was_read_before() {
    let validator = TapeValidator::new(&json!({"required": ["a"]})).unwrap();
    let mut tape = Tape::default();

    let verdicts: Vec<bool> = [r#"{"a": [1, 2]}"#, r#"{"b": {"a": 1}}"#, r#"{"b": [], "a": 0}"#]
        .map(|text| validator.accepts(tape.read(text).unwrap()))
        .to_vec();

    assert_eq!(verdicts, [true, false, true]);
}
