//! What answers a request whose catalogue says nothing of a reply, or nothing of a refusal; and an answer as it came.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Reply;
use crate::invalid::{Invalid, Violation};
use crate::schema::Schema;
use crate::token::Token;

/// The reply to a request whose catalogue has no `NAME.vN.reply.json`: it was done, and there is nothing to say about it.
///
/// It is written as `{}`. Whatever says nothing is read as it: an empty message, `null`, and an object whatever it holds, so
/// that a server may begin to send a reply while older callers still ask.
///
/// ```
/// use eventsmith::{NoReply, Reply};
///
/// assert_eq!(serde_json::to_string(&NoReply).unwrap(), "{}");
/// for empty in ["", "null", "{}", r#"{"warmed": 12}"#] {
///     assert_eq!(NoReply::decode(empty.as_bytes()), Ok(NoReply));
/// }
/// assert!(NoReply::decode(b"17").is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Nothing", from = "Option<Nothing>")]
pub struct NoReply;

/// What stands on the wire.
#[derive(Serialize, Deserialize)]
struct Nothing {}

impl From<NoReply> for Nothing {
    fn from(NoReply: NoReply) -> Self {
        Self {}
    }
}

impl From<Option<Nothing>> for NoReply {
    fn from(_: Option<Nothing>) -> Self {
        Self
    }
}

impl Reply for NoReply {
    const SCHEMA: &'static str = r#"{"type": ["object", "null"]}"#;

    const ANSWERS: (&'static str, u32) = ("reply", 1);

    const TOKEN: Token = Token::of_generated_code();

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new(NoReply::ANSWERS.0, NoReply::ANSWERS.1, NoReply::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(data: &[u8]) -> Result<Self, Invalid> {
        if data.trim_ascii().is_empty() { Ok(Self) } else { Self::payload_schema().decode(data, |_| true) }
    }
}

/// The refusal of a request whose catalogue has no `NAME.vN.error.json`. It has no values: such a request can fail, but not be
/// refused.
///
/// ```
/// use eventsmith::{NoRefusal, Reply};
///
/// assert!(NoRefusal::decode(b"{}").is_err());
///
/// /// Needs no case for a refusal.
/// fn answered<T>(answer: Result<T, NoRefusal>) -> T {
///     match answer {
///         Ok(reply) => reply,
///         Err(refusal) => match refusal {},
///     }
/// }
/// # answered(Ok(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NoRefusal {}

impl Reply for NoRefusal {
    const SCHEMA: &'static str = "false";

    const ANSWERS: (&'static str, u32) = ("error", 1);

    const TOKEN: Token = Token::of_generated_code();

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new(NoRefusal::ANSWERS.0, NoRefusal::ANSWERS.1, NoRefusal::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        match *self {}
    }

    fn decode(data: &[u8]) -> Result<Self, Invalid> {
        Self::payload_schema().decode_interpreted(data)
    }
}

/// An answer as it came, with all digits of its numbers: for programs that ask by a
/// [descriptor](crate::descriptor::EventDescriptor), without knowing the type.
///
/// ```
/// use eventsmith::catalogue::AnyReply;
/// use eventsmith::Reply;
///
/// let reply = AnyReply::decode(br#"{"amount": 1.10}"#).unwrap();
/// assert_eq!(reply.as_str(), r#"{"amount": 1.10}"#);
/// ```
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct AnyReply(Box<RawValue>);

impl AnyReply {
    /// The answer as JSON.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl Reply for AnyReply {
    const SCHEMA: &'static str = "true";

    const ANSWERS: (&'static str, u32) = ("reply", 1);

    const TOKEN: Token = Token::of_generated_code();

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new(AnyReply::ANSWERS.0, AnyReply::ANSWERS.1, AnyReply::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(data: &[u8]) -> Result<Self, Invalid> {
        // Who says nothing says that it is done.
        let data = if data.trim_ascii().is_empty() { b"{}" } else { data };
        let not_json = |_| Invalid::new(Self::ANSWERS.0, Self::ANSWERS.1, vec![Violation::new("", "", "JSON")]);
        serde_json::from_slice(data).map(Self).map_err(not_json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_no_reply() {
        for data in ["", " \r\n", "null", " {} ", r#"{"a": {"b": [1, null]}}"#] {
            assert_eq!(NoReply::decode(data.as_bytes()), Ok(NoReply), "{data:?}");
        }
        for data in ["1", "[]", "\"\"", "true", "{", "null null", "\u{0}"] {
            assert!(NoReply::decode(data.as_bytes()).is_err(), "{data:?}");
        }
    }

    #[test]
    fn nothing_is_a_refusal_where_there_is_none() {
        for data in ["", "null", "{}", "[]", "\"\"", "{\"code\": \"not_found\"}"] {
            assert!(NoRefusal::decode(data.as_bytes()).is_err(), "{data:?}");
        }
    }

    #[test]
    fn no_reply_is_written_as_its_schema_has_it() {
        let written = serde_json::to_string(&NoReply).unwrap();

        assert_eq!(written, "{}");
        assert_eq!(NoReply.validate(), Ok(()));
        assert_eq!(NoReply::payload_schema().validate_interpreted(&NoReply), Ok(()));
    }
}
