use super::*;

fn documents(texts: &[(&str, &str)]) -> BTreeMap<String, Document> {
    let document =
        |(path, text): &(&str, &str)| ((*path).to_owned(), Document::parse(*path, (*text).to_owned()).unwrap());
    texts.iter().map(document).collect()
}

fn lead(texts: &[(&str, &str)], from: &str, reference: &str) -> Option<(String, String)> {
    let documents = documents(texts);
    let target = References::new(&documents, []).resolve(&documents, &Location::root(from), reference)?;
    match target {
        Target::Location(location) => Some((location.file, location.pointer)),
        Target::MetaSchema => Some(("meta".to_owned(), String::new())),
    }
}

#[test]
fn a_relative_path_with_a_pointer_leads_into_another_file() {
    let texts = [("domain/rule/created.v1.json", "{}"), ("common.json", r#"{"$defs": {"a/b": true}}"#)];

    let location = lead(&texts, "domain/rule/created.v1.json", "../../common.json#/$defs/a~1b");

    assert_eq!(location, Some(("common.json".to_owned(), "/$defs/a~1b".to_owned())));
}

#[test]
fn a_file_is_found_however_much_of_its_name_is_written_with_percent_signs() {
    let texts = [("a.json", "{}"), ("größe [1]?.json", "{}"), ("we~ird%.json", "{}")];
    let found = |reference| lead(&texts, "a.json", reference).map(|(file, _)| file);

    for reference in ["gr%C3%B6%C3%9Fe%20%5B1%5D%3F.json", "gr%c3%b6%c3%9fe%20%5b1%5d%3f%2Ejson"] {
        assert_eq!(found(reference).as_deref(), Some("größe [1]?.json"));
    }
    assert_eq!(found("we%7Eird%25.json").as_deref(), Some("we~ird%.json"));
}

#[test]
fn an_id_and_an_anchor_are_found() {
    let texts = [
        ("a.json", r#"{"$id": "https://example.org/a"}"#),
        ("b.json", r#"{"$id": "https://example.org/b", "$defs": {"x": {"$anchor": "here"}}}"#),
    ];

    assert_eq!(lead(&texts, "a.json", "b#here"), Some(("b.json".to_owned(), "/$defs/x".to_owned())));
    assert_eq!(lead(&texts, "a.json", "b.json"), Some(("b.json".to_owned(), String::new())));
}

#[test]
fn a_file_that_has_the_identifier_of_another_refers_to_itself() {
    let text = r#"{"$id": "https://example.org/a", "$defs": {"x": {"$anchor": "here"}}}"#;
    let texts = [("a.v1.json", text), ("a.v2.json", text), ("b.json", "{}")];

    for reference in ["#/$defs/x", "#here", "https://example.org/a#here", "a#/$defs/x"] {
        for file in ["a.v1.json", "a.v2.json"] {
            assert_eq!(lead(&texts, file, reference), Some((file.to_owned(), "/$defs/x".to_owned())), "{reference}");
        }
    }
    assert_eq!(lead(&texts, "b.json", "https://example.org/a").map(|(file, _)| file).as_deref(), Some("a.v1.json"));
}

#[test]
fn an_identifier_beside_a_reference_counts_in_the_newer_drafts_only() {
    let schema = |draft: &str| {
        format!(
            r#"{{"$schema": "{draft}", "$id": "https://example.org/a", "allOf": [
                {{"$id": "https://example.org/inner/", "$ref": "b"}},
                {{"$id": "https://example.org/b"}}, {{"$id": "https://example.org/inner/b"}}
            ]}}"#
        )
    };
    let target = |draft| {
        let text = schema(draft);
        let documents = documents(&[("a.json", &text)]);
        let from = Location { file: "a.json".to_owned(), pointer: "/allOf/0".to_owned() };
        match References::new(&documents, []).resolve(&documents, &from, "b") {
            Some(Target::Location(location)) => location.pointer,
            _ => String::new(),
        }
    };

    assert_eq!(target("http://json-schema.org/draft-07/schema#"), "/allOf/1");
    assert_eq!(target("https://json-schema.org/draft/2019-09/schema"), "/allOf/2");
}

#[test]
fn references_below_keywords_that_nobody_knows_are_found_where_references_lead_there() {
    let text = r##"{"$ref": "#/components/schemas/A", "components": {"schemas": {
        "A": {"properties": {"b": {"$ref": "#/components/schemas/B"}}}, "B": {"$ref": "missing.json"}, "C": {"$ref": "x.json"}
    }}}"##;
    let references = References::new(&documents(&[("a.json", text)]), []);

    let pointers: Vec<&str> = references.links("a.json").iter().map(|link| link.pointer.as_str()).collect();
    assert_eq!(pointers, ["", "/components/schemas/A/properties/b", "/components/schemas/B"]);
    assert!(references.links("a.json")[2].target.is_none());
}

#[test]
fn an_absolute_reference_leads_into_the_folder_that_stands_for_its_url() {
    let texts = [
        ("shared/money.json", r#"{"$defs": {"Amount": {"$anchor": "amount"}}}"#),
        ("shared/eu/tax.json", "{}"),
        ("far/tax.json", "{}"),
        ("a.json", "{}"),
    ];
    let documents = documents(&texts);
    let mounts = [("https://example.org/", "shared"), ("https://example.org/eu/", "./far/")];
    let references = References::new(&documents, mounts);
    let target = |reference| match references.resolve(&documents, &Location::root("a.json"), reference) {
        Some(Target::Location(Location { file, pointer })) => format!("{file}{pointer}"),
        _ => "nowhere".to_owned(),
    };

    assert_eq!(target("https://example.org/money.json#/$defs/Amount"), "shared/money.json/$defs/Amount");
    assert_eq!(target("https://example.org/money.json#amount"), "shared/money.json/$defs/Amount");
    assert_eq!(target("https://example.org/eu/tax.json"), "far/tax.json");
    assert_eq!(target("https://example.org/other.json"), "nowhere");
    assert_eq!(target("https://example.com/money.json"), "nowhere");
}

#[test]
fn a_reference_to_nothing_leads_nowhere() {
    let texts = [("a.json", r#"{"$defs": {"x": 3}}"#)];

    assert_eq!(lead(&texts, "a.json", "#/$defs/y"), None);
    assert_eq!(lead(&texts, "a.json", "#/$defs/x"), None);
    assert_eq!(lead(&texts, "a.json", "missing.json"), None);
}
