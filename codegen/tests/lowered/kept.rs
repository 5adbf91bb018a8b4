//! What structs keep, how many fields they have, and schemas of a draft of their own.

use serde_json::json;

use crate::{assert_has, lowered, object};

#[test]
fn a_schema_that_names_a_draft_of_its_own_is_read_as_one_of_that() {
    let old = "http://json-schema.org/draft-04/schema#";
    let (text, causes) = lowered(&object(&json!({
        "whole": {"$schema": old, "type": "integer"},
        "encoded": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string", "contentEncoding": "base64"},
        "constant": {"$schema": old, "type": "string", "const": "a"}
    })));

    // In draft 4 `1.0` is no integer, and `const` says nothing; in draft 7 the encoding is asserted.
    assert_has(&text, &["draft_4", "pub constant: Option<String>,", "is_exact()"]);
    assert_eq!(causes, Vec::<String>::new());
}

#[test]
fn what_is_counted_is_kept() {
    for (keyword, most) in [("minProperties", 2), ("maxProperties", 2)] {
        let (text, causes) =
            lowered(&json!({"type": "object", "properties": {"a": {"type": "integer"}}, keyword: most}));

        assert_has(&text, &["pub unknown:", "self.unknown.len()"]);
        assert_eq!(causes, Vec::<String>::new());
    }
}

#[test]
fn more_names_than_a_struct_has_fields_are_a_map() {
    let names: Vec<String> = (0..5_000).map(|at| format!("f{at}")).collect();

    let (text, causes) = lowered(&json!({"type": "object", "required": names}));

    assert!(!text.contains("pub f4999:"));
    assert_eq!(causes, ["required"]);
}
