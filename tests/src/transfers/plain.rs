//! Types whose schema allows everything: what serde reads is valid.

use eventsmith::{Invalid, Violation};

/// Says what serde does not like.
pub(super) fn unreadable(of: &'static str, error: &serde_json::Error) -> Invalid {
    Invalid::new(of, 1, vec![Violation::new("", "", error.to_string())])
}

/// Implements `Event`, `Request` or `State`: what they have in common, beside what is given.
macro_rules! plain {
    ($name:ident: $trait:ident, $kind:ident, $type:literal, $subject:expr, { $($items:tt)* }) => {
        impl eventsmith::$trait for $name {
            const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
            const KIND: eventsmith::Kind = eventsmith::Kind::$kind;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = $subject;
            const SCHEMA: &'static str = "true";
            $($items)*

            fn payload_schema() -> &'static eventsmith::generated::Schema {
                static SCHEMA: eventsmith::generated::Schema = eventsmith::generated::Schema::new($type, 1, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), eventsmith::Invalid> {
                Ok(())
            }

            fn decode(_: u32, data: &[u8]) -> Result<Self, eventsmith::DecodeError> {
                let unreadable = |error| $crate::transfers::plain::unreadable($type, &error).into();
                serde_json::from_slice(data).map_err(unreadable)
            }
        }
    };
}

pub(super) use plain;
