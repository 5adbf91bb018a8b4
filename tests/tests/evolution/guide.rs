//! The code that docs/evolution.md quotes, with the catalogue of that page.

use eventsmith::{Event, Upcast};
use order::{OrderPlaced, v1, v2, v3};

include!("../../ui/missing_upcast/golden/events.rs");

impl Upcast<v2::OrderPlaced> for v3::OrderPlaced {
    /// Until version 3 all amounts were cents of a euro.
    fn upcast(old: v2::OrderPlaced) -> Self {
        Self {
            order_id: old.order_id,
            amount: format!("{}.{:02} EUR", old.amount / 100, old.amount % 100),
            channel: old.channel,
            note: old.note,
        }
    }
}

#[test]
fn the_first_version_arrives_as_the_third() -> Result<(), eventsmith::DecodeError> {
    let order = OrderPlaced::decode(1, br#"{"order_id": "order-7", "amount": 990}"#)?;

    assert_eq!(order.amount, "9.90 EUR");
    Ok(())
}

#[test]
fn a_literal_names_every_property_and_what_is_made_of_the_required_ones_does_not() {
    let literal = v1::OrderPlaced { order_id: "order-7".to_owned(), amount: 990, note: None };
    let from_required = v1::OrderPlaced::from(v1::OrderPlacedRequired { order_id: "order-7".to_owned(), amount: 990 });

    assert_eq!(literal, from_required);
    assert_eq!(from_required.with_note("Ring twice.").note.as_deref(), Some("Ring twice."));
}
