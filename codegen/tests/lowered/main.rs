//! What the keywords of JSON Schema become, and which of them are left to the validator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod kept;

use common::catalogue;
use eventsmith_codegen::{generate, load};
use serde_json::{Value, json};

/// The text of one event, and the keywords of it that only the validator judges.
fn lowered(schema: &Value) -> (String, Vec<String>) {
    let dir = catalogue(&[("domain/rule/set.v1.json", &schema.to_string())]);
    let loaded = load(dir.path());
    let text = generate(&loaded).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let causes = eventsmith_codegen::paths::paths(&loaded).remove(0).causes;
    // Line breaks and runs of spaces are the formatter's business.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace("( ", "(").replace(" )", ")");
    (text, causes.into_iter().map(|cause| cause.keyword).collect())
}

/// The text of an event of which nothing is left to the validator.
fn fast(schema: &Value) -> String {
    let (text, causes) = lowered(schema);
    assert_eq!(causes, Vec::<String>::new(), "{text}");
    text
}

fn object(properties: &Value) -> Value {
    json!({"type": "object", "properties": properties})
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn all_of_objects_is_one_struct() {
    let text = fast(&json!({
        "allOf": [
            {"$ref": "#/$defs/Base"},
            {"required": ["state"], "properties": {"state": {"enum": ["closed"]}, "reason": {"type": "string"}}}
        ],
        "$defs": {"Base": {"type": "object", "required": ["id"], "properties": {
            "id": {"type": "integer"}, "state": {"enum": ["open", "closed"]}}}}
    }));

    assert_has(
        &text,
        &["pub struct RuleSet { ", "pub id: i64,", "pub state: RuleSetState,", "pub reason: Option<String>,"],
    );
    assert!(!text.contains("Open,"), "the state can only be closed\n{text}");
}

#[test]
fn an_alternative_that_forbids_everything_is_none() {
    let text = |dead: Value| {
        lowered(&object(&json!({"a": {"oneOf": [{"enum": ["a", "b"]}, dead, {"type": "null"}]}})))
            .0
            .split("mod schemas")
            .next()
            .unwrap()
            .to_owned()
    };

    assert_eq!(text(json!({"not": {}})), text(json!(false)));
    assert_eq!(text(json!({"not": true})), text(json!(false)));
    assert_has(&text(json!({"not": {}})), &["pub a: Maybe<RuleSetA>,"]);
}

#[test]
fn a_schema_beside_a_closed_one_cannot_add_properties() {
    let text = fast(&json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false},
        {"properties": {"b": {"type": "string"}}}
    ]}));

    assert_has(&text, &["deny_unknown_fields", "pub a: Option<String>,"]);
    assert!(!text.contains("pub b:"), "{text}");
}

#[test]
fn unevaluated_properties_see_through_references() {
    let text = fast(&json!({
        "$ref": "#/$defs/Base", "properties": {"b": {"type": "string"}}, "unevaluatedProperties": false,
        "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}}}
    }));

    assert_has(&text, &["deny_unknown_fields", "pub a: Option<String>,", "pub b: Option<String>,"]);
}

#[test]
fn null_beside_other_types_makes_an_option() {
    let text = fast(&object(&json!({
        "a": {"type": ["string", "null"]},
        "b": {"enum": ["x", "y", null]},
        "c": {"anyOf": [{"$ref": "#/properties/d"}, {"type": "null"}]},
        "d": {"type": "object", "properties": {"z": {"type": "boolean"}}}
    })));

    assert_has(&text, &["pub a: Maybe<String>,", "pub b: Maybe<RuleSetB>,", "pub c: Maybe<RuleSetD>,"]);
}

#[test]
fn several_types_make_an_enum_of_types() {
    let text = fast(&object(&json!({"a": {"type": ["string", "integer", "null"], "minLength": 2, "minimum": 0}})));

    assert_has(&text, &["pub a: Maybe<RuleSetA>,", "String(String),", "Integer(u64),", "length(inner, 2..)"]);
}

#[test]
fn a_schema_without_a_type_takes_any_other_json() {
    let text = fast(&object(&json!({"a": {"maxLength": 2}})));

    assert_has(&text, &["String(String),", "Other(Value),", "inner.is_object()"]);
}

#[test]
fn constants_with_descriptions_are_documented_variants() {
    let text = fast(&object(&json!({"a": {"oneOf": [
        {"const": "red", "description": "Stop."},
        {"const": "green", "title": "Go"}
    ]}})));

    assert_has(&text, &["/// Stop. Red,", "/// Go Go,", "Red => \"red\", Go => \"green\""]);
}

#[test]
fn constants_of_mixed_types_are_checked() {
    let text = fast(&object(&json!({"a": {"enum": ["a", 1, true]}, "b": {"const": 1.5}})));

    assert_has(&text, &["pub a: Option<Value>,", r##"::eventsmith::generated::constants!(r#"["a",1,true]"#)"##]);
}

#[test]
fn a_listed_value_that_another_keyword_forbids_is_no_variant() {
    let text = fast(&object(&json!({"a": {"enum": ["on", "off", 3], "type": "string", "maxLength": 2}})));

    assert_has(&text, &["pub enum RuleSetA { /// `on` On, }"]);
}

#[test]
fn objects_with_a_constant_property_are_told_apart_by_it() {
    let text = fast(&json!({"oneOf": [
        {"type": "object", "required": ["kind", "iban"], "properties": {"kind": {"const": "bank"}, "iban": {"type": "string"}}},
        {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cash"}}}
    ]}));

    assert_has(
        &text,
        &[
            r#"#[serde(tag = "kind")]"#,
            r#"::eventsmith::generated::tagged_union!(RuleSet, "kind", { "bank" => Bank(RuleSetBank), "cash" => Cash(RuleSetCash) });"#,
            "pub struct RuleSetBank { /// The property `iban`. pub iban: String, }",
        ],
    );
}

#[test]
fn common_properties_stand_in_every_alternative() {
    let text = fast(&json!({
        "type": "object", "required": ["id", "kind"], "properties": {"id": {"type": "string"}},
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}},
            {"properties": {"kind": {"enum": ["b", "c"]}, "y": {"type": "string"}}}
        ]
    }));

    assert_has(
        &text,
        &[
            r#"tagged_union!(RuleSet, "kind", keep, { "a" => A(RuleSetA), "b" | "c" => BOrC(RuleSetBOrC) });"#,
            "pub struct RuleSetA { /// The property `id`. pub id: String,",
            "pub struct RuleSetBOrC { /// The property `id`. pub id: String,",
        ],
    );
}

#[test]
fn alternatives_without_a_tag_are_tried() {
    let schema = json!({"oneOf": [
        {"type": "string"},
        {"type": "object", "required": ["and"], "properties": {"and": {"type": "array", "items": {"$ref": "#"}}}}
    ]});

    assert_has(
        &fast(&schema),
        &["String(String),", "And(RuleSetAnd),", "::eventsmith::generated::one_of!(", "pub and: Vec<RuleSet>,"],
    );
}

#[test]
fn alternatives_of_required_properties_are_rules() {
    let text = fast(&json!({
        "type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}], "anyOf": [{"required": ["a"]}, {"required": ["c"]}],
        "not": {"required": ["b", "c"]}
    }));

    assert_has(
        &text,
        &[
            "(self.a.is_some() != self.b.is_some())",
            "(self.a.is_some() || self.c.is_some())",
            "(self.b.is_none() || self.c.is_none())",
        ],
    );
}

#[test]
fn conditions_over_constants_are_rules() {
    let text = fast(&json!({
        "type": "object", "required": ["kind"],
        "properties": {"kind": {"enum": ["card", "iban", "cash"]}, "card": {"type": "string"}, "note": {"type": ["string", "null"]}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": "card"}}}, "then": {"required": ["card"]}, "else": {"not": {"required": ["card"]}}},
            {"if": {"properties": {"kind": {"enum": ["iban", "cash"]}}}, "then": {"properties": {"note": {"type": "string", "minLength": 3}}}}
        ]
    }));

    assert_has(
        &text,
        &[
            "(!::std::matches!(self.kind, RuleSetKind::Card) || self.card.is_some())",
            "(::std::matches!(self.kind, RuleSetKind::Card) || self.card.is_none())",
            "::std::matches!(self.kind, RuleSetKind::Iban | RuleSetKind::Cash)",
        ],
    );
}

#[test]
fn undeclared_properties_keep_the_type_that_the_schema_gives_them() {
    let text = fast(&json!({
        "type": "object", "properties": {"id": {"type": "string"}}, "additionalProperties": {"type": "integer", "minimum": 0},
        "propertyNames": {"maxLength": 8}
    }));

    assert_has(
        &text,
        &["pub unknown: BTreeMap<String, u64>,", "checks::length(name, ..=8)", r#"undeclared(&self.unknown, &["id"])"#],
    );
}

#[test]
fn a_map_with_a_pattern_for_its_names_is_a_map() {
    let text = fast(&object(&json!({"a": {
        "type": "object", "patternProperties": {"^x-": {"type": "boolean"}}, "additionalProperties": false}})));

    assert_has(&text, &["pub a: Option<BTreeMap<String, bool>>,", ".keys()"]);
}

#[test]
fn an_array_of_one_length_is_a_tuple_in_every_draft() {
    let newest = object(
        &json!({"a": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false, "minItems": 2}}),
    );
    let mut older = object(
        &json!({"a": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": false, "minItems": 2}}),
    );
    older["$schema"] = json!("http://json-schema.org/draft-07/schema#");

    assert_has(&fast(&newest), &["pub a: Option<(String, i64)>,"]);
    assert_has(&fast(&older), &["pub a: Option<(String, i64)>,"]);
}

#[test]
fn keywords_of_other_drafts_and_unknown_ones_say_nothing() {
    let mut schema = object(&json!({"a": {"type": "string", "const": "x", "nullable": true, "example": "y"}}));
    schema["$schema"] = json!("http://json-schema.org/draft-04/schema#");

    assert_has(&fast(&schema), &["pub a: Option<String>,"]);
}

#[test]
fn siblings_of_a_reference_count_from_2019_on() {
    let schema = |draft: &str| {
        json!({
            "$schema": draft, "type": "object", "properties": {"a": {"$ref": "#/$defs/Name", "maxLength": 3}},
            "$defs": {"Name": {"type": "string"}}
        })
    };

    assert_has(&fast(&schema("https://json-schema.org/draft/2020-12/schema")), &["pub a: Option<String>,", "..=3"]);
    assert_has(&fast(&schema("http://json-schema.org/draft-07/schema#")), &["pub a: Option<Name>,"]);
}

#[test]
fn a_default_for_every_required_property_makes_a_default() {
    let text = fast(&json!({
        "type": "object", "required": ["limit", "order"],
        "properties": {"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
            "order": {"enum": ["asc", "desc"], "default": "asc"}, "after": {"type": "string"}}
    }));

    assert_has(&text, &["impl Default for RuleSet", "limit: 20,", "order: RuleSetOrder::Asc,", "after: None,"]);
}

#[test]
fn what_no_type_can_say_is_left_to_the_validator_and_named() {
    let (text, causes) = lowered(&object(&json!({
        "a": {"type": "array", "contains": {"const": 1}},
        "b": {"not": {"const": 3}}
    })));

    assert_has(&text, &["pub a: Option<Vec<Value>>,", "pub b: Option<Value>,"]);
    assert_eq!(causes, ["contains", "not"]);
}

#[test]
fn schemas_that_nothing_fulfils_are_generated_all_the_same() {
    for schema in
        [json!(false), json!({"type": "string", "enum": []}), json!({"allOf": [{"type": "string"}, {"type": "array"}]})]
    {
        if schema["enum"].as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        let (text, causes) = lowered(&schema);
        assert_has(&text, &["pub struct RuleSet(pub Value);"]);
        assert!(!causes.is_empty(), "{schema}");
    }
    let unsatisfiable =
        json!({"type": "object", "required": ["b"], "properties": {"a": true}, "additionalProperties": false});
    assert_eq!(lowered(&unsatisfiable).1, ["required"]);
}

#[test]
fn a_conjunction_that_comes_back_to_itself_ends() {
    let text = fast(&json!({
        "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
        "$defs": {
            "A": {"type": "object", "properties": {"next": {"$ref": "#/$defs/A"}, "n": {"type": "integer"}}},
            "B": {"type": "object", "properties": {"next": {"$ref": "#/$defs/B"}, "m": {"type": "integer"}}}
        }
    }));

    assert_has(&text, &["pub n: Option<i64>,", "pub m: Option<i64>,", "Box<"]);
}

#[test]
fn an_integer_of_draft_4_is_read_as_that_draft_means_it() {
    let mut schema = object(&json!({"a": {"type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 9}}));
    schema["$schema"] = json!("http://json-schema.org/draft-04/schema#");

    assert_has(&fast(&schema), &["pub a: Option<u8>,", "(1..=9)", "draft_4_is_valid"]);
}

#[test]
fn a_type_that_stands_for_itself_is_left_to_the_validator() {
    let alternatives = json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]});
    let references = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});

    for schema in [alternatives, references] {
        let (text, causes) = lowered(&schema);
        assert_has(&text, &["(pub Value);"]);
        assert_eq!(causes, ["$ref"]);
    }
}

#[test]
fn unions_beside_each_other_do_not_multiply() {
    let tagged = |i: usize| {
        let of = |v: &str| {
            format!(
                r#"{{"type": "object", "required": ["k{i}"], "properties": {{"k{i}": {{"const": "{v}"}}, "{v}{i}": {{"type": "string"}}}}}}"#
            )
        };
        format!(r#"{{"oneOf": [{}, {}]}}"#, of("a"), of("b"))
    };
    let of = |count: usize| {
        let all: Vec<String> = (0..count).map(tagged).collect();
        let schema = format!(r#"{{"type": "object", "allOf": [{}]}}"#, all.join(", "));
        let dir = common::catalogue(&[("domain/rule/created.v1.json", &schema)]);
        eventsmith_codegen::generate(&eventsmith_codegen::load(dir.path())).unwrap()
    };

    assert!(of(3).len() > of(2).len());
    assert!(of(20).len() < 60_000, "{}", of(20).len());
}

#[test]
fn schemas_that_meet_again_on_many_ways_are_read_once() {
    let twice =
        |i: usize| format!(r##""d{i}": {{"allOf": [{{"$ref": "#/$defs/d{0}"}}, {{"$ref": "#/$defs/d{0}"}}]}}"##, i + 1);
    let definitions: Vec<String> = (0..40).map(twice).collect();
    let schema = format!(
        r##"{{"$ref": "#/$defs/d0", "$defs": {{{}, "d40": {{"type": "object", "properties": {{"x": {{"type": "string"}}}}}}}}}}"##,
        definitions.join(", ")
    );
    let dir = common::catalogue(&[("domain/rule/created.v1.json", &schema)]);

    assert!(eventsmith_codegen::generate(&eventsmith_codegen::load(dir.path())).is_ok());
}

#[test]
fn what_is_too_wide_for_a_struct_or_an_enum_is_left_to_the_validator() {
    let text = |count: usize| {
        let properties: serde_json::Map<String, Value> =
            (0..count).map(|at| (format!("p{at}"), json!({"type": "integer"}))).collect();
        let values: Vec<String> = (0..count).map(|at| format!("v{at}")).collect();
        let wide = json!({"type": "object", "properties": properties});
        let schema = json!({"type": "object", "properties": {"wide": wide, "long": {"enum": values}}}).to_string();
        let dir = catalogue(&[("domain/rule/created.v1.json", &schema)]);
        eventsmith_codegen::generate(&load(dir.path())).unwrap()
    };

    let wide = text(4097);

    assert!(wide.contains("pub wide: Option<BTreeMap<String, Value>>,"));
    assert!(wide.contains("pub long: Option<String>,"));
    assert!(text(1000).contains("pub p999: Option<i64>,"));
}

#[test]
fn null_in_every_spelling_makes_an_option() {
    let definitions = json!({
        "Level": {"enum": ["x", "y"]}, "OrNull": {"enum": ["x", "y", null]}, "Nothing": {"const": null},
        "Either": {"oneOf": [{"type": "string"}, {"type": "integer"}]}, "Part": {"type": "object", "properties": {"x": {"type": "string"}}}
    });
    let level = json!({"$ref": "#/$defs/Level"});
    let nothing = json!({"type": "null"});
    for (schema, expected) in [
        (json!({"anyOf": [level, nothing]}), "Option<Level>"),
        (json!({"oneOf": [level, {"const": null}]}), "Option<Level>"),
        (json!({"oneOf": [{"enum": [null]}, level]}), "Option<Level>"),
        (json!({"anyOf": [level, {"$ref": "#/$defs/Nothing"}]}), "Option<Level>"),
        (
            json!({"anyOf": [{"$ref": "#/$defs/Level", "description": "or nothing"}, {"type": "null", "const": null}]}),
            "Option<Level>",
        ),
        (json!({"anyOf": [{"anyOf": [level, nothing]}, nothing]}), "Option<Level>"),
        (
            json!({"type": ["array", "null"], "items": {"anyOf": [level, {"const": null}]}}),
            "Option<Vec<Option<Level>>>",
        ),
        (json!({"oneOf": [nothing, {"$ref": "#/$defs/Either"}]}), "Option<Either>"),
        (json!({"oneOf": [{"const": null}, {"$ref": "#/$defs/Part"}]}), "Option<Part>"),
        (json!({"anyOf": [{"type": ["string", "null"]}, nothing]}), "Option<String>"),
        (json!({"anyOf": [{"const": 1}, {"const": null}]}), "Option<u8>"),
    ] {
        let text =
            fast(&json!({"type": "object", "required": ["a"], "properties": {"a": schema}, "$defs": definitions}));

        assert_has(&text, &[&format!("pub a: {expected},")]);
        assert!(!text.contains("Null("), "{schema}\n{text}");
    }
}

#[test]
fn exactly_one_of_two_that_take_null_takes_none() {
    let (text, _) = lowered(&json!({"type": "object", "required": ["a"], "properties": {
        "a": {"oneOf": [{"type": ["string", "null"]}, {"type": "null"}]}}}));

    assert!(!text.contains("pub a: Option<"), "{text}");
}

#[test]
fn what_is_said_beside_a_format_leaves_its_type() {
    let text = fast(&object(&json!({
        "a": {"type": "string", "format": "date-time", "minLength": 1},
        "b": {"type": "string", "format": "date-time", "maxLength": 20, "pattern": "Z$"},
        "c": {"type": "string", "format": "date", "minLength": 10, "maxLength": 10},
        "d": {"type": "string", "format": "date", "pattern": "^2"},
        "e": {"type": "string", "format": "uuid", "minLength": 36, "maxLength": 36},
        "f": {"type": "string", "format": "uuid", "pattern": "^[a-f]"},
    })));

    assert_has(
        &text,
        &["pub a: Option<DateTime>", "pub b: Option<DateTime>", "pub c: Option<Date>", "pub d: Option<Date>"],
    );
    assert_has(&text, &["pub e: Option<Uuid>", "pub f: Option<String>", "length(value.to_string(), ..=20)"]);
}

#[test]
fn texts_of_which_one_is_a_date_time_are_checked_as_texts() {
    let text = fast(&object(
        &json!({"a": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 3}]}}),
    ));

    assert_has(&text, &["has_format!(\"date-time\", "]);
}

#[test]
fn an_alternative_that_an_all_of_rules_out_has_no_variant() {
    let kind = |kind: &str| json!({"type": "object", "required": ["kind"], "properties": {"kind": {"const": kind}}});
    let (text, _) = lowered(&json!({
        "type": "object", "required": ["a"],
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/Payment"}, {"properties": {"kind": {"enum": ["card", "iban"]}}}]}},
        "$defs": {"Payment": {"oneOf": [kind("card"), kind("iban"), kind("cash")]}}
    }));

    assert_has(&text, &["\"card\" => Card", "\"iban\" => Iban"]);
    assert!(!text.contains("Cash"), "{text}");
}
