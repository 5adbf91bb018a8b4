//! What the README shows is true. Most of it is done by `cli/tests/cli/guide.rs`.

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
fn the_error_reads_as_the_text_says() {
    let schema: serde_json::Value = serde_json::from_str(rules_events::rule::v1::RuleCreated::SCHEMA).unwrap();
    let mut payload = schema["examples"][0].clone();
    payload["priority"] = "highest".into();

    let error = rules_events::rule::v1::RuleCreated::decode(1, payload.to_string().as_bytes()).unwrap_err();

    assert!(blocks("text").contains(&error.to_string().as_str()), "{error}");
}

#[test]
fn the_commands_are_those_that_ci_runs() {
    let ci = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/run")).unwrap();
    let ours = |block: &&str| block.starts_with("cargo run --bin");
    let lines = blocks("sh").into_iter().filter(ours).flat_map(str::lines);

    let mut count = 0;
    for command in lines.map(|line| line.split('#').next().unwrap().trim()) {
        assert!(ci.contains(command), ".ci/run does not run `{command}`");
        count += 1;
    }
    assert_eq!(count, 6);
}
