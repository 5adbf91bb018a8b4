//! `eventsmith lint`, through the binary.

mod support;

use support::Folder;

const MANIFEST: (&str, &str) = ("eventsmith.toml", "root = \"rules\"\n");

/// No type and no check says `not`.
const SLOW: &str = r#"{
  "type": "object",
  "properties": {
    "name": {"type": "string", "not": {"const": "root"}}
  }
}"#;

const FAST: &str = r#"{"type": "object", "properties": {"name": {"type": "string", "minLength": 1}}}"#;

#[test]
fn a_sound_catalogue_is_clean() {
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", FAST)]);

    let run = folder.run(&["lint"]);

    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""), "{run:?}");
}

#[test]
fn every_finding_is_told_with_its_place() {
    let key = r#"{"x-event": {"key": "/nowhere"}, "type": "object"}"#;
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", key)]);

    let run = folder.run(&["lint", "--explain-paths"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.starts_with("domain/rule/created.v1.json:1:14: error[bad-x-event]"), "{run:?}");
    assert!(!run.stdout.contains("fast path"), "a broken catalogue has no paths: {run:?}");
}

#[test]
fn slow_events_and_replies_are_explained_and_are_no_findings() {
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", MANIFEST.1),
        ("schemas/domain/rule/created.v1.json", FAST),
        ("schemas/domain/rule/renamed.v1.json", SLOW),
        ("schemas/query/rule/get.v1.json", FAST),
        ("schemas/query/rule/get.v1.reply.json", SLOW),
    ]);

    let run = folder.run(&["lint", "--explain-paths", "--schemas", "schemas"]);

    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(
        lines,
        [
            "rule.renamed v1 takes the slow path: not at schemas/domain/rule/renamed.v1.json:4:32 /properties/name/not",
            "rule.get v1 reply takes the slow path: not at schemas/query/rule/get.v1.reply.json:4:32 /properties/name/not",
            "2 of 4 payloads take the fast path",
        ]
    );
}

#[test]
fn what_cannot_run_exits_with_two() {
    let run = Folder::with(&[]).run(&["lint"]);

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("no eventsmith.toml"), "{run:?}");
}
