//! The rules of lint, where their examples do not tell enough: what each must find, and what it must leave alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::lint::lint;
use eventsmith_codegen::{generate, load};

/// The findings of one rule in one schema file, by their pointers.
fn found(rule: &str, schema: &str) -> Vec<String> {
    found_in(rule, &[("domain/rule/created.v1.json", schema)])
}

fn found_in(rule: &str, files: &[(&str, &str)]) -> Vec<String> {
    let findings = lint(&load(catalogue(files).path()));
    findings.into_iter().filter(|finding| finding.rule == rule).map(|finding| finding.pointer).collect()
}

#[test]
fn a_service_that_consumes_needs_a_stream_that_captures_all_of_its_dead_letters() {
    let found = |manifest: &str| {
        let manifest = format!("root = \"rules\"\n{manifest}");
        let files = [("eventsmith.toml", manifest.as_str()), ("domain/rule/created.v1.json", "{\"type\": \"object\"}")];
        found_in("no-dead-letters", &files).len()
    };
    let stream = "[streams.RULES]\nsubjects = [\"rules.domain.>\"]\n";
    let letters = |subject: &str| format!("[streams.LETTERS]\nsubjects = [{subject:?}]\n");
    let services = "[services.a]\nconsumes = [\"rule.created\"]\n[services.b]\nconsumes = [\"rule.created\"]\n\
                    [services.c]\npublishes = [\"rule.created\"]\n";

    assert_eq!(found(&format!("{stream}{services}")), 2);
    assert_eq!(found(&format!("{stream}{}{services}", letters("rules.dlq.a.>"))), 1);
    assert_eq!(found(&format!("{stream}{}{services}", letters("rules.dlq.*.RULES.>"))), 0);
    assert_eq!(found(&format!("{stream}{}{services}", letters("rules.dlq.>"))), 0);
    assert_eq!(found(services), 0, "the streams are declared elsewhere");
}

#[test]
fn a_stream_of_histories_forgets_nothing_whatever_its_settings() {
    let found = |settings: &str| {
        let manifest = format!("root = \"rules\"\n[streams.RULES]\nsubjects = [\"rules.domain.>\"]\n{settings}\n");
        let schema = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}},
            "x-event": {"key": "/id", "aggregate": "rule"}}"#;
        found_in("forgetful-aggregate", &[("eventsmith.toml", &manifest), ("domain/rule/created.v1.json", schema)])
            .len()
    };

    for settings in ["storage = \"memory\"", "max_age = \"30d\"", "max_messages = 9", "retention = \"interest\""] {
        assert_eq!(found(settings), 1, "{settings}");
    }
    for settings in ["", "storage = \"file\"", "max_messages = 9\ndiscard = \"new\""] {
        assert_eq!(found(settings), 0, "{settings}");
    }
}

#[test]
fn a_limit_may_stand_beside_the_type_in_any_way() {
    for schema in [
        r#"{"properties": {"a": {"type": "string", "allOf": [{"maxLength": 9}]}}}"#,
        r#"{"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}], "maxLength": 9}}}"#,
        r##"{"properties": {"a": {"type": "string", "$ref": "#/$defs/Short"}}, "$defs": {"Short": {"maxLength": 9}}}"##,
        r#"{"properties": {"a": {"type": "string", "enum": ["x"]}}}"#,
        r#"{"properties": {"a": {"type": "string", "format": "uuid"}}}"#,
        r#"{"properties": {"a": {"type": "string", "pattern": "^[a-z]{1,9}$"}}}"#,
    ] {
        assert_eq!(found("unbounded-string", schema), Vec::<String>::new(), "{schema}");
    }
    let schema =
        r#"{"properties": {"a": {"type": "string", "pattern": "^[a-z]+$"}, "b": {"items": {"type": "string"}}}}"#;
    assert_eq!(found("unbounded-string", schema), ["/properties/a", "/properties/b/items"]);
}

#[test]
fn a_condition_must_not_say_everything() {
    let schema =
        r#"{"if": {"properties": {"a": {"type": "string"}}}, "then": {"properties": {"a": {"type": "integer"}}}}"#;

    assert_eq!(found("unbounded-string", schema), Vec::<String>::new());
    assert_eq!(found("wide-integer", schema), Vec::<String>::new());
    assert_eq!(found("undescribed-property", schema), Vec::<String>::new());
}

#[test]
fn the_limits_of_an_integer_may_come_from_several_places_and_exceed_64_bits() {
    let schema = r#"{"properties": {
        "split": {"type": "integer", "minimum": 0, "allOf": [{"maximum": 9}]},
        "unsigned": {"type": "integer", "minimum": 0, "maximum": 18446744073709551615},
        "real": {"type": "integer", "minimum": -1e3, "exclusiveMaximum": 1e3},
        "listed": {"type": "integer", "enum": [1, 2]},
        "number": {"type": "number"},
        "huge": {"type": "integer", "minimum": -1, "maximum": 18446744073709551615},
        "bare": {"type": ["integer", "null"]}
    }}"#;

    assert_eq!(found("wide-integer", schema), ["/properties/huge", "/properties/bare"]);
}

#[test]
fn a_required_property_may_be_declared_wherever_the_same_value_is_described() {
    for schema in [
        r#"{"properties": {"a": true}, "anyOf": [{"required": ["a"]}]}"#,
        r#"{"allOf": [{"properties": {"a": true}}, {"required": ["a"]}]}"#,
        r##"{"$ref": "#/$defs/Base", "required": ["a"], "$defs": {"Base": {"properties": {"a": true}}}}"##,
        r#"{"patternProperties": {"^a": true}, "required": ["a"]}"#,
        r#"{"type": "object", "additionalProperties": {"type": "string"}, "required": ["a"]}"#,
        r#"{"properties": {"b": true}, "not": {"required": ["a"]}}"#,
        r##"{"allOf": [{"$ref": "#/$defs/HasA"}], "properties": {"a": true}, "$defs": {"HasA": {"required": ["a"]}}}"##,
    ] {
        assert_eq!(found("undeclared-required", schema), Vec::<String>::new(), "{schema}");
    }
    let schema = r#"{"properties": {"b": true}, "if": {"required": ["b"]}, "then": {"required": ["a"]}}"#;
    assert_eq!(found("undeclared-required", schema), ["/then/required/0"]);
}

#[test]
fn a_schema_that_refers_to_itself_ends_every_search() {
    let schema = r##"{"$ref": "#/$defs/A", "$defs": {
        "A": {"type": "string", "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "required": ["a"]},
        "B": {"type": "string", "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}
    }}"##;

    assert_eq!(found("unbounded-string", schema), ["/$defs/A", "/$defs/B"]);
}

#[test]
fn examples_are_checked_wherever_they_stand_and_across_files() {
    let event = r#"{"properties": {"id": {"$ref": "../../common.json#/$defs/Id", "examples": ["A1", "b2"]}}}"#;
    let common = r#"{"$defs": {"Id": {"pattern": "^[A-Z][0-9]$", "examples": ["A1", "A22"]}}}"#;
    let files = [("common.json", common), ("domain/rule/created.v1.json", event)];

    assert_eq!(found_in("invalid-example", &files), ["/$defs/Id/examples/1", "/properties/id/examples/1"]);
}

#[test]
fn what_accepts_nothing_names_what_contradicts_what() {
    let told = |a: &str| {
        let schema = format!(r#"{{"type": "object", "properties": {{"a": {a}}}}}"#);
        let files = [("domain/rule/created.v1.json", schema.as_str())];
        let findings = lint(&load(catalogue(&files).path()));
        let found = findings.into_iter().find(|finding| finding.rule == "unsatisfiable-branch").unwrap();
        found.message.strip_prefix("this accepts nothing: nothing satisfies ").unwrap().to_owned()
    };

    assert_eq!(told(r#"{"type": "string", "enum": [1, 2]}"#), "type and enum together");
    assert_eq!(
        told(r#"{"allOf": [{"type": "string"}, {"type": "null"}]}"#),
        "type of /allOf/0 and type of /allOf/1 together"
    );
    let forbidden = r#"{"type": "object", "properties": {"x": false}, "required": ["x"]}"#;
    assert_eq!(told(forbidden), "type and properties and required together");
    let closed = r#"{"type": "object", "required": ["z"], "additionalProperties": false}"#;
    assert_eq!(told(closed), "type and additionalProperties and required together");
    assert_eq!(told(r#"{"enum": ["x"], "const": "y"}"#), "enum and const together");
    assert_eq!(told(r#"{"anyOf": [false, false]}"#), "anyOf: each of its alternatives accepts nothing");
    let twice = told(r#"{"oneOf": [{"type": "null"}, {"type": "null"}]}"#);
    assert!(twice.starts_with("oneOf: what one of its alternatives accepts, another accepts as well"), "{twice}");
}

#[test]
fn a_payload_that_must_hold_another_without_end_is_told_so() {
    let schema = r##"{"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}"##;

    let findings = lint(&load(catalogue(&[("domain/rule/created.v1.json", schema)]).path()));

    let found = findings.into_iter().find(|finding| finding.rule == "unsatisfiable").unwrap();
    assert!(found.message.contains("must hold another one") && found.help.contains("make optional"), "{found:?}");
}

#[test]
fn the_innermost_contradiction_is_the_one_that_is_reported() {
    let inner = r#"{"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "minLength": 2, "maxLength": 1}}}"#;
    let optional = format!(r#"{{"type": "object", "properties": {{"o": {inner}}}}}"#);
    let required = format!(r#"{{"type": "object", "required": ["o"], "properties": {{"o": {inner}}}}}"#);

    assert_eq!(found("unsatisfiable-branch", &optional), ["/properties/o/properties/a"]);
    assert_eq!(found("unsatisfiable", &optional), Vec::<String>::new());
    assert_eq!(found("unsatisfiable", &required), ["/properties/o/properties/a"]);
    assert_eq!(found("unsatisfiable-branch", &required), Vec::<String>::new());
}

#[test]
fn a_contradiction_in_a_shared_file_is_reported_once_where_it_stands() {
    let event = r#"{"properties": {"id": {"$ref": "../../common.json#/$defs/Id"}}}"#;
    let common = r#"{"$defs": {"Id": {"type": "string", "minLength": 2, "maxLength": 1}}}"#;
    let files =
        [("common.json", common), ("domain/rule/created.v1.json", event), ("domain/rule/updated.v1.json", event)];

    let findings = lint(&load(catalogue(&files).path()));

    let places: Vec<String> =
        findings.into_iter().filter(|f| f.rule == "unsatisfiable-branch").map(|f| f.file).collect();
    assert_eq!(places, ["common.json"]);
}

#[test]
fn what_is_forbidden_on_purpose_is_no_finding() {
    for schema in [
        r#"{"properties": {"a": false}}"#,
        r#"{"properties": {"a": {"not": {}}}}"#,
        r#"{"type": "object", "additionalProperties": false}"#,
        "false",
    ] {
        assert_eq!(found("unsatisfiable-branch", schema), Vec::<String>::new(), "{schema}");
        assert_eq!(found("unsatisfiable", schema), Vec::<String>::new(), "{schema}");
    }
}

#[test]
fn keywords_belong_to_drafts() {
    let d7 =
        r#"{"$schema": "http://json-schema.org/draft-07/schema#", "$defs": {}, "definitions": {}, "dependencies": {}}"#;
    let d2020 = r#"{"$defs": {}, "definitions": {}, "dependencies": {}, "additionalItems": true, "id": "x"}"#;

    assert_eq!(found("other-draft-keyword", d7), ["/$defs"]);
    assert_eq!(found("other-draft-keyword", d2020), ["/dependencies", "/additionalItems", "/id"]);
}

#[test]
fn an_old_draft_may_have_the_examples_that_are_asked_for() {
    let schema = r#"{"$schema": "http://json-schema.org/draft-04/schema#", "examples": [{}], "const": {}}"#;

    assert_eq!(found("other-draft-keyword", schema), ["/const"]);
    assert_eq!(found("missing-examples", schema), Vec::<String>::new());
}

#[test]
fn names_of_properties_are_no_keywords() {
    let schema = r#"{"properties": {"requried": {"type": "string"}, "id": {"type": "string"}}}"#;

    assert_eq!(found("misspelt-keyword", schema), Vec::<String>::new());
    assert_eq!(found("other-draft-keyword", schema), Vec::<String>::new());
}

#[test]
fn siblings_of_a_reference_are_idle_in_the_older_drafts_only() {
    let schema = |draft: &str| {
        format!(
            r##"{{"$schema": "{draft}", "properties": {{"a": {{"$ref": "#/definitions/A", "maxLength": 3, "title": "t"}}}},
                "definitions": {{"A": {{"type": "string"}}}}}}"##
        )
    };

    let old = found("idle-keyword", &schema("http://json-schema.org/draft-07/schema#"));
    let new = found("idle-keyword", &schema("https://json-schema.org/draft/2020-12/schema"));

    assert_eq!(old, ["/properties/a/maxLength"]);
    assert_eq!(new, Vec::<String>::new());
}

#[test]
fn events_without_services_need_no_publisher() {
    assert_eq!(found("no-publisher", r#"{"type": "object"}"#), Vec::<String>::new());
}

#[test]
fn an_allow_reaches_no_other_file() {
    let allowed = r#"{"x-lint-allow": {"missing-title": "a test"}}"#;
    let files = [("domain/rule/created.v1.json", allowed), ("domain/rule/updated.v1.json", "{}")];

    assert_eq!(found_in("missing-title", &files), [""]);
}

#[test]
fn a_switch_for_files_that_there_are_none_of_is_bad() {
    let found = |files: &str| {
        let manifest =
            format!("root = \"r\"\n[lint]\nmissing-title = {{ level = \"off\", reason = \"why\", files = {files} }}\n");
        let files = [("eventsmith.toml", manifest.as_str()), ("domain/rule/created.v1.json", "{\"type\": \"object\"}")];
        let findings = lint(&load(catalogue(&files).path())).into_iter();
        findings.filter(|found| found.rule == "bad-switch").map(|found| found.help).collect::<Vec<_>>()
    };

    assert_eq!(found(r#"["domain/*", "*.v1.json", "eventsmith.toml"]"#), Vec::<String>::new());
    assert_eq!(found(r#"["domain/*", "domian/*"]"#), ["did you mean \"domain/*\"?"]);
    assert_eq!(found(r#"["domain/rule"]"#), ["did you mean \"domain/rule/*\"?"]);
    assert_eq!(found(r#"["./domain/rule/*"]"#), ["did you mean \"domain/rule/*\"?"]);
    assert_eq!(found(r#"["domain/rule/creatd.v1.json"]"#), ["did you mean \"domain/rule/created.v1.json\"?"]);
    assert!(found(r#"["nothing/like/it"]"#).concat().contains("as seen from eventsmith.toml"));
}

#[test]
fn an_allow_changes_no_generated_type() {
    let generated = |allow: &str| {
        let schema = format!(r#"{{"type": "object", "properties": {{"a": {{"type": "string"{allow}}}}}}}"#);
        let dir = catalogue(&[("domain/rule/created.v1.json", &schema), ("domain/rule/created.v2.json", &schema)]);
        let text = generate(&load(dir.path())).unwrap();
        text.split("mod schemas").next().unwrap_or_default().to_owned()
    };

    let (plain, allowed) = (generated(""), generated(r#", "x-lint-allow": {"unbounded-string": "a test"}"#));

    assert!(plain.contains("struct RuleCreated"));
    assert_eq!(plain, allowed);
}

#[test]
fn keywords_of_openapi_fail_where_they_change_the_meaning() {
    let found = |property: &str| found("openapi-keyword", &format!(r#"{{"properties": {{"a": {property}}}}}"#));
    let null = ["/properties/a/nullable"];

    assert_eq!(found(r#"{"type": "string", "nullable": true}"#), null);
    assert_eq!(found(r#"{"enum": ["x"], "nullable": true}"#), null);
    assert_eq!(found(r#"{"allOf": [{"type": "string"}], "nullable": true}"#), null);
    assert_eq!(
        found(r#"{"oneOf": [{"type": "object"}], "discriminator": {"propertyName": "k"}}"#),
        ["/properties/a/discriminator"]
    );
    for harmless in [
        r#"{"type": "string", "nullable": false}"#,
        r#"{"type": ["string", "null"], "nullable": true}"#,
        r#"{"nullable": true}"#,
        r#"{"type": "object", "discriminator": {"propertyName": "k"}}"#,
    ] {
        assert_eq!(found(harmless), Vec::<String>::new(), "{harmless}");
    }
}

#[test]
fn other_keywords_of_openapi_are_reported_with_the_way_out() {
    let schema = r#"{"type": "object", "externalDocs": {"url": "x"}, "xml": {"name": "x"}, "example": {}}"#;
    let loaded = load(catalogue(&[("domain/rule/created.v1.json", schema)]).path());
    let findings = lint(&loaded);

    let of = |pointer: &str| findings.iter().find(|finding| finding.pointer == pointer).unwrap();
    assert_eq!(of("/xml").help, "OpenAPI has it, for XML; leave it out");
    assert!(of("/externalDocs").help.contains("$comment"));
    assert!(of("/example").help.contains("examples"));
}

#[test]
fn a_format_or_a_keyword_of_ours_that_is_nearly_right_is_misspelt() {
    let schema =
        r#"{"x-evnt": {}, "properties": {"a": {"type": "string", "format": "datetime"}, "b": {"format": "phone"}}}"#;

    assert_eq!(found("misspelt-keyword", schema), ["/x-evnt", "/properties/a/format"]);
    assert_eq!(found("unknown-format", schema), ["/properties/b/format"]);
}

const REQUEST: &str = r#"{"type": "object"}"#;

fn object_with(required: &[&str], properties: &str) -> String {
    format!("{{\"type\": \"object\", \"required\": {required:?}, \"properties\": {{{properties}}}}}")
}

/// The files and messages of what callers of older versions do not understand.
fn unreadable(manifest: &str, parts: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut files =
        vec![("eventsmith.toml", manifest), ("query/rule/get.v1.json", REQUEST), ("query/rule/get.v2.json", REQUEST)];
    files.extend(parts);
    let findings = lint(&load(catalogue(&files).path()));
    let found = findings.into_iter().filter(|finding| finding.rule == "unreadable-reply");
    found.map(|finding| (finding.file, finding.message)).collect()
}

const ROOT: &str = "root = \"rules\"";

#[test]
fn a_newer_reply_must_have_what_older_callers_need() {
    let (name, more) = (r#""name": {"type": "string"}"#, r#""name": {"type": "string"}, "tag": {"type": "string"}"#);
    let required = object_with(&["name"], name);
    let parts = |newer: &str| {
        unreadable(ROOT, &[("query/rule/get.v1.reply.json", &required), ("query/rule/get.v2.reply.json", newer)])
    };

    assert_eq!(parts(&object_with(&["name", "tag"], more)), []);
    let found = parts(&object_with(&[], name));
    assert_eq!(found[0].0, "query/rule/get.v2.reply.json");
    assert_eq!(
        found[0].1,
        "the reply of rule.get v2: callers of v1 reject what servers of v2 answer, {}: \"name\" is a required property"
    );
}

#[test]
fn what_older_callers_have_to_understand_is_asked_in_the_direction_of_answers() {
    let (short, long) = (r#"{"type": "string", "maxLength": 5}"#, r#"{"type": "string", "maxLength": 9}"#);
    let parts = [("query/rule/get.v1.reply.json", short), ("query/rule/get.v2.reply.json", long)];
    let with = |policy: &str| unreadable(&format!("{ROOT}\n[compatibility]\npolicy = {policy:?}"), &parts).len();

    assert_eq!((with("full"), with("backward"), with("forward")), (1, 1, 0));
    let narrower = [("query/rule/get.v1.reply.json", long), ("query/rule/get.v2.reply.json", short)];
    assert_eq!(unreadable(ROOT, &narrower), []);
}

#[test]
fn a_new_code_of_a_refusal_is_one_that_older_callers_do_not_know() {
    let codes = |codes: &[&str]| object_with(&["code"], &format!("\"code\": {{\"enum\": {codes:?}}}"));
    let (one, two) = (codes(&["not_found"]), codes(&["not_found", "wrong_state"]));

    let found = unreadable(ROOT, &[("query/rule/get.v1.error.json", &one), ("query/rule/get.v2.error.json", &two)]);

    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].1.starts_with("the error of rule.get v2: callers of v1 reject what servers of v2 answer, {\"code\"")
    );
    assert_eq!(unreadable(ROOT, &[("query/rule/get.v1.error.json", &two), ("query/rule/get.v2.error.json", &one)]), []);
}

#[test]
fn a_request_may_be_answered_and_refused_from_a_new_version_on() {
    assert_eq!(unreadable(ROOT, &[("query/rule/get.v2.reply.json", REQUEST)]), []);
    assert_eq!(unreadable(ROOT, &[("query/rule/get.v2.error.json", REQUEST)]), []);
    assert_eq!(unreadable(ROOT, &[("query/rule/get.v1.error.json", REQUEST)]), []);
    assert_eq!(unreadable(ROOT, &[("query/rule/get.v1.reply.json", REQUEST)]), []);
    assert_eq!(unreadable(ROOT, &[("query/rule/get.v2.reply.json", r#"{"type": "string"}"#)]).len(), 1);
    let required = object_with(&["name"], r#""name": {"type": "string"}"#);
    let gone = unreadable(ROOT, &[("query/rule/get.v1.reply.json", &required)]);
    assert_eq!(gone[0].0, "query/rule/get.v2.json");
}

#[test]
fn every_version_of_a_request_needs_a_reply() {
    let files = [
        ("query/rule/get.v1.json", REQUEST),
        ("query/rule/get.v1.reply.json", REQUEST),
        ("query/rule/get.v2.json", REQUEST),
        ("command/rule/touch.v1.json", r#"{"type": "object", "x-lint-allow": {"missing-reply": "done or not"}}"#),
        ("domain/rule/touched.v1.json", REQUEST),
    ];
    let findings = lint(&load(catalogue(&files).path()));

    let found: Vec<String> =
        findings.into_iter().filter(|finding| finding.rule == "missing-reply").map(|finding| finding.file).collect();
    assert_eq!(found, ["query/rule/get.v2.json"]);
}

#[test]
fn two_services_answer_no_subject_both() {
    let found = |one: &str, other: &str| {
        let manifest =
            format!("root = \"rules\"\n[services.a]\nhandles = [{one}]\n[services.b]\nhandles = [{other}]\n");
        let of_tenant = r#"{"type": "object", "required": ["tenant"], "properties": {"tenant": {"type": "string"}},
            "x-event": {"subject": "rules.query.{tenant}.find"}}"#;
        // What callers of the first version asked on is not where services of the second listen.
        let moved = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}},
            "x-event": {"subject": "rules.query.rule.{id}"}}"#;
        let files = [
            ("eventsmith.toml", manifest.as_str()),
            ("query/rule/find.v1.json", "{}"),
            ("query/rule/get.v1.json", "{}"),
            ("query/rule/moved.v1.json", moved),
            ("query/rule/moved.v2.json", "{}"),
            ("query/tenant/find.v1.json", of_tenant),
        ];
        let findings = lint(&load(catalogue(&files).path()));
        findings.into_iter().filter(|finding| finding.rule == "two-handlers").map(|it| it.message).collect::<Vec<_>>()
    };

    assert_eq!(found(r#""rule.find""#, r#""rule.find", "rule.get""#), ["services a and b both handle rule.find"]);
    let overlapping = found(r#""rule.get", "tenant.find""#, r#""rule.find""#);
    assert!(matches!(&overlapping[..], [one] if one.contains("rules.query.*.find")), "{overlapping:?}");
    assert_eq!(found(r#""rule.find""#, r#""tenant.find""#).len(), 1);
    assert!(found(r#""tenant.find", "rule.find""#, r#""rule.get""#).is_empty(), "of one service");
    assert!(found(r#""rule.moved""#, r#""rule.get", "rule.find""#).is_empty());
}

#[test]
fn schemas_that_only_references_lead_to_are_linted_as_all_others() {
    let schema = r##"{"$ref": "#/components/schemas/A", "components": {"schemas": {
        "A": {"type": "object", "properties": {"n": {"type": "string", "nullable": true}, "a": {"requried": ["x"]}}},
        "B": {"x-lint-allow": {"misspelt-keyword": "nobody refers here"}, "requried": ["x"]}
    }}}"##;

    assert_eq!(found("misspelt-keyword", schema), ["/components/schemas/A/properties/a/requried"]);
    assert_eq!(found("openapi-keyword", schema), ["/components/schemas/A/properties/n/nullable"]);
}
