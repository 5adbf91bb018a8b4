//! Structs of one's own as events: what `#[domain_event]` makes of them, and what its test says when they disagree.

use eventsmith::testing::agreement::{Agreement, assert_agrees, assert_reply_agrees, assert_state_agrees, compare};
use eventsmith::{DecodeError, Event, Reply, Request, State, Upcast, domain_event};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[domain_event("rule.created", version = 1)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RuleCreated {
    #[schemars(regex(pattern = r"^R-[0-9]+$"))]
    rule_id: String,
    #[schemars(length(min = 1, max = 100))]
    name: String,
    #[schemars(range(max = 1000))]
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

#[domain_event("rule.activated", version = 1, schemas = "../../ui/schemas")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RuleActivated {
    rule_id: RuleId,
    region: String,
    actor: Actor,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<std::collections::BTreeMap<String, i64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct RuleId(#[schemars(regex(pattern = r"^R-[0-9]+$"))] String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Actor {
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    Admin,
    Editor,
}

fn created() -> RuleCreated {
    RuleCreated {
        rule_id: "R-1".to_owned(),
        name: "Ten percent off".to_owned(),
        priority: 10,
        description: None,
        tags: Some(vec!["summer".to_owned()]),
    }
}

fn activated(region: &str) -> RuleActivated {
    let actor = Actor { user_id: "u-1".to_owned(), role: Some(Role::Admin) };
    let (rule_id, region) = (RuleId("R-7".to_owned()), region.to_owned());
    RuleActivated { rule_id, region, actor, reason: None, weight: None, limits: None }
}

#[test]
fn the_catalogue_says_what_the_event_is() {
    assert_eq!((RuleCreated::TYPE, RuleCreated::VERSION), ("rule.created", 1));
    assert_eq!(RuleCreated::KIND, eventsmith::Kind::Domain);
    assert_eq!(RuleCreated::SUBJECT, "rules.domain.rule.created");
    assert_eq!(RuleCreated::KEY, Some("/rule_id"));
    assert_eq!(created().key().as_deref(), Some("R-1"));
}

#[test]
fn the_subject_is_filled_from_the_fields() {
    assert_eq!(RuleActivated::SUBJECT, "rules.domain.rule.activated.*");
    assert_eq!(activated("eu").subject().unwrap(), "rules.domain.rule.activated.eu");
    assert_eq!(activated("eu").key().as_deref(), Some("R-7"));
    assert!(activated("eu.west").subject().is_err());
}

#[test]
fn what_is_written_is_read_again() {
    for event in [created(), RuleCreated { description: Some("é".to_owned()), tags: None, ..created() }] {
        let bytes = serde_json::to_vec(&event).unwrap();

        assert_eq!(RuleCreated::decode(1, &bytes), Ok(event));
    }
}

#[test]
fn decode_accepts_exactly_what_the_schema_accepts() {
    let schema: Value = serde_json::from_str(RuleActivated::SCHEMA).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let valid = serde_json::to_value(activated("eu")).unwrap();
    let changes = [
        ("rule_id", json!("7")),
        ("rule_id", json!(7)),
        ("region", json!(null)),
        ("actor", json!({"user_id": "u", "role": "admin", "more": 1})),
        ("actor", json!({"user_id": "u", "role": "owner"})),
        ("actor", json!({"user_id": "u", "role": null})),
        ("actor", json!(["u"])),
        ("reason", json!("because")),
        ("weight", json!(1)),
        ("weight", json!(null)),
        ("limits", json!({"a": 1.0})),
        ("limits", json!({"a": 1.5})),
        ("unknown", json!(1)),
    ];
    let mut payloads = vec![valid.clone(), json!([]), json!("R-1")];
    for (property, value) in changes {
        let mut changed = valid.clone();
        changed[property] = value;
        payloads.push(changed);
    }
    for property in ["rule_id", "region", "actor", "reason"] {
        let mut less = valid.clone();
        less.as_object_mut().unwrap().remove(property);
        payloads.push(less);
    }
    for payload in payloads {
        let decoded = RuleActivated::decode(1, payload.to_string().as_bytes());

        assert_eq!(decoded.is_ok(), validator.is_valid(&payload), "{payload}: {decoded:?}");
    }
}

#[test]
fn a_value_that_breaks_its_schema_is_named() {
    let event = RuleCreated { priority: 1001, ..created() };

    let invalid = event.validate().unwrap_err();

    assert_eq!(created().validate(), Ok(()));
    assert_eq!(invalid.to_string(), "rule.created v1 is invalid: /priority: expected at most 1000, found 1001");
}

/// Version 2 of `RuleCreated`, whose tags are labels.
#[domain_event("rule.created", version = 2, older = RuleCreated)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RuleCreatedV2 {
    #[schemars(regex(pattern = r"^R-[0-9]+$"))]
    rule_id: String,
    #[schemars(length(min = 1, max = 100))]
    name: String,
    #[schemars(range(max = 1000))]
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
}

impl Upcast<RuleCreated> for RuleCreatedV2 {
    fn upcast(old: RuleCreated) -> Self {
        let RuleCreated { rule_id, name, priority, description, tags } = old;
        Self { rule_id, name, priority, description, labels: tags }
    }
}

/// The same of which nobody wants version 1.
#[domain_event("rule.created", version = 2, older = none, schemas = "../../ui/schemas")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Newest {
    #[schemars(regex(pattern = r"^R-[0-9]+$"))]
    rule_id: String,
    #[schemars(length(min = 1, max = 100))]
    name: String,
    #[schemars(range(max = 1000))]
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
}

#[test]
fn an_older_version_is_upcast_from_the_type_that_the_attribute_names() {
    let bytes = serde_json::to_vec(&created()).unwrap();

    let upcast = RuleCreatedV2::decode(1, &bytes).unwrap();
    let invalid = RuleCreatedV2::decode(1, br#"{"rule_id": "R-1"}"#).unwrap_err();

    assert_eq!(upcast.labels, created().tags);
    assert!(invalid.to_string().starts_with("rule.created v1 is invalid: "), "{invalid}");
}

#[test]
fn a_version_without_a_type_is_unknown_and_the_error_says_what_it_takes() {
    let bytes = serde_json::to_vec(&created()).unwrap();
    let (newer, older) = (RuleCreated::decode(2, &bytes).unwrap_err(), Newest::decode(1, &bytes).unwrap_err());

    assert!(matches!(newer, DecodeError::UnknownVersion { version: 2, newest: 1, .. }));
    assert!(newer.to_string().ends_with("the newest known here is 1; rebuild with a catalogue that has it"), "{newer}");
    assert!(matches!(older, DecodeError::UnknownVersion { version: 1, newest: 2, .. }));
    assert!(older.to_string().starts_with("rule.created v1 is older than v2, and nothing here upcasts it"), "{older}");
}

#[test]
fn agreement_is_proven_not_guessed() {
    fn agreement<E: Event + JsonSchema>() -> Agreement {
        let (read, written) = schemas::<E>();
        compare(&serde_json::from_str(E::SCHEMA).unwrap(), &read, &written).unwrap()
    }

    assert_eq!(agreement::<RuleCreated>(), Agreement::Proven);
    assert_eq!(agreement::<RuleActivated>(), Agreement::Proven);
}

/// Like `RuleCreated`, but without what schemars must be told.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Lax {
    rule_id: String,
    name: String,
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

/// The schemas for reading and for writing a type.
pub(super) fn schemas<T: JsonSchema>() -> (Value, Value) {
    let read = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let written = SchemaSettings::draft2020_12().for_serialize().into_generator();
    (read.into_root_schema_for::<T>().to_value(), written.into_root_schema_for::<T>().to_value())
}

fn disagreement<T: JsonSchema>() -> String {
    let (read, written) = schemas::<T>();
    let panic = std::panic::catch_unwind(|| assert_agrees::<RuleCreated>(&read, &written));
    let message = panic.err().and_then(|panic| panic.downcast::<String>().ok());
    message.map(|message| *message).unwrap_or_default()
}

#[test]
fn a_disagreement_is_reported_with_payloads_and_a_way_out() {
    insta::assert_snapshot!(disagreement::<Lax>());
}

/// Like `RuleCreated`, but `tags` may be null in what is written, and a number is a text.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[schemars(regex(pattern = r"^R-[0-9]+$"))]
    rule_id: String,
    #[schemars(length(min = 2, max = 100))]
    name: String,
    #[schemars(range(max = 1000))]
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    tags: Option<Vec<String>>,
}

#[test]
fn a_struct_that_is_too_strict_or_writes_null_is_refused_for_it() {
    insta::assert_snapshot!(disagreement::<Strict>());
}

/// What the attribute would make of a struct, without the test, which fails here.
macro_rules! noted {
    ($name:ident) => {
        impl Event for $name {
            const KIND: eventsmith::Kind = eventsmith::Kind::Domain;
            const TYPE: &'static str = "rule.noted";
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = "rules.domain.rule.noted";
            const SCHEMA: &'static str = r#"{"type": "object", "required": ["details"], "properties": {"details": {
                "type": "array", "items": {"type": "object", "properties": {"by": {"type": ["string", "null"]}}}}}}"#;
            const KEY: Option<&'static str> = None;

            eventsmith::generated::event_payload!(Event, $name, validator);
        }
    };
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Lossy {
    details: Vec<LossyDetail>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct LossyDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Faithful {
    details: Vec<FaithfulDetail>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct FaithfulDetail {
    #[serde(default, skip_serializing_if = "eventsmith::Maybe::is_absent")]
    by: eventsmith::Maybe<String>,
}

noted!(Lossy);
noted!(Faithful);

#[test]
fn a_null_that_a_struct_loses_is_a_disagreement() {
    let (read, written) = schemas::<Lossy>();
    let panic = std::panic::catch_unwind(|| assert_agrees::<Lossy>(&read, &written)).unwrap_err();
    let (read, written) = schemas::<Faithful>();
    assert_agrees::<Faithful>(&read, &written);

    let message = *panic.downcast::<String>().unwrap();
    assert!(message.contains(r#"read    {"details":[{"by":null}]}"#), "{message}");
    assert!(message.contains(r#"written {"details":[{}]}"#), "{message}");
    assert!(message.contains("the null at /details/0/by is lost"), "{message}");
    assert!(message.contains("by an `eventsmith::Maybe<..>`"), "{message}");
}

#[domain_event("rule.get", version = 1, reply = RuleGetReply, error = RuleGetError)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RuleGet {
    rule_id: RuleId,
}

#[domain_event("rule.get", version = 1, part = "reply")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RuleGetReply {
    #[schemars(length(max = 100))]
    name: String,
    #[schemars(range(max = 1000))]
    priority: u16,
}

#[domain_event("rule.get", version = 1, part = "error")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RuleGetError {
    code: RuleGetCode,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RuleGetCode {
    NotFound,
    NotAllowed,
}

#[test]
fn a_struct_of_ones_own_is_a_request_with_its_answers() {
    fn answers<R: Request>(reply: &[u8], error: &[u8]) -> (bool, bool) {
        (R::Reply::decode(reply).is_ok(), R::Error::decode(error).is_ok())
    }

    assert_eq!((RuleGet::TYPE, RuleGet::SUBJECT), ("rule.get", "rules.query.rule.get"));
    assert_eq!(answers::<RuleGet>(br#"{"name": "a", "priority": 7}"#, br#"{"code": "not_found"}"#), (true, true));
    assert_eq!(answers::<RuleGet>(br#"{"name": "a", "priority": 1001}"#, br#"{"code": "gone"}"#), (false, false));
    let refused = RuleGetReply { name: "a".repeat(101), priority: 7 }.validate().unwrap_err();
    assert_eq!((refused.event_type(), refused.version()), ("rule.get.reply", 1));
}

#[test]
fn a_reply_that_disagrees_with_its_schema_is_told_so() {
    /// Like `RuleGetReply`, but without a limit.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Lax {
        name: String,
        #[schemars(range(max = 1000))]
        priority: u16,
    }

    let (read, written) = schemas::<Lax>();
    let panic = std::panic::catch_unwind(|| assert_reply_agrees::<RuleGetReply>(&read, &written)).unwrap_err();

    let message = *panic.downcast::<String>().unwrap();
    assert!(
        message.starts_with("`RuleGetReply` does not agree with the schema of rule.get.reply version 1"),
        "{message}"
    );
}

mod kept {
    use super::*;

    #[domain_event("rule.compiled", version = 1)]
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct OldRuleCompiled {
        pub(super) rule_id: RuleId,
    }

    #[domain_event("rule.compiled", version = 2, older = OldRuleCompiled)]
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct RuleCompiled {
        pub(super) rule_id: RuleId,
        #[schemars(length(max = 100))]
        pub(super) source: String,
    }

    /// A document and a command, which have the same schema. Its name and that of another struct differ in case alone.
    #[domain_event("rule.compiled", version = 1)]
    #[domain_event("rule.archive", version = 1)]
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct OldRulecompiled {
        pub(super) rule_id: RuleId,
    }

    impl Upcast<OldRuleCompiled> for RuleCompiled {
        fn upcast(older: OldRuleCompiled) -> Self {
            Self { rule_id: older.rule_id, source: String::new() }
        }
    }
}

#[test]
fn a_struct_of_ones_own_may_have_several_roles() {
    use kept::OldRulecompiled as Both;

    assert_eq!((<Both as State>::TYPE, <Both as Request>::TYPE), ("rule.compiled", "rule.archive"));
    assert!(<Both as State>::decode(1, br#"{"rule_id": "R-1"}"#).is_ok());
    let refused = <Both as Request>::validate(&Both { rule_id: RuleId("1".to_owned()) }).unwrap_err();
    assert_eq!(refused.event_type(), "rule.archive");
}

#[test]
fn a_struct_of_ones_own_is_a_document_of_a_bucket() {
    use kept::RuleCompiled;

    assert_eq!((RuleCompiled::TYPE, RuleCompiled::VERSION), ("rule.compiled", 2));
    assert_eq!(RuleCompiled::KIND, eventsmith::Kind::State);
    assert_eq!((RuleCompiled::BUCKET, RuleCompiled::SUBJECT), ("RULES_COMPILED", "$KV.RULES_COMPILED.>"));
    let older = RuleCompiled::decode(1, br#"{"rule_id": "R-1"}"#).unwrap();
    assert_eq!(older, RuleCompiled { rule_id: RuleId("R-1".to_owned()), source: String::new() });
    assert!(matches!(RuleCompiled::decode(2, br#"{"rule_id": "R-1"}"#), Err(DecodeError::Invalid(_))));
    assert!(matches!(RuleCompiled::decode(3, b"{}"), Err(DecodeError::UnknownVersion { .. })));
}

#[test]
fn a_document_that_disagrees_with_its_schema_is_told_so() {
    /// Like `RuleCompiled`, but with a number.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Numbered {
        rule_id: RuleId,
        source: u32,
    }

    let (read, written) = schemas::<Numbered>();
    let panic = std::panic::catch_unwind(|| assert_state_agrees::<kept::RuleCompiled>(&read, &written)).unwrap_err();

    let message = *panic.downcast::<String>().unwrap();
    assert!(
        message.starts_with("`RuleCompiled` does not agree with the schema of rule.compiled version 2"),
        "{message}"
    );
}
