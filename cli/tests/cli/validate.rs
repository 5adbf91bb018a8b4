//! `eventsmith validate`, through the binary.

use crate::support::{Folder, Run};
use serde_json::{Value, json};

const V1: &str = r##"{
  "title": "RuleCreated",
  "type": "object",
  "properties": {
    "rule_id": {"$ref": "../../common.json#/$defs/RuleId"},
    "price": {"type": "number", "minimum": 0}
  },
  "required": ["rule_id"]
}"##;

const V2: &str = r##"{
  "title": "RuleCreated",
  "type": "object",
  "properties": {
    "rule_id": {"$ref": "../../common.json#/$defs/RuleId"},
    "price": {"type": "integer"},
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}}
  },
  "required": ["rule_id", "price"],
  "additionalProperties": false
}"##;

fn catalogue() -> Folder {
    Folder::with(&[
        ("eventsmith.toml", "root = \"rules\"\n"),
        ("common.json", r#"{"$defs": {"RuleId": {"type": "string", "pattern": "^R-[0-9]+$"}}}"#),
        ("domain/rule/created.v1.json", V1),
        ("domain/rule/created.v2.json", V2),
    ])
}

fn envelope(version: &str, data: Value) -> Value {
    json!({
        "id": "0197f3a2-7d2c-7b5e-8a40-2f0b6a1c9d11", "type": "rule.created", "source": "shop",
        "subject": "rules.domain.rule.created", "time": "2026-02-03T04:05:06Z", "version": version, "data": data
    })
}

fn findings(run: &Run) -> Vec<Value> {
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    object["findings"].as_array().unwrap().clone()
}

#[test]
fn a_valid_envelope_is_clean() {
    let folder = catalogue();
    folder.write("a.json", &envelope("1", json!({"rule_id": "R-1", "extra": true})).to_string());
    folder.write("b.json", &envelope("2", json!({"rule_id": "R-1", "price": 3})).to_string());

    let run = folder.run(&["validate", "a.json", "b.json"]);

    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", "2 valid, 0 invalid\n"));
}

#[test]
fn a_violation_is_shown_at_its_line_with_the_schema_that_demands_it() {
    let folder = catalogue();
    let data = json!({"rule_id": "rule 7", "price": -1});
    folder.write("a.json", &format!("{:#}", envelope("1", data)));

    let run = folder.run(&["validate", "a.json"]);

    assert_eq!(run.status, 1, "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "a.json:9:5: error[bad-payload]: expected a string that matches ^R-[0-9]+$, found \"rule 7\"",
            "9 |     \"rule_id\": \"rule 7\",",
            "  |     ^ /data/rule_id",
            "    help: the schema says so: common.json#/$defs/RuleId/pattern",
            "a.json:10:5: error[bad-payload]: expected at least 0, found -1",
            "10 |     \"price\": -1",
            "   |     ^ /data/price",
            "    help: the schema says so: domain/rule/created.v1.json#/properties/price/minimum",
        ]
    );
    assert_eq!(run.stderr, "0 valid, 1 invalid\n");
}

#[test]
fn bare_data_is_checked_against_the_newest_version_unless_one_is_named() {
    let folder = catalogue();
    let data = r#"{"rule_id": "R-1"}"#;

    let newest = folder.run_with(&["validate", "--event", "rule.created", "-"], data);
    let first = folder.run_with(&["validate", "--event", "rule.created@1", "-"], data);

    assert_eq!(newest.status, 1, "{newest:?}");
    assert!(newest.stdout.starts_with("-:1:1: error[bad-payload]: missing property \"price\""), "{}", newest.stdout);
    assert_eq!(first.status, 0, "{first:?}");
}

#[test]
fn every_element_of_an_array_is_a_payload() {
    let folder = catalogue();
    folder.write("a.json", "[\n{\"rule_id\": \"R-1\"},\n{\"rule_id\":\n 7}\n]");

    let run = folder.run(&["validate", "--event", "rule.created@1", "a.json"]);

    assert_eq!(run.stderr, "1 valid, 1 invalid\n");
    let said =
        "a.json:3:2: error[bad-payload]: expected a string, found the number 7\n3 | {\"rule_id\":\n  |  ^ /1/rule_id\n";
    assert!(run.stdout.starts_with(said), "{}", run.stdout);
}

#[test]
fn every_line_of_ndjson_is_a_payload_and_a_broken_one_spoils_no_other() {
    let folder = catalogue();
    let good = envelope("1", json!({"rule_id": "R-1"}));
    let bad = envelope("1", json!({"rule_id": null}));
    folder.write("a.ndjson", &format!("{good}\n{{oops\n{bad}\n\n{good}\n"));

    let run = folder.run(&["validate", "--format", "json", "a.ndjson"]);

    assert_eq!((run.status, run.stderr.as_str()), (1, "2 valid, 2 invalid\n"));
    let findings = findings(&run);
    let places: Vec<_> = findings.iter().map(|finding| (&finding["line"], &finding["rule"])).collect();
    assert_eq!(places, [(&json!(2), &json!("bad-json")), (&json!(3), &json!("bad-payload"))]);
}

#[test]
fn the_json_format_says_everything_about_a_finding() {
    let folder = catalogue();
    folder.write("a.json", "{\"rule_id\": \"R-1\", \"price\": 1,\n \"tags\": [\"ok\", \"long\"],\n \"colour\": 1}");

    let run = folder.run(&["validate", "--format", "json", "--event", "rule.created", "a.json"]);

    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&object["valid"], &object["invalid"]), (&json!(0), &json!(1)));
    let mut findings = findings(&run);
    findings.sort_by_key(|finding| finding["line"].as_u64());
    assert_eq!(
        findings[0],
        json!({
            "rule": "bad-payload", "severity": "error", "file": "a.json", "line": 2, "column": 17,
            "pointer": "/tags/1",
            "message": "expected at most 3 characters, found 4 characters in \"long\"",
            "help": "the schema says so: domain/rule/created.v2.json#/properties/tags/items/maxLength",
            "schema": "domain/rule/created.v2.json", "schema_pointer": "/properties/tags/items/maxLength",
            "expected": "at most 3 characters", "found": "4 characters in \"long\""
        })
    );
    assert_eq!((&findings[1]["pointer"], &findings[1]["line"]), (&json!("/colour"), &json!(3)));
    assert_eq!(findings[1]["message"], "unexpected property \"colour\"");
}

#[test]
fn the_members_of_an_envelope_are_checked_too() {
    let folder = catalogue();
    let mut envelope = envelope("1", json!({"rule_id": "R-1"}));
    envelope["time"] = json!("yesterday");
    folder.write("a.json", &envelope.to_string());

    let built_in = folder.run(&["validate", "a.json"]);
    folder.write("envelope.v1.json", r#"{"type": "object", "required": ["tenant"]}"#);
    let own = folder.run(&["validate", "a.json"]);

    assert!(built_in.stdout.contains("error[bad-envelope]: expected a string of the format date-time"));
    assert!(own.stdout.contains("error[bad-envelope]: missing property \"tenant\""), "{}", own.stdout);
    assert!(!own.stdout.contains("/time"), "{}", own.stdout);
}

#[test]
fn an_envelope_of_an_unknown_event_is_refused_with_the_nearest_names() {
    let folder = catalogue();
    let mut typo = envelope("1", json!({}));
    typo["type"] = json!("rule.craeted");
    folder.write("a.json", &json!([typo, envelope("7", json!({}))]).to_string());

    let run = folder.run(&["validate", "a.json"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("error[unknown-event]: the catalogue has no event \"rule.craeted\""));
    assert!(run.stdout.contains("help: did you mean rule.created?"), "{}", run.stdout);
    assert!(run.stdout.contains("error[unknown-event]: rule.created has no version \"7\""));
    assert!(run.stdout.contains("help: it has 1, 2"), "{}", run.stdout);
}

#[test]
fn bare_data_without_an_event_is_refused_with_the_way_out() {
    let run = catalogue().run_with(&["validate", "-"], r#"{"rule_id": "R-1"}"#);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("this is no envelope"), "{}", run.stdout);
    assert!(run.stdout.contains("--event TYPE"), "{}", run.stdout);
}

#[test]
fn what_cannot_run_exits_with_two_and_says_nothing_on_stdout() {
    let folder = catalogue();
    folder.write("good.json", &envelope("1", json!({"rule_id": "R-1"})).to_string());
    let broken = catalogue();
    broken.write("domain/rule/moved.v1.json", "{");

    for (run, said) in [
        (folder.run(&["validate"]), "FILE"),
        (folder.run(&["validate", "good.json", "nowhere.json"]), "nowhere.json cannot be read"),
        (folder.run(&["validate", "--event", "rule.creatd", "good.json"]), "did you mean rule.created?"),
        (folder.run(&["validate", "--event", "rule.created@9", "good.json"]), "it has 1, 2"),
        (folder.run(&["validate", "--format", "yaml", "good.json"]), "sarif"),
        (broken.run_with(&["validate", "-"], "{}"), "domain/rule/moved.v1.json:1:"),
    ] {
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn the_alternative_of_a_union_and_the_cause_are_named() {
    let of = |kind: &str, most: u32| {
        format!(
            r#"{{"type": "object", "required": ["kind"], "properties": {{"kind": {{"const": "{kind}"}}, "n": {{"type": "integer", "maximum": {most}}}}}}}"#
        )
    };
    let schema = format!(r#"{{"oneOf": [{}, {}]}}"#, of("a", 5), of("b", 10));
    let folder = Folder::with(&[("eventsmith.toml", "root = \"rules\""), ("domain/rule/created.v1.json", &schema)]);
    let said = |payload: &str| folder.run_with(&["validate", "--event", "rule.created", "-"], payload).stdout;

    let too_much = said(r#"{"kind": "b", "n": 11}"#);
    assert!(too_much.contains("^ /n") && too_much.contains("at most 10 (oneOf/1), found 11"), "{too_much}");
    let unknown = said(r#"{"kind": "c"}"#);
    assert!(unknown.contains("^ /kind") && unknown.contains(r#"one of "a", "b""#), "{unknown}");
}

#[test]
fn an_envelope_with_the_subject_of_another_event_is_invalid() {
    let folder = catalogue();
    folder.write("domain/rule/deleted.v1.json", "{}");
    folder.write("domain/rule/moved.v1.json", r#"{"x-event": {"subject": "rules.domain.rule.moved.{to}"}, "required": ["to"], "properties": {"to": {"type": "string"}}}"#);
    let with = |event_type: &str, subject: &str| {
        let mut envelope = envelope("1", json!({"rule_id": "R-1", "to": "a"}));
        envelope["type"] = json!(event_type);
        envelope["subject"] = json!(subject);
        folder.run_with(&["validate", "-"], &envelope.to_string())
    };

    let astray = with("rule.created", "rules.domain.rule.deleted");
    assert_eq!(astray.status, 1, "{astray:?}");
    for said in [
        "error[bad-envelope]: expected rules.domain.rule.created, the subject of rule.created, found \"rules.domain.rule.deleted\"",
        "^ /subject",
        "help: the event of that subject is rule.deleted",
    ] {
        assert!(astray.stdout.contains(said), "{}", astray.stdout);
    }
    assert_eq!(with("rule.moved", "rules.domain.rule.moved.a").status, 0);
    assert!(with("rule.moved", "rules.domain.rule.moved").stdout.contains("expected rules.domain.rule.moved.*"));
}

#[test]
fn envelopes_that_pass_as_bare_data_are_noticed() {
    let folder = catalogue();
    folder.write("domain/rule/deleted.v1.json", "{}");
    let envelopes = envelope("1", json!({"rule_id": "R-1"})).to_string().repeat(2).replace("}{", "}\n{");

    let run = folder.run_with(&["validate", "--event", "rule.deleted", "-"], &envelopes);
    let quiet = folder.run_with(&["validate", "--quiet", "--event", "rule.deleted", "-"], &envelopes);

    assert_eq!(run.status, 0, "{run:?}");
    assert!(
        run.stderr.starts_with("note: 2 of the valid ones look like envelopes")
            && run.stderr.ends_with("\n2 valid, 0 invalid\n"),
        "{}",
        run.stderr
    );
    assert_eq!(quiet.stderr, "");
}

#[test]
fn what_is_wrong_is_named_with_its_name_its_number_and_no_more_than_fits() {
    let said = |schema: &str, payload: &str| {
        let folder = Folder::with(&[("eventsmith.toml", "root = \"r\""), ("domain/a/b.v1.json", schema)]);
        folder.run_with(&["validate", "--event", "a.b", "-"], payload).stdout
    };
    let values: Vec<String> = (0..300).map(|index| format!("v{index}")).collect();

    let name = said(r#"{"propertyNames": {"pattern": "^[a-z]+$"}}"#, r#"{"a": 1, "B": 2}"#);
    assert!(
        name.contains("expected a string that matches ^[a-z]+$, found the name \"B\"") && name.contains("^ /B"),
        "{name}"
    );
    let many = said(r#"{"contains": {"type": "string"}, "maxContains": 1}"#, r#"[["a", "b"]]"#);
    assert!(many.contains("expected at most 1 item of the shape that `contains` describes, found 2 items"), "{many}");
    let beyond = said(r#"{"prefixItems": [true], "unevaluatedItems": false}"#, "[[1, 2]]");
    assert!(beyond.contains("expected no items beyond those of the schema, found 2 items"), "{beyond}");
    let listed = said(&json!({ "enum": values }).to_string(), "\"v\"");
    assert!(listed.contains("\"v19\" and 280 more, found \"v\"") && !listed.contains("\"v20\""), "{listed}");
    let marked = said("{}", "\u{feff}{}");
    assert!(marked.contains("begins with a byte order mark"), "{marked}");
}
