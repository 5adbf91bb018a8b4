//! Old payloads arrive as the newest version: derived conversions and one by hand, compiled and run.
//!
//! The catalogue stands in `schemas`; its types are committed in `golden`. When they change, write them anew:
//!
//! ```text
//! cargo run --bin eventsmith -- generate --schemas tests/tests/evolution/schemas --out tests/tests/evolution/golden/events.rs
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod guide;

use eventsmith::generated::examples::{Newest, unreadable};
use eventsmith::{DecodeError, Event, Upcast};
use order::{OrderPacked, OrderPlaced, OrderStacked, v2, v3};
use serde_json::{Value, json};

include!("golden/events.rs");

impl Upcast<v2::OrderPlaced> for v3::OrderPlaced {
    /// Until version 3 all amounts were in euros.
    fn upcast(old: v2::OrderPlaced) -> Self {
        Self {
            order_id: old.order_id,
            amount: format!("{} EUR", old.amount),
            channel: match old.channel {
                v2::OrderPlacedChannel::Web => v2::OrderPlacedChannel::Web,
                v2::OrderPlacedChannel::Shop => v2::OrderPlacedChannel::Shop,
            },
            note: old.note,
            gift: old.gift,
        }
    }
}

fn encoded<E: Event>(version: u32, payload: &Value) -> Value {
    let event = E::decode(version, payload.to_string().as_bytes()).unwrap();
    event.validate().unwrap();
    serde_json::to_value(event).unwrap()
}

#[test]
fn the_committed_text_is_what_the_generator_says() {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evolution/schemas");
    let generated = eventsmith_codegen::generate(&eventsmith_codegen::load(&schemas)).unwrap();

    assert!(generated == include_str!("golden/events.rs"), "the golden is stale; see the top of this file");
}

#[test]
fn every_older_version_arrives_as_the_newest_through_all_between() {
    let first = json!({"order_id": "o-1", "amount": 12});

    assert_eq!(
        encoded::<OrderPlaced>(1, &first),
        json!({"order_id": "o-1", "amount": "12 EUR", "channel": "web", "note": "none"}),
        "1 to 2 and 3 to 4 are derived, 2 to 3 is by hand; the defaults of version 2 are filled in"
    );
    let second = json!({"order_id": "o-2", "amount": 13, "channel": "shop", "gift": true});
    assert_eq!(
        encoded::<OrderPlaced>(2, &second),
        json!({"order_id": "o-2", "amount": "13 EUR", "channel": "shop", "gift": true})
    );
    let third = json!({"order_id": "o-3", "amount": "14 USD", "channel": "web"});
    assert_eq!(encoded::<OrderPlaced>(3, &third), third);
}

#[test]
fn a_version_in_the_middle_reads_what_is_older_and_nothing_newer() {
    let first = json!({"order_id": "o-1", "amount": 12});

    assert_eq!(encoded::<v3::OrderPlaced>(1, &first)["amount"], "12 EUR");
    assert!(matches!(
        v3::OrderPlaced::decode(4, b"{}"),
        Err(DecodeError::UnknownVersion { version: 4, newest: 3, .. })
    ));
}

#[test]
fn an_old_payload_is_judged_by_the_schema_of_its_own_version() {
    let error = OrderPlaced::decode(1, br#"{"order_id": "o-1", "amount": "12 EUR"}"#).unwrap_err();

    assert!(error.to_string().starts_with("order.placed v1 is invalid: /amount: expected"), "{error}");
}

#[test]
fn lists_maps_tuples_unions_and_texts_are_carried_over() {
    let schema: Value = serde_json::from_str(order::v1::OrderPacked::SCHEMA).unwrap();
    let old = schema["examples"][0].clone();
    let mut new = old.clone();
    new["tree"]["label"] = json!("box");

    assert_eq!(encoded::<OrderPacked>(1, &old), new, "nothing but the new default comes in");
}

#[test]
fn boxes_wrappers_nulls_and_kept_properties_are_carried_over() {
    let schema: Value = serde_json::from_str(order::v1::OrderStacked::SCHEMA).unwrap();

    for old in schema["examples"].as_array().unwrap() {
        let mut new = old.clone();
        new["level"] = json!(3);
        new["word"] = json!("none");
        new["words"] = json!(["a", "b"]);
        assert_eq!(encoded::<OrderStacked>(1, old), new, "nothing but the new defaults comes in");
    }
}

#[test]
fn an_example_that_cannot_be_read_is_reported_with_event_version_and_index() {
    let mut catalogue = CATALOGUE.to_vec();
    let broken = catalogue.iter_mut().find(|event| (event.event_type, event.version) == ("order.placed", 2)).unwrap();
    broken.schema = r#"{"examples": [{"order_id": "o-1", "amount": 1, "channel": "web"}, {"order_id": "o-1"}]}"#;

    let unreadable = unreadable(&catalogue, &[Newest::of::<OrderPlaced>()]);

    assert_eq!(unreadable.len(), 1, "{unreadable:?}");
    assert!(
        unreadable[0].starts_with("order.placed v2, example 1, read as v4: order.placed v2 is invalid: "),
        "{unreadable:?}"
    );
}
