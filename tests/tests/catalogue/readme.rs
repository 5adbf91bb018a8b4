//! What the README shows is true. Its Rust code is compiled as documentation of this crate.

use std::fs;
use std::path::Path;

use eventsmith::Event;

const README: &str = include_str!("../../../README.md");

/// The blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    README.split(start.as_str()).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn the_schema_becomes_the_event_that_the_text_says() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("domain/rule")).unwrap();
    fs::write(dir.path().join("eventsmith.toml"), "root = \"rules\"\n").unwrap();
    fs::write(dir.path().join("domain/rule/activated.v1.json"), blocks("json")[0]).unwrap();

    let text = eventsmith_codegen::generate(&eventsmith_codegen::load(dir.path())).unwrap();

    assert!(text.contains("pub struct RuleActivated {"), "{text}");
    assert!(text.contains("\"rules.domain.rule.activated\""), "{text}");
}

#[test]
fn the_error_reads_as_the_text_says() {
    let schema: serde_json::Value = serde_json::from_str(rules_events::rule::v1::RuleCreated::SCHEMA).unwrap();
    let mut payload = schema["examples"][0].clone();
    payload["priority"] = "highest".into();

    let error = rules_events::rule::v1::RuleCreated::decode(1, payload.to_string().as_bytes()).unwrap_err();

    assert_eq!(error.to_string(), blocks("text")[0]);
}

#[test]
fn the_commands_are_those_that_ci_runs() {
    let ci = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/run")).unwrap();
    let commands = blocks("sh").into_iter().flat_map(str::lines).map(|line| line.split('#').next().unwrap().trim());

    let mut count = 0;
    for command in commands {
        assert!(ci.contains(command), ".ci/run does not run `{command}`");
        count += 1;
    }
    assert_eq!(count, 5);
}
