//! Files that have another name are told from those that are gone.

use super::*;

const SCHEMA: &str =
    r#"{"title": "RuleCreated", "type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}"#;

fn removal(previous: &[(&str, &str)], current: &[(&str, &str)]) -> Diagnostic {
    let result = compare(&catalogue("main", previous), &catalogue("schemas", current), Policy::Full);
    result.findings.into_iter().find(|found| found.rule.starts_with("removed-")).unwrap()
}

#[test]
fn an_event_with_another_name_is_another_event() {
    let renamed = SCHEMA.replace("RuleCreated", "RuleMade");

    let found = removal(&[("domain/rule/created.v1.json", SCHEMA)], &[("domain/rule/made.v1.json", &renamed)]);
    let gone = removal(&[("domain/rule/created.v1.json", SCHEMA)], &[("domain/rule/made.v1.json", "{}")]);

    assert!(
        found.help.starts_with("it seems to be domain/rule/made.v1.json now, and rule.made is another event"),
        "{found}"
    );
    assert!(found.help.contains("put domain/rule/created.v1.json back"), "{found}");
    assert!(gone.help.starts_with("put domain/rule/created.v1.json back; "), "{gone}");
}

#[test]
fn a_version_with_another_number_is_another_version() {
    let found = removal(&[("domain/rule/created.v1.json", SCHEMA)], &[("domain/rule/created.v2.json", SCHEMA)]);

    assert_eq!(found.rule, "removed-version");
    assert!(
        found.help.starts_with("it seems to be domain/rule/created.v2.json now, and a version keeps its number"),
        "{found}"
    );
}
