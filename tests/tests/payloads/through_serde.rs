//! That a struct of one's own agrees with its schema is proved by what serde does with it: schemars only says what it was told.

use eventsmith::testing::agreement::{Agreement, assert_agrees, compare};
use eventsmith::{Date, DateTime, Event, Number, domain_event};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use super::domain_event::schemas;

/// Every value of the runtime as a field, with an ordering key in a struct that names its fields otherwise.
#[domain_event("rule.scheduled", version = 1)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct RuleScheduled {
    #[serde(rename = "actor")]
    by: Actor,
    #[serde(flatten)]
    place: Place,
    at: DateTime,
    on: Date,
    weight: Number,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Actor {
    #[serde(rename = "user_id")]
    id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Place {
    #[serde(rename = "region")]
    name: String,
}

// Two structs whose names differ in case, each with a test of its own.
#[domain_event("rule.scheduled", version = 1)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct RULEScheduled {
    actor: Actor,
    region: String,
    at: DateTime,
    on: Date,
    weight: Number,
}

#[test]
fn values_of_the_runtime_agree_with_their_formats() {
    let (read, written) = schemas::<RuleScheduled>();
    let schema = serde_json::from_str(RuleScheduled::SCHEMA).unwrap();

    assert_eq!(compare(&schema, &read, &written), Ok(Agreement::Proven));
    assert_agrees::<RULEScheduled>(&schemas::<RULEScheduled>().0, &schemas::<RULEScheduled>().1);
}

#[test]
fn key_and_subject_are_taken_from_what_serde_writes() {
    let payload = br#"{"actor": {"user_id": "anna"}, "region": "eu", "at": "2026-11-30T10:00:00Z", "on": "2026-11-30", "weight": 1}"#;
    let event = RuleScheduled::decode(1, payload).unwrap();

    assert_eq!(event.key().as_deref(), Some("anna"));
    assert_eq!(event.subject().unwrap(), "rules.domain.rule.scheduled.eu");
}

/// What the attribute would make of a struct, without the test, which fails here.
macro_rules! moved {
    ($name:ident) => {
        impl Event for $name {
            const KIND: eventsmith::Kind = eventsmith::Kind::Domain;
            const TYPE: &'static str = "rule.moved";
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = "rules.domain.rule.moved";
            const SCHEMA: &'static str =
                r#"{"type": "object", "required": ["position"], "properties": {"position": {"type": "integer"}}}"#;
            const KEY: Option<&'static str> = None;

            eventsmith::generated::event_payload!(Event, $name, validator);
        }
    };
}

/// Reads and writes a number as a text.
mod as_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct ReadOtherwise {
    #[serde(with = "as_text")]
    #[schemars(with = "i64")]
    position: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct WrittenOtherwise {
    #[serde(serialize_with = "as_text::serialize")]
    #[schemars(with = "i64")]
    position: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct NeverWritten {
    #[serde(serialize_with = "refuse")]
    #[schemars(with = "i64")]
    position: i64,
}

fn refuse<S: Serializer>(_: &i64, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("not today"))
}

moved!(ReadOtherwise);
moved!(WrittenOtherwise);
moved!(NeverWritten);

fn message<E: Event + serde::de::DeserializeOwned + JsonSchema>() -> String {
    let (read, written) = schemas::<E>();
    let panic = std::panic::catch_unwind(|| assert_agrees::<E>(&read, &written)).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[test]
fn a_function_that_reads_otherwise_than_schemars_was_told_is_a_disagreement() {
    let message = message::<ReadOtherwise>();

    assert!(
        message.contains("the schema accepts a payload that the struct does not read:\n   {\"position\":"),
        "{message}"
    );
    assert!(message.contains("at \"position\": "), "{message}");
    assert!(message.contains("expected a string"), "{message}");
    assert!(
        message.contains("to agree: mend the type of the field, or the function that its #[serde(with = ..)]"),
        "{message}"
    );
}

#[test]
fn a_function_that_writes_otherwise_than_schemars_was_told_is_a_disagreement() {
    let message = message::<WrittenOtherwise>();

    assert!(message.contains("the struct writes what the schema rejects:"), "{message}");
    assert!(message.contains("/position: expected type integer, found \""), "{message}");
}

#[test]
fn a_function_that_does_not_write_is_a_disagreement() {
    let message = message::<NeverWritten>();

    assert!(message.contains("the struct reads a payload and cannot be written:"), "{message}");
    assert!(message.contains("not today"), "{message}");
}

#[test]
fn a_difference_without_a_payload_is_told_in_a_sentence() {
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "string", "pattern": "^q{40}z$"}}, "required": ["n"]});
    let read =
        json!({"type": "object", "properties": {"n": {"type": "string", "pattern": "^q{41}z$"}}, "required": ["n"]});

    match compare(&schema, &read, &read).unwrap() {
        Agreement::Refuted(witnesses) => assert!(witnesses[0].payload["n"].is_string()),
        Agreement::Different { keywords, .. } => {
            assert_eq!(keywords, ["`pattern: \"^q{40}z$\"`", "`pattern: \"^q{41}z$\"`"]);
        }
        other => panic!("{other:?}"),
    }
}
