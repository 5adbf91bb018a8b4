//! References that lead nowhere, in circles, or to two places.

use super::*;

#[test]
fn a_reference_that_leads_back_to_where_it_stands_is_reported() {
    let schemas = [
        r##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [true, {"$ref": "#/$defs/a"}]}}}"##,
        r##"{"type": "object", "dependentSchemas": {"a": {"$ref": "#"}}}"##,
        r##"{"not": {"$ref": "#"}}"##,
        r##"{"if": true, "then": {"$ref": "#"}}"##,
    ];
    for schema in schemas {
        let found = warnings(&[("domain/rule/created.v1.json", schema)]);
        assert!(
            found.iter().any(|(rule, at)| *rule == "endless-reference" && at.ends_with("/$ref")),
            "{schema}: {found:?}"
        );
    }
    let sound = r##"{"properties": {"a": {"$ref": "#"}}, "items": {"$ref": "#"}, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {}}}"##;
    assert_eq!(warnings(&[("domain/rule/created.v1.json", sound)]), []);
}

#[test]
fn a_meta_schema_that_nobody_knows_is_no_target() {
    let rule = "domain/rule/created.v1.json";
    let of = |reference: &str| format!(r#"{{"$ref": "http://json-schema.org/{reference}"}}"#);

    for unknown in ["draft-05/schema#", "schema#", "draft-07/schema#/definitions/nothing"] {
        assert_eq!(problem(&[(rule, &of(unknown))]), at("bad-reference", rule, "/$ref", Some(1)), "{unknown}");
    }
    assert_eq!(warnings(&[(rule, &of("draft-07/schema#"))]), []);
}

#[test]
fn two_schemas_of_one_name_in_a_file_are_refused() {
    let rule = "domain/rule/created.v1.json";
    let anchors = r##"{"$ref": "#x", "$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x", "type": "integer"}}}"##;
    let ids = r##"{"$ref": "#/$defs/a", "$defs": {"a": {"$id": "x:y"}, "b": {"$id": "x:y", "type": "integer"}}}"##;
    let apart = r##"{"$ref": "x:a#x", "$defs": {"a": {"$id": "x:a", "$anchor": "x"}, "b": {"$anchor": "x", "$dynamicAnchor": "x"}}}"##;

    assert_eq!(problem(&[(rule, anchors)]), at("bad-schema", rule, "/$defs/b/$anchor", Some(1)));
    assert_eq!(problem(&[(rule, ids)]), at("bad-schema", rule, "/$defs/b/$id", Some(1)));
    let old = r##"{"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {"$id": "#x"}, "b": {"$id": "#x"}}}"##;
    assert_eq!(problem(&[(rule, old)]), at("bad-schema", rule, "/definitions/b/$id", Some(1)));
    assert_eq!(warnings(&[(rule, apart)]), []);
}

#[test]
fn a_meta_schema_of_any_draft_is_known() {
    let of = |draft: &str| {
        let text = format!(
            r#"{{"$schema": "http://json-schema.org/{draft}/schema#", "properties": {{"a": {{"$ref": "http://json-schema.org/draft-07/schema"}}}}}}"#
        );
        load(catalogue(&[("domain/rule/created.v1.json", &text)]).path()).diagnostics
    };

    assert_eq!(of("draft-07"), []);
    assert_eq!(of("draft-04"), []);
}

#[test]
fn a_reference_with_characters_that_no_uri_has_leads_where_the_encoded_one_does() {
    for (name, written) in [
        ("Größe", "Gr%C3%B6%C3%9Fe"),
        ("Money amount", "Money%20amount"),
        ("Record<string,(a|null)>", "Record%3Cstring,(a%7Cnull)%3E"),
        (r#"List<\"a\">"#, "List%3C%22a%22%3E"),
    ] {
        for draft in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"] {
            let of = |reference: &str| {
                let text = format!(
                    r##"{{"$schema": "{draft}", "type": "object", "properties": {{"a": {{"$ref": "#/definitions/{reference}"}}}},
                    "definitions": {{"{name}": {{"type": "string"}}}}}}"##
                );
                generate(&load(catalogue(&[("domain/rule/created.v1.json", &text)]).path())).unwrap()
            };
            assert_eq!(of(name), of(written), "{name}");
        }
    }
}

#[test]
fn a_reference_that_leads_nowhere_says_what_is_missing_and_what_was_meant() {
    let shared = r#"{"$defs": {"OrderId": {"type": "string"}}}"#;
    let manifest = "root = \"rules\"\n[references]\n\"https://example.org/\" = \".\"\n";
    for (reference, missing, meant) in [
        ("../../comon.json", "no file \"comon.json\"", "did you mean ../../common.json?"),
        ("common.json", "no file \"domain/rule/common.json\"", "did you mean ../../common.json?"),
        ("../../common.json#/$defs/OrderID", "has no /$defs/OrderID", "../../common.json#/$defs/OrderId?"),
        ("#/$def/Pickup", "has no /$def", "did you mean #/$defs/Pickup?"),
        ("https://example.org/comon.json", "no file \"comon.json\"", "did you mean common.json?"),
    ] {
        let schema =
            format!("{{\"properties\": {{\"a\": {{\"$ref\": {reference:?}}}}}, \"$defs\": {{\"Pickup\": {{}}}}}}");
        let files = [("eventsmith.toml", manifest), ("domain/rule/created.v1.json", &schema), ("common.json", shared)];
        let found = problems(&files);

        assert!(found[0].message.contains(missing) && found[0].help.contains(meant), "{found:#?}");
    }
}

#[test]
fn a_reference_with_a_slip_names_the_schema_that_is_near() {
    let shared = r#"{"$defs": {"OrderId": {"type": "string"}, "Tax": {"$defs": {"Rate": {"type": "number"}}}}}"#;
    let old =
        r#"{"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"Amount": {"type": "number"}}}"#;
    for (reference, meant) in [
        // A name with a slash in it.
        ("#/$defs/a/b", "did you mean #/$defs/a~1b?"),
        ("#/$defs/a%2Fb", "did you mean #/$defs/a~1b?"),
        ("#/$defs/c/d/properties/e", "did you mean #/$defs/c~1d/properties/e?"),
        // How a pointer begins.
        ("#$defs/Pickup", "did you mean #/$defs/Pickup?"),
        ("#Pickup", "did you mean #/$defs/Pickup?"),
        ("#/Pickup", "did you mean #/$defs/Pickup?"),
        ("../../common.json#OrderId", "did you mean ../../common.json#/$defs/OrderId?"),
        // A misspelt name, also where it contains what was meant.
        ("#/$defs/Pickups", "did you mean #/$defs/Pickup?"),
        ("#/$defs/PICKUP", "did you mean #/$defs/Pickup?"),
        ("../../common.json#/$defs/Tx/$defs/Rate", "did you mean ../../common.json#/$defs/Tax/$defs/Rate?"),
        ("#/$defs/Gr%C3%B6%C3%9F", "did you mean #/$defs/Gr%C3%B6%C3%9Fe?"),
        // The keyword of another draft.
        ("#/definitions/Pickup", "did you mean #/$defs/Pickup?"),
        ("#/definitions/Pikcup", "did you mean #/$defs/Pickup?"),
        ("../../old.json#/$defs/Amount", "did you mean ../../old.json#/definitions/Amount?"),
        // What stands in another file.
        ("#/$defs/OrderId", "did you mean ../../common.json#/$defs/OrderId?"),
        // The name of a file.
        ("../../Common.JSON#/$defs/OrderId", "did you mean ../../common.json#/$defs/OrderId?"),
        ("../../common#/$defs/OrderId", "did you mean ../../common.json#/$defs/OrderId?"),
        ("../../common.yaml", "did you mean ../../common.json?"),
        ("..\\\\..\\\\common.json", "did you mean ../../common.json?"),
        ("/comon.json", "did you mean ../../common.json"),
        ("../../../orders/common.json", "did you mean ../../common.json?"),
        ("../../../elsewhere/secret.json", "a reference is a path relative to this file"),
        // What is there, and no schema.
        ("#/required", "write it into domain/rule/created.v1.json, or refer to what is there"),
    ] {
        let schema = format!(
            r##"{{"properties": {{"x": {{"$ref": "{reference}"}}}}, "required": ["x"], "$defs": {{
                "Pickup": {{}}, "a/b": {{}}, "c/d": {{"properties": {{"e": {{}}}}}}, "Größe": {{}}
            }}}}"##
        );
        let files = [("domain/rule/created.v1.json", schema.as_str()), ("common.json", shared), ("old.json", old)];
        let found = problems(&files);

        assert_eq!(found[0].rule, "bad-reference", "{reference}: {found:#?}");
        assert!(found[0].help.starts_with(meant), "{reference}: {found:#?}");
    }
}

#[test]
fn a_reference_out_of_the_folder_is_told_as_such() {
    let rule = ("domain/rule/created.v1.json", r#"{"$ref": "../../../../etc/passwd"}"#);

    let found = problems(&[rule]);

    assert!(found[0].message.contains("leads out of the folder of the catalogue"), "{found:#?}");
}

#[test]
fn what_was_meant_is_said_of_the_first_references_only() {
    let properties: Vec<String> = (0..70).map(|at| format!(r##""p{at}": {{"$ref": "#/$defs/Adress"}}"##)).collect();
    let schema = format!(r#"{{"$defs": {{"Address": {{}}}}, "properties": {{{}}}}}"#, properties.join(","));
    let found = problems(&[("domain/rule/created.v1.json", &schema)]);

    let helped = |found: &&Diagnostic| found.help.contains("#/$defs/Address");
    assert_eq!((found.len(), found.iter().filter(helped).count()), (70, 64));
}

#[test]
fn long_references_are_no_work() {
    let long = [format!("#/$defs/{}", "a".repeat(400_000)), format!("#{}", "/a".repeat(200_000))];
    for reference in long {
        let near = "b".repeat(400_000);
        let schema = format!(r#"{{"$ref": "{reference}", "$defs": {{"{near}": {{}}}}}}"#);
        assert_eq!(problem(&[("domain/rule/created.v1.json", &schema)]).0, "bad-reference");
    }
}
