//! Who asks: bearer tokens from a file, with the names of those whose they are.

use std::path::Path;

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::secret;

/// The name of whoever sends a request.
///
/// Every token of the file is compared, each in constant time, so that how long it takes says nothing of which one was nearly right.
pub(super) fn caller(headers: &HeaderMap, token_file: &Path) -> Result<String, Box<Problem>> {
    let lines = secret::read(token_file).map_err(|error| {
        // Whoever operates the API learns why; who asks has no use for it.
        tracing::error!(%error, "nobody can ask: there is no file of tokens");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Nobody can be recognised at present")
    })?;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let unauthorized =
        || Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "A bearer token that is known here is needed");
    let bearer = bearer.ok_or_else(unauthorized)?;
    let mut found = None;
    for line in &lines {
        let Some((name, token)) = line.expose().split_once(char::is_whitespace) else { continue };
        if secret::is(token.trim(), bearer) {
            found = Some(name.to_owned());
        }
    }
    Ok(found.ok_or_else(unauthorized)?)
}

/// The token of a header; the scheme may be in any letters. (RFC 9110, 11.1.)
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}
