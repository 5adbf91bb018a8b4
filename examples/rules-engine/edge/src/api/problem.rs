//! What went wrong, as RFC 9457 has it.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use eventsmith::catalogue::AnyReply;
use eventsmith::{Invalid, RequestError, Value};
use serde::Serialize;
use serde_json::value::RawValue;

/// A problem: `application/problem+json`.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// What kind of problem it is: a relative reference, such as `/problems/invalid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for people.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What is the matter this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request, by the id under which services know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What the schema does not accept, each by its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<PointedOut>,
    /// The refusal, as the catalogue describes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Box<RawValue>>,
    /// Whether what was asked for may be done all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_be_done: bool,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// One violation.
#[derive(Debug, Serialize)]
pub struct PointedOut {
    /// JSON pointer into the payload; empty for all of it.
    pub pointer: String,
    /// What is wanted there.
    pub expected: String,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, kind: &str, title: &'static str) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title,
            status: status.as_u16(),
            detail: None,
            request_id: None,
            violations: Vec::new(),
            refusal: None,
            may_be_done: false,
            retry_after: None,
        }
    }

    pub(super) fn with(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The request is not understood.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request is not understood").with(detail)
    }

    /// The payload violates its schema.
    pub(super) fn invalid(invalid: &Invalid) -> Self {
        let point = |violation: &eventsmith::Violation| PointedOut {
            pointer: violation.instance.clone(),
            expected: violation.expected.clone(),
            found: violation.found.clone(),
        };
        let violations = invalid.violations().iter().map(point).collect();
        let problem = Self::new(StatusCode::BAD_REQUEST, "invalid", "The payload violates its schema");
        Self { violations, ..problem }.with(format!("{} v{}", invalid.event_type(), invalid.version()))
    }

    /// Too many at once, or not at work.
    pub(super) fn busy(detail: &str) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too many requests at once").with(detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// What a request came to that has no reply.
    pub(super) fn of(error: RequestError<AnyReply>) -> Self {
        let may_be_done = error.may_be_done();
        let text = |status: StatusCode, kind: &str, title| Self::new(status, kind, title);
        let unavailable = || text(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service is not available");
        let failed = || text(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The service failed");
        let late = || text(StatusCode::REQUEST_TIMEOUT, "timed-out", "No reply came in time");
        let problem = match error {
            RequestError::Invalid(invalid) => Self::invalid(&invalid),
            RequestError::Refused(refusal) => {
                let refusal = serde_json::from_str::<&RawValue>(refusal.as_str()).ok().map(ToOwned::to_owned);
                Self { refusal, ..text(StatusCode::CONFLICT, "refused", "The service refuses the request") }
            }
            RequestError::Failed { code, message, retry_after, .. } => {
                let problem = match code {
                    400 => text(StatusCode::BAD_REQUEST, "invalid", "The service takes the request for invalid"),
                    404 => text(StatusCode::NOT_FOUND, "unknown", "The service does not know this request"),
                    408 => late(),
                    429 => text(StatusCode::TOO_MANY_REQUESTS, "busy", "Too many requests at once"),
                    503 => unavailable(),
                    _ => failed(),
                };
                // What a handler failed with is for its own log.
                let detail = (code != 500).then_some(message);
                Self { detail, retry_after, ..problem }
            }
            RequestError::TimedOut { .. } => {
                late().with("Ask again under the same Idempotency-Key, or look whether it is done.")
            }
            RequestError::NoResponders { .. } => unavailable().with("No service answers this request at present."),
            RequestError::NotConnected { .. } | RequestError::Closed => {
                unavailable().with("There is no connection to the services.")
            }
            RequestError::TooLarge { .. } | RequestError::SubjectTooLong { .. } => {
                text(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The payload is too large")
            }
            _ => failed(),
        };
        Self { may_be_done, ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(after) = self.retry_after {
            // Whole seconds, and no less than what is meant.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The schema of a problem, for the OpenAPI document.
pub(super) fn schema() -> Value {
    serde_json::json!({
        "title": "Problem",
        "description": "What went wrong, as RFC 9457 has it.",
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "What kind of problem it is."},
            "title": {"type": "string", "description": "The same for people."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the answer."},
            "detail": {"type": "string", "description": "What is the matter this time."},
            "request_id": {"type": "string", "description": "The request, by the id under which services know it."},
            "violations": {
                "type": "array",
                "description": "What the schema does not accept, each by its place.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "expected"],
                    "properties": {
                        "pointer": {"type": "string", "format": "json-pointer", "description": "Its place in the payload."},
                        "expected": {"type": "string", "description": "What is wanted there."},
                        "found": {"type": "string", "description": "What is there."}
                    }
                }
            },
            "may_be_done": {"type": "boolean", "description": "Whether what was asked for may be done all the same."}
        }
    })
}
