//! Documents of buckets: what is generated for them, what lint asks of them, and how their payloads are checked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;

use common::catalogue;
use eventsmith_codegen::lint::lint;
use eventsmith_codegen::payload::{CheckResult, Checker, Input, Options};
use eventsmith_codegen::{Loaded, generate, load};

const COMPILED: &str = r#"{"title": "RuleCompiled", "type": "object", "required": ["rule_id"],
    "properties": {"rule_id": {"type": "string", "maxLength": 64}}, "examples": [{"rule_id": "a"}]}"#;
const MANIFEST: &str = "root = \"rules\"\n[buckets.RULES_COMPILED]\nstate = \"rule.compiled\"\n";
const FILE: &str = "state/rule/compiled.v1.json";

fn loaded(files: &[(&str, &str)]) -> Loaded {
    load(catalogue(files).path())
}

fn generated(files: &[(&str, &str)]) -> String {
    generate(&loaded(files)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Layout does not matter.
fn assert_has(text: &str, lines: &str) {
    let flat = |text: &str| text.split_whitespace().collect::<String>();
    assert!(flat(text).contains(&flat(lines)), "{lines}\n---\n{text}");
}

#[test]
fn a_document_implements_state_with_its_bucket() {
    let text = generated(&[("eventsmith.toml", MANIFEST), (FILE, COMPILED)]);

    assert_has(
        &text,
        r#"impl ::eventsmith::State for RuleCompiled {
            const KIND: Kind = Kind::State;
            const TYPE: &'static str = "rule.compiled";
            const VERSION: u32 = 1;
            const BUCKET: &'static str = "RULES_COMPILED";
            const SUBJECT: &'static str = "$KV.RULES_COMPILED.>";
            const SCHEMA: &'static str = super::super::schemas::STATE_RULE__COMPILED_V1;"#,
    );
    assert!(text.contains("event_payload!(State, RuleCompiled, is_valid);"), "{text}");
    assert_has(
        &text,
        "pub const CATALOGUE: &[::eventsmith::catalogue::EventDescriptor] = &[
            ::eventsmith::catalogue::EventDescriptor::of_state::<rule::v1::RuleCompiled>(),];",
    );
    assert_has(
        &text,
        r#"pub const BUCKETS: &[::eventsmith::catalogue::BucketDescriptor] = &[
            ::eventsmith::catalogue::BucketDescriptor::new("RULES_COMPILED", "rule.compiled"),];"#,
    );
    assert!(text.contains("of_state rule::v1::RuleCompiled,"), "its examples are read: {text}");
    assert!(!text.contains("COMPILED: &str = \"$KV"), "it is published to no subject: {text}");
    assert!(!text.contains("pub mod state"), "{text}");
}

#[test]
fn what_differs_from_the_defaults_of_a_bucket_is_said() {
    let manifest = format!(
        "{MANIFEST}description = \"What is compiled.\"\nstorage = \"memory\"\nhistory = 5\nttl = \"30d\"\n\
         marker_ttl = \"90s\"\nmax_bytes = \"1GiB\"\nmax_value_bytes = \"64KiB\"\nreplicas = 3\n"
    );

    let text = generated(&[("eventsmith.toml", &manifest), (FILE, COMPILED)]);

    assert_has(
        &text,
        r#"BucketDescriptor::new("RULES_COMPILED", "rule.compiled")
            .description("What is compiled.")
            .storage(::eventsmith::catalogue::Storage::Memory)
            .history(5)
            .ttl(::std::time::Duration::from_secs(2592000))
            .marker_ttl(::std::time::Duration::from_secs(90))
            .max_bytes(1073741824)
            .max_value_bytes(65536)
            .replicas(3)"#,
    );
}

#[test]
fn an_older_version_of_a_document_is_upcast() {
    let newer = COMPILED.replacen("\"properties\": {", "\"properties\": {\"note\": {\"type\": \"string\"}, ", 1);
    let text = generated(&[("eventsmith.toml", MANIFEST), (FILE, COMPILED), ("state/rule/compiled.v2.json", &newer)]);

    assert_has(&text, "event_payload!(State, RuleCompiled, is_valid, 1 => super::v1::RuleCompiled, Self::from)");
    assert!(text.contains("of_state rule::v2::RuleCompiled,"), "{text}");
}

#[test]
fn a_type_may_be_named_state() {
    let schema = r##"{"type": "object", "properties": {"state": {"$ref": "#/$defs/State"}},
        "$defs": {"State": {"enum": ["on", "off"]}}}"##;

    let text = generated(&[("eventsmith.toml", MANIFEST), (FILE, schema)]);

    assert!(text.contains("pub enum State {"), "{text}");
    assert!(text.contains("impl ::eventsmith::State for RuleCompiled"), "{text}");
}

#[test]
fn buckets_are_listed_where_there_are_none() {
    let text = generated(&[("domain/rule/created.v1.json", "true")]);

    assert!(text.contains("pub const BUCKETS: &[::eventsmith::catalogue::BucketDescriptor] = &[];"), "{text}");
}

#[test]
fn lint_asks_of_a_document_what_it_asks_of_a_schema_and_nothing_of_services() {
    let manifest =
        format!("{MANIFEST}[services.a]\ndescription = \"Compiles.\"\n[streams.S]\nsubjects = [\"rules.dlq.>\"]\n");
    let schema = r#"{"type": "object", "properties": {"note": {"type": "string"}}}"#;

    let findings = lint(&loaded(&[("eventsmith.toml", &manifest), (FILE, schema)]));

    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    assert_eq!(
        rules,
        ["missing-description", "missing-examples", "missing-title", "unbounded-string", "undescribed-property"]
    );
}

/// The findings about one payload, as text.
fn checked(file: Option<&str>, mask: bool, payload: &str) -> Vec<String> {
    let loaded = loaded(&[("eventsmith.toml", MANIFEST), (FILE, COMPILED)]);
    let checker = Checker::new(&loaded, Options { file, mask });
    let bytes = payload.as_bytes().to_vec();
    let input = Input { name: "payload.json".into(), open: Box::new(|| Ok(Box::new(Cursor::new(bytes)))) };
    let mut findings = Vec::new();
    let take = |result| {
        match result {
            CheckResult::Checked(part) => findings.extend(part.findings),
            other => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    };
    checker.check([input].into_iter(), take).unwrap();
    findings.into_iter().map(|finding| format!("{}; {}", finding.diagnostic.message, finding.diagnostic.help)).collect()
}

#[test]
fn a_document_is_checked_as_bare_data() {
    assert_eq!(checked(Some(FILE), false, r#"{"rule_id": "a"}"#), Vec::<String>::new());
    assert_eq!(checked(Some(FILE), false, r#"{"rule_id": 1}"#).len(), 1);
}

#[test]
fn an_envelope_with_a_document_is_refused_with_the_way_out() {
    let envelope = r#"{"id": "0190a5d2-7c31-7a4e-9d5b-0c1f2e3d4a5b", "type": "rule.compiled", "source": "s", "version": "1",
        "subject": "rules.state.rule.compiled", "time": "2026-03-01T16:20:31Z", "data": {"rule_id": "a"}}"#;

    let found = checked(None, false, envelope);
    assert_eq!(
        found,
        [
            "rule.compiled is a document of a bucket, which has no envelope; check what lies in the bucket, which is bare data: \
          --event rule.compiled"
        ]
    );
    assert!(checked(None, true, envelope)[0].starts_with("the type is that of a document of a bucket"));
}
