//! Payloads that are made to break a reader: each is refused with line and column, by types and by the validator alike.

use std::collections::BTreeMap;

use eventsmith::generated::{MAX_PAYLOAD_BYTES, Schema, one_of, tagged_union};
use eventsmith::{Invalid, Value};
use rules_events::CATALOGUE;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A tree of every kind of type that may recur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    child: Option<Box<Node>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tagged: Option<Box<Tagged>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_of: Option<Box<OneOf>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    #[serde(rename = "node")]
    Node(Node),
}

tagged_union!(Tagged, "kind", { "node" => Node });

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum OneOf {
    Text(String),
    Node(Node),
}

one_of!(OneOf, |_| true, [Text, Node]);

static NODE: Schema = Schema::new(
    "tests.node",
    1,
    r##"{"type": "object", "properties": {
        "child": {"$ref": "#"},
        "children": {"type": "array", "items": {"$ref": "#"}},
        "tagged": {"$ref": "#", "required": ["kind"]},
        "one_of": {"oneOf": [{"type": "string"}, {"$ref": "#"}]}
    }}"##,
);

/// A reader by its name.
type Reader = (String, Box<dyn Fn(&[u8]) -> Result<(), Invalid>>);

/// Every way to read a payload, with a payload that it accepts.
fn readers() -> Vec<(Reader, String)> {
    let mut readers: Vec<(Reader, String)> = Vec::new();
    for event in CATALOGUE {
        let schema: Value = serde_json::from_str(event.schema).unwrap();
        readers.push(((event.event_type.to_owned(), Box::new(event.decode)), schema["examples"][0].to_string()));
    }
    let node = r#"{"child": {"tagged": {"children": [], "kind": "node"}}, "one_of": {"one_of": "text"}}"#;
    let typed = |data: &[u8]| NODE.decode(data, |_: &Node| true).map(drop);
    let interpreted = |data: &[u8]| NODE.decode_interpreted::<Node>(data).map(drop);
    readers.push((("typed".to_owned(), Box::new(typed)), node.to_owned()));
    readers.push((("interpreted".to_owned(), Box::new(interpreted)), node.to_owned()));
    readers
}

/// Asserts that a payload is refused as no JSON, with the place.
fn assert_malformed(reader: &Reader, payload: &[u8], line: usize) {
    assert_refused(reader, payload, line, "JSON");
}

/// Asserts that a payload is refused for what it is, with the place.
fn assert_refused((name, read): &Reader, payload: &[u8], line: usize, expected: &str) {
    let shown = String::from_utf8_lossy(&payload[..payload.len().min(300)]);
    let invalid = read(payload).unwrap_err();
    let [violation] = invalid.violations() else { panic!("{name}: {shown}: {invalid}") };
    assert_eq!(
        (violation.instance.as_str(), violation.expected.as_str()),
        ("", expected),
        "{name}: {shown}: {invalid}"
    );
    let found = violation.found.as_deref().unwrap();
    assert!(found.contains(&format!(" at line {line} column ")), "{name}: {shown}: {found}");
}

/// A payload with one more member, on a line of its own.
fn with_member(payload: &str, member: &str) -> String {
    format!("{{\n{member},{}", payload.strip_prefix('{').unwrap())
}

#[test]
fn every_valid_payload_is_accepted_before_it_is_spoilt() {
    for ((name, read), payload) in readers() {
        assert_eq!(read(payload.as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn text_that_ends_early_or_late_is_refused() {
    for (reader, payload) in readers() {
        let bytes = payload.as_bytes();
        for end in 0..bytes.len() {
            assert_malformed(&reader, &bytes[..end], 1);
        }
        for tail in ["x", "{}", "\0", "]"] {
            assert_malformed(&reader, format!("{payload}\n{tail}").as_bytes(), 2);
        }
    }
}

#[test]
fn text_that_begins_with_something_else_is_refused() {
    for (reader, payload) in readers() {
        for head in ["\0", "\u{feff}", "//\n", ",", "\u{a0}"] {
            assert_malformed(&reader, format!("{head}{payload}").as_bytes(), 1);
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_wherever_they_stand() {
    for (reader, payload) in readers() {
        // Overlong, surrogate, beyond the last code point, never in UTF-8, cut short.
        for bytes in [&b"\xc0\x80"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xe2\x82"] {
            let mut spoilt = b"{\n\"undeclared\": [\"".to_vec();
            spoilt.extend(bytes);
            spoilt.extend(b"\"],");
            spoilt.extend(&payload.as_bytes()[1..]);
            assert_malformed(&reader, &spoilt, 2);
            assert_malformed(&reader, &[payload.as_bytes(), b"\n", bytes].concat(), 2);
        }
    }
}

#[test]
fn unrepresentable_numbers_and_strings_are_refused_even_where_ignored() {
    let digits = "9".repeat(400);
    let texts = [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, "\"\t\"", "\"\\x\""].map(|text| (text, "JSON"));
    let numbers = ["1e400", "-1e400", &digits].map(|number| (number, "numbers up to 1.8e308"));
    for (reader, payload) in readers() {
        for (value, expected) in texts.into_iter().chain(numbers) {
            for member in [format!("\"undeclared\": {value}"), format!("\"undeclared\": [{{\"a\": {value}}}]")] {
                assert_refused(&reader, with_member(&payload, &member).as_bytes(), 2, expected);
            }
        }
        assert_malformed(&reader, with_member(&payload, r#""\ud800": 1"#).as_bytes(), 2);
    }
}

#[test]
fn nesting_without_end_is_refused() {
    const DEPTH: usize = 10_000;
    let nestings = [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")];
    for (reader, payload) in readers() {
        for (open, close) in nestings {
            let closed = format!("{}1{}", open.repeat(DEPTH), close.repeat(DEPTH));
            assert_malformed(&reader, closed.as_bytes(), 1);
            assert_malformed(&reader, open.repeat(DEPTH).as_bytes(), 1);
            assert_malformed(&reader, with_member(&payload, &format!("\"undeclared\": {closed}")).as_bytes(), 2);
        }
    }
}

/// A payload of nodes inside of nodes.
fn nested(depth: usize, (open, close): (&str, &str)) -> Vec<u8> {
    format!("{}{{\"kind\":\"node\"}}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
}

#[test]
fn types_that_recur_read_what_is_deep_and_refuse_what_is_too_deep() {
    // As deep as serde_json reads, 127 levels: a node in an array is two.
    let deepest = [
        (126, (r#"{"child":"#, "}")),
        (63, (r#"{"children":["#, "]}")),
        (126, (r#"{"kind":"node","tagged":"#, "}")),
        // The tag behind the rest, so that every level is buffered.
        (126, (r#"{"tagged":"#, r#","kind":"node"}"#)),
        (126, (r#"{"one_of":"#, "}")),
    ];
    for (depth, nesting) in deepest {
        let payload = nested(depth, nesting);
        let typed = NODE.decode(&payload, |_: &Node| true).unwrap();
        assert_eq!(NODE.decode_interpreted::<Node>(&payload), Ok(typed), "{nesting:?}");
        for (reader, _) in readers() {
            assert_malformed(&reader, &nested(10_000, nesting), 1);
        }
    }
}

#[test]
fn a_repeated_member_is_refused_by_every_event() {
    for (reader, payload) in readers() {
        let members: serde_json::Map<String, Value> = serde_json::from_str(&payload).unwrap();
        for (name, value) in members {
            let name = Value::String(name);
            assert_malformed(&reader, with_member(&payload, &format!("{name}:\n{value}")).as_bytes(), 3);
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age: Option<u8>,
    #[serde(default)]
    anything: Value,
    #[serde(default)]
    counts: BTreeMap<String, u32>,
}

static PROFILE: Schema = Schema::new(
    "tests.profile",
    1,
    r#"{"type": "object", "additionalProperties": false, "properties": {
        "age": {"type": "integer"},
        "anything": true,
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
    }}"#,
);

fn profile(payload: &str) -> Invalid {
    let typed = PROFILE.decode(payload.as_bytes(), |_: &Profile| true).unwrap_err();
    let interpreted = PROFILE.decode_interpreted::<Profile>(payload.as_bytes()).unwrap_err();
    assert_eq!(typed, interpreted, "{payload}");
    typed
}

#[test]
fn a_repeated_member_is_refused_in_maps_and_in_values_of_any_type() {
    for (payload, place) in [
        (r#"{"counts": {"a": 1, "a": 1}}"#, r#"the member "a" is there twice at line 1 column 23"#),
        (r#"{"anything": [{"a": 1, "b": 2, "\u0061": 1}]}"#, r#"the member "a" is there twice at line 1 column 39"#),
        (r#"{"age": 1, "age": 1}"#, r#"the member "age" is there twice at line 1 column 16"#),
    ] {
        assert_eq!(profile(payload).violations()[0].found.as_deref(), Some(place), "{payload}");
    }
}

#[test]
fn a_payload_that_is_too_long_is_refused_unread() {
    let mut payload = b"{}".to_vec();
    payload.resize(MAX_PAYLOAD_BYTES, b' ');
    assert!(NODE.decode(&payload, |_: &Node| true).is_ok());
    payload.push(b'x');

    let typed = NODE.decode(&payload, |_: &Node| true).unwrap_err();

    assert_eq!(
        typed.to_string(),
        "tests.node v1 is invalid: the payload: expected at most 67108864 bytes, found 67108865 bytes"
    );
    assert_eq!(NODE.decode_interpreted::<Node>(&payload).unwrap_err(), typed);
}

#[test]
fn a_masked_error_holds_nothing_from_the_payload() {
    const SECRET: &str = "4711";
    let payloads = [
        // A value that the schema forbids.
        json!({"age": SECRET}).to_string(),
        // A name that the schema forbids, and one that it does not know.
        json!({SECRET: 1}).to_string(),
        json!({"counts": {SECRET: -1}}).to_string(),
        json!({"counts": {"s/~4711": SECRET}}).to_string(),
        // A value that the type cannot hold.
        json!({"age": 4711}).to_string(),
        json!({"counts": {"a": 4_711_000_000_000_u64}}).to_string(),
        // Texts that are not JSON.
        format!(r#"{{"anything": {{"{SECRET}": 1, "{SECRET}": 2}}}}"#),
        format!(r#"{{"age": {SECRET}x}}"#),
        format!(r#"{{"age": 1{}}}"#, SECRET.repeat(200)),
    ];
    for payload in payloads {
        let invalid = profile(&payload);
        let masked = invalid.clone().masked();

        assert_eq!(masked.violations().len(), invalid.violations().len());
        for told in [masked.to_string(), format!("{masked:?}")] {
            assert!(!told.contains(SECRET), "{payload}: {told}");
        }
    }
    let place = |payload: &str| profile(payload).masked().violations()[0].instance.clone();
    assert_eq!(place(r#"{"counts": {"4711": -1}}"#), "/counts/*");
    assert_eq!(place(r#"{"age": "4711"}"#), "/age", "a name of the schema is no secret");
}

/// The longest that an error may be about any payload: 32 violations, of which each may say where, what and instead of what in 200
/// characters of up to four bytes.
const LONGEST_ERROR: usize = 32 * 3 * 4 * 250;

#[test]
fn what_is_wrong_in_many_places_is_reported_of_the_first() {
    let counts = |count: usize| {
        let counts: Vec<String> = (0..count).map(|index| format!("\"n{index}\": -1")).collect();
        format!("{{\"counts\": {{{}}}}}", counts.join(","))
    };

    let few = profile(&counts(32));
    let more = profile(&counts(40));
    let many = profile(&counts(60_000));

    assert_eq!((few.violations().len(), few.is_complete()), (32, true));
    assert_eq!((more.violations().len(), more.is_complete()), (32, false));
    assert!(more.to_string().ends_with("; … and 8 more"), "{more}");
    assert_eq!((many.violations()[0].instance.as_str(), many.is_complete()), ("/counts/n0", false));
    assert!(many.to_string().ends_with("; … and perhaps more"), "{many}");
    assert!(many.to_string().len() < LONGEST_ERROR);
}

#[test]
fn a_large_payload_of_alternatives_is_refused_without_looking_into_each() {
    static ITEMS: Schema = Schema::new(
        "tests.items",
        1,
        r##"{"anyOf": [{"items": {"$ref": "#/$defs/item"}}, {"type": "string"}],
            "$defs": {"item": {"oneOf": [{"type": "integer"}, {"type": "null"}]}}}"##,
    );
    let items = |count| format!("[{}]", vec!["\"x\""; count].join(","));

    let small = ITEMS.decode_interpreted::<Value>(items(10).as_bytes()).unwrap_err();
    let large = ITEMS.decode_interpreted::<Value>(items(200_000).as_bytes()).unwrap_err();

    assert_eq!(small.violations()[0].schema, "/$defs/item/oneOf");
    assert!(large.to_string().contains("more than 4096 values"), "{large}");
    assert!(large.violations().len() == 1 && large.to_string().len() < LONGEST_ERROR);
}

#[test]
fn no_long_name_or_value_is_quoted_in_full() {
    let long = "ä".repeat(500_000);
    let payloads = [
        json!({&long: 1}).to_string(),
        json!({"age": long}).to_string(),
        json!({"age": [long, long]}).to_string(),
        json!({"counts": {&long: -1}}).to_string(),
        format!(r#"{{"anything": {{"{long}": 1, "{long}": 2}}}}"#),
    ];
    for payload in payloads {
        let invalid = profile(&payload);

        assert_eq!(invalid.violations().len(), 1);
        for told in [invalid.to_string(), invalid.masked().to_string()] {
            assert!(told.len() < LONGEST_ERROR / 32, "{} bytes: {}", told.len(), &told[..300]);
        }
    }
}
