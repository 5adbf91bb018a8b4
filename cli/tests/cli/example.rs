//! `eventsmith example`, through the binary.

use crate::support::Folder;
use serde_json::{Value, json};

const COMMON: &str = r#"{"$defs": {
  "RuleId": {"type": "string", "pattern": "^R-[0-9]{4}$"},
  "Money": {
    "type": "object",
    "properties": {"amount": {"type": "number", "exclusiveMinimum": 0}, "currency": {"enum": ["EUR", "USD"]}},
    "required": ["amount", "currency"]
  }
}}"#;

const V1: &str = r#"{
  "title": "RuleCreated",
  "type": "object",
  "properties": {"rule_id": {"type": "string", "minLength": 3}},
  "required": ["rule_id"],
  "examples": [{"rule_id": "R"}, {"rule_id": "R-1"}]
}"#;

const V2: &str = r##"{
  "title": "RuleCreated",
  "type": "object",
  "properties": {
    "rule_id": {"$ref": "../../common.json#/$defs/RuleId"},
    "price": {"$ref": "../../common.json#/$defs/Money"},
    "created_at": {"type": "string", "format": "date-time"},
    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": true},
    "note": {"type": "string"}
  },
  "required": ["rule_id", "price", "created_at", "tags"],
  "additionalProperties": false
}"##;

fn catalogue() -> Folder {
    Folder::with(&[
        ("eventsmith.toml", "root = \"rules\"\n"),
        ("common.json", COMMON),
        ("domain/rule/created.v1.json", V1),
        ("domain/rule/created.v2.json", V2),
    ])
}

#[test]
fn the_first_example_that_is_valid_is_printed() {
    let run = catalogue().run(&["example", "rule.created@1"]);

    assert_eq!((run.status, run.stdout.as_str()), (0, "{\n  \"rule_id\": \"R-1\"\n}\n"));
    assert_eq!(run.stderr, "1 example of rule.created@1\n");
}

#[test]
fn without_an_example_one_is_made_up_that_validates() {
    let folder = catalogue();

    let run = folder.run(&["example", "rule.created"]);
    let checked = folder.run_with(&["validate", "--event", "rule.created", "-"], &run.stdout);

    assert_eq!(run.status, 0, "{run:?}");
    let payload: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(payload["rule_id"], "R-0000");
    assert_eq!(payload["price"], json!({"amount": 1, "currency": "EUR"}));
    assert!(payload.get("note").is_none());
    assert_eq!((checked.status, checked.stderr.as_str()), (0, "1 valid, 0 invalid\n"), "{checked:?}");
}

#[test]
fn an_event_that_is_not_there_is_refused_with_the_nearest_names() {
    let folder = catalogue();

    for (name, said) in [
        ("rule.craeted", "did you mean rule.created?"),
        ("created", "did you mean rule.created?"),
        ("rule.created@3", "it has 1, 2"),
    ] {
        let run = folder.run(&["example", name]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn a_schema_that_accepts_nothing_has_no_example() {
    let folder = catalogue();
    folder.write("domain/rule/never.v1.json", r#"{"type": "object", "not": {"type": "object"}}"#);

    let run = folder.run(&["example", "rule.never"]);

    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    let told = "domain/rule/never.v1.json: no payload can be valid: nothing satisfies type and not together; take one of them away";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

/// Definitions of which each refers to the next ten times, with an example and a default.
fn costly() -> Folder {
    let definition = |at: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        (format!("d{at}"), if at < 9 { json!({"anyOf": vec![next; 10]}) } else { json!({"type": "string"}) })
    };
    let definitions: serde_json::Map<String, Value> = (0..10).map(definition).collect();
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions, "examples": [1], "default": 1});
    Folder::with(&[("eventsmith.toml", "root = \"rules\"\n"), ("domain/rule/created.v1.json", &schema.to_string())])
}

#[test]
fn a_schema_that_no_value_can_be_held_against_in_time_is_refused() {
    let folder = costly();

    let lint = folder.run(&["lint"]);
    let example = folder.run(&["example", "rule.created"]);
    let validate = folder.run_with(&["validate", "--event", "rule.created", "-"], "1");

    assert_eq!(lint.status, 1);
    assert!(lint.stdout.contains("warning[costly-schema]"), "{}", lint.stdout);
    for run in [example, validate] {
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        assert!(run.stderr.contains("in time"), "{}", run.stderr);
    }
}

#[test]
fn what_would_be_too_large_is_not_begun_with() {
    let schema = r#"{"type": "array", "items": {"type": "integer"}, "minItems": 900000000}"#;
    let folder = Folder::with(&[("eventsmith.toml", "root = \"rules\"\n"), ("domain/rule/created.v1.json", schema)]);

    let run = folder.run(&["example", "rule.created"]);

    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("a value of this schema is too large to be made here"), "{}", run.stderr);
}

fn requests() -> Folder {
    Folder::with(&[
        ("eventsmith.toml", "root = \"rules\"\n"),
        ("query/rule/get.v1.json", r#"{"type": "object"}"#),
        (
            "query/rule/get.v1.reply.json",
            r#"{"type": "object", "required": ["name"], "properties": {"name": {"const": "x"}}}"#,
        ),
        (
            "query/rule/get.v1.error.json",
            r#"{"type": "object", "required": ["reason"], "properties": {"reason": {"const": "gone"}}}"#,
        ),
        ("command/rule/drop.v1.json", r#"{"type": "object"}"#),
        ("domain/rule/created.v1.json", r#"{"type": "object"}"#),
    ])
}

#[test]
fn a_reply_has_an_example_that_validates_as_a_reply() {
    let folder = requests();

    let run = folder.run(&["example", "rule.get", "--reply"]);
    let checked = folder.run_with(&["validate", "--event", "rule.get", "--reply", "-"], &run.stdout);
    let wrong = folder.run_with(&["validate", "--event", "rule.get@1", "--reply", "-"], "{}");

    assert_eq!((run.status, run.stdout.as_str()), (0, "{\n  \"name\": \"x\"\n}\n"), "{run:?}");
    assert_eq!(run.stderr, "1 example of rule.get@1, its reply\n");
    assert_eq!((checked.status, checked.stderr.as_str()), (0, "1 valid, 0 invalid\n"));
    assert!(wrong.stdout.contains("query/rule/get.v1.reply.json#/required"), "{}", wrong.stdout);
}

#[test]
fn a_refusal_has_an_example_that_validates_as_a_refusal() {
    let folder = requests();

    let run = folder.run(&["example", "rule.get", "--error"]);
    let checked = folder.run_with(&["validate", "--event", "rule.get", "--error", "-"], &run.stdout);
    let wrong = folder.run_with(&["validate", "--event", "rule.get@1", "--error", "-"], "{}");
    let both = folder.run(&["example", "rule.get", "--error", "--reply"]);

    assert_eq!((run.status, run.stdout.as_str()), (0, "{\n  \"reason\": \"gone\"\n}\n"), "{run:?}");
    assert_eq!(run.stderr, "1 example of rule.get@1, its error\n");
    assert_eq!((checked.status, checked.stderr.as_str()), (0, "1 valid, 0 invalid\n"));
    assert!(wrong.stdout.contains("query/rule/get.v1.error.json#/required"), "{}", wrong.stdout);
    assert_eq!(both.status, 2);
    for (name, said) in [
        ("rule.drop", "its schema file would be command/rule/drop.v1.error.json"),
        ("rule.created", "only commands and queries have replies and errors"),
    ] {
        let run = folder.run(&["example", name, "--error"]);
        assert!(run.status == 2 && run.stderr.contains(said), "{run:?}");
    }
    let named = folder.run(&["example", "rule.get error"]);
    assert!(named.stderr.contains("write: rule.get --error"), "{named:?}");
    assert_eq!(folder.run(&["validate", "--error", "-"]).status, 2);
}

#[test]
fn whoever_names_a_reply_otherwise_is_shown_the_option() {
    let folder = requests();

    for name in ["rule.get reply", "rule.get.reply", "rule.get@1 reply"] {
        for arguments in [vec!["example", name], vec!["validate", "--event", name, "-"]] {
            let run = folder.run(&arguments);
            assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
            let request = name.strip_suffix("reply").unwrap().trim_end_matches(['.', ' ']);
            assert!(run.stderr.contains(&format!("write: {request} --reply")), "{}", run.stderr);
        }
    }
    for (name, said) in [
        ("rule.drop", "its schema file would be command/rule/drop.v1.reply.json"),
        ("rule.created", "only commands and queries have replies and errors"),
        ("rule.gett", "did you mean rule.get?"),
    ] {
        let run = folder.run(&["example", name, "--reply"]);
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    assert_eq!(folder.run(&["validate", "--reply", "-"]).status, 2);
}
