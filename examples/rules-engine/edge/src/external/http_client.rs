//! One request over HTTP, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A client of HTTP and HTTPS with a pool of connections. Cheap to clone.
///
/// It follows no redirect: a signed request is for the address that it was made for.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("no client for HTTPS: {0}; install the certificates of the system (on Debian: ca-certificates)")]
pub struct HttpError(String);

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer. No text here comes from the request or the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There was no connection; nothing was sent.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// There was no answer in time. What was asked for may be done.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection was lost while the answer was awaited. What was asked for may be done.
    #[error("the connection was lost before the answer was complete")]
    Lost,
    /// The answer is too large. What was asked for may be done.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    /// Whether what was asked for may be done all the same.
    pub fn may_be_done(&self) -> bool {
        !matches!(self, Self::NotConnected(_))
    }

    /// A stable code, as `error_code` of events has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "NOT_CONNECTED",
            Self::TimedOut(_) => "UPSTREAM_TIMEOUT",
            Self::Lost => "CONNECTION_LOST",
            Self::TooLarge(_) => "ANSWER_TOO_LARGE",
        }
    }
}

impl HttpClient {
    /// A client that trusts whom the system trusts; `http` addresses are called without TLS.
    ///
    /// # Errors
    /// [`HttpError`] when the system has no certificates.
    pub fn new() -> Result<Self, HttpError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| HttpError(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// A client that trusts certificates of these authorities alone, in DER: those of a company, or of a test.
    ///
    /// # Errors
    /// [`HttpError`] when one of them is no certificate.
    pub fn trusting(authorities: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, HttpError> {
        let mut roots = rustls::RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.into()).map_err(|error| HttpError(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpError(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends a request and reads the answer, all of it within the time. Dropped, it is no longer waited for; what was sent is sent.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer; a status that says that something failed is one.
    pub async fn call(&self, request: Request<Full<Bytes>>, limit: Duration) -> Result<Answer, CallError> {
        match timeout(limit, self.call_unlimited(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::TimedOut(limit)),
        }
    }

    async fn call_unlimited(&self, request: Request<Full<Bytes>>) -> Result<Answer, CallError> {
        let response = self.client.request(request).await.map_err(|error| {
            // The error of hyper names addresses at most; the cause is what helps.
            if error.is_connect() { CallError::NotConnected(cause(&error)) } else { CallError::Lost }
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                CallError::TooLarge(LARGEST_ANSWER)
            } else {
                CallError::Lost
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// The innermost cause of an error.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
