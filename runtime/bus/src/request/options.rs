//! What is said of a request to be sent.

use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

/// What a request is sent with beside itself; `Default` for all that does not matter.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::RequestOptions;
///
/// let patient = RequestOptions { timeout: Some(Duration::from_secs(30)), ..RequestOptions::default() };
/// # assert!(patient.id.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestOptions {
    /// How long to wait for the reply, with all attempts; the service learns it, and begins nothing that nobody waits for.
    /// Default: 5 s.
    pub timeout: Option<Duration>,
    /// The id of the request; a fresh UUID of version 7 otherwise. All attempts have the same.
    pub id: Option<Uuid>,
    /// See [`Envelope::correlation_id`](eventsmith_event::envelope::Envelope::correlation_id).
    pub correlation_id: Option<String>,
    /// See [`Envelope::causation_id`](eventsmith_event::envelope::Envelope::causation_id).
    pub causation_id: Option<String>,
    /// See [`Envelope::metadata`](eventsmith_event::envelope::Envelope::metadata); left out when empty.
    pub metadata: Map<String, Value>,
    /// The W3C trace context of the request, sent as the header `traceparent`.
    pub traceparent: Option<String>,
    /// What the vendors of tracing systems add to that, sent as the header `tracestate`; not without `traceparent`.
    pub tracestate: Option<String>,
}
