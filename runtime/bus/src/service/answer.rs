//! What is sent back to whoever asked.

use std::time::Duration;

use eventsmith_event::clip::head;
use eventsmith_event::invalid::{DecodeError, Invalid};
use serde_json::json;

use crate::request::protocol::{self, milliseconds};
use crate::transport::{Headers, Message};

/// The longest text of an error that is sent, in characters.
const LONGEST: usize = 1_000;

/// An answer, before it is a message.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// Code and text, where it is no reply.
    pub(super) error: Option<(u16, String)>,
    /// The text for others than who asked, where that must not show what was asked or answered.
    pub(super) told: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// Whether the work was begun and nobody knows how far it came, or what came of it.
    pub(super) is_cut_off: bool,
    /// Whether a handler ran for it.
    pub(super) has_run: bool,
    /// Whether it is the answer to an earlier request of the same id.
    pub(super) is_repeated: bool,
    pub(super) payload: Vec<u8>,
}

/// How a request ended, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Replied,
    Refused,
    Failed,
    Invalid,
    Busy,
    Expired,
}

impl Answer {
    pub(super) fn reply(payload: Vec<u8>) -> Self {
        Self {
            outcome: Outcome::Replied,
            error: None,
            told: None,
            retry_after: None,
            is_cut_off: false,
            has_run: false,
            is_repeated: false,
            payload,
        }
    }

    pub(super) fn refused(payload: Vec<u8>) -> Self {
        Self { payload, ..Self::error(Outcome::Refused, protocol::REFUSED, "refused; the body says why") }
    }

    pub(super) fn error(outcome: Outcome, code: u16, text: impl std::fmt::Display) -> Self {
        Self { outcome, error: Some((code, line(text))), ..Self::reply(Vec::new()) }
    }

    /// The same, and others are told no value of a payload that is invalid.
    pub(super) fn masking(self, invalid: &Invalid) -> Self {
        Self { told: Some(line(invalid.clone().masked())), ..self }
    }

    pub(super) fn failed(text: impl std::fmt::Display) -> Self {
        Self::error(Outcome::Failed, protocol::FAILED, text)
    }

    pub(super) fn busy(retry_after: Duration) -> Self {
        let answer = Self::error(Outcome::Busy, protocol::BUSY, "as many requests are under way and wait as may");
        Self { retry_after: Some(retry_after), ..answer }
    }

    pub(super) fn unavailable(retry_after: Option<Duration>, text: impl std::fmt::Display) -> Self {
        Self { retry_after, ..Self::error(Outcome::Failed, protocol::UNAVAILABLE, text) }
    }

    /// The same, of work that was begun.
    pub(super) fn cut_off(self) -> Self {
        Self { is_cut_off: true, ..self }
    }

    pub(super) fn expired(text: impl std::fmt::Display) -> Self {
        Self::error(Outcome::Expired, protocol::TIMED_OUT, text)
    }

    /// A payload that is no request of ours.
    pub(super) fn undecodable(error: &DecodeError) -> Self {
        let code = match error {
            DecodeError::UnknownVersion { .. } => protocol::UNKNOWN,
            _ => protocol::INVALID,
        };
        let mut answer = Self::error(Outcome::Invalid, code, error);
        if let DecodeError::Invalid(invalid) = error {
            let violations = invalid.violations().iter().map(|violation| {
                json!({ "pointer": violation.instance, "schema": violation.schema, "expected": violation.expected, "found": violation.found })
            });
            let body = json!({ "violations": violations.collect::<Vec<_>>(), "is_complete": invalid.is_complete() });
            answer.payload = body.to_string().into_bytes();
            answer = answer.masking(invalid);
        }
        answer
    }

    /// The code of the error, or 200 for a reply: that is what HTTP has, as NATS services have none.
    pub(super) fn code(&self) -> u16 {
        self.error.as_ref().map_or(200, |(code, _)| *code)
    }

    /// The message to whoever asked.
    pub(super) fn message(&self, to: String, event_type: &'static str, version: u32) -> Message {
        let mut headers = Headers::default();
        headers.push(Headers::TYPE, event_type);
        headers.push(Headers::VERSION, version.to_string());
        if let Some((code, text)) = &self.error {
            headers.push(Headers::SERVICE_ERROR, text.as_str());
            headers.push(Headers::SERVICE_ERROR_CODE, code.to_string());
        }
        if self.is_repeated {
            headers.push(protocol::REPEATED, "true");
        }
        if let Some(after) = self.retry_after {
            headers.push(protocol::RETRY_AFTER, milliseconds(after));
        }
        Message { subject: to.into(), headers, payload: self.payload.clone().into() }
    }
}

/// A text as one line of a header.
fn line(text: impl std::fmt::Display) -> String {
    let text = head(LONGEST, text);
    // A line break would begin another header.
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

#[cfg(test)]
mod tests {
    use eventsmith_event::invalid::Violation;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_request_is_told_to_who_asked_and_its_values_to_nobody_else() {
        let mut violation = Violation::new("/card", "/properties/card/pattern", "four digits");
        violation.found = Some("\"4711-s3cret\"".to_owned());
        let invalid = Invalid::new("payment.capture", 1, vec![violation]);

        let answer = Answer::undecodable(&DecodeError::Invalid(invalid));

        let (code, text) = answer.error.unwrap();
        assert_eq!(code, protocol::INVALID);
        assert!(text.contains("s3cret") && String::from_utf8_lossy(&answer.payload).contains("s3cret"), "{text}");
        let told = answer.told.unwrap();
        assert!(told.contains("/card") && !told.contains("s3cret"), "{told}");
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(Answer::failed("a\r\nb").error, Some((protocol::FAILED, "a  b".to_owned())));
    }
}
