//! `eventsmith lint`, through the binary.

use crate::support::Folder;

const MANIFEST: (&str, &str) = ("eventsmith.toml", "root = \"rules\"\n");

/// A schema that has all that it should have.
const COMPLETE: &str = r#"{
  "title": "RuleCreated",
  "description": "A rule was created.",
  "type": "object",
  "required": ["name"],
  "properties": {
    "name": {"description": "What it is called.", "type": "string", "minLength": 1, "maxLength": 200}
  },
  "examples": [{"name": "Free shipping"}]
}"#;

/// Schemas with none of that, for tests of something else.
const TERSE: &str = r#"root = "rules"
[lint]
missing-description = { level = "off", reason = "a test" }
missing-examples = { level = "off", reason = "a test" }
missing-title = { level = "off", reason = "a test" }
unbounded-string = { level = "off", reason = "a test" }
undescribed-property = { level = "off", reason = "a test" }
"#;

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
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", COMPLETE)]);

    let run = folder.run(&["lint"]);

    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    assert_eq!(run.stderr, "2 files: 0 errors, 0 warnings, 0 advice\n");
}

#[test]
fn references_that_follow_each_other_far_end_nothing() {
    let step = |at: usize| {
        format!(r##""d{at}": {{"type": "object", "properties": {{"n": {{"$ref": "#/$defs/d{}"}}}}}}"##, at + 1)
    };
    let steps: Vec<String> = (0..3_000).map(step).collect();
    let schema =
        format!(r##"{{"$ref": "#/$defs/d0", "$defs": {{{}, "d3000": {{"type": "string"}}}}}}"##, steps.join(","));
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", &schema)]);

    let run = folder.run(&["lint", "--format", "json"]);

    assert!(run.status < 2, "{}", run.stderr);
}

#[test]
fn a_catalogue_below_is_named() {
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", "root = \"rules\"\n"),
        ("target/schemas/eventsmith.toml", "root = \"rules\"\n"),
        (".git/eventsmith.toml", ""),
    ]);

    let run = folder.run(&["lint"]);
    folder.write("services/billing/events/eventsmith.toml", "root = \"billing\"\n");
    let several = folder.run(&["lint"]);

    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.ends_with(" or above; did you mean --schemas schemas\n"), "{run:?}");
    let expected = "; did you mean --schemas schemas or --schemas services/billing/events\n";
    assert!(several.stderr.ends_with(expected), "{several:?}");
}

#[test]
fn every_finding_is_reported_with_its_place() {
    let key = r#"{"x-event": {"key": "/nowhere"}, "type": "object"}"#;
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", key)]);

    let run = folder.run(&["lint", "--explain-paths"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.starts_with("domain/rule/created.v1.json:1:14: error[bad-x-event]"), "{run:?}");
    assert!(run.stderr.ends_with("2 files: 1 error, 0 warnings, 0 advice\n"), "{run:?}");
    assert!(!run.stdout.contains("fast path"), "a broken catalogue has no paths: {run:?}");
}

#[test]
fn slow_events_and_replies_are_explained_and_are_no_findings() {
    let folder = Folder::with(&[
        ("schemas/eventsmith.toml", TERSE),
        ("schemas/domain/rule/created.v1.json", FAST),
        ("schemas/domain/rule/renamed.v1.json", SLOW),
        ("schemas/query/rule/get.v1.json", FAST),
        ("schemas/query/rule/get.v1.reply.json", SLOW),
        ("schemas/query/rule/get.v1.error.json", SLOW),
    ]);

    let run = folder.run(&["lint", "--explain-paths", "--schemas", "schemas"]);

    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(
        lines,
        [
            "rule.renamed v1 takes the slow path: not at schemas/domain/rule/renamed.v1.json:4:32 /properties/name/not",
            "rule.get v1 reply takes the slow path: not at schemas/query/rule/get.v1.reply.json:4:32 /properties/name/not",
            "rule.get v1 error takes the slow path: not at schemas/query/rule/get.v1.error.json:4:32 /properties/name/not",
            "2 of 5 payloads take the fast path",
        ]
    );
}

#[test]
fn what_cannot_run_exits_with_two() {
    let run = Folder::with(&[]).run(&["lint"]);

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("no eventsmith.toml"), "{run:?}");
}

#[test]
fn a_warning_is_reported_with_the_way_out_and_fails() {
    let slip = COMPLETE.replace("\"required\"", "\"requried\"");
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", &slip)]);

    let run = folder.run(&["lint"]);

    let finding = "domain/rule/created.v1.json:5:3: warning[misspelt-keyword]: \"requried\" is no keyword of \
                   JSON Schema and says nothing\n5 |   \"requried\": [\"name\"],\n  |   ^ /requried\n    help: did you mean \"required\"?\n";
    assert_eq!((run.status, run.stdout.as_str()), (1, finding), "{run:?}");
}

#[test]
fn advice_alone_does_not_fail() {
    let unbounded = COMPLETE.replace(", \"maxLength\": 200", "");
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", &unbounded)]);

    let run = folder.run(&["lint"]);

    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("advice[unbounded-string]"), "{run:?}");
}

#[test]
fn a_rule_is_switched_off_for_files_or_made_an_error() {
    let unbounded = COMPLETE.replace(", \"maxLength\": 200", "");
    let lint = |switch: &str| {
        let manifest = format!("root = \"rules\"\n[lint]\nunbounded-string = {{ {switch}, reason = \"a test\" }}\n");
        Folder::with(&[("eventsmith.toml", &manifest), ("domain/rule/created.v1.json", &unbounded)]).run(&["lint"])
    };

    let (off, elsewhere) = (lint("level = \"off\""), lint("level = \"off\", files = [\"integration/*\"]"));
    let error = lint("level = \"error\", files = [\"domain/rule/*\"]");

    assert_eq!((off.status, off.stdout.as_str()), (0, ""), "{off:?}");
    assert!(elsewhere.stdout.contains("advice[unbounded-string]"), "{elsewhere:?}");
    assert_eq!(error.status, 1, "{error:?}");
    assert!(error.stdout.contains("error[unbounded-string]"), "{error:?}");
}

#[test]
fn a_switch_needs_a_rule_that_exists_and_a_reason() {
    let manifest = "root = \"rules\"\n[lint]\nunbounded-sting = { level = \"off\", reason = \"a test\" }\n\
                    missing-title = { level = \"off\" }\nbad-schema = { level = \"off\", reason = \"a test\" }\n";
    let folder = Folder::with(&[("eventsmith.toml", manifest), ("domain/rule/created.v1.json", COMPLETE)]);

    let run = folder.run(&["lint"]);

    let findings: Vec<&str> = run.stdout.lines().filter(|line| line.contains("error[")).collect();
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(
        findings,
        [
            "eventsmith.toml:3:1: error[bad-switch]: there is no rule \"unbounded-sting\"",
            "eventsmith.toml:4:1: error[bad-switch]: the switch of missing-title has no reason",
            "eventsmith.toml:5:1: error[bad-switch]: bad-schema cannot be switched off",
        ]
    );
    assert!(run.stdout.contains("did you mean unbounded-string"), "{run:?}");
}

#[test]
fn an_allow_silences_its_schema_and_what_is_below_it() {
    let allow = |scope: &str| {
        let unbounded = COMPLETE.replace(", \"maxLength\": 200", "");
        let allowed =
            unbounded.replace(scope, &format!("{scope} \"x-lint-allow\": {{\"unbounded-string\": \"a test\"}},"));
        Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", &allowed)]).run(&["lint"])
    };

    for scope in ["\"type\": \"object\",", "\"description\": \"What it is called.\","] {
        let run = allow(scope);
        assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{scope}: {run:?}");
    }
}

#[test]
fn an_allow_that_silences_nothing_is_a_finding() {
    let allowed =
        COMPLETE.replace("\"minLength\"", "\"x-lint-allow\": {\"unbounded-string\": \"a test\"}, \"minLength\"");
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", &allowed)]);

    let run = folder.run(&["lint"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("warning[unused-allow]"), "{run:?}");
    assert!(run.stdout.contains("^ /properties/name/x-lint-allow/unbounded-string\n"), "{run:?}");
}

#[test]
fn a_broken_file_does_not_keep_the_others_from_being_read() {
    let slip = COMPLETE.replace("\"required\"", "\"requried\"");
    let folder = Folder::with(&[
        MANIFEST,
        ("domain/rule/created.v1.json", &slip),
        ("domain/rule/deleted.v1.json", "{\"type\": \"objekt\"}"),
    ]);

    let run = folder.run(&["lint"]);

    let heads = run.stdout.lines().filter(|line| line.starts_with("domain/"));
    let rules: Vec<&str> = heads.filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert_eq!((run.status, rules), (1, vec!["misspelt-keyword", "bad-schema"]), "{run:?}");
}

#[test]
fn code_is_generated_whatever_the_rules_find() {
    let slip = COMPLETE.replace("\"required\"", "\"requried\"");
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", &slip)]);

    assert_eq!(folder.run(&["generate"]).status, 0);
}

#[test]
fn the_catalogue_of_this_repository_is_clean() {
    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas");

    let run = Folder::with(&[]).run(&["lint", "--schemas", schemas]);

    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
}

#[test]
fn a_file_has_one_finding_of_each_rule_that_says_how_many_are_like_it() {
    let bare = r#"{
  "type": "object",
  "properties": {
    "a": {"type": "string"},
    "b": {"type": "string"},
    "c": {"type": "string"}
  }
}"#;
    let folder =
        Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", bare), ("domain/rule/changed.v1.json", bare)]);

    let run = folder.run(&["lint"]);
    let all = folder.run(&["lint", "--all"]);

    let of = |text: &str| text.lines().filter(|line| line.contains("[unbounded-string]")).count();
    assert_eq!((of(&run.stdout), of(&all.stdout)), (2, 6), "{run:?}");
    assert!(run.stdout.contains("(2 more like it, in lines 5, 6)"), "{run:?}");
    assert!(run.stderr.ends_with("; --all prints each\n"), "{run:?}");
    assert_eq!(run.stderr.split(';').next(), all.stderr.trim_end().split(';').next(), "both count everything");
}

#[test]
fn every_command_ends_with_a_line_that_says_what_it_did() {
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", COMPLETE), ("p.json", r#"{"name": "a"}"#)]);
    for (command, last) in [
        (&["example", "rule.created"][..], "1 example of rule.created@1\n"),
        (&["completions", "bash"], "1 completion script for bash\n"),
        (&["man"], "1 manual page\n"),
        (&["validate", "--event", "rule.created", "p.json"], "1 valid, 0 invalid\n"),
    ] {
        let run = folder.run(command);
        assert_eq!(run.status, 0, "{run:?}");
        assert!(run.stderr.ends_with(last), "{command:?}: {:?}", run.stderr);
    }
}
