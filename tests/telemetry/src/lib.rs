//! A shop of two processes, whose traces tests look at: what is said in it, and the saga of a purchase.

/// docs/telemetry.md, whose examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/telemetry.md")]
pub struct Page;

/// docs/operations/profiling.md, whose example is run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/operations/profiling.md")]
pub struct Profiling;

use std::time::Duration;

use eventsmith::catalogue::{BucketDescriptor, StreamDescriptor};
use eventsmith::generated::{Schema, Token};
use eventsmith::state::{Saga, Step};
use eventsmith::{DecodeError, Event, Invalid, Kind, NoRefusal, NoReply, Request, State, Violation};
use serde::{Deserialize, Serialize};

/// The streams of the shop.
pub const STREAMS: &[StreamDescriptor] = &[
    StreamDescriptor::new("ORDERS", &["shop.domain.>"]),
    StreamDescriptor::new("PURCHASES", &["shop.saga.>"]).sagas(&["purchase"]),
    StreamDescriptor::new("LETTERS", &["shop.dlq.>"]),
];

/// The bucket of a read model.
pub const TALLIES: BucketDescriptor = BucketDescriptor::new("TALLIES", "order.tally");

/// What no span, no label and no line of a metric may show.
pub const SECRET: &str = "4711-s3cret";

/// Says what serde does not like.
fn unreadable(of: &'static str, error: &serde_json::Error) -> Invalid {
    Invalid::new(of, 1, vec![Violation::new("", "", error.to_string())])
}

/// Implements `Event`, `Request` or `State` for a type whose schema allows everything: what they have in common, beside what is given.
macro_rules! plain {
    ($name:ident: $trait:ident, $kind:ident, $type:literal, $subject:literal, { $($items:tt)* }) => {
        impl $trait for $name {
            const TOKEN: Token = Token::of_generated_code();
            const KIND: Kind = Kind::$kind;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = $subject;
            const SCHEMA: &'static str = "true";
            $($items)*

            fn payload_schema() -> &'static Schema {
                static SCHEMA: Schema = Schema::new($type, 1, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), Invalid> {
                match self.card.len() {
                    0 => Err(Invalid::new($type, 1, vec![Violation::new("/card", "/properties/card/minLength", "a character")])),
                    _ => Ok(()),
                }
            }

            fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
                serde_json::from_slice(data).map_err(|error| unreadable($type, &error).into())
            }
        }
    };
}

/// Declares a message: an order, and the card that it is paid with, which is secret.
macro_rules! message {
    ($($(#[$doc:meta])* $name:ident: $trait:ident, $kind:ident, $type:literal, $subject:literal, { $($items:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// The order.
            pub order: String,
            /// The number of the card.
            pub card: String,
        }

        impl $name {
            /// Of an order, with a card that must not show.
            pub fn of(order: &str) -> Self {
                Self { order: order.to_owned(), card: SECRET.to_owned() }
            }
        }

        plain!($name: $trait, $kind, $type, $subject, { $($items)* });
    )*};
}

message! {
    /// An order came.
    Placed: Event, Domain, "order.placed", "shop.domain.order.placed", { const KEY: Option<&'static str> = None; }
    /// An order was looked at, and is bought.
    Noted: Event, Domain, "order.noted", "shop.domain.order.noted", { const KEY: Option<&'static str> = None; }
    /// An order that nobody can handle, at first.
    Doomed: Event, Domain, "order.doomed", "shop.domain.order.doomed", { const KEY: Option<&'static str> = None; }
    /// Somebody confirms a purchase; nobody does.
    Confirmed: Event, Domain, "order.confirmed", "shop.domain.order.confirmed", { const KEY: Option<&'static str> = None; }
    /// What does it cost?
    Price: Request, Query, "order.price", "shop.query.order.price", {
        type Reply = NoReply;
        type Error = NoRefusal;
        const KEY: Option<&'static str> = None;
    }
    /// Keep it for the customer.
    Reserve: Request, Command, "order.reserve", "shop.command.order.reserve", {
        type Reply = NoReply;
        type Error = NoRefusal;
        const KEY: Option<&'static str> = None;
    }
    /// Keep it no longer.
    Release: Request, Command, "order.release", "shop.command.order.release", {
        type Reply = NoReply;
        type Error = NoRefusal;
        const KEY: Option<&'static str> = None;
    }
    /// A purchase on its way.
    Purchase: State, State, "order.purchase", "$KV.*.>", { const BUCKET: &'static str = ""; }
    /// What a read model keeps of an order.
    Tally: State, State, "order.tally", "$KV.TALLIES.>", { const BUCKET: &'static str = TALLIES.name; }
}

/// Reserves, waits in vain for somebody to confirm, and releases.
pub fn purchase() -> Saga<Purchase> {
    Saga::new("purchase", 1)
        .starts_on(|noted: &Noted| Some((noted.order.clone(), Purchase::of(&noted.order))))
        .step(
            Step::asks("reserve", |purchase: &Purchase| Reserve::of(&purchase.order))
                .compensate(|purchase: &Purchase| Release::of(&purchase.order)),
        )
        .step(
            Step::awaits("confirm", |event: &Confirmed| Some(event.order.clone())).timeout(Duration::from_millis(300)),
        )
}
