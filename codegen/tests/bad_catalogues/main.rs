//! Every kind of broken catalogue fails with the file, the place, and what to do.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod aggregates;
mod buckets;
#[path = "../common/mod.rs"]
mod common;
mod manifest;
mod references;
mod requests;
mod schemas;

use common::catalogue;
use eventsmith_codegen::{Diagnostic, generate, load};

const FINE: &str = r#"{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}"#;

fn problems(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let dir = catalogue(files);
    generate(&load(dir.path())).expect_err("the catalogue is broken")
}

/// The one problem of a catalogue: rule, file, pointer, line.
fn problem(files: &[(&str, &str)]) -> (String, String, String, Option<usize>) {
    let problems = problems(files);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let Diagnostic { rule, file, pointer, position, message, help, .. } = problems[0].clone();
    assert!(!message.is_empty() && !help.is_empty());
    (rule.to_owned(), file, pointer, position.map(|position| position.line))
}

fn at(rule: &str, file: &str, pointer: &str, line: Option<usize>) -> (String, String, String, Option<usize>) {
    (rule.to_owned(), file.to_owned(), pointer.to_owned(), line)
}

#[test]
fn text_that_is_not_json_is_shown_with_its_line() {
    let found = problem(&[("domain/rule/created.v1.json", "{\n  \"type\": \"object\",\n}")]);

    assert_eq!(found, at("bad-json", "domain/rule/created.v1.json", "", Some(3)));
}

#[test]
fn an_unknown_type_is_shown_with_its_pointer_and_line() {
    let schema = "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"id\": {\"type\": \"strng\"}\n  }\n}";
    let problems = problems(&[("domain/rule/created.v1.json", schema)]);

    assert_eq!(
        problems[0].to_string(),
        "domain/rule/created.v1.json:4:12 at /properties/id/type: error[bad-schema]: unknown type \"strng\"\n    \
         help: did you mean string?"
    );
}

#[test]
fn a_keyword_with_a_wrong_value_is_no_schema() {
    let schema = "{\n  \"minLength\": \"3\"\n}";

    assert_eq!(
        problem(&[("domain/rule/created.v1.json", schema)]),
        at("bad-schema", "domain/rule/created.v1.json", "/minLength", Some(2))
    );
}

#[test]
fn an_unknown_draft_is_refused() {
    let schema = "{\"$schema\": \"https://json-schema.org/draft/1066/schema\"}";

    assert_eq!(
        problem(&[("domain/rule/created.v1.json", schema)]),
        at("bad-schema", "domain/rule/created.v1.json", "/$schema", Some(1))
    );
}

#[test]
fn references_that_lead_nowhere_are_all_listed() {
    let schema = r##"{"properties": {
        "a": {"$ref": "#/$defs/Missing"},
        "b": {"$ref": "../../common.json#/$defs/Missing"},
        "c": {"$ref": "missing.json"}
    }}"##;
    let problems = problems(&[("domain/rule/created.v1.json", schema), ("common.json", "{\"$defs\": {}}")]);

    let found: Vec<(&str, &str)> = problems.iter().map(|problem| (problem.rule, problem.pointer.as_str())).collect();
    assert_eq!(
        found,
        [
            ("bad-reference", "/properties/a/$ref"),
            ("bad-reference", "/properties/b/$ref"),
            ("bad-reference", "/properties/c/$ref"),
        ]
    );
}

#[test]
fn two_files_for_one_version_of_an_event_are_refused() {
    let found = problem(&[("domain/rule/created.v1.json", FINE), ("domain/rule/created.v01.json", FINE)]);
    assert_eq!(found.0, "duplicate-version");

    let found = problem(&[("domain/rule/created.v1.json", FINE), ("integration/rule/created.v1.json", FINE)]);
    assert_eq!(found, at("duplicate-version", "integration/rule/created.v1.json", "", None));
}

#[test]
fn names_that_are_no_subject_tokens_are_refused() {
    for path in ["domain/rule/cre ated.v1.json", "domain/ru.le/created.v1.json", "domain/rule/größe.v1.json"] {
        assert_eq!(problem(&[(path, FINE)]), at("bad-token", path, "", None));
    }
    let found = problem(&[("eventsmith.toml", "root = \"my rules\""), ("domain/rule/created.v1.json", FINE)]);
    assert_eq!(found, at("bad-token", "eventsmith.toml", "", None));
}

#[test]
fn a_group_may_not_take_the_name_of_a_generated_module() {
    let found = problem(&[("domain/subjects/created.v1.json", FINE)]);

    assert_eq!(found, at("reserved-name", "domain/subjects/created.v1.json", "", None));
}

#[test]
fn a_file_without_a_version_is_refused_unless_it_only_defines() {
    assert_eq!(problem(&[("domain/rule/created.json", FINE)]), at("no-version", "domain/rule/created.json", "", None));
    let dir = catalogue(&[("domain/rule/shared.json", "{\"$defs\": {\"Id\": true}}")]);
    assert!(generate(&load(dir.path())).is_ok());
}

#[test]
fn a_number_that_nobody_counts_to_is_no_version() {
    let [one, last] = [0_u32, u32::MAX].map(|number| format!("domain/rule/created.v{number}.json"));
    for path in [one, last] {
        assert_eq!(problem(&[(&path, "{}")]).0, "no-version", "{path}");
    }
}

#[test]
fn a_reply_without_a_request_is_refused() {
    assert_eq!(problem(&[("query/rule/get.v1.reply.json", FINE)]).0, "stray-reply");
    assert_eq!(problem(&[("domain/rule/created.v1.reply.json", FINE)]).0, "stray-reply");
}

#[test]
fn a_refusal_without_a_request_is_refused() {
    assert_eq!(problem(&[("command/rule/activate.v1.error.json", FINE)]).0, "stray-error");
    assert_eq!(problem(&[("domain/rule/created.v1.error.json", FINE)]).0, "stray-error");
    let of_another_version = [("command/rule/activate.v1.json", FINE), ("command/rule/activate.v2.error.json", FINE)];
    assert_eq!(problem(&of_another_version), at("stray-error", "command/rule/activate.v2.error.json", "", None));
}

#[test]
fn a_key_must_lead_to_a_required_scalar() {
    for (key, what) in [("/nowhere", "nothing"), ("/name", "an optional property"), ("/list", "an array")] {
        let schema = format!(
            "{{\"type\": \"object\", \"required\": [\"list\"], \"x-event\": {{\"key\": {key:?}}}, \"properties\": \
             {{\"name\": {{\"type\": \"string\"}}, \"list\": {{\"type\": \"array\"}}}}}}"
        );
        assert_eq!(
            problem(&[("domain/rule/created.v1.json", &schema)]),
            at("bad-x-event", "domain/rule/created.v1.json", "/x-event/key", Some(1)),
            "{what}"
        );
    }
}

#[test]
fn a_template_names_required_properties_only() {
    let schema = r#"{"type": "object", "x-event": {"subject": "rules.rule.{id}"},
        "properties": {"id": {"type": "string"}}}"#;

    assert_eq!(problem(&[("domain/rule/created.v1.json", schema)]).2, "/x-event/subject");
}

#[test]
fn streams_and_services_are_held_against_the_events() {
    let manifest = "root = \"rules\"
[streams.DOMAIN]
subjects = [\"rules.domain.>\", \"rules.domian.>\"]
[streams.TWICE]
subjects = [\"rules.domain.rule.*\"]
[services.rules]
publishes = [\"rule.created\", \"rule.creatd\"]
handles = [\"rule.created\"]
";
    let problems = problems(&[
        ("eventsmith.toml", manifest),
        ("domain/rule/created.v1.json", FINE),
        ("integration/sync/started.v1.json", FINE),
    ]);

    let found: Vec<(&str, &str, Option<usize>)> = problems
        .iter()
        .map(|problem| (problem.rule, problem.file.as_str(), problem.position.map(|position| position.line)))
        .collect();
    assert_eq!(
        found,
        [
            ("unknown-subject", "eventsmith.toml", Some(3)),
            ("two-streams", "eventsmith.toml", Some(4)),
            ("unknown-event", "eventsmith.toml", Some(7)),
            ("wrong-role", "eventsmith.toml", Some(8)),
            ("no-stream", "integration/sync/started.v1.json", None),
        ]
    );
}

#[test]
fn a_subject_of_ones_own_begins_with_the_root() {
    let manifest = "root = \"rules\"\n[streams.ALL]\nsubjects = [\"rls.>\"]\n";
    let schema = FINE.replacen('{', r#"{"x-event": {"subject": "rls.domain.rule.created.{id}"}, "#, 1);

    let found = problem(&[("eventsmith.toml", manifest), ("domain/rule/created.v1.json", &schema)]);

    assert_eq!(found, at("bad-x-event", "domain/rule/created.v1.json", "/x-event/subject", Some(1)));
}

#[test]
fn ids_are_remembered_no_longer_than_their_messages() {
    let of = |settings: &str| {
        let manifest = format!("root = \"rules\"\n[streams.ALL]\nsubjects = [\"rules.>\"]\n{settings}\n");
        let dir = catalogue(&[("eventsmith.toml", &manifest), ("domain/rule/created.v1.json", FINE)]);
        load(dir.path()).diagnostics.iter().map(|found| found.rule).collect::<Vec<_>>()
    };

    assert_eq!(of("max_age = \"1m\"\nduplicate_window = \"5m\""), ["bad-manifest"]);
    assert_eq!(of("max_age = \"1m\""), ["bad-manifest"], "two minutes unless it is said");
    assert!(of("max_age = \"1m\"\nduplicate_window = \"1m\"").is_empty());
}

#[test]
fn a_manifest_that_is_no_toml_is_shown_with_its_line() {
    let found = problem(&[("eventsmith.toml", "root = \"rules\"\nstreams = 3\n")]);

    assert_eq!(found, at("bad-manifest", "eventsmith.toml", "", Some(2)));
}

#[test]
fn the_help_about_a_manifest_fits_what_is_wrong() {
    let stream = "root = \"r\"\n[streams.S]\nsubjects = [\"r.>\"]\n";
    let service = "root = \"r\"\n[services.s]\n";
    let event = [("domain/rule/created.v1.json", FINE)];
    for (text, line, message, help) in [
        ("rot = \"r\"".to_owned(), 1, "there is no key `rot`", "did you mean `root`?"),
        ("[stream.S]".to_owned(), 1, "there is no key `stream`", "did you mean `streams`?"),
        (
            "root = \"r\"\nzzzzzzzzzzz = 1".to_owned(),
            2,
            "there is no key `zzzzzzzzzzz`",
            "there are root, wire, site, compatibility",
        ),
        (String::new(), 1, "the key `root` is missing", "root = \"rules\""),
        ("root = \"r\"\n[streams.S]".to_owned(), 2, "the key `subjects` is missing", "add a line: subjects = .."),
        (format!("{stream}retention = \"limit\""), 4, "there is no value `limit`", "did you mean `limits`?"),
        (format!("{stream}max_age = \"5\""), 4, "\"5\" is not a duration", "write a whole number and ms"),
        (
            format!("{stream}max_age = 5"),
            4,
            "expected a string, found integer `5`",
            "durations and sizes stand in quotes",
        ),
        (
            "root = \"r\"\ncompatibility = \"backward\"".to_owned(),
            2,
            "expected a table, found string",
            "write a section",
        ),
        ("root = \"r\"\nservices = [\"a\"]".to_owned(), 2, "expected a table, found", "write a section"),
        (format!("{stream}replicas = 0"), 4, "no cluster keeps 0 replicas", "write 1 to 5"),
        (format!("{stream}max_messages = 0"), 4, "0 is no limit", "write 1 or more"),
        (format!("{service}consumer = {{ ack_wait = \"0s\" }}"), 3, "no time at all", "write 1ms or more"),
        (format!("{service}consumer = {{ max_deliver = 0 }}"), 3, "0 is no limit", "write 1 or more"),
        ("root = \"r".to_owned(), 1, "", "mend the syntax of TOML"),
    ] {
        let found = problems(&[&event[..], &[("eventsmith.toml", text.as_str())]].concat());
        let found = found.into_iter().find(|found| found.rule == "bad-manifest").expect(&text);
        assert!(found.message.contains(message) && found.help.contains(help), "{text}: {found}");
        assert_eq!(found.position.map(|position| position.line), Some(line), "{text}: {found}");
    }
}

#[test]
fn an_event_that_was_mistyped_is_reported_with_the_one_that_was_meant() {
    let manifest = "root = \"r\"\n[services.s]\nconsumes = [\"rule.creatd\"]\n";

    let found = problems(&[("domain/rule/created.v1.json", FINE), ("eventsmith.toml", manifest)]);

    let found: Vec<(&str, &str)> = found.iter().map(|found| (found.rule, found.help.as_str())).collect();
    assert_eq!(found, [("unknown-event", "did you mean rule.created?")]);
}

#[test]
fn an_event_whose_file_is_broken_is_missed_by_nobody() {
    let manifest = "root = \"r\"\n[services.s]\nconsumes = [\"rule.created\"]\n";

    let found = problem(&[("domain/rule/created.v1.json", "{"), ("eventsmith.toml", manifest)]);

    assert_eq!(found, at("bad-json", "domain/rule/created.v1.json", "", Some(1)));
}

#[test]
fn a_key_that_is_repeated_is_shown_at_the_second_one() {
    let text = "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"a:b\": true,\n    \"a:b\": false\n  }\n}";

    let found = problem(&[("domain/rule/created.v1.json", text)]);

    assert_eq!(found, at("repeated-key", "domain/rule/created.v1.json", "", Some(5)));
}

#[test]
fn a_file_that_looks_like_an_event_and_is_none_is_reported() {
    let loaded = load(
        catalogue(&[
            ("domain/rule/created.v1.json", r#"{"$ref": "../../shared/id.v1.json"}"#),
            ("shared/id.v1.json", FINE),
            ("shared/common.json", FINE),
            ("envelope.v1.json", FINE),
            ("domian/rule/updated.v1.json", FINE),
            ("things/rule/deleted.v2.json", FINE),
            ("domain/rule/moved.v1.yml", "type: object"),
            ("domain/rule/named.v1.JSON", FINE),
            ("domain/rule/notes.yml", "type: object"),
            ("domain/README.md", ""),
        ])
        .path(),
    );

    let found: Vec<_> =
        loaded.diagnostics.iter().map(|found| (found.rule, found.file.as_str(), found.help.as_str())).collect();
    let kinds = "the first folder of an event is its kind: domain, integration, command, query, state; name other files without a version";
    assert_eq!(
        found,
        [
            ("stray-file", "domain/rule/moved.v1.yml", "write it as JSON, to domain/rule/moved.v1.json"),
            ("stray-file", "domain/rule/named.v1.JSON", "write it as JSON, to domain/rule/named.v1.json"),
            ("stray-file", "domian/rule/updated.v1.json", "did you mean domain/rule/updated.v1.json?"),
            ("stray-file", "things/rule/deleted.v2.json", kinds),
        ]
    );
    assert!(generate(&loaded).is_ok());
}

#[test]
fn every_problem_is_listed_not_the_first_one() {
    let problems = problems(&[
        ("domain/rule/created.v1.json", "{"),
        ("domain/rule/updated.v1.json", "{\"type\": \"strng\"}"),
        ("domain/rule/deleted.v1.json", "{\"$ref\": \"nowhere.json\"}"),
        ("domain/rule/bad name.v1.json", FINE),
    ]);

    let rules: Vec<&str> = problems.iter().map(|problem| problem.rule).collect();
    assert_eq!(rules, ["bad-token", "bad-json", "bad-reference", "bad-schema"]);
}

#[test]
fn a_pattern_that_cannot_be_run_is_shown_at_its_line_wherever_it_stands() {
    let text = "{\n  \"properties\": {\n    \"id\": {\"pattern\": \"[\\\\w-.]\"}\n  }\n}";
    assert_eq!(
        problem(&[("domain/rule/created.v1.json", text)]),
        at("bad-pattern", "domain/rule/created.v1.json", "/properties/id/pattern", Some(3))
    );
    let names = r#"{"patternProperties": {"[^]/": true}}"#;
    assert_eq!(problem(&[("domain/rule/created.v1.json", names)]).2, "/patternProperties/[^]~1");
    let shared = r#"{"$defs": {"A": {"not": {"propertyNames": {"pattern": "[a"}}}}}"#;
    let user = r##"{"properties": {"a": {"$ref": "../../common.json#/$defs/A"}}}"##;
    let found = problem(&[("domain/rule/created.v1.json", user), ("common.json", shared)]);
    assert_eq!(found, at("bad-pattern", "common.json", "/$defs/A/not/propertyNames/pattern", Some(1)));
}

#[test]
fn schemas_below_unknown_keywords_are_looked_at_where_references_lead_there() {
    let of = |schema: &str| {
        format!(r##"{{"$ref": "#/components/schemas/A", "components": {{"schemas": {{"A": {schema}}}}}}}"##)
    };
    let rule = |schema: &str| problem(&[("domain/rule/created.v1.json", &of(schema))]);

    let pointer = "/components/schemas/A";
    assert_eq!(rule(r#"{"pattern": "[a"}"#).2, format!("{pointer}/pattern"));
    assert_eq!(
        rule(r#"{"type": "strng"}"#),
        at("bad-schema", "domain/rule/created.v1.json", &format!("{pointer}/type"), Some(1))
    );
    assert_eq!(rule(r##"{"$ref": "missing.json"}"##).0, "bad-reference");
}

#[test]
fn a_pattern_that_only_some_engines_know_is_a_warning() {
    let dir = catalogue(&[(
        "domain/rule/created.v1.json",
        r#"{"properties": {"a": {"type": "string", "pattern": "^(?i)a$"}}}"#,
    )]);
    let loaded = load(dir.path());

    assert_eq!(loaded.diagnostics.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["foreign-pattern"]);
    assert!(generate(&loaded).is_ok());
}

#[test]
fn a_byte_order_mark_and_too_many_levels_are_reported_for_what_they_are() {
    let help = |text: &str| problems(&[("domain/rule/created.v1.json", text)]).remove(0).help;

    assert!(help("\u{feff}{}").contains("byte order mark"));
    assert!(help(&format!("{}{}", "{\"not\":".repeat(130), "}".repeat(130))).contains("depth of 127"));
}

#[test]
fn definitions_that_multiply_are_reported_where_they_become_too_many() {
    let mut definitions = serde_json::Map::new();
    for level in 0..9 {
        let next = serde_json::json!({"$ref": format!("#/$defs/d{}", level + 1)});
        let keyword = ["allOf", "anyOf", "oneOf"][level % 3];
        definitions.insert(format!("d{level}"), serde_json::json!({keyword: vec![next; 10]}));
    }
    definitions.insert("d9".to_owned(), serde_json::json!({"type": "string"}));
    let schema = serde_json::json!({"$ref": "#/$defs/d0", "$defs": definitions}).to_string();

    let found = warnings(&[("domain/rule/created.v1.json", &schema)]);

    assert_eq!(found, [("costly-schema", "/$defs/d0".to_owned())]);
}

/// The warnings of loading: rule and pointer.
fn warnings(files: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let dir = catalogue(files);
    load(dir.path()).diagnostics.iter().map(|warning| (warning.rule, warning.pointer.clone())).collect()
}

#[test]
fn a_pointer_of_git_lfs_is_reported_as_that() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let problems = problems(&[("domain/rule/created.v1.json", pointer)]);

    assert_eq!(problems[0].rule, "bad-json");
    assert!(problems[0].help.contains("git lfs pull"), "{}", problems[0]);
}

#[test]
fn a_fault_in_a_schema_that_may_be_one_or_a_list_is_reported_where_it_is() {
    let of = |draft: &str| {
        let text = format!(
            r#"{{"$schema": "{draft}", "type": "array", "items": {{"properties": {{"a": {{"type": "money"}}}}}}}}"#
        );
        let [finding] = problems(&[("domain/rule/created.v1.json", &text)]).try_into().unwrap();
        (finding.pointer, finding.message)
    };

    for draft in ["http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-04/schema#"] {
        assert_eq!(of(draft), ("/items/properties/a/type".to_owned(), "unknown type \"money\"".to_owned()));
    }
}

#[test]
fn a_type_in_two_kinds_is_reported_as_that() {
    let problems = problems(&[("domain/rule/created.v1.json", FINE), ("integration/rule/created.v2.json", FINE)]);

    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.message.contains("of the kind domain already, by domain/rule/created.v1.json"), "{problem}");
}
