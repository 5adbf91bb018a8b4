//! Publishing one event: from a value to a message, and until it is known to be stored.

mod all;
mod atomic;
mod error;
mod expect;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use eventsmith_event::date_time::DateTime;
use eventsmith_event::envelope::Outgoing;
use eventsmith_event::event::Event;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::transport::{Headers, Message, PublishAck, SendFailure, Transport, Unavailable};

pub use all::PublishAllError;
pub use atomic::PublishBatch;
pub use error::PublishError;
pub use expect::Expect;

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
    /// Where the stream, or the subject in it, must end for the event to be stored; nothing is expected otherwise.
    pub expect: Option<Expect>,
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
    pub(crate) transport: Arc<dyn Transport>,
    /// The name under which it publishes.
    pub(crate) source: String,
    /// No attempt begins later than this after the first.
    pub(crate) budget: Duration,
    /// The most messages that are sent ahead of their acknowledgements.
    pub(crate) max_in_flight: usize,
}

impl Publisher {
    pub(crate) async fn publish<E: Event>(
        &self,
        event: &E,
        options: &PublishOptions,
    ) -> Result<Published, PublishError> {
        self.store(&prepare(&self.source, event, options)?, None).await
    }

    /// Sends a message until it is known to be stored, known to be refused, or the budget is spent. It may have been sent
    /// before, and failed for a reason that passes.
    async fn store(
        &self,
        prepared: &Prepared,
        before: Option<(Instant, SendFailure)>,
    ) -> Result<Published, PublishError> {
        let stored = self.send_until_known(Sending::One(prepared), before).await?;
        Ok(prepared.stored(stored))
    }

    /// Sends a message once, and not later than a given time.
    async fn attempt(&self, prepared: &Prepared, latest: Instant) -> Result<PublishAck, SendFailure> {
        let outcome = match timeout_at(latest, self.transport.send(&prepared.message)).await {
            Ok(Ok(ack)) => ack.await,
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(not_sent()),
        };
        match (outcome, prepared.expect) {
            (Err(failure @ SendFailure::WrongSequence { .. }), Some(expect)) => {
                self.stored_before(prepared, expect).await?.ok_or(failure)
            }
            (outcome, _) => outcome,
        }
    }

    /// Attempts something until it succeeds, fails for good, or the budget is spent: nothing is sent later than that after
    /// the first attempt.
    async fn send_until_known(
        &self,
        work: Sending<'_>,
        before: Option<(Instant, SendFailure)>,
    ) -> Result<PublishAck, PublishError> {
        let (Sending::One(prepared) | Sending::Batch { first: prepared, .. }) = work;
        let mut attempts = u32::from(before.is_some());
        let (started, mut failure) = before.map_or_else(|| (Instant::now(), None), |(at, failure)| (at, Some(failure)));
        let latest = started + self.budget;
        // The delays add up to little beside what the attempts themselves take, so the clock decides, not their number.
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(2))
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            if let Some(failure) = failure.take_if(|_| attempts > 0 && Instant::now() >= latest) {
                return Err(prepared.failed(failure, attempts, started.elapsed()));
            }
            attempts += 1;
            let outcome = match work {
                Sending::One(prepared) => self.attempt(prepared, latest).await,
                Sending::Batch { first, events, messages } => self.attempt_batch(first, events, messages, latest).await,
            };
            let reason = match outcome {
                Ok(stored) => return Ok(stored),
                Err(SendFailure::Transient(reason)) => reason,
                // What was sent before may be stored, so there is still something to find out.
                Err(SendFailure::QueueFull { .. }) if attempts > 1 => "too many wait for a connection".to_owned(),
                Err(failure) => return Err(prepared.failed(failure, attempts, started.elapsed())),
            };
            let delay = delays.next().unwrap_or_default();
            let (id, subject) = (&prepared.id, &prepared.message.subject);
            if Instant::now() + delay >= latest {
                let failure = SendFailure::Transient(reason);
                return Err(prepared.failed(failure, attempts, started.elapsed()));
            }
            tracing::warn!(%id, %subject, reason, ?delay, "publishing again");
            sleep(delay).await;
            failure = Some(SendFailure::Transient(reason));
        }
    }
}

/// What is sent, until it is known what became of it.
#[derive(Clone, Copy)]
enum Sending<'a> {
    One(&'a Prepared),
    Batch { first: &'a Prepared, events: &'a [Prepared], messages: &'a [Message] },
}

/// Nothing left before it was too late to send.
fn not_sent() -> SendFailure {
    SendFailure::Transient("there was no connection until the time to publish was up".to_owned())
}

fn id(message: &Message) -> Option<&str> {
    message.headers.get(Headers::ID)
}

fn transient(error: Unavailable) -> SendFailure {
    SendFailure::Transient(error.0)
}

/// Validates an event and wraps it into its envelope.
fn prepare<E: Event>(source: &str, event: &E, options: &PublishOptions) -> Result<Prepared, PublishError> {
    event.validate()?;
    let subject = event.subject()?;
    let id = options.id.unwrap_or_else(Uuid::now_v7);
    let mut buffer = Uuid::encode_buffer();
    let id_text = id.hyphenated().encode_lower(&mut buffer);
    let version = E::VERSION.to_string();
    let envelope = Outgoing {
        id: id_text,
        event_type: E::TYPE,
        source,
        subject: &subject,
        time: DateTime::now(),
        version: &version,
        correlation_id: options.correlation_id.as_deref(),
        causation_id: options.causation_id.as_deref(),
        metadata: &options.metadata,
        data: event,
    };
    // Room for most events. From 1,024 bytes on, glibc's allocator tidies up all it has before it gives any.
    let mut payload = Vec::with_capacity(960);
    serde_json::to_writer(&mut payload, &envelope)
        .map_err(|source| PublishError::Encode { event_type: E::TYPE, source })?;
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
    if let Some(expect) = options.expect {
        headers.push(expect.header(), expect.sequence().to_string());
    }
    Ok(Prepared { id, expect: options.expect, message: Message { subject, headers, payload: payload.into() } })
}

/// A message and the id that all attempts to publish it share.
#[derive(Debug, Clone)]
struct Prepared {
    id: Uuid,
    expect: Option<Expect>,
    message: Message,
}

impl Prepared {
    fn stored(&self, stored: PublishAck) -> Published {
        let PublishAck { stream, sequence, duplicate } = stored;
        tracing::debug!(id = %self.id, subject = %self.message.subject, stream, sequence, duplicate, "published");
        Published { stream, sequence, duplicate, id: self.id }
    }

    fn failed(&self, failure: SendFailure, attempts: u32, elapsed: Duration) -> PublishError {
        let (subject, id) = (Cow::clone(&self.message.subject), self.id);
        let unacknowledged =
            |reason| PublishError::Unacknowledged { subject: Cow::clone(&subject), id, attempts, elapsed, reason };
        match failure {
            SendFailure::Transient(reason) => unacknowledged(reason),
            SendFailure::WrongSequence { last } => PublishError::WrongSequence { subject, expected: self.expect, last },
            // That the last attempt stored nothing says nothing about those before it.
            failure if attempts > 1 => unacknowledged(format!("the last attempt: {failure}")),
            SendFailure::NoStream => PublishError::NoStream { subject },
            SendFailure::TooLarge { size, limit } => PublishError::TooLarge { subject, size, limit },
            SendFailure::Refused { code: Some(atomic::DISABLED), .. } => PublishError::AtomicDisabled { subject },
            SendFailure::Refused { code, reason } => PublishError::Refused { subject, code, reason },
            SendFailure::AtomicUnsupported { server } => PublishError::AtomicUnsupported { server },
            SendFailure::QueueFull { limit } => PublishError::QueueFull { limit },
            SendFailure::Closed => PublishError::Closed,
        }
    }
}
