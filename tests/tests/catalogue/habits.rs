//! What the types of a catalogue implement: a table that the compiler checks, and what their users do with them.
//!
//! ```text
//! cargo run --bin eventsmith -- generate --schemas tests/tests/catalogue/habits/schemas --out tests/tests/catalogue/habits/golden/events.rs
//! ```

#![expect(dead_code, reason = "of what a probe looks for one half is not used")]

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::hash::Hash;
use std::ops::Deref;
use std::str::FromStr;

use eventsmith::bytes::{Base16, Base64, Base64Url};
use eventsmith::{Date, DateTime, Event, Maybe, Number, Timestamp, Uuid};
use serde::Serialize;
use serde::de::DeserializeOwned;

include!("habits/golden/events.rs");

use order::v1::{
    At, Card, Cash, Code, Day, Extra, Filter, Invoice, IsGift, Labels, Not, OrderId, OrderPlaced, Payment, Price,
    Quantity, Remark, Status,
};

/// Whether a type implements a trait, at compile time: an associated constant of the type itself goes before one of a trait.
macro_rules! implements {
    ($type:ty, $bound:path) => {{
        struct Probe<T: ?Sized>(::core::marker::PhantomData<T>);
        trait Otherwise {
            const IMPLEMENTS: bool = false;
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        impl<T: ?Sized + $bound> Probe<T> {
            const IMPLEMENTS: bool = true;
        }
        Probe::<$type>::IMPLEMENTS
    }};
}

/// The table: each type with the traits that it implements, and after `not` those that it must not have.
macro_rules! table {
    ($($type:ty: [$($has:path),* $(,)?] $(not [$($lacks:path),* $(,)?])?;)+) => {
        $(
            const _: () = {
                $(assert!(implements!($type, $has), concat!(stringify!($type), " lacks ", stringify!($has)));)*
                $($(assert!(!implements!($type, $lacks), concat!(stringify!($type), " has ", stringify!($lacks)));)*)?
            };
        )+
    };
}

/// What every type of a catalogue implements.
trait Value: Clone + std::fmt::Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + Unpin + 'static {}
impl<T: Clone + std::fmt::Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + Unpin + 'static> Value
    for T
{
}

/// What every type that is a text implements.
trait Text:
    Value + Ord + Display + AsRef<str> + FromStr + for<'a> TryFrom<&'a str> + TryFrom<String> + Into<String>
{
}
impl<T: Value + Ord + Display + AsRef<str> + FromStr + for<'a> TryFrom<&'a str> + TryFrom<String> + Into<String>> Text
    for T
{
}

/// What every type that is a text is equal to.
trait EqualsText: PartialEq<str> + for<'a> PartialEq<&'a str> {}
impl<T: PartialEq<str> + for<'a> PartialEq<&'a str>> EqualsText for T {}

table! {
    // Enums of text.
    Status: [Text, EqualsText, Copy, schemars::JsonSchema] not [Default, Deref<Target = str>];
    // Text types.
    Code: [Text, EqualsText, Borrow<str>, Deref<Target = str>] not [Copy, Default, From<String>];
    // Wrappers.
    OrderId: [Value, Ord, Copy, Display, From<Uuid>, Into<Uuid>, Deref<Target = Uuid>] not [Default];
    Quantity: [Value, Ord, Copy, Display, From<u8>, Into<u8>, Deref<Target = u8>] not [Default];
    IsGift: [Value, Ord, Copy, Display, From<bool>, Into<bool>, Deref<Target = bool>];
    Day: [Value, Ord, Copy, Display, From<Date>, Into<Date>, Deref<Target = Date>];
    At: [Value, Ord, Display, From<DateTime>, Into<DateTime>, Deref<Target = DateTime>] not [Copy];
    Price: [Value, Ord, Display, From<Number>, Into<Number>, Deref<Target = Number>] not [Copy];
    Labels: [Value, Ord, From<Vec<String>>, Into<Vec<String>>, Deref<Target = Vec<String>>] not [Display, Copy];
    Invoice: [Value, Ord, Display, From<Base64>, Into<Base64>, Deref<Target = Base64>] not [Copy];
    // Unions, of their alternatives.
    Payment: [Value, Ord, From<Card>, From<Cash>] not [Display, Copy];
    Remark: [Value, Ord, From<String>, From<i64>, From<Vec<String>>];
    Filter: [Value, Ord, From<Not>, From<Code>];
    // Structs; JSON of any kind has no order.
    Card: [Value, Ord] not [Copy, Default];
    Extra: [Value] not [Ord, PartialOrd];
    OrderPlaced: [Value, Event, schemars::JsonSchema] not [Ord, PartialOrd, Default];
    // Values of the runtime.
    Base64: [Value, Ord, Default, Display, FromStr, From<Vec<u8>>, From<&'static [u8]>, From<&'static [u8; 3]>, schemars::JsonSchema]
        not [Copy, Deref<Target = [u8]>, From<String>];
    Maybe<String>: [Value, Ord, Default, From<String>, From<&'static str>, From<Option<String>>, schemars::JsonSchema] not [Copy];
    Maybe<u8>: [Copy];
    Number: [Value, Ord, Default, Display, FromStr, From<u8>, From<i64>, From<u128>, From<usize>, From<f64>, TryInto<u8>, TryInto<i64>]
        not [Copy];
    DateTime: [Value, Ord, Display, FromStr, From<Timestamp>, Into<Timestamp>, From<jiff::ZonedDateTime>, Into<jiff::ZonedDateTime>,
        TryFrom<std::time::SystemTime>, TryInto<std::time::SystemTime>] not [Copy];
}

const _: () = assert!(implements!(str, PartialEq<Status>) && implements!(&'static str, PartialEq<Code>));

/// Generated types as fields: what schemars is told of them is what the schema file says, which the test of the attribute proves.
#[eventsmith::domain_event("order.placed", version = 1, schemas = "habits/schemas")]
#[derive(Debug, Clone, Serialize, serde::Deserialize, schemars::JsonSchema)]
struct OwnOrder {
    id: OrderId,
    status: Status,
    code: Code,
    quantity: Quantity,
    price: Price,
    day: Day,
    at: At,
    is_gift: IsGift,
    labels: Labels,
    payment: Payment,
    remark: Remark,
    filter: Filter,
    extra: Extra,
    #[serde(default, skip_serializing_if = "Maybe::is_absent")]
    note: Maybe<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<Invoice>,
    #[schemars(length(max = 44))]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Base64Url>,
    #[serde(default, skip_serializing_if = "Maybe::is_absent")]
    checksum: Maybe<Base16>,
}

/// The same of a file of draft 7, whose words schemars does not speak: among them a property called like a keyword.
#[eventsmith::domain_event("order.shipped", version = 1, schemas = "habits/schemas")]
#[derive(Debug, Clone, Serialize, serde::Deserialize, schemars::JsonSchema)]
struct OwnShipment {
    packages: Vec<order::v1::Package>,
    default: order::v1::Carrier,
}

#[test]
fn an_enum_of_texts_is_shown_read_and_listed() {
    assert_eq!(Status::VARIANTS, [Status::Open, Status::InProgress, Status::OnHold]);
    for status in Status::VARIANTS {
        assert_eq!(status.as_str().parse(), Ok(*status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(serde_json::from_value::<Status>(status.as_str().into()).unwrap(), *status);
    }
    assert_eq!(Status::OnHold, "on hold");
    assert_eq!("on hold", Status::OnHold);
    assert!(Status::Open < Status::OnHold);
    assert_eq!(format!("{:>12}", Status::InProgress), " in_progress");
    let error = "closed".parse::<Status>().unwrap_err().to_string();
    assert_eq!(error, r#"not a Status: expected one of `open`, `in_progress`, `on hold`"#);
    let error = serde_json::from_str::<Status>(r#""closed""#).unwrap_err().to_string();
    assert!(error.starts_with("unknown variant `closed`, expected one of `open`, `in_progress`, `on hold`"), "{error}");
    assert!(serde_json::from_str::<Status>(r#"{"open": null}"#).is_err());
}

#[test]
fn a_text_type_is_looked_up_by_its_text() {
    let code = Code::new("ABC").unwrap();
    let counts = HashMap::from([(code.clone(), 3)]);

    assert_eq!(counts.get("ABC"), Some(&3));
    assert_eq!(code, "ABC");
    assert_eq!("ABC", code);
    assert_ne!(code, *"XYZ");
    assert!(BTreeSet::from([code]).contains("ABC"));
}

#[test]
fn a_wrapper_is_made_of_what_it_wraps_and_used_in_its_place() {
    let quantity: Quantity = 7.into();

    assert_eq!(
        (quantity.0, u8::from(quantity), quantity.leading_zeros(), quantity.to_string()),
        (7, 7, 5, "7".to_owned())
    );
}

#[test]
fn an_alternative_becomes_its_union() {
    assert_eq!(Payment::from(Card { number: "4111".to_owned() }), Payment::Card(Card { number: "4111".to_owned() }));
    assert_eq!(Remark::from(7), Remark::Integer(7));
    let not = Not { not: Code::new("ABC").unwrap().into() };
    assert_eq!(serde_json::to_value(Filter::from(not)).unwrap(), serde_json::json!({"not": "ABC"}));
}

#[test]
fn bytes_are_told_apart_from_text_that_is_none_and_nothing_is_lost() {
    let texts = [
        "aGVsbG8=", "aGVsbG8", "aGVsbG9=", "YQ==Yg==", "", "c0ffee", "C0FFEE", "MZXW6===", "e30=", "--__", "no bytes",
        "ß", "\u{fb00}",
    ];
    let schema = serde_json::from_str(file::v1::FileStored::SCHEMA).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    for property in ["content", "url", "digits", "words", "both", "image", "document", "mail"] {
        for text in texts {
            let mut payload = serde_json::json!({"content": ""});
            payload[property] = text.into();
            let decoded = file::v1::FileStored::decode(1, payload.to_string().as_bytes());
            assert_eq!(decoded.is_ok(), validator.is_valid(&payload), "{payload}");
            if let Ok(decoded) = decoded {
                assert_eq!(serde_json::to_value(&decoded).unwrap(), payload);
            }
        }
    }
    for text in texts {
        let key: Base64Url = serde_json::from_value(text.into()).unwrap();
        assert_eq!(serde_json::to_value(&key).unwrap(), text, "the newest draft takes any text");
    }
    let hello = file::v1::FileStored::decode(1, br#"{"content": "aGVsbG8="}"#).unwrap();
    assert_eq!((hello.content.bytes(), hello.digits), (Ok(&b"hello"[..]), Maybe::Absent));
}

#[test]
fn types_and_checks_say_all_of_bytes_but_what_lies_in_them() {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogue/habits/schemas");
    let found = eventsmith_codegen::paths::paths(&eventsmith_codegen::load(&schemas));

    assert!(!format!("{found:?}").contains("contentEncoding"), "{found:?}");
}

#[test]
fn null_and_absence_are_set_apart() {
    let order = || {
        let schema: serde_json::Value = serde_json::from_str(OrderPlaced::SCHEMA).unwrap();
        OrderPlaced::decode(1, schema["examples"][0].to_string().as_bytes()).unwrap()
    };

    assert_eq!(
        (order().note, order().checksum.value().map(|sum| sum.bytes().unwrap().to_vec())),
        (Maybe::Null, Some(vec![0xc0, 0xff, 0xee]))
    );
    assert_eq!(order().with_note("gift").note, Maybe::Value("gift".to_owned()));
    assert_eq!(serde_json::to_value(order().with_note(Maybe::Absent)).unwrap().get("note"), None);
    assert_eq!(serde_json::to_value(order().with_note(None)).unwrap()["note"], serde_json::Value::Null);
    assert_eq!(order().with_key(b"abc").key.unwrap().to_string(), "YWJj");
}

#[test]
fn the_committed_text_is_what_the_generator_says() {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogue/habits/schemas");
    let generated = eventsmith_codegen::generate(&eventsmith_codegen::load(&schemas)).unwrap();

    assert!(generated == include_str!("habits/golden/events.rs"), "the golden is stale; see the top of this file");
}
