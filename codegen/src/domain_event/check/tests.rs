//! The rules that no UI test shows.

use std::fs;

use proc_macro2::TokenStream;
use quote::quote;

use crate::generate::{load, types};

use super::*;

/// The errors about a struct with these fields, against a schema with these properties.
fn errors(properties: &str, required: &str, item: TokenStream) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("domain/thing")).unwrap();
    fs::write(dir.path().join("eventsmith.toml"), "root = \"r\"\n").unwrap();
    let schema = format!(r#"{{"type": "object", "properties": {properties}, "required": {required}}}"#);
    fs::write(dir.path().join("domain/thing/done.v1.json"), schema).unwrap();
    let program = types(&load(dir.path()));
    let root = program.root_of("domain/thing/done.v1.json").unwrap();
    let body = &program.definitions[root].body;
    let mut errors = Errors::default();
    check(&syn::parse2(item).unwrap(), &Against { program: &program, body, file: "F" }, &mut errors);
    errors.messages()
}

const NOTHING: [String; 0] = [];

#[test]
fn a_type_of_the_users_own_is_left_to_the_test() {
    let item = quote!(
        struct S {
            id: Id,
            list: my::List,
            pair: (u8, u8),
            r#type: <T as U>::V,
        }
    );
    let properties = r#"{"id": {"type": "string"}, "list": {"type": "array"}, "pair": {"type": "array"},
        "type": {"type": "integer"}}"#;

    assert_eq!(errors(properties, r#"["id", "list", "pair", "type"]"#, item), NOTHING);
}

#[test]
fn a_field_that_is_written_or_read_by_a_function_may_have_any_type() {
    let item = quote!(
        struct S {
            #[serde(with = "unix_time")]
            at: u64,
        }
    );

    assert_eq!(errors(r#"{"at": {"type": "string"}}"#, r#"["at"]"#, item), NOTHING);
}

#[test]
fn an_optional_field_that_is_read_by_a_function_needs_a_default() {
    let item = quote!(
        struct S {
            #[serde(deserialize_with = "f", skip_serializing_if = "Option::is_none")]
            at: Option<u64>,
        }
    );

    assert_eq!(
        errors(r#"{"at": {"type": "integer"}}"#, "[]", item),
        ["the property `at` of F is optional, but a field that is read by a function of its own must be there; add \
          #[serde(default)]"]
    );
}

#[test]
fn a_conditional_field_is_left_to_the_test() {
    let item = quote!(
        struct S {
            #[cfg(feature = "x")]
            a: u8,
            #[cfg_attr(test, serde(rename = "c"))]
            b: u8,
        }
    );

    assert_eq!(errors(r#"{"a": {"type": "string"}, "b": true}"#, "[]", item), NOTHING);
}

#[test]
fn what_schemars_reads_in_tests_makes_no_field_conditional() {
    let item = quote!(
        struct S {
            #[cfg_attr(test, schemars(extend("minProperties" = 1), length(max = 3)))]
            a: u8,
        }
    );

    assert_eq!(
        errors(r#"{"a": {"type": "string"}}"#, r#"["a"]"#, item),
        ["the property `a` of F is a string, which a `u8` is not; write `String`"]
    );
}

#[test]
fn a_flattened_struct_may_hold_what_is_missing_and_a_flattened_map_may_not() {
    let properties = r#"{"a": {"type": "string"}}"#;

    assert_eq!(
        errors(
            properties,
            r#"["a"]"#,
            quote!(
                struct S {
                    #[serde(flatten)]
                    more: More,
                }
            )
        ),
        NOTHING
    );
    assert_eq!(
        errors(
            properties,
            r#"["a"]"#,
            quote!(
                struct S {
                    #[serde(flatten)]
                    more: BTreeMap<String, Value>,
                }
            )
        ),
        ["the property `a` of F has no field; add `a: String`"]
    );
}

#[test]
fn null_and_absence_are_told_apart() {
    let properties = r#"{"a": {"type": ["string", "null"]}}"#;

    assert_eq!(
        errors(
            properties,
            "[]",
            quote!(
                struct S {
                    a: Option<String>,
                }
            )
        ),
        ["the property `a` of F may be absent and may be null, which is the same to `Option<String>`; write \
          `eventsmith::Maybe<String>` with #[serde(default, skip_serializing_if = \"eventsmith::Maybe::is_absent\")]"]
    );
    let two = quote!(
        struct S {
            #[serde(default, skip_serializing_if = "Option::is_none")]
            a: Option<Option<String>>,
        }
    );
    assert_eq!(errors(properties, "[]", two).len(), 1, "serde reads null as the outer `None`");
    let apart = quote!(
        struct S {
            #[serde(default, deserialize_with = "eventsmith::present", skip_serializing_if = "Option::is_none")]
            a: Option<Option<String>>,
        }
    );
    assert_eq!(errors(properties, "[]", apart), NOTHING);
    let maybe = quote!(
        struct S {
            #[serde(default, skip_serializing_if = "Maybe::is_absent")]
            a: Maybe<String>,
        }
    );
    assert_eq!(errors(properties, "[]", maybe), NOTHING);
    assert_eq!(
        errors(
            properties,
            "[]",
            quote!(
                struct S {
                    #[serde(default)]
                    a: String,
                }
            )
        ),
        ["the property `a` of F may be null; write `Option<String>`"]
    );
}

#[test]
fn a_maybe_is_for_what_may_be_absent_and_null_and_serde_is_told() {
    let plain = quote!(
        struct S {
            a: eventsmith::Maybe<String>,
        }
    );
    let told = quote!(
        struct S {
            #[serde(default, skip_serializing_if = "eventsmith::Maybe::is_absent")]
            a: eventsmith::Maybe<String>,
        }
    );
    let of = |schema: &str, required: &str, item: &TokenStream| errors(schema, required, item.clone());

    let nullable = r#"{"a": {"type": ["string", "null"]}}"#;
    assert_eq!(
        of(nullable, "[]", &plain),
        ["the property `a` of F may be absent, which serde must be told; add #[serde(default, skip_serializing_if = \
          \"eventsmith::Maybe::is_absent\")]"]
    );
    assert_eq!(
        of(nullable, r#"["a"]"#, &told),
        ["the property `a` of F is required, so that it is never absent; write `Option<String>`"]
    );
    assert_eq!(
        of(r#"{"a": {"type": "string"}}"#, "[]", &told),
        ["the property `a` of F may be absent, but not null; write `Option<String>`"]
    );
    assert_eq!(
        of(r#"{"a": {"type": ["integer", "null"]}}"#, "[]", &told),
        ["the property `a` of F is an integer, which a `String` is not; write `i64`"]
    );
}

#[test]
fn bytes_are_a_string_for_serde() {
    let properties = r#"{"a": {"type": "string", "contentEncoding": "base64"}}"#;
    let list = quote!(
        struct S {
            a: Vec<u8>,
        }
    );
    let bytes = quote!(
        struct S {
            a: eventsmith::bytes::Base64,
        }
    );

    assert_eq!(
        errors(properties, r#"["a"]"#, list),
        ["the property `a` of F is a string, which a `Vec<u8>` is not; write `eventsmith::bytes::Base64`"]
    );
    assert_eq!(errors(properties, r#"["a"]"#, bytes), NOTHING);
}

#[test]
fn reading_and_writing_must_use_the_same_name() {
    let item = quote!(
        struct S {
            #[serde(rename(deserialize = "b"))]
            a: String,
        }
    );

    assert_eq!(
        errors(r#"{"a": {"type": "string"}}"#, r#"["a"]"#, item),
        ["the property `a` of F is written, but read under another name; give both the same one"]
    );
}

#[test]
fn a_raw_name_is_the_name() {
    assert_eq!(
        errors(
            r#"{"type": {"type": "string"}}"#,
            r#"["type"]"#,
            quote!(
                struct S {
                    r#type: String,
                }
            )
        ),
        NOTHING
    );
}

#[test]
fn the_range_of_an_integer_counts_through_boxes_and_arrays() {
    let properties = r#"{"n": {"type": "array", "items": {"type": "integer", "enum": [1, 300]}}}"#;

    assert_eq!(
        errors(
            properties,
            r#"["n"]"#,
            quote!(
                struct S {
                    n: Box<[u8]>,
                }
            )
        ),
        ["the property `n` of F has elements, and each goes up to 300, but `u8` ends at 255; write `u16`"]
    );
    assert_eq!(
        errors(
            properties,
            r#"["n"]"#,
            quote!(
                struct S {
                    n: Vec<u16>,
                }
            )
        ),
        NOTHING
    );
}

#[test]
fn any_64_bits_do_where_the_schema_sets_no_maximum() {
    let properties = r#"{"n": {"type": "integer", "minimum": 0}}"#;

    for item in [
        quote!(
            struct S {
                n: u64,
            }
        ),
        quote!(
            struct S {
                n: i64,
            }
        ),
        quote!(
            struct S {
                n: usize,
            }
        ),
    ] {
        assert_eq!(errors(properties, r#"["n"]"#, item), NOTHING);
    }
    assert_eq!(
        errors(
            properties,
            r#"["n"]"#,
            quote!(
                struct S {
                    n: u32,
                }
            )
        ),
        ["the property `n` of F has no maximum, but `u32` ends at 4294967295; write `u64`, or set a \"maximum\""]
    );
}

#[test]
fn what_stands_for_another_type_is_left_to_the_test() {
    let item = quote!(
        #[serde(try_from = "Raw", into = "Raw")]
        struct S {
            anything: u8,
        }
    );

    assert_eq!(errors(r#"{"a": {"type": "string"}}"#, r#"["a"]"#, item), NOTHING);
}

#[test]
fn a_struct_whose_serde_attributes_depend_on_the_build_is_left_to_the_test() {
    let renamed = quote!(
        #[cfg_attr(feature = "camel", serde(rename_all = "camelCase"))]
        struct S {
            rule_id: String,
        }
    );
    let derived = quote!(
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        struct S {
            rule_id: String,
        }
    );
    let properties = r#"{"ruleId": {"type": "string"}}"#;

    assert_eq!(errors(properties, r#"["ruleId"]"#, renamed), NOTHING);
    assert_eq!(errors(properties, r#"["ruleId"]"#, derived).len(), 1, "a derive names no field");
}

#[test]
fn what_serde_with_reads_and_skips_is_left_to_the_test() {
    let properties = r#"{"a": {"type": "string"}, "b": {"type": "string"}}"#;
    let item = quote!(
        #[serde_with::skip_serializing_none]
        struct S {
            #[serde_as(as = "DisplayFromStr")]
            a: u64,
            b: Option<String>,
        }
    );
    let required = quote!(
        #[skip_serializing_none]
        struct S {
            a: Option<String>,
            #[serde(default)]
            b: String,
        }
    );

    assert_eq!(errors(properties, r#"["a"]"#, item), NOTHING);
    assert_eq!(
        errors(r#"{"a": {"type": ["string", "null"]}, "b": {"type": "string"}}"#, r#"["a"]"#, required),
        ["the property `a` of F is required; it must not be skipped when the event is written"]
    );
}

#[test]
fn what_is_skipped_may_be_an_option_by_another_name() {
    let item = quote!(
        struct S {
            #[serde(skip_serializing_if = "Option::is_none")]
            a: Note,
            b: Note,
        }
    );

    assert_eq!(
        errors(r#"{"a": {"type": "string"}, "b": {"type": "string"}}"#, "[]", item),
        ["the property `b` of F is optional; write `Option<Note>` with #[serde(skip_serializing_if = \
          \"Option::is_none\")]"]
    );
}

#[test]
fn a_keyword_is_a_name_of_rust_in_what_is_to_be_written() {
    let item = quote!(
        struct S {}
    );

    assert_eq!(
        errors(r#"{"type": {"type": "string"}}"#, r#"["type"]"#, item),
        ["the property `type` of F has no field; add `r#type: String`"]
    );
}

#[test]
fn a_default_of_the_struct_is_one_mistake_however_many_fields_it_has() {
    let item = quote!(
        #[serde(default)]
        struct S {
            a: String,
            b: String,
            c: Vec<String>,
        }
    );
    let properties =
        r#"{"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "array", "items": {"type": "string"}}}"#;

    assert_eq!(
        errors(properties, r#"["a", "b"]"#, item.clone()),
        [
            "F requires `a`, which #[serde(default)] on the struct makes optional; write it on the fields that may be absent"
        ]
    );
    assert_eq!(errors(properties, "[]", item), NOTHING);
}
