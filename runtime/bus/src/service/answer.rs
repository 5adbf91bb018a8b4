//! What is sent back to whoever asked.

use std::time::Duration;

use eventsmith_event::clip::head;
use eventsmith_event::invalid::DecodeError;
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
    pub(super) retry_after: Option<Duration>,
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
        Self { outcome: Outcome::Replied, error: None, retry_after: None, payload }
    }

    pub(super) fn refused(payload: Vec<u8>) -> Self {
        Self { payload, ..Self::error(Outcome::Refused, protocol::REFUSED, "refused; the body says why") }
    }

    pub(super) fn error(outcome: Outcome, code: u16, text: impl std::fmt::Display) -> Self {
        let mut text = head(LONGEST, text);
        if text.contains(char::is_control) {
            // A line break would begin another header.
            text = text.replace(char::is_control, " ");
        }
        Self { outcome, error: Some((code, text)), retry_after: None, payload: Vec::new() }
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
        }
        answer
    }

    /// The message to whoever asked.
    pub(super) fn message(self, to: String, event_type: &'static str, version: u32) -> Message {
        let mut headers = Headers::default();
        headers.push(Headers::TYPE, event_type);
        headers.push(Headers::VERSION, version.to_string());
        if let Some((code, text)) = self.error {
            headers.push(protocol::ERROR, text);
            headers.push(protocol::ERROR_CODE, code.to_string());
        }
        if let Some(after) = self.retry_after {
            headers.push(protocol::RETRY_AFTER, milliseconds(after));
        }
        Message { subject: to.into(), headers, payload: self.payload.into() }
    }
}
