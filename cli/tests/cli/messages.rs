//! What the commands say to somebody who has just begun.

use crate::support::Folder;

const MANIFEST: (&str, &str) = ("eventsmith.toml", "root = \"rules\"\n");

fn catalogue() -> Folder {
    let schema = r#"{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}"#;
    Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", schema)])
}

#[test]
fn findings_that_take_different_edits_are_not_one_group() {
    let slips = "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"a\": {\"type\": \"integer\", \"example\": 3,\n      \
                 \"minimun\": 1},\n    \"b\": {\"type\": \"integer\",\n      \"minimun\": 1}\n  }\n}";
    let folder = Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", slips)]);

    let run = folder.run(&["lint"]);

    assert!(run.stdout.contains("did you mean \"examples\"?"), "{run:?}");
    assert!(run.stdout.contains("did you mean \"minimum\"?"), "{run:?}");
    assert!(run.stdout.contains("(1 more like it, in line 7)"), "{run:?}");
}

#[test]
fn a_folder_of_schemas_that_is_none_is_reported_as_that() {
    let folder = catalogue();

    let missing = folder.run(&["lint", "--schemas", "schemes"]);
    let file = folder.run(&["lint", "--schemas", "eventsmith.toml"]);

    assert!(missing.status == 2 && missing.stderr.contains("schemes: there is no such folder"), "{missing:?}");
    assert!(file.status == 2 && file.stderr.contains("eventsmith.toml is a file; name the folder"), "{file:?}");
}

#[test]
fn no_findings_at_all_are_no_limit() {
    let run = catalogue().run(&["validate", "--max-errors", "0", "a.json"]);

    assert!(run.status == 2 && run.stderr.contains("write a whole number from 1"), "{run:?}");
}

#[test]
fn an_envelope_that_is_read_as_bare_data_is_recognised() {
    let folder = catalogue();
    folder.write("a.json", r#"{"type": "rule.created", "version": "1", "data": {"id": "1"}}"#);
    folder.write("b.json", r#"{"type": "rule.created"}"#);

    let envelope = folder.run(&["validate", "--event", "rule.created", "a.json"]);
    let bare = folder.run(&["validate", "--event", "rule.created", "b.json"]);

    assert!(envelope.stdout.contains("this looks like an envelope: leave --event out"), "{envelope:?}");
    assert!(bare.status == 1 && !bare.stdout.contains("envelope"), "{bare:?}");
}

#[test]
fn the_draft_that_was_meant_is_named_by_its_uri() {
    let folder =
        Folder::with(&[MANIFEST, ("domain/rule/created.v1.json", r#"{"$schema": "draft-07", "type": "object"}"#)]);

    let run = folder.run(&["lint"]);

    assert!(run.stdout.contains("http://json-schema.org/draft-07/schema#"), "{run:?}");
}
