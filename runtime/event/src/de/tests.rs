//! What generated types ask of this module: unions, kept properties, names that repeat, members that are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Strict, parse};
use crate::{any_of, one_of, tagged_union};

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Strict(&mut deserializer)).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Card {
    last_four: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Split {
    parts: Vec<Payment>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind")]
enum Payment {
    #[serde(rename = "card")]
    Card(Card),
    #[serde(rename = "split")]
    Split(Split),
}

tagged_union!(Payment, "kind", { "card" => Card, "split" => Split });

fn card(last_four: u16) -> Payment {
    Payment::Card(Card { last_four, note: None })
}

#[test]
fn a_tag_may_stand_anywhere() {
    for text in [
        r#"{"kind": "card", "last_four": 42}"#,
        r#"{"last_four": 42, "kind": "card"}"#,
        r#"{"last_four": 42.0, "ki\u006ed": "card", "ignored": {}}"#,
        r#"{"kind": "card", "last_four": 4.2e1}"#,
    ] {
        assert_eq!(read(text), Ok(card(42)), "{text}");
    }
}

#[test]
fn tagged_unions_nest_before_and_behind_the_tag() {
    let expected = Payment::Split(Split { parts: vec![card(1), Payment::Split(Split { parts: vec![card(2)] })] });
    let inner = r#"{"parts": [{"last_four": 2, "kind": "card"}], "kind": "split"}"#;
    for text in [
        format!(r#"{{"kind": "split", "parts": [{{"kind": "card", "last_four": 1}}, {inner}]}}"#),
        format!(r#"{{"parts": [{{"kind": "card", "last_four": 1}}, {inner}], "kind": "split"}}"#),
    ] {
        assert_eq!(read(&text), Ok(expected.clone()), "{text}");
    }
    assert_eq!(serde_json::from_str(&json!(expected).to_string()).ok(), Some(expected));
}

#[test]
fn a_tag_that_is_missing_or_repeated_or_unknown_is_an_error_that_says_so() {
    for (text, expected) in [
        (r#"{"last_four": 1}"#, "missing field `kind`"),
        (r#"{"kind": "card", "last_four": 1, "kind": "card"}"#, r#"the member "kind" is there twice"#),
        (r#"{"kind": 1, "last_four": 1}"#, "invalid type: integer `1`, expected a string"),
        (r#"{"kind": "cash"}"#, "unknown variant `cash`, expected `card` or `split`"),
        (r#"["card", 1]"#, "invalid type: sequence, expected an object with the property kind"),
        (r#""card""#, r#"invalid type: string "card", expected an object with the property kind"#),
    ] {
        let error = read::<Payment>(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn variants_are_read_strictly_before_and_behind_the_tag() {
    for text in [
        r#"{"kind": "card", "last_four": 1, "last_four": 1}"#,
        r#"{"last_four": 1, "kind": "card", "last_four": 1}"#,
        r#"{"last_four": 1, "note": {"a": 1, "a": 1}, "kind": "card"}"#,
        r#"{"kind": "card", "last_four": 1, "note": {"a": 1, "a": 1}}"#,
        r#"{"last_four": 1, "ignored": "\ud800", "kind": "card"}"#,
        r#"{"kind": "card", "last_four": 1, "ignored": "\ud800"}"#,
        r#"{"parts": [[1, null]], "kind": "split"}"#,
    ] {
        assert!(read::<Payment>(text).is_err(), "{text}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Debit {
    kind: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Kept {
    Debit(Debit),
}

tagged_union!(Kept, "kind", keep, { "debit" | "direct debit" => Debit });

#[test]
fn a_variant_may_hold_its_tag() {
    for text in [r#"{"kind":"direct debit","a":1}"#, r#"{"a":1,"kind":"debit"}"#] {
        let kept: Kept = read(text).unwrap();
        assert_eq!(json!(kept), serde_json::from_str::<Value>(text).unwrap(), "{text}");
    }
    assert!(read::<Kept>(r#"{"a": 1, "kind": "debit", "a": 1}"#).is_err());
    assert!(read::<Kept>(r#"{"kind": "debit", "a": 1, "a": 1}"#).is_err());
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Id {
    Number(u32),
    Small(u8),
    Text(String),
    List(Vec<Id>),
}

impl Id {
    fn is_valid(&self) -> bool {
        match self {
            Self::Number(number) => *number >= 100,
            Self::Text(text) => !text.is_empty(),
            Self::Small(_) | Self::List(_) => true,
        }
    }
}

one_of!(Id, Self::is_valid, [Number, Small, Text, List]);

#[test]
fn of_one_of_exactly_one_matches() {
    assert_eq!(read("300"), Ok(Id::Number(300)));
    assert_eq!(read("99.0"), Ok(Id::Small(99)));
    assert_eq!(read("[1, \"a\"]"), Ok(Id::List(vec![Id::Small(1), Id::Text("a".to_owned())])));
    for text in ["101", "true", "{}", "[[101]]", "-1"] {
        assert!(read::<Id>(text).is_err(), "{text}");
    }
}

#[test]
fn what_no_check_accepts_is_read_all_the_same_and_judged_later() {
    let id: Id = read("\"\"").unwrap();

    assert_eq!(id, Id::Text(String::new()));
    assert!(!id.is_valid());
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Name {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    name: String,
    street: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Contact {
    Name(Name),
    Place(Place),
    Names(BTreeMap<String, String>),
}

any_of!(Contact, |_| true, [Name, Place, Names]);

/// Two alternatives that lead back to their union by one property.
macro_rules! recurring {
    ($union:ident, $left:ident, $right:ident) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $left {
            #[serde(default, skip_serializing_if = "Option::is_none")]
            below: Option<Box<$union>>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            a: Option<crate::number::Number>,
        }

        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $right {
            #[serde(default, skip_serializing_if = "Option::is_none")]
            below: Option<Box<$union>>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            b: Option<String>,
        }

        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        enum $union {
            $left($left),
            $right($right),
        }
    };
}

recurring!(AnyTree, AnyLeft, AnyRight);
any_of!(AnyTree, |_| true, [AnyLeft, AnyRight]);

recurring!(OneTree, OneLeft, OneRight);
one_of!(OneTree, |_| true, [OneLeft, OneRight]);

#[test]
fn alternatives_that_recur_are_read_once_for_each_value() {
    let nested = |last: &str| format!("{}{last}{}", r#"{"below":"#.repeat(100), "}".repeat(100));
    for (last, is_wide) in [("{}", false), (r#"{"b":"x"}"#, false), (r#"{"a":0.12345678901234567890}"#, true)] {
        let text = nested(last);
        let tree: AnyTree = super::keeping_digits(|| read(&text)).unwrap();
        assert_eq!(serde_json::to_string(&tree).unwrap(), text);
        let again: Result<AnyTree, _> = read(&text);
        assert_eq!(again.is_ok_and(|again| again == tree), !is_wide);
        // Both match.
        assert!(read::<OneTree>(&text).is_err());
    }
    let other: AnyTree = read(r#"{"below":{"b":"y"}}"#).unwrap();
    assert_eq!(serde_json::to_string(&other).unwrap(), r#"{"below":{"b":"y"}}"#);
}

#[test]
fn an_integer_that_an_alternative_may_have_no_room_for_is_doubtful() {
    let doubtful = |text: &str| super::seen(|| read::<Id>(text)).1.alternatives;

    assert!(doubtful("9223372036854775808") && doubtful("[[18446744073709551615]]"));
    assert!(!doubtful("9223372036854775807") && !doubtful("-9223372036854775808") && !doubtful("\"a\""));
}

#[test]
fn of_any_of_the_one_that_keeps_most_is_taken() {
    let (name, street) = ("n".to_owned(), "s".to_owned());
    assert_eq!(read(r#"{"name": "n"}"#), Ok(Contact::Name(Name { name: name.clone() })));
    assert_eq!(read(r#"{"name": "n", "street": "s"}"#), Ok(Contact::Place(Place { name, street })));
    assert!(matches!(read(r#"{"name": "n", "street": "s", "city": "c"}"#), Ok(Contact::Names(_))));
    assert!(read::<Contact>(r#"{"name": 1}"#).is_err());
    assert!(read::<Contact>(r#"{"name": "n", "a": 1, "a": 1}"#).is_err(), "a repeated name");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counts {
    unit: String,
    #[serde(flatten, deserialize_with = "super::kept")]
    unknown: BTreeMap<String, u32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cards {
    #[serde(flatten, deserialize_with = "super::kept")]
    unknown: BTreeMap<String, Card>,
}

#[test]
fn kept_properties_are_read_as_exactly_as_declared_ones() {
    let unknown = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(read(r#"{"a": 1, "unit": "m", "b": 2.0}"#), Ok(Counts { unit: "m".to_owned(), unknown }));
    assert!(read::<Counts>(r#"{"a": 1.5, "unit": "m"}"#).is_err());
    assert!(read::<Counts>(r#"{"a": 1, "unit": "m", "a": 1}"#).is_err());
    assert!(read::<Cards>(r#"{"a": {"last_four": 1}}"#).is_ok());
    assert!(read::<Cards>(r#"{"a": [1, null]}"#).is_err());
}

#[test]
fn a_repeated_name_is_found_in_objects_of_any_size_and_in_any_spelling() {
    let many: Vec<String> = (0..100).map(|index| format!("\"n{index}\": {index}")).collect();
    let unique = format!("{{{}}}", many.join(", "));
    assert!(read::<Value>(&unique).is_ok());
    assert!(read::<BTreeMap<String, u8>>(&unique).is_ok());
    for repeated in ["n0", "n15", "n16", "n99", r"n\u0030"] {
        let text = format!("{{{}, \"{repeated}\": 1}}", many.join(", "));
        assert!(read::<Value>(&text).unwrap_err().contains("is there twice"), "{repeated}");
        assert!(read::<BTreeMap<String, u8>>(&text).unwrap_err().contains("is there twice"), "{repeated}");
        assert!(parse(text.as_bytes()).unwrap_err().contains("is there twice"), "{repeated}");
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Currency(String);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Level {
    Low,
}

#[test]
fn names_become_keys_of_every_type_that_serde_json_takes() {
    assert_eq!(read(r#"{"EUR": 1}"#), Ok(BTreeMap::from([(Currency("EUR".to_owned()), 1)])));
    assert_eq!(read(r#"{"Low": 1}"#), Ok(BTreeMap::from([(Level::Low, 1)])));
    assert_eq!(read(r#"{"7": 1}"#), Ok(BTreeMap::from([(7_u64, 1)])));
    assert!(read::<BTreeMap<u64, u8>>(r#"{"07": 1}"#).is_err());
}

#[derive(Debug, PartialEq, Deserialize)]
struct Nothing {}

#[test]
fn what_is_ignored_is_looked_at() {
    assert_eq!(read(r#"{"a": {"b": ["\ud83d\ude00", 1e300, null, true]}}"#), Ok(Nothing {}));
    let long = "9".repeat(400);
    for ignored in [r#""\ud800""#, r#""\udc00\ud800""#, "1e400", "-1e400", &long, r#"{"\ud800": 1}"#, r#"["\ud800"]"#] {
        assert!(read::<Nothing>(&format!(r#"{{"a": {ignored}}}"#)).is_err(), "{ignored}");
    }
}

#[test]
fn a_name_that_serde_json_reserves_does_not_turn_text_into_json() {
    let text = r#"{"$serde_json::private::RawValue": "5"}"#;

    assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(json!(5)), "else this test is not needed any more");
    assert!(read::<Value>(text).is_err());
    assert!(parse(text.as_bytes()).is_err());
}

#[test]
fn mistakes_are_reported_with_line_and_column() {
    for (text, expected) in [
        (&b"{\n  \"a\": x}"[..], "expected value at line 2 column 8"),
        (b"{\"a\": 1,\n \"a\": 2}", "the member \"a\" is there twice at line 2 column 4"),
        (b"{\"a\":\n\"\xff\"}", "invalid UTF-8 at line 2 column 2"),
        (b"\xff", "invalid UTF-8 at line 1 column 1"),
        (b"[1] 2", "trailing characters at line 1 column 5"),
        (b"[1", "EOF while parsing a list at line 1 column 2"),
        (b"", "EOF while parsing a value at line 1 column 0"),
    ] {
        assert_eq!(parse(text).unwrap_err(), expected);
    }
}
