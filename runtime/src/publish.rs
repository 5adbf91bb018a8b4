//! Publishing one event: from a value to a message, and until it is known to be stored.

mod batch;
mod error;

use std::borrow::Cow;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use serde_json::{Map, Value};
use tokio::time::Instant;
use uuid::Uuid;

use crate::envelope::Outgoing;
use crate::transport::{Headers, Message, SendFailure, Stored, Transport};
use crate::{DateTime, Event};

pub use error::PublishError;

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
    /// See [`Envelope::correlation_id`](crate::Envelope::correlation_id).
    pub correlation_id: Option<String>,
    /// See [`Envelope::causation_id`](crate::Envelope::causation_id).
    pub causation_id: Option<String>,
    /// See [`Envelope::metadata`](crate::Envelope::metadata); left out when empty.
    pub metadata: Map<String, Value>,
    /// The W3C trace context of this message, sent as the header `traceparent`.
    pub traceparent: Option<String>,
}

/// An event that is stored.
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

/// How a bus publishes, over whatever transport.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) transport: Transport,
    /// The name under which it publishes.
    pub(crate) source: String,
    /// No attempt begins later than this after the first.
    pub(crate) budget: Duration,
    /// The most messages that are sent ahead of their acknowledgements.
    pub(crate) window: usize,
}

impl Publisher {
    pub(crate) async fn publish<E: Event>(
        &self,
        event: &E,
        options: &PublishOptions,
    ) -> Result<Published, PublishError> {
        let outgoing = self.prepare(event, options)?;
        self.store(outgoing, 0).await
    }

    /// Validates an event and wraps it into its envelope.
    fn prepare<E: Event>(&self, event: &E, options: &PublishOptions) -> Result<Prepared, PublishError> {
        event.validate()?;
        let subject = event.subject()?;
        let id = options.id.unwrap_or_else(Uuid::now_v7);
        let mut buffer = Uuid::encode_buffer();
        let id_text = id.hyphenated().encode_lower(&mut buffer);
        let version = E::VERSION.to_string();
        let envelope = Outgoing {
            id: id_text,
            event_type: E::TYPE,
            source: &self.source,
            subject: &subject,
            time: DateTime::now(),
            version: &version,
            correlation_id: options.correlation_id.as_deref(),
            causation_id: options.causation_id.as_deref(),
            metadata: &options.metadata,
            data: event,
        };
        let payload = serde_json::to_vec(&envelope)
            .map_err(|source| PublishError::Encode { event_type: E::TYPE, source })?
            .into();
        let mut headers = Headers::default();
        headers.push(Headers::ID, &*id_text);
        headers.push(Headers::TYPE, E::TYPE);
        headers.push(Headers::VERSION, version);
        headers.push(Headers::CONTENT_TYPE, "application/json");
        if let Some(traceparent) = &options.traceparent {
            // A line break would let whoever supplies the value add headers of their own.
            if !traceparent.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(PublishError::InvalidTraceparent);
            }
            headers.push(Headers::TRACEPARENT, traceparent);
        }
        Ok(Prepared { id, message: Message { subject, headers, payload } })
    }

    /// Sends a message until it is known to be stored, known to be refused, or the budget is spent.
    /// `attempts` have been made already, and it is not known what became of them.
    async fn store(&self, outgoing: Prepared, mut attempts: u32) -> Result<Published, PublishError> {
        let started = Instant::now();
        let attempt = || {
            attempts += 1;
            let message = outgoing.message.clone();
            async { self.transport.send(message).await?.await }
        };
        // The delays add up to little beside what the attempts themselves take, so the clock decides, not their number.
        let delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(2))
            .with_jitter()
            .without_max_times();
        let outcome = attempt
            .retry(delays)
            .when(|failure| matches!(failure, SendFailure::Transient(_)) && started.elapsed() < self.budget)
            .notify(|failure, delay| {
                if let SendFailure::Transient(reason) = failure {
                    tracing::warn!(id = %outgoing.id, subject = %outgoing.message.subject, reason, ?delay, "publishing again");
                }
            })
            .await;
        match outcome {
            Ok(stored) => Ok(outgoing.stored(stored)),
            // That the last attempt stored nothing says nothing about those before it.
            Err(failure) if attempts > 1 && !matches!(failure, SendFailure::Transient(_)) => {
                let failure = SendFailure::Transient(format!("the last attempt: {failure:?}"));
                Err(outgoing.failed(failure, attempts, started.elapsed()))
            }
            Err(failure) => Err(outgoing.failed(failure, attempts, started.elapsed())),
        }
    }
}

/// A message and the id that all attempts to publish it share.
#[derive(Debug)]
struct Prepared {
    id: Uuid,
    message: Message,
}

impl Prepared {
    fn stored(&self, stored: Stored) -> Published {
        let Stored { stream, sequence, duplicate } = stored;
        tracing::debug!(id = %self.id, subject = %self.message.subject, stream, sequence, duplicate, "published");
        Published { stream, sequence, duplicate, id: self.id }
    }

    fn failed(&self, failure: SendFailure, attempts: u32, elapsed: Duration) -> PublishError {
        let (subject, id) = (Cow::clone(&self.message.subject), self.id);
        match failure {
            SendFailure::Transient(reason) => PublishError::Unacknowledged { subject, id, attempts, elapsed, reason },
            SendFailure::NoStream => PublishError::NoStream { subject },
            SendFailure::TooLarge { size, limit } => PublishError::TooLarge { subject, size, limit },
            SendFailure::Refused { code, reason } => PublishError::Refused { subject, code, reason },
            SendFailure::Closed => PublishError::Closed,
        }
    }
}
