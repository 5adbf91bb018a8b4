//! What small schemas become.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::catalogue;
use eventsmith_codegen::load;

fn generate(files: &[(&str, &str)]) -> String {
    let dir = catalogue(files);
    eventsmith_codegen::generate(&load(dir.path())).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn a_root_is_all_that_a_manifest_needs_and_a_schema_may_be_a_boolean() {
    let text = generate(&[("domain/rule/anything.v1.json", "true"), ("domain/rule/nothing.v1.json", "false")]);

    assert!(text.contains("pub struct RuleAnything(pub Value);"));
    assert!(text.contains("pub const ANYTHING: &str = \"rules.domain.rule.anything\";"));
    assert!(text.contains("pub const STREAMS: &[::eventsmith::catalogue::StreamDescriptor] = &[];"));
}

#[test]
fn the_same_catalogue_gives_the_same_text() {
    let files = [
        ("domain/b/two.v1.json", r#"{"type": "object", "properties": {"x": {"enum": ["a", "b"]}}}"#),
        ("domain/a/one.v1.json", r#"{"type": "object", "properties": {"y": {"type": "integer"}}}"#),
    ];

    assert_eq!(generate(&files), generate(&files));
}

#[test]
fn names_that_rust_does_not_allow_become_legal_and_stay_apart() {
    let schema = r#"{"type": "object", "required": ["type", "self", "a-b", "a_b", "", "größe"], "properties": {
        "type": true, "self": true, "a-b": true, "a_b": true, "": true, "größe": true}}"#;
    let text = generate(&[("domain/type/created.v1.json", schema)]);

    for field in ["pub r#type:", "pub self_:", "pub a_b:", "pub a_hyphen_b:", "pub unnamed:", "pub größe:"] {
        assert!(text.contains(field), "{field}\n{text}");
    }
    assert!(text.contains("pub mod r#type {"));
}

#[test]
fn a_chain_that_the_compiler_does_not_follow_to_its_end_ends_in_any_json() {
    let step = |at: usize| {
        format!(r##""s{at}": {{"type": "object", "properties": {{"next": {{"$ref": "#/$defs/s{}"}}}}}}"##, at + 1)
    };
    let schema = |length: usize| {
        let steps: Vec<String> = (0..length).map(step).collect();
        format!(r##"{{"$ref": "#/$defs/s0", "$defs": {{{}, "s{length}": {{"type": "object"}}}}}}"##, steps.join(", "))
    };
    let text = |length| generate(&[("domain/rule/chained.v1.json", &schema(length))]);

    let (short, long) = (text(20), text(300));

    assert!(!short.contains("pub next: Option<Value>"), "{short}");
    assert_eq!(long.matches("pub next: Option<Value>").count(), 6, "every fiftieth");
    assert_eq!(long.matches("pub next: Option<").count(), 300);
}

#[test]
fn a_title_that_hides_a_name_of_the_generated_code_gives_way_to_the_path() {
    let text = generate(&[("domain/rule/created.v1.json", r#"{"title": "Option", "type": "object"}"#)]);

    assert!(text.contains("pub struct RuleCreated"), "{text}");
}

#[test]
fn an_equal_type_of_two_versions_is_written_once() {
    let schema = r#"{"type": "object", "properties": {"status": {"enum": ["on", "off"]}}}"#;
    let newer = r#"{"type": "object", "properties": {"status": {"enum": ["on", "off"]}, "x": {"type": "string"}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema), ("domain/rule/set.v2.json", newer)]);

    assert_eq!(text.matches("pub enum RuleSetStatus").count(), 1, "{text}");
    assert!(text.contains("pub use v1::RuleSetStatus;"), "{text}");
    assert!(text.contains("impl From<super::v1::RuleSet> for RuleSet"), "{text}");
}

#[test]
fn an_upcast_is_asked_for_where_the_schemas_prove_nothing() {
    let schema = r#"{"type": "object", "properties": {"level": {"type": "string"}}}"#;
    let newer = r#"{"type": "object", "properties": {"level": {"type": "integer"}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema), ("domain/rule/set.v3.json", newer)]);

    assert!(!text.contains("impl From<"), "{text}");
    assert!(text.contains("Upcast::upcast"), "{text}");
}

#[test]
fn a_recursive_type_lies_on_the_heap_only_where_it_must() {
    let schema = r##"{"type": "object", "properties": {"root": {"$ref": "#/$defs/Node"}}, "$defs": {"Node":
        {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}}}}}"##;
    let text = generate(&[("domain/tree/grown.v1.json", schema)]);

    assert!(text.contains("pub next: Option<Box<Node>>,"), "{text}");
    assert!(text.contains("pub children: Option<Vec<Node>>,"), "{text}");
    assert!(text.contains("pub root: Option<Node>,"), "{text}");
}

#[test]
fn a_number_that_json_cannot_write_is_not_valid() {
    let schema = r#"{"type": "object", "properties": {"rate": {"type": "number"}}, "required": ["rate"]}"#;
    let text = generate(&[("domain/tax/set.v1.json", schema)]);

    assert!(text.contains("self.rate.is_finite()"), "{text}");
}

#[test]
fn a_meta_schema_of_somebodys_own_is_a_warning() {
    let schema = r#"{"$schema": "https://example.org/our-schema/1-0-0", "self": {"name": "x"}, "type": "object"}"#;
    let dir = catalogue(&[("domain/rule/created.v1.json", schema)]);
    let loaded = load(dir.path());

    let found: Vec<_> = loaded.diagnostics.iter().map(|one| (one.rule, one.severity, one.pointer.as_str())).collect();
    assert_eq!(found, [("foreign-dialect", eventsmith_codegen::Severity::Warning, "/$schema")]);
    assert!(!eventsmith_codegen::generate(&loaded).unwrap_or_default().contains("our-schema"));
}

#[test]
fn what_two_groups_define_alike_stands_once_in_a_module_of_both() {
    let schema = r##"{"type": "object", "properties": {"by": {"$ref": "#/$defs/user"}}, "$defs": {"user":
        {"type": "object", "properties": {"id": {"type": "integer"}}}}}"##;
    let text = generate(&[("domain/shop/cart/filled.v1.json", schema), ("domain/shop/order/placed.v1.json", schema)]);

    assert_eq!(text.matches("pub struct User ").count(), 1, "{text}");
    assert!(text.contains("pub use super::super::shared::{User, UserRequired};"), "{text}");
    assert!(text.contains("/// The schema `domain/shop/cart/filled.v1.json#/$defs/user`."), "{text}");
}

#[test]
fn a_shared_type_is_found_in_every_module_whose_file_defines_it() {
    let schema = r##"{"type": "object", "properties": {"by": {"$ref": "#/$defs/user"}}, "$defs": {"user":
        {"type": "object", "properties": {"role": {"enum": ["owner", "guest"]}}}}}"##;
    let text = generate(&[("domain/cart/filled.v1.json", schema), ("domain/order/placed.v2.json", schema)]);

    let reexport = "pub use super::super::shared::{User, UserRequired, UserRole};";
    assert_eq!(text.matches(reexport).count(), 2, "{text}");
    assert!(!text.contains(" use super::super::shared::User;"), "{text}");
    assert!(text.contains("pub use v1::{CartFilled, CartFilledRequired, User, UserRequired, UserRole};"), "{text}");
    assert!(text.contains("pub use v2::{OrderPlaced, OrderPlacedRequired, User, UserRequired, UserRole};"), "{text}");
}

#[test]
fn a_type_of_the_module_itself_comes_before_a_shared_one_with_its_name() {
    let schema = r##"{"type": "object", "properties": {"by": {"$ref": "#/$defs/user"}}, "$defs": {"user":
        {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}}}"##;
    let own = schema.replace("integer", "string");
    let text = generate(&[
        ("domain/cart/filled.v1.json", schema),
        ("domain/order/paid.v1.json", &own),
        ("domain/order/placed.v1.json", schema),
    ]);

    let order = text.split("/// Version 1 of the `order` events.").nth(1).unwrap_or_default();
    assert!(order.contains("pub struct User {") && !order.contains("pub use super::super::shared"), "{text}");
    assert!(order.contains("pub by: Option<super::super::shared::User>,"), "{text}");
}

#[test]
fn what_events_of_one_group_define_alike_stands_in_its_oldest_version() {
    let schema = r##"{"type": "object", "properties": {"by": {"$ref": "#/$defs/user"}}, "$defs": {"user":
        {"type": "object", "properties": {"id": {"type": "integer"}}}}}"##;
    let text = generate(&[
        ("domain/order/cancelled.v1.json", r#"{"type": "object"}"#),
        ("domain/order/cancelled.v2.json", schema),
        ("domain/order/placed.v1.json", schema),
    ]);

    assert_eq!(text.matches("pub struct User ").count(), 1, "{text}");
    assert!(text.contains("pub use super::v1::{User, UserRequired};"), "{text}");
}

#[test]
fn definitions_with_one_name_and_different_contents_are_named_by_their_owners() {
    let schema = |ty: &str| {
        format!(
            r##"{{"type": "object", "properties": {{"by": {{"$ref": "#/$defs/user"}}}}, "$defs": {{"user":
            {{"type": "object", "properties": {{"id": {{"type": "{ty}"}}}}}}}}}}"##
        )
    };
    let files = [("domain/order/paid.v1.json", schema("integer")), ("domain/order/placed.v1.json", schema("string"))];
    let text = generate(&files.each_ref().map(|(path, schema)| (*path, schema.as_str())));

    assert!(text.contains("pub struct OrderPaidUser {"), "{text}");
    assert!(text.contains("pub struct OrderPlacedUser {"), "{text}");
}

#[test]
fn nested_types_with_one_name_are_told_apart_by_the_way_to_them() {
    let (run, suite) = (
        r#""run": {"type": "object", "properties": {"status": {"enum": ["on", "off"]}}}"#,
        r#""suite": {"type": "object", "properties": {"status": {"enum": ["up", "down"]}}}"#,
    );

    for properties in [format!("{run}, {suite}"), format!("{suite}, {run}")] {
        let schema = format!(r#"{{"type": "object", "properties": {{{properties}}}}}"#);
        let text = generate(&[("domain/check/done.v1.json", &schema)]);
        assert!(text.contains("pub enum CheckDoneRunStatus {"), "{text}");
        assert!(text.contains("pub enum CheckDoneSuiteStatus {"), "{text}");
    }
}

#[test]
fn a_renamed_runtime_is_named_everywhere() {
    let schema = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"},
        "mail": {"type": "string", "format": "email"}}, "x-event": {"subject": "rules.domain.rule.set.{id}"}}"#;
    let dir = catalogue(&[("domain/rule/set.v1.json", schema)]);
    let runtime = eventsmith_codegen::Runtime::named("my-events").unwrap();
    let text = eventsmith_codegen::generate_for(&load(dir.path()), &runtime).unwrap();

    assert!(text.contains("use ::my_events::{"), "{text}");
    assert!(!text.contains("eventsmith::"), "{text}");
}

#[test]
fn what_holds_no_json_of_any_kind_is_ordered() {
    let schema = r#"{"type": "object", "properties": {"price": {"type": "object", "properties": {"net": {"type": "number"}}},
        "label": {"type": "object", "properties": {"text": {}}}}}"#;
    let text = generate(&[("domain/item/set.v1.json", schema)]);
    let derives_of = |name: &str| {
        let before = text.split(&format!("pub struct {name} {{")).next().unwrap_or_default();
        before.lines().rev().find(|line| line.contains("derive")).unwrap_or_default().to_owned()
    };

    assert!(derives_of("ItemSetPrice").contains("Eq, Hash, PartialOrd, Ord"), "{text}");
    for name in ["ItemSetLabel", "ItemSet"] {
        assert!(derives_of(name).contains("Eq, Hash") && !derives_of(name).contains("Ord"), "{text}");
    }
}

#[test]
fn a_new_optional_property_leaves_those_who_build_the_struct_alone() {
    let text = |properties: &str| {
        let schema = format!(
            r#"{{"type": "object", "required": ["id"], "properties": {{"id": {{"type": "string"}}, {properties}}}}}"#
        );
        generate(&[("domain/rule/set.v1.json", &schema)])
    };
    let older = text(r#""note": {"type": "string"}"#);
    let newer = text(r#""count": {"type": "integer", "minimum": 0, "maximum": 9}, "note": {"type": "string"}"#);

    let required = "RuleSet from RuleSetRequired { id: String };";
    assert!(older.contains(required) && newer.contains(required), "{newer}");
    assert!(older.contains("with_note = note: into String\n"), "{older}");
    assert!(newer.contains("with_count = count: of u8, with_note = note: into String\n"), "{newer}");
    assert!(newer.contains("pub use v1::{RuleSet, RuleSetRequired};"), "{newer}");
}

#[test]
fn a_payload_without_optional_properties_is_ready_for_the_first() {
    let schema = r#"{"type": "object", "required": ["id", "by"], "properties": {"id": {"type": "string"},
        "by": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema)]);

    assert!(text.contains("RuleSet from RuleSetRequired { id: String, by: RuleSetBy }\n"), "{text}");
    assert!(!text.contains("RuleSetByRequired"), "{text}");
}

#[test]
fn a_struct_without_required_properties_is_made_of_none() {
    let schema = r#"{"type": "object", "properties": {"note": {"type": "string"}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema)]);

    assert!(text.contains("RuleSet from RuleSetRequired {};\n"), "{text}");
}

#[test]
fn a_setter_shows_the_name_of_its_property() {
    let schema = r#"{"type": "object", "properties": {"type": {"type": "string"}, "a b": {"type": "string"},
        "note": {"type": "string"}}}"#;
    let text = generate(&[("domain/rule/set.v1.json", schema)]);

    assert!(text.contains(r#"with_type = r#type "type": into String"#), "{text}");
    assert!(text.contains(r#"with_a_b = a_b "a\u{20}b": into String"#), "{text}");
    assert!(text.contains("with_note = note: into String"), "{text}");
}

#[test]
fn absolute_references_lead_into_the_folders_that_stand_for_their_urls() {
    let manifest = "root = \"rules\"\n[references]\n\"https://example.org/schemas\" = \"shared\"\n";
    let schema = r##"{
        "type": "object", "required": ["price", "own"],
        "properties": {
            "price": {"$ref": "https://example.org/schemas/money.json#/$defs/Amount"},
            "own": {"$ref": "#/$defs/Own"}
        },
        "$defs": {"Own": {"type": "integer"}}
    }"##;
    for money in [
        r#"{"$defs": {"Amount": {"type": "integer", "minimum": 0}}}"#,
        r##"{"$defs": {"Amount": {"$anchor": "here", "$ref": "https://example.org/schemas/money.json#/$defs/N"}, "N": {"type": "integer"}}}"##,
    ] {
        let files =
            [("eventsmith.toml", manifest), ("domain/rule/created.v1.json", schema), ("shared/money.json", money)];
        let text = generate(&files);
        let loaded = load(catalogue(&files).path());
        let bundle = eventsmith_codegen::bundle::bundle(&loaded, "domain/rule/created.v1.json");

        assert!(text.contains("pub price: "), "{text}");
        let validator = jsonschema::options().build(&bundle).unwrap();
        assert!(validator.is_valid(&serde_json::json!({"price": 1, "own": 1})), "{bundle}");
        assert!(!validator.is_valid(&serde_json::json!({"price": "1", "own": 1})), "{bundle}");
    }
}

const TEXT: &str = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}"#;

/// What stands between two texts.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(part, _)| part).unwrap_or_default()
}

#[test]
fn a_request_names_what_it_is_answered_with() {
    let text = generate(&[
        ("command/rule/activate.v1.json", TEXT),
        ("command/rule/activate.v1.reply.json", TEXT),
        ("command/rule/activate.v1.error.json", TEXT),
        ("query/rule/list.v1.json", TEXT),
    ]);

    let answers = |request: &str| between(&text, &format!("impl Request for {request} {{"), "const KIND").to_owned();
    assert!(answers("RuleActivate").contains("type Reply = RuleActivateReply;"), "{text}");
    assert!(answers("RuleActivate").contains("type Error = RuleActivateError;"), "{text}");
    assert!(answers("RuleList").contains("type Reply = NoReply;"), "{text}");
    assert!(answers("RuleList").contains("type Error = NoRefusal;"), "{text}");
    assert!(text.contains("impl Reply for RuleActivateError"), "{text}");
    assert!(text.contains("COMMAND_RULE__ACTIVATE_V1_ERROR"), "{text}");
    let catalogue = between(&text, "pub const CATALOGUE", "];").split_whitespace().collect::<String>();
    assert!(
        catalogue.contains(".with_reply::<rule::v1::RuleActivateReply>().with_error::<rule::v1::RuleActivateError>()")
    );
}

#[test]
fn the_title_of_a_refusal_names_its_type() {
    let refusal = r#"{"title": "Refusal", "type": "object"}"#;
    let text = generate(&[("query/rule/get.v1.json", TEXT), ("query/rule/get.v1.error.json", refusal)]);

    assert!(text.contains("type Error = Refusal;"), "{text}");
    assert!(text.contains("pub struct Refusal"), "{text}");
}

#[test]
fn requests_that_are_refused_alike_share_the_types_of_their_refusals() {
    let common = r##"{"$defs": {
        "NotFound": {"type": "object", "required": ["code"], "properties": {"code": {"const": "not_found"}}},
        "WrongState": {"type": "object", "required": ["code", "state"], "properties": {"code": {"const": "wrong_state"},
            "state": {"type": "string"}}}}}"##;
    let refusal = r##"{"oneOf": [{"$ref": "../../common.json#/$defs/NotFound"},
        {"$ref": "../../common.json#/$defs/WrongState"}]}"##;
    let text = generate(&[
        ("common.json", common),
        ("command/rule/activate.v1.json", TEXT),
        ("command/rule/activate.v1.error.json", refusal),
        ("command/rule/delete.v1.json", TEXT),
        ("command/rule/delete.v1.error.json", refusal),
    ]);

    assert_eq!(text.matches("pub struct WrongState").count(), 1, "{text}");
    for request in ["RuleActivate", "RuleDelete"] {
        let refusal = between(&text, &format!("pub enum {request}Error {{"), "}");
        assert!(refusal.contains("NotFound("), "{text}");
        assert!(refusal.contains("WrongState("), "{text}");
    }
}

#[test]
fn the_events_of_an_aggregate_are_one_type_too() {
    let event = |title: &str| {
        format!(
            r#"{{"title": "{title}", "type": "object", "required": ["rule_id"],
                "properties": {{"rule_id": {{"type": "string"}}}}, "x-event": {{"key": "/rule_id", "aggregate": "rule"}}}}"#
        )
    };
    let newer = event("RuleCreated").replace("\"properties\": {", "\"properties\": {\"tag\": {\"type\": \"string\"}, ");
    let text = generate(&[
        ("eventsmith.toml", "root = \"rules\"\n[streams.RULES]\nsubjects = [\"rules.domain.>\"]\n"),
        ("domain/rule/created.v1.json", &event("RuleCreated")),
        ("domain/rule/created.v2.json", &newer),
        ("domain/rule/deleted.v1.json", &event("RuleDeleted")),
        ("domain/price/deleted.v1.json", r#"{"title": "PriceDeleted", "type": "object"}"#),
    ]);

    let (_, aggregates) = text.split_once("pub mod aggregates {").unwrap();
    for expected in [
        "pub enum RuleEvent {",
        "Created(super::rule::v2::RuleCreated),",
        "Deleted(super::rule::v1::RuleDeleted),",
        "\"rules.domain.rule.*.*\"",
    ] {
        assert!(aggregates.contains(expected), "{expected}\n{aggregates}");
    }
    assert!(text.contains(r#"const AGGREGATE: Option<&'static str> = Some("rule");"#), "{text}");
    assert!(text.contains(r#"pub const CREATED: &str = "rules.domain.rule.created.*";"#), "{text}");
    assert!(text.contains(".aggregates(true)"), "{text}");
}
