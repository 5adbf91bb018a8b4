//! Why an event is not stored, or not known to be.

use std::borrow::Cow;
use std::time::Duration;

use eventsmith_event::invalid::Invalid;
use uuid::Uuid;

use super::expect::Expect;
use crate::cause::Cause;
use crate::transport::Denied;

/// Why an event was not published, or is not known to be.
///
/// ```
/// use eventsmith::{Bus, Event, PublishError, PublishOptions};
///
/// async fn store<E: Event>(bus: &Bus, event: &E) -> Result<(), PublishError> {
///     match bus.publish(event).await {
///         // It may be stored: the same id again, or not at all.
///         Err(PublishError::Unacknowledged { id, .. }) => {
///             bus.publish_with(event, PublishOptions { id: Some(id), ..PublishOptions::default() }).await?;
///             Ok(())
///         }
///         other => other.map(drop),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event violates its schema; nothing was sent.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The event cannot be written as JSON; nothing was sent.
    #[error("{event_type} cannot be written as JSON: {source}")]
    Encode {
        /// The type of the event.
        event_type: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// The option `traceparent` holds what no header may; nothing was sent.
    #[error("the option traceparent must be printable ASCII without spaces, such as 00-4bf9...-00f0...-01")]
    InvalidTraceparent,
    /// No stream captures the subject; nothing was stored.
    #[error(
        "no stream captures {subject}; provision the streams of the catalogue (`eventsmith streams apply`) before publishing"
    )]
    NoStream {
        /// The subject of the event.
        subject: Cow<'static, str>,
    },
    /// The server does not let this user publish to the subject, or receive acknowledgements; nothing was stored.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The server has no JetStream, or this user's account has none; nothing was stored.
    #[error("{subject} cannot be stored: {reason}")]
    NoJetStream {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// What is missing, and where.
        reason: String,
    },
    /// The server takes no message of this size; nothing was stored.
    #[error(
        "the message for {subject} has {size} bytes, the server takes {limit}; make the event smaller or raise max_payload"
    )]
    TooLarge {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// Its size in bytes, headers included.
        size: usize,
        /// The server's limit in bytes.
        limit: usize,
    },
    /// The subject is too long for a server, which would close the connection over it; nothing was sent.
    #[error(
        "the subject {subject} has {size} bytes, and no more than {limit} are sent; shorten the values that it is filled with"
    )]
    SubjectTooLong {
        /// The beginning of the subject of the event, and its end.
        subject: String,
        /// Its size in bytes.
        size: usize,
        /// The most that it may have, in bytes.
        limit: usize,
    },
    /// The stream refused the message; nothing was stored.
    #[error("the stream refused the message for {subject}: {reason}")]
    Refused {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// The server's error code.
        code: Option<u64>,
        /// The server's message.
        #[source]
        reason: Cause,
    },
    /// The event expected the stream, or its subject, to end elsewhere; nothing was stored.
    #[error(
        "{subject} was to be stored {}, but the last number is {last}: something else was stored meanwhile; \
         read what it is, decide again, and publish with that number", expectation(*.expected)
    )]
    WrongSequence {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// What it expected.
        expected: Option<Expect>,
        /// The number of the last message, of the stream or of the subject.
        last: u64,
    },
    /// The connection is down, and as many publishes wait for it as may; nothing was sent.
    #[error(
        "{limit} publishes wait for the connection to come back, and no more may; publish again when it is back, \
         or raise max_queued"
    )]
    QueueFull {
        /// The setting [`Config::max_queued`](crate::config::Config::max_queued).
        limit: usize,
    },
    /// The server is too old for atomic batches; nothing was sent.
    #[error(
        "nats-server {server} knows no atomic batches with ids; upgrade it to 2.12.1 or later, or publish one by one"
    )]
    AtomicUnsupported {
        /// The version of the server.
        server: String,
    },
    /// The stream takes no atomic batches; nothing was stored.
    #[error(
        "the stream of {subject} takes no atomic batches; set `atomic = true` for it in eventsmith.toml and provision it"
    )]
    AtomicDisabled {
        /// The subject of one of the events.
        subject: Cow<'static, str>,
    },
    /// The event is of an aggregate, and is appended to its history alone; nothing was sent.
    #[error(
        "{event_type} is an event of the aggregate {aggregate}, whose history it would not be a part of; append it by \
         `Aggregates::execute` (feature `state`)"
    )]
    OfAggregate {
        /// The type of the event.
        event_type: &'static str,
        /// The name of the aggregate.
        aggregate: &'static str,
    },
    /// The server is too old for histories of aggregates; nothing was sent.
    #[error(
        "nats-server {server} does not look at the end of a history before it stores, so that two could append to it; upgrade \
         it to 2.11 or later"
    )]
    AppendUnsupported {
        /// The version of the server.
        server: String,
    },
    /// The event cannot be in this batch; nothing was sent.
    #[error("{subject} cannot be in this batch: {reason}")]
    Batch {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// Why not, and what can be done.
        reason: &'static str,
    },
    /// No acknowledgement came in time, so the event MAY be stored. Publish it again with the same id within the
    /// stream's duplicate window and it is stored once.
    #[error(
        "{subject} was not acknowledged in {attempts} attempts over {elapsed:.1?} and may be stored or not \
         (last: {reason}); publish it again with the id {id}"
    )]
    Unacknowledged {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// The id of the message, for the next try.
        id: Uuid,
        /// How often it was sent.
        attempts: u32,
        /// For how long it was tried.
        elapsed: Duration,
        /// What went wrong the last time.
        #[source]
        reason: Cause,
    },
    /// The stream acknowledges nothing, so that nobody can tell whether the event is stored: it MAY be.
    #[error(
        "the stream {stream} acknowledges nothing (no_ack), so {subject} may be stored or not; let \
         `eventsmith streams apply` update the stream, and publish it again with the id {id}"
    )]
    NoAck {
        /// The subject of the event.
        subject: Cow<'static, str>,
        /// The name of the stream.
        stream: String,
        /// The id of the message, for the next try.
        id: Uuid,
    },
    /// An event before this one in the same call was not acknowledged; this one was not sent, to keep the order.
    #[error("not sent, as an event before it was not acknowledged; publish it again after that one")]
    NotSent,
    /// The bus was shut down; nothing was stored.
    #[error("the bus is shut down; publish before Bus::shutdown")]
    Closed,
}

impl PublishError {
    /// The kind of error in one word, for logs and metrics: `no_stream`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Encode { .. } => "encode",
            Self::InvalidTraceparent => "invalid_traceparent",
            Self::NoStream { .. } => "no_stream",
            Self::Denied(_) => "denied",
            Self::NoJetStream { .. } => "no_jetstream",
            Self::TooLarge { .. } => "too_large",
            Self::SubjectTooLong { .. } => "subject_too_long",
            Self::Refused { .. } => "refused",
            Self::WrongSequence { .. } => "wrong_sequence",
            Self::QueueFull { .. } => "queue_full",
            Self::AtomicUnsupported { .. } => "atomic_unsupported",
            Self::AtomicDisabled { .. } => "atomic_disabled",
            Self::OfAggregate { .. } => "of_aggregate",
            Self::AppendUnsupported { .. } => "append_unsupported",
            Self::Batch { .. } => "batch",
            Self::Unacknowledged { .. } => "unacknowledged",
            Self::NoAck { .. } => "no_ack",
            Self::NotSent => "not_sent",
            Self::Closed => "closed",
        }
    }

    /// Whether the server may have seen the message.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(
            self,
            Self::NoStream { .. }
                | Self::Denied(_)
                | Self::NoJetStream { .. }
                | Self::Refused { .. }
                | Self::WrongSequence { .. }
                | Self::AtomicDisabled { .. }
                | Self::Unacknowledged { .. }
                | Self::NoAck { .. }
        )
    }
}

fn expectation(expected: Option<Expect>) -> String {
    match expected {
        Some(Expect::LastSequence(sequence)) => format!("right after number {sequence} of its stream"),
        Some(Expect::LastSubjectSequence(sequence)) => format!("after number {sequence}, the last of its subject"),
        None => "where its batch expects".to_owned(),
    }
}
