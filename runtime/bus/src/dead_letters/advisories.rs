//! Events that the server no longer delivers, and that no process was there to dead-letter.
//!
//! The server delivers an event so often and no more, for instance to processes that it kills. Then it publishes an
//! advisory, which the stream of dead letters captures.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::origin::Origin;
use super::reason::DeadReason;
use super::writer::dead_letter;
use crate::transport::{Message, MessageSelector, StreamMessage, Transport, Unavailable};

/// The error in the dead letters of events that the server no longer delivers.
const MAX_DELIVERIES_ERROR: &str =
    "the server no longer delivers it: it reached max_deliver, and no delivery was acked";

/// Handles the advisories about a durable consumer, and knows where its dead letters go.
#[derive(Debug, Clone, Copy)]
pub struct AdvisoryHandler<'a> {
    /// The root of the catalogue's subjects.
    pub root: &'a str,
    /// The stream of the dead letters.
    pub dead_letters: &'a str,
    /// The stream that the consumer reads.
    pub stream: &'a str,
    /// Its name.
    pub consumer: &'a str,
}

/// How many events the advisories were about, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdvisoryCounts {
    /// Events that are dead-lettered now.
    pub dead_lettered: u64,
    /// Events that could not be. Their advisories are left for next time.
    pub failed: u64,
}

/// Advisories that were handled and are still there, by their numbers and times: where they cannot be deleted, each would be handled
/// again and again, and the dead letter that an operator replayed would be stored anew.
#[derive(Debug, Default)]
pub struct HandledAdvisories(BTreeMap<u64, Timestamp>);

/// How many are remembered.
const REMEMBERED: usize = 65_536;

impl HandledAdvisories {
    fn add(&mut self, message: &StreamMessage) {
        self.0.insert(message.sequence, message.stored);
        if self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
    }

    fn has(&self, message: &StreamMessage) -> bool {
        self.0.get(&message.sequence) == Some(&message.stored)
    }
}

/// What the server reports when a message has reached `max_deliver`. (nats-server, server/jetstream_events.go.)
#[derive(Deserialize)]
struct Advisory {
    stream_seq: u64,
    deliveries: u64,
}

/// Why the server no longer delivers a message, as far as the message tells, and what its dead letter says of that.
pub fn cause(message: &Message) -> (DeadReason, Cow<'static, str>) {
    match message.headers.malformed() {
        Some(malformed) => (DeadReason::Malformed, malformed.explanation().into()),
        None => (DeadReason::MaxDeliveries, MAX_DELIVERIES_ERROR.into()),
    }
}

impl AdvisoryHandler<'_> {
    /// Dead-letters what the server's advisories report. May be done at any time, by several at once.
    ///
    /// # Errors
    /// [`Unavailable`]; what was dead-lettered before is, the rest is found next time.
    pub async fn handle_advisories(
        &self,
        transport: &dyn Transport,
        handled: &mut HandledAdvisories,
    ) -> Result<AdvisoryCounts, Unavailable> {
        let Self { dead_letters, stream, consumer, .. } = *self;
        let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{consumer}");
        let (mut counts, mut from) = (AdvisoryCounts::default(), 1);
        let next = |from| MessageSelector::NextOf { subject: &subject, from };
        while let Some(message) = transport.message(dead_letters, next(from)).await? {
            from = message.sequence + 1;
            if handled.has(&message) {
                continue;
            }
            let Ok(advisory) = serde_json::from_slice::<Advisory>(&message.message.payload) else {
                tracing::error!(stream = dead_letters, sequence = message.sequence, "an advisory cannot be read");
                continue;
            };
            match self.handle(transport, &advisory, message.stored).await {
                Ok(is_dead_lettered) => {
                    counts.dead_lettered += u64::from(is_dead_lettered);
                    handled.add(&message);
                    transport.delete_message(dead_letters, message.sequence).await?;
                }
                // It must not stand in the way of those behind it. If the server is gone, the next request says so.
                Err(error) => {
                    counts.failed += 1;
                    self.log_failure(advisory.stream_seq, &error);
                }
            }
        }
        Ok(counts)
    }

    /// Dead-letters what an advisory reports, if it is there.
    async fn handle(&self, transport: &dyn Transport, advisory: &Advisory, at: Timestamp) -> Result<bool, Unavailable> {
        let Self { stream, consumer, .. } = *self;
        let sequence = advisory.stream_seq;
        let message = transport.message(stream, MessageSelector::Sequence(sequence)).await?;
        // What was stored after the advisory is of a later stream of the same name.
        let Some(message) = message.filter(|message| message.stored <= at) else {
            tracing::error!(
                stream,
                consumer,
                sequence,
                "the server no longer delivers an event that the stream has dropped meanwhile; it cannot be dead-lettered"
            );
            return Ok(false);
        };
        let origin = self.origin(&message, advisory.deliveries);
        let (reason, error) = cause(&message.message);
        dead_letter(transport, self.root, &origin, reason, &error).await?;
        transport.terminate(stream, consumer, sequence).await?;
        Ok(true)
    }

    /// An event of the stream as the origin of a dead letter.
    pub fn origin<'a>(&'a self, message: &'a StreamMessage, attempts: u64) -> Origin<'a> {
        let StreamMessage { sequence, stored, message } = message;
        let Self { stream, consumer, .. } = *self;
        Origin { stream, consumer, sequence: *sequence, stored: *stored, attempts, message }
    }

    /// Logs that an event could not be dead-lettered.
    pub fn log_failure(&self, sequence: u64, error: &Unavailable) {
        let Self { stream, consumer, .. } = *self;
        tracing::error!(stream, consumer, sequence, %error, "an event that the server no longer delivers cannot be dead-lettered");
    }
}
