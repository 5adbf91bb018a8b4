//! Requests, replies and states as generated code has them, without schemas of any depth.

use eventsmith::{Invalid, Violation};

/// What is no JSON of a type.
pub(crate) fn invalid(of: &'static str, error: &serde_json::Error) -> Invalid {
    Invalid::new(of, 1, vec![Violation::new("", "", error.to_string())])
}

macro_rules! reply {
    ($name:ident, $answers:literal) => {
        impl ::eventsmith::Reply for $name {
            const SCHEMA: &'static str = "true";
            const ANSWERS: (&'static str, u32) = ($answers, 1);
            const TOKEN: ::eventsmith::generated::Token = ::eventsmith::generated::Token::of_generated_code();

            fn payload_schema() -> &'static ::eventsmith::generated::Schema {
                static SCHEMA: ::eventsmith::generated::Schema =
                    ::eventsmith::generated::Schema::new($answers, 1, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), ::eventsmith::Invalid> {
                Ok(())
            }

            fn decode(data: &[u8]) -> Result<Self, ::eventsmith::Invalid> {
                serde_json::from_slice(data).map_err(|error| crate::messages::invalid($answers, &error))
            }
        }
    };
}

macro_rules! request {
    (
        $name:ident { $($field:ident: $of:ty),* } answered by $reply:ident or $refusal:ident,
        $kind:ident, $type:literal, $subject:expr, $idempotent:expr
    ) => {
        #[doc = concat!("A request of the kind ", stringify!($name), ".")]
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        struct $name {
            $($field: $of,)*
        }

        impl ::eventsmith::Request for $name {
            type Reply = $reply;
            type Error = $refusal;
            const TOKEN: ::eventsmith::generated::Token = ::eventsmith::generated::Token::of_generated_code();
            const KIND: ::eventsmith::Kind = ::eventsmith::Kind::$kind;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = $subject;
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = None;
            const IDEMPOTENT: Option<::eventsmith::catalogue::Idempotent> = $idempotent;

            fn payload_schema() -> &'static ::eventsmith::generated::Schema {
                static SCHEMA: ::eventsmith::generated::Schema = ::eventsmith::generated::Schema::new($type, 1, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), ::eventsmith::Invalid> {
                Ok(())
            }

            fn decode(_: u32, data: &[u8]) -> Result<Self, ::eventsmith::DecodeError> {
                serde_json::from_slice(data).map_err(|error| crate::messages::invalid($type, &error).into())
            }
        }
    };
}

macro_rules! state {
    ($name:ident, $type:literal, $bucket:literal) => {
        impl ::eventsmith::State for $name {
            const TOKEN: ::eventsmith::generated::Token = ::eventsmith::generated::Token::of_generated_code();
            const KIND: ::eventsmith::Kind = ::eventsmith::Kind::State;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const BUCKET: &'static str = $bucket;
            const SUBJECT: &'static str = concat!("$KV.", $bucket, ".>");
            const SCHEMA: &'static str = "true";

            fn payload_schema() -> &'static ::eventsmith::generated::Schema {
                static SCHEMA: ::eventsmith::generated::Schema = ::eventsmith::generated::Schema::new($type, 1, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), ::eventsmith::Invalid> {
                Ok(())
            }

            fn decode(_: u32, data: &[u8]) -> Result<Self, ::eventsmith::DecodeError> {
                serde_json::from_slice(data).map_err(|error| crate::messages::invalid(Self::TYPE, &error).into())
            }
        }
    };
}

pub(crate) use {reply, request, state};
