//! The circumstances under which a saga begins.

use eventsmith_bus::handler::Received;
use serde_json::{Map, Value};

/// What a saga is started with beside its state; `Default` for all that does not matter. All its messages and requests carry it on.
///
/// ```
/// use eventsmith::state::StartOptions;
///
/// let options = StartOptions { correlation_id: Some("order-5521".to_owned()), ..StartOptions::default() };
/// # assert!(options.causation_id.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// See [`Envelope::correlation_id`](eventsmith_event::envelope::Envelope::correlation_id); otherwise `SAGA.ID`.
    pub correlation_id: Option<String>,
    /// See [`Envelope::causation_id`](eventsmith_event::envelope::Envelope::causation_id): the id of the message that leads to the saga.
    pub causation_id: Option<String>,
    /// See [`Envelope::metadata`](eventsmith_event::envelope::Envelope::metadata): `user_id` says who.
    pub metadata: Map<String, Value>,
    /// The W3C trace context of its messages and requests.
    pub traceparent: Option<String>,
    /// What the vendors of tracing systems add to that.
    pub tracestate: Option<String>,
}

impl StartOptions {
    /// For a saga that an event or a request leads to: its correlation, metadata and trace go on.
    pub fn caused_by<M>(received: &Received<M>) -> Self {
        let follow_up = received.follow_up();
        Self {
            correlation_id: follow_up.correlation_id,
            causation_id: follow_up.causation_id,
            metadata: received.envelope().metadata.clone(),
            traceparent: follow_up.traceparent,
            tracestate: follow_up.tracestate,
        }
    }
}
