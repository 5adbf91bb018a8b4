//! What is said of an event to be published, and of one that is stored.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::expect::Expect;

/// What an event is published with beside itself; `Default` for all that does not matter.
///
/// ```
/// use eventsmith::{PublishOptions, Uuid};
///
/// // Whoever publishes again with this id, after a crash for instance, stores nothing twice.
/// let id = Uuid::parse_str("019cadab-23b8-7c3a-9e21-4f6d8a0b7c15")?;
/// let options = PublishOptions { id: Some(id), correlation_id: Some("order-5521".to_owned()), ..Default::default() };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    /// The id of the message; a fresh UUID of version 7 otherwise. Within the stream's duplicate window an id is stored
    /// once, however often it is published.
    pub id: Option<Uuid>,
    /// See [`Envelope::correlation_id`](eventsmith_event::envelope::Envelope::correlation_id).
    pub correlation_id: Option<String>,
    /// See [`Envelope::causation_id`](eventsmith_event::envelope::Envelope::causation_id).
    pub causation_id: Option<String>,
    /// See [`Envelope::metadata`](eventsmith_event::envelope::Envelope::metadata); left out when empty.
    pub metadata: Map<String, Value>,
    /// The W3C trace context of this message, sent as the header `traceparent`.
    pub traceparent: Option<String>,
    /// What the vendors of tracing systems add to that, sent as the header `tracestate`; not without `traceparent`.
    pub tracestate: Option<String>,
    /// Where the stream, or the subject in it, must end for the event to be stored; nothing is expected otherwise.
    pub expect: Option<Expect>,
}

/// An event that is stored.
///
/// ```
/// use eventsmith::{Bus, Event, PublishError, Published};
///
/// async fn store<E: Event>(bus: &Bus, event: &E) -> Result<(), PublishError> {
///     let Published { stream, sequence, .. } = bus.publish(event).await?;
///     println!("number {sequence} of {stream}");
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The stream that stored it.
    pub stream: String,
    /// Its number in the stream.
    pub sequence: u64,
    /// Whether the stream held this id already and did not store it again; `sequence` is that of the first.
    pub duplicate: bool,
    /// The id of the message.
    pub id: Uuid,
}
