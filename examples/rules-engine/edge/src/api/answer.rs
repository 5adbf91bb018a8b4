//! What goes back to whoever asked.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use eventsmith::Uuid;
use eventsmith::catalogue::AnyReply;

use super::problem::Problem;

/// The header that names the request, as services and events know it.
const REQUEST_ID: &str = "request-id";

/// The reply as it came, or what went wrong.
pub(super) fn response(id: Option<Uuid>, result: Result<AnyReply, Box<Problem>>) -> Response {
    let mut response = match result {
        Ok(reply) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], reply.as_str().to_owned()).into_response()
        }
        Err(mut problem) => {
            problem.request_id = id.map(|id| id.to_string());
            problem.into_response()
        }
    };
    if let Some(id) = id.and_then(|id| HeaderValue::try_from(id.to_string()).ok()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
