use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

/// What is written, which must be what serde_json writes; `None` if it is left to that.
fn written(value: &impl Serialize) -> Option<String> {
    let mut out = Vec::new();
    write(value, &mut out).ok()?;
    assert_eq!(out, serde_json::to_vec(value).unwrap());
    Some(String::from_utf8(out).unwrap())
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Wrapper(&'static str);

#[derive(Serialize)]
struct Pair(i8, char);

#[derive(Serialize)]
enum Kinds {
    #[serde(rename = "a\"unit")]
    Unit,
    Newtype(f64),
    Tuple(u8, Option<bool>),
    Struct {
        field: f32,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
    },
}

#[derive(Serialize)]
struct All<'a> {
    #[serde(rename = "a \\ name")]
    texts: [&'a str; 3],
    kinds: Vec<Kinds>,
    wrapped: Wrapper,
    pair: Pair,
    unit: Unit,
    none: Option<u8>,
    empty: ([u8; 0], BTreeMap<String, u8>),
    large: (i128, u64, i64),
    #[serde(flatten)]
    flat: BTreeMap<&'a str, Value>,
}

#[test]
fn all_that_serde_knows_is_written_as_serde_json_writes_it() {
    let all = All {
        texts: ["", "plain", "\u{1} \"x\" \\ \n é"],
        kinds: vec![
            Kinds::Unit,
            Kinds::Newtype(1e300),
            Kinds::Newtype(f64::NAN),
            Kinds::Tuple(7, Some(true)),
            Kinds::Struct { field: 0.1, left_out: None },
            Kinds::Struct { field: -0.0, left_out: Some(1) },
        ],
        wrapped: Wrapper("w"),
        pair: Pair(-1, '"'),
        unit: Unit,
        none: None,
        empty: ([], BTreeMap::new()),
        large: (i128::MIN, u64::MAX, i64::MIN),
        flat: BTreeMap::from([("k\"", json!({"a": [1.5, null, {"b": "\t"}], "": false}))]),
    };

    assert!(written(&all).is_some_and(|text| text.starts_with(r#"{"a \\ name":["#)));
}

#[test]
fn each_byte_is_escaped_wherever_it_stands() {
    for code in (0..0x100).chain([0x2028, 0xffff, 0x1_0000]).filter_map(char::from_u32) {
        for length in 0..20 {
            for at in 0..=length {
                let text = format!("{}{code}{}", "é".repeat(at / 2) + &"x".repeat(at % 2), "!".repeat(length - at));
                assert!(written(&text).is_some(), "{text:?}");
            }
        }
    }
}

#[test]
fn what_serde_json_writes_in_its_own_way_is_left_to_it() {
    let raw = RawValue::from_string("1.00".to_owned()).unwrap();

    assert_eq!(written(&raw), None);
    assert_eq!(written(&BTreeMap::from([(1, 2)])), None);
    assert_eq!(written(&BTreeMap::from([(true, 2)])), None);
    assert_eq!(written(&BTreeMap::from([("x", &raw)])), None);
}
