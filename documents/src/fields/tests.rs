use super::*;

fn loaded(schema: &str) -> Loaded {
    let common = r#"{"$defs": {"Id": {"type": "string", "maxLength": 64, "description": "An id."}}}"#;
    let files = [("eventsmith.toml", "root = \"shop\""), ("common.json", common), ("domain/a/b.v1.json", schema)];
    eventsmith_codegen::from_files(
        "memory",
        files.into_iter().map(|(path, text)| (path.to_owned(), text.into())).collect(),
    )
}

fn listed(schema: &str) -> Vec<Field> {
    fields(&loaded(schema), &Location::root("domain/a/b.v1.json"))
}

#[test]
fn a_field_is_said_in_words() {
    let all = listed(
        r#"{"required": ["id"], "properties": {
            "id": {"$ref": "../../common.json#/$defs/Id", "description": "Whose it is."},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "level": {"enum": ["low", "high"], "default": "low"},
            "lines": {"type": "array", "maxItems": 3, "items": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 18446744073709551617}}}},
            "either": {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
        }}"#,
    );

    let said = |path: &str| {
        let field = all.iter().find(|field| field.path == path).unwrap();
        (field.kind.as_str(), field.presence.as_str(), field.constraints.join("; "))
    };
    assert_eq!(said("id"), ("text", "required, never null", "at most 64 characters".to_owned()));
    assert_eq!(said("at").1, "may be left out or null, which are not the same");
    assert_eq!(said("level").1, "may be left out, never null; left out it means \"low\"");
    assert_eq!(said("lines").0, "list of: object");
    assert_eq!(said("lines[].n").2, "at least 18446744073709551617");
    assert_eq!(said("either").0, "one of: text, whole number");
    assert!(said("either").1.contains("or null"));
    assert_eq!((all[0].description.as_str(), all[0].shared_name.as_str()), ("Whose it is.", "Id"));
    assert_eq!(all[2].values, ["\"low\"", "\"high\""]);
}

#[test]
fn patterns_of_names_places_of_tuples_and_wide_values_have_rows() {
    let all = listed(
        r#"{"type": "object", "patternProperties": {"^x-": {"type": "string", "description": "Ours."}}, "properties": {
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false},
            "labels": {"type": "object", "patternProperties": {"^[a-z]+$": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
            "wide": {"enum": [18446744073709551617, 1.50, "a"]}
        }}"#,
    );

    let paths: Vec<(&str, usize, &str)> =
        all.iter().map(|field| (field.path.as_str(), field.depth, field.kind.as_str())).collect();
    assert_eq!(
        paths,
        [
            ("pair", 0, "list whose places have meanings of their own"),
            ("pair[0]", 1, "text"),
            ("pair[1]", 1, "whole number"),
            ("labels", 0, "object"),
            ("labels{^[a-z]+$}", 1, "object"),
            ("labels{^[a-z]+$}.n", 2, "whole number"),
            ("wide", 0, "one of several values"),
            ("{^x-}", 0, "text"),
        ]
    );
    assert_eq!(all[6].values, ["18446744073709551617", "1.5", "\"a\""]);
    assert_eq!(all[7].description, "Ours.");
}

#[test]
fn alternatives_that_only_constrain_make_neither_another_type_nor_null() {
    let all = listed(
        r#"{"properties": {
            "a": {"type": "object", "properties": {"x": true}, "oneOf": [{"required": ["x"]}, {"maxProperties": 0}]},
            "b": {"$ref": "../../common.json#/$defs/Id", "type": ["string", "null"]}
        }}"#,
    );

    let said = |path: &str| {
        all.iter().find(|field| field.path == path).map(|field| (field.kind.as_str(), field.presence.as_str()))
    };
    assert_eq!(said("a"), Some(("object", "may be left out, never null")));
    assert_eq!(said("b"), Some(("text", "may be left out, never null")));
}

#[test]
fn alternatives_that_refer_to_each_other_are_cut_and_it_is_said() {
    let alternative = |of: usize| {
        let all: Vec<String> =
            (0..12).map(|to| format!(r##"{{"properties": {{"f{of}_{to}": {{"$ref": "#/$defs/U{to}"}}}}}}"##)).collect();
        format!(r#""U{of}": {{"oneOf": [{}]}}"#, all.join(","))
    };
    let definitions: Vec<String> = (0..12).map(alternative).collect();
    let schema = format!(r##"{{"oneOf": [{{"$ref": "#/$defs/U0"}}], "$defs": {{{}}}}}"##, definitions.join(","));

    let all = listed(&schema);

    assert!(all.len() <= MOST + 1, "{}", all.len());
    assert_eq!(all.last().map(|field| field.kind.as_str()), Some("and more, which the schema says"));
}

#[test]
fn a_schema_that_contains_itself_is_listed_once() {
    let all = listed(
        r##"{"properties": {"tree": {"$ref": "#/$defs/Tree"}},
            "$defs": {"Tree": {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}}}"##,
    );

    assert!(all.len() < 12, "{all:#?}");
}
