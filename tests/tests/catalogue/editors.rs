//! The schemas by which editors complete `eventsmith.toml` and schema files say what the code says.

use std::fs;
use std::path::Path;

use eventsmith_codegen::editor;
use eventsmith_codegen::manifest::Manifest;
use eventsmith_codegen::rules::{Family, RULES};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::lists::keys;

fn validator(schema: &str) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

/// A text as an editor sees it.
fn toml(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[test]
fn every_key_of_the_manifest_is_completed_and_no_other() {
    let schema: Value = serde_json::from_str(editor::MANIFEST).unwrap();
    for (place, pointer) in [
        ("", ""),
        ("[streams.S]\nsubjects = []", "/$defs/stream"),
        ("[buckets.B]\nstate = \"rule.compiled\"", "/$defs/bucket"),
        ("[services.s]", "/$defs/service"),
        ("[services.s.consumer]", "/$defs/service/properties/consumer"),
        ("[compatibility]", "/properties/compatibility"),
        ("[lint.\"no-key\"]", "/$defs/switch"),
    ] {
        let mut expected = keys::<Manifest>(&format!("root = \"r\"\n{place}"));
        expected.sort();
        let properties = schema.pointer(&format!("{pointer}/properties")).unwrap().as_object().unwrap();
        let mut found: Vec<&String> = properties.keys().collect();
        found.sort();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{place}");
    }
}

#[test]
fn an_editor_takes_what_the_manifest_takes_and_marks_the_rest() {
    let validator = validator(editor::MANIFEST);
    let own = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/eventsmith.toml")).unwrap();
    assert!(validator.iter_errors(&toml(&own)).next().is_none());

    let streams = |line: &str| format!("root = \"r\"\n[streams.S]\nsubjects = [\"r.>\"]\n{line}\n");
    for line in [
        "",
        "max_age = \"30d\"",
        "max_bytes = \"10GiB\"",
        "max_messages = 7",
        "retention = \"work_queue\"",
        "replicas = 5",
    ] {
        let text = streams(line);
        assert!(toml::from_str::<Manifest>(&text).is_ok() && validator.is_valid(&toml(&text)), "{line}");
    }
    for line in [
        "max_age = \"30 days\"",
        "max_age = 30",
        "max_bytes = \"10GB\"",
        "max_bytes = 10",
        "max_messages = 0",
        "retention = \"queue\"",
        "replicas = 6",
        "replica = 1",
        "discard = \"older\"",
    ] {
        let text = streams(line);
        assert!(toml::from_str::<Manifest>(&text).is_err() && !validator.is_valid(&toml(&text)), "{line}");
    }
}

#[test]
fn an_editor_takes_every_schema_file_and_marks_misspelt_keywords_of_ours() {
    let validator = validator(editor::EVENT);
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let catalogue = eventsmith_codegen::load(&schemas);
    assert!(catalogue.files.len() > 100);
    for file in catalogue.files.iter().filter(|file| file.ends_with(".json")) {
        let schema: Value = serde_json::from_str(&fs::read_to_string(schemas.join(file)).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&schema).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{file}");
    }
    for wrong in [
        json!({ "x-event": { "kye": "/id" } }),
        json!({ "x-event": { "key": "id" } }),
        json!({ "x-request": { "idempotent": "soon" } }),
        json!({ "x-request": { "when_lost": "rerun" } }),
        json!({ "properties": { "id": { "x-lint-allow": { "no-key": "" } } } }),
        json!({ "properties": { "id": { "maxLength": "long" } } }),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
    let rule = RULES.iter().find(|rule| rule.family == Family::Lint).unwrap().id;
    assert!(validator.is_valid(&json!({ "properties": { "id": { "x-lint-allow": { rule: "a reason" } } } })));
}
