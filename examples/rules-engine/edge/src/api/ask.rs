//! From an HTTP request to a request of the catalogue, and back.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use eventsmith::catalogue::{AnyReply, EventDescriptor};
use eventsmith::{Kind, RequestOptions, Uuid, Value};
use serde_json::json;
use tokio::time::timeout;

use super::answer::response;
use super::auth::caller;
use super::config::ApiConfig;
use super::headers::{CORRELATION, IDEMPOTENCY_KEY, TIMEOUT};
use super::problem::Problem;
use super::shared::Shared;
use super::{idempotency, query};

/// The W3C trace context.
const TRACEPARENT: &str = "traceparent";

type Problematic<T> = Result<T, Box<Problem>>;

/// Answers one request.
pub(super) async fn ask(shared: &Shared, described: &EventDescriptor, request: Request) -> Response {
    let Ok(_permit) = shared.permits.try_acquire() else {
        return response(None, Err(Box::new(Problem::busy("Come again."))));
    };
    let (id, answer) = match prepare(&shared.config, described, request).await {
        Ok((options, body)) => {
            let id = options.id;
            let answer = shared.bus.request_described(described, &body, options).await;
            if let Err(error) = &answer {
                tracing::debug!(request = described.event_type, kind = error.kind(), "a request has no reply");
            }
            (id, answer.map_err(|error| Box::new(Problem::of(error))))
        }
        Err(problem) => (None, Err::<AnyReply, _>(problem)),
    };
    response(id, answer)
}

/// What is to be asked, and how. Nothing of the body is read before it is known who asks.
async fn prepare(
    config: &ApiConfig,
    described: &EventDescriptor,
    request: Request,
) -> Problematic<(RequestOptions, Bytes)> {
    let (head, body) = request.into_parts();
    let caller = caller(&head.headers, &config.token_file)?;
    let options = options(config, described, &caller, &head.headers)?;
    if head.method == Method::GET || head.method == Method::HEAD {
        let schema: Value = serde_json::from_str(described.schema).unwrap_or_default();
        let payload = query::payload(head.uri.query().unwrap_or_default(), &schema).map_err(Problem::malformed)?;
        return Ok((options, payload.to_string().into()));
    }
    let is_json = text(&head.headers, header::CONTENT_TYPE.as_str())?.is_some_and(is_json);
    if !is_json {
        let kind = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body must be application/json");
        return Err(Box::new(kind));
    }
    match timeout(config.body_timeout, to_bytes(body, config.max_body)).await {
        Ok(Ok(body)) => Ok((options, body)),
        Ok(Err(error)) if is_too_large(&error) => {
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large");
            Err(Box::new(problem.with(format!("No more than {} bytes are read.", config.max_body))))
        }
        Ok(Err(_)) => Err(Box::new(Problem::malformed("The body ended before it was complete."))),
        Err(_) => {
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", "The body did not come in time");
            Err(Box::new(problem))
        }
    }
}

/// Whether the limit was what ended the body.
fn is_too_large(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// `application/json`, with or without parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// What the headers say of the request.
fn options(
    config: &ApiConfig,
    described: &EventDescriptor,
    caller: &str,
    headers: &HeaderMap,
) -> Problematic<RequestOptions> {
    let milliseconds = |text: &str| text.trim().parse().ok().filter(|milliseconds| *milliseconds > 0);
    let time = match text(headers, TIMEOUT)? {
        None => config.timeout,
        Some(text) => match milliseconds(text) {
            Some(time) => Duration::from_millis(time).min(config.max_timeout),
            None => return Err(Box::new(Problem::malformed(format!("{TIMEOUT} is a number of milliseconds")))),
        },
    };
    let id = match text(headers, IDEMPOTENCY_KEY)? {
        Some(key) if described.kind == Kind::Command => {
            if described.idempotent.is_none() {
                let detail =
                    format!("{} is not done once for a key; send it without {IDEMPOTENCY_KEY}", described.event_type);
                return Err(Box::new(Problem::malformed(detail)));
            }
            let malformed = || Problem::malformed(format!("{IDEMPOTENCY_KEY} is 1 to 255 visible characters"));
            idempotency::request_id(caller, described, idempotency::key(key).ok_or_else(malformed)?)
        }
        // A query may be asked as often as one likes.
        _ => Uuid::now_v7(),
    };
    let correlation_id = text(headers, CORRELATION)?.map(str::to_owned);
    if correlation_id.as_ref().is_some_and(|correlation| correlation.is_empty() || correlation.len() > 255) {
        return Err(Box::new(Problem::malformed(format!("{CORRELATION} is 1 to 255 characters"))));
    }
    // Who traces badly is not traced, and served all the same. (W3C Trace Context, 3.2.)
    let is_trace = |text: &&str| text.len() == 55 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let traceparent = text(headers, TRACEPARENT).ok().flatten().filter(is_trace).map(str::to_owned);
    let metadata = json!({"user_id": caller, "source": "rules-engine-edge", "environment": config.environment});
    Ok(RequestOptions {
        timeout: Some(time),
        id: Some(id),
        correlation_id,
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        traceparent,
        ..RequestOptions::default()
    })
}

/// The text of a header that stands there at most once.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Problematic<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = || Box::new(Problem::malformed(format!("{name} stands there twice, or is no text")));
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text)),
        _ => Err(malformed()),
    }
}
