//! Where what breaks is shown, and what is said of it.

use super::*;

/// The finding about a payload between two catalogues, without asking whether it can be written.
fn breaking(previous: &[(&str, &str)], current: &[(&str, &str)], direction: Direction, payload: Value) -> Diagnostic {
    let (previous, current) = (catalogue("main", previous), catalogue("schemas", current));
    let subject = texts::subjects(&current).remove(0);
    let (then, now) = (Text::of(&previous, &subject.file), Text::of(&current, &subject.file));
    let reader = if direction == Direction::Backward { &now } else { &then };
    let fault = Validator::new(&reader.schema).unwrap().faults(&payload).remove(0);
    let pair = Pair { subject: &subject, then: &then, now: &now, current: &current, direction, is_last: true };
    pair.breaking(&Witness { payload, fault }, &changes(&then.schema, &now.schema))
}

const CREATED: &str = "domain/rule/created.v1.json";

#[test]
fn a_new_reader_that_rejects_is_shown_at_the_keyword_that_rejects() {
    let new = "{\n  \"properties\": {\n    \"name\": {\"type\": \"integer\"}\n  },\n  \"required\": [\"name\"]\n}";

    let finding = breaking(&[(CREATED, NAMED)], &[(CREATED, new)], Direction::Backward, json!({"name": "a"}));

    assert_eq!((finding.file.as_str(), finding.pointer.as_str()), (CREATED, "/properties/name/type"));
    assert_eq!(finding.position.map(|at| (at.line, at.column)), Some((3, 14)));
    assert_eq!(
        finding.message,
        "rule.created v1: a new reader rejects what old writers wrote, {\"name\":\"a\"}: at /name, \"a\" is not of \
         type \"integer\" (/properties/name: string became integer)"
    );
    assert!(finding.help.ends_with("make it in a new version, domain/rule/created.v2.json"), "{}", finding.help);
}

#[test]
fn a_keyword_in_a_shared_file_is_shown_in_that_file() {
    let user = r#"{"properties": {"level": {"$ref": "../../common.json#/$defs/Level"}}}"#;
    let old = [(CREATED, user), ("common.json", r#"{"$defs": {"Level": {"enum": ["a", "b"]}}}"#)];
    let new = [(CREATED, user), ("common.json", r#"{"$defs": {"Level": {"enum": ["a"]}}}"#)];

    let backward = breaking(&old, &new, Direction::Backward, json!({"level": "b"}));
    let forward = breaking(&new, &old, Direction::Forward, json!({"level": "b"}));

    for finding in [&backward, &forward] {
        assert_eq!((finding.file.as_str(), finding.pointer.as_str()), ("common.json", "/$defs/Level/enum"));
    }
    assert!(
        backward.help.contains("a copy of the type, as LevelV2, and let a new version refer to that"),
        "{backward}"
    );
    assert!(backward.help.ends_with("domain/rule/created.v2.json"), "{backward}");
    assert!(backward.message.ends_with("(/$defs/Level/enum: \"b\" was removed)"), "{backward}");
    assert!(forward.message.ends_with("(/$defs/Level/enum: \"b\" was added)"), "{forward}");
}

#[test]
fn what_an_old_reader_rejects_is_shown_where_it_was_new_or_stood() {
    let closed = r#"{"properties": {"a": {}}, "additionalProperties": false}"#;
    let wider = r#"{"properties": {"a": {}, "b": {"type": "null"}}, "additionalProperties": false}"#;
    let added = breaking(&[(CREATED, closed)], &[(CREATED, wider)], Direction::Forward, json!({"b": null}));
    let missing = breaking(&[(CREATED, NAMED)], &[(CREATED, "{}")], Direction::Forward, json!({}));

    assert_eq!(added.pointer, "/properties/b");
    assert!(added.message.ends_with("(/properties/b: is new and optional)"), "{added}");
    assert_eq!(missing.pointer, "");
    assert!(missing.message.contains("an old reader rejects what new writers write, {}"), "{missing}");
}

#[test]
fn a_property_that_was_removed_is_shown_where_it_was_and_not_in_its_shared_type() {
    let common = ("common.json", r#"{"$defs": {"Money": {"type": "object", "required": ["amount"]}}}"#);
    let old =
        r#"{"required": ["price"], "properties": {"id": {}, "price": {"$ref": "../../common.json#/$defs/Money"}}}"#;
    let new = r#"{"required": ["price"], "properties": {"id": {}}}"#;

    let finding =
        breaking(&[(CREATED, old), common], &[(CREATED, new), common], Direction::Forward, json!({"price": null}));

    assert_eq!((finding.file.as_str(), finding.pointer.as_str()), (CREATED, "/properties"), "{finding}");
    assert!(finding.message.ends_with("(/properties/price: was removed)"), "{finding}");
    assert!(finding.help.starts_with("what is published stays as it is: undo the change here"), "{finding}");
}

#[test]
fn a_long_payload_is_shown_below() {
    let payload = json!({"name": 1, "text": "x".repeat(200)});

    let finding = breaking(&[(CREATED, "{}")], &[(CREATED, NAMED)], Direction::Backward, payload);

    assert!(!finding.message.contains("xxx"), "{finding}");
    assert!(finding.help.contains("what is written:\n    {\n      \"name\": 1,"), "{finding}");
    assert!(finding.help.contains("... (200 characters)"), "{finding}");
}

#[test]
fn an_undecided_change_says_what_stands_in_the_way() {
    let (then, now) = (catalogue("main", &[(CREATED, "{}")]), catalogue("schemas", &[(CREATED, NAMED)]));
    let subject = texts::subjects(&now).remove(0);
    let (old, new) = (Text::of(&then, CREATED), Text::of(&now, CREATED));
    let direction = Direction::Backward;
    let pair = Pair { subject: &subject, then: &old, now: &new, current: &now, direction, is_last: true };
    let obstacle = Obstacle { pointer: "/properties/name/type".to_owned(), reason: "it is hard".to_owned() };

    let finding = pair.undecided(&obstacle, &[]);

    assert_eq!((finding.rule, finding.pointer.as_str()), ("undecided-change", "/properties/name/type"));
    assert!(finding.message.contains("could not be decided: it is hard"), "{finding}");
    assert!(finding.help.contains("--allow-undecided"), "{finding}");
}

#[test]
fn a_keyword_in_an_embedded_file_is_shown_in_that_file() {
    let user = r#"{"properties": {"level": {"$ref": "../../common.json#level"}}}"#;
    let old = [(CREATED, user), ("common.json", r#"{"$defs": {"Level": {"$anchor": "level", "enum": ["a", "b"]}}}"#)];
    let new = [(CREATED, user), ("common.json", r#"{"$defs": {"Level": {"$anchor": "level", "enum": ["a"]}}}"#)];

    let finding = breaking(&old, &new, Direction::Backward, json!({"level": "b"}));

    assert_eq!((finding.file.as_str(), finding.pointer.as_str()), ("common.json", "/$defs/Level/enum"), "{finding}");
}
