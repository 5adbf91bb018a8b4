//! From an event to a message, and from what a transport says of the message to what a caller learns.

use std::borrow::Cow;
use std::time::Duration;

use eventsmith_event::clip::clip;
use eventsmith_event::event::Event;
use eventsmith_event::wire::Wire;
use serde::Serialize;
use uuid::Uuid;

use super::error::PublishError;
use super::expect::Expect;
use super::options::{PublishOptions, Published};
use crate::cause::Cause;
use crate::environment;
use crate::observe::MessageType;
use crate::outgoing::{Circumstances, Sender, Unwritable};
use crate::transport::{Message, PublishAck, SendFailure};

/// The server's code for a stream that takes no batches.
const ATOMIC_DISABLED: u64 = 10174;

/// Validates an event that is of no aggregate, and wraps it into its envelope.
pub(super) fn prepare<E: Event>(
    sender: &Sender,
    event: &E,
    options: &PublishOptions,
) -> Result<Prepared, PublishError> {
    match E::AGGREGATE {
        Some(aggregate) => Err(PublishError::OfAggregate { event_type: E::TYPE, aggregate }),
        None => prepare_any(sender, event, options),
    }
}

/// Validates an event and wraps it into its envelope.
pub(super) fn prepare_any<E: Event>(
    sender: &Sender,
    event: &E,
    options: &PublishOptions,
) -> Result<Prepared, PublishError> {
    event.validate()?;
    let kind = type_of::<E>();
    prepare_payload(sender, E::WIRE, (kind, event.subject()?, event), options)
}

/// What an event is, for observers.
pub(super) fn type_of<E: Event>() -> MessageType {
    MessageType { name: E::TYPE, version: E::VERSION, template: E::SUBJECT }
}

/// Wraps a payload into its envelope: its type and version, its subject, and itself.
pub(super) fn prepare_payload<T: Serialize>(
    sender: &Sender,
    wire: Wire,
    (kind, subject, data): (MessageType, Cow<'static, str>, &T),
    options: &PublishOptions,
) -> Result<Prepared, PublishError> {
    let id = options.id.unwrap_or_else(environment::new_id);
    let circumstances = Circumstances {
        sender,
        id,
        correlation_id: options.correlation_id.as_deref(),
        causation_id: options.causation_id.as_deref(),
        metadata: &options.metadata,
        traceparent: options.traceparent.as_deref(),
        tracestate: options.tracestate.as_deref(),
    };
    let message = circumstances.message(wire, (kind.name, kind.version), subject, data);
    let mut message = message.map_err(|unwritable| match unwritable {
        Unwritable::Encode(source) => PublishError::Encode { event_type: kind.name, source },
        Unwritable::Traceparent => PublishError::InvalidTraceparent,
    })?;
    if let Some(expect) = options.expect {
        message.headers.push(expect.header(), expect.sequence().to_string());
    }
    // Only for those who listen.
    let conversation = options.correlation_id.clone().filter(|_| sender.observers.is_listening());
    Ok(Prepared {
        id,
        is_given: options.id.is_some(),
        expect: options.expect,
        filter: None,
        kind,
        conversation,
        message,
    })
}

/// A message and the id that all attempts to publish it share.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) id: Uuid,
    /// Whether the caller gave the id: then it may have been published before.
    pub(super) is_given: bool,
    pub(super) expect: Option<Expect>,
    /// The subjects that the expectation is about, where that is not the event's own.
    pub(super) filter: Option<String>,
    /// What it is, for observers, and the correlation that it belongs to.
    pub(super) kind: MessageType,
    pub(super) conversation: Option<String>,
    pub(super) message: Message,
}

impl Prepared {
    pub(super) fn stored(&self, stored: PublishAck) -> Published {
        let PublishAck { stream, sequence, duplicate } = stored;
        tracing::debug!(id = %self.id, subject = %self.message.subject, stream, sequence, duplicate, "published");
        Published { stream, sequence, duplicate, id: self.id }
    }

    pub(super) fn failed(&self, failure: SendFailure, attempts: u32, elapsed: Duration) -> PublishError {
        let (subject, id) = (Cow::clone(&self.message.subject), self.id);
        let unacknowledged =
            |reason| PublishError::Unacknowledged { subject: Cow::clone(&subject), id, attempts, elapsed, reason };
        match failure {
            SendFailure::Transient(reason) => unacknowledged(reason),
            SendFailure::NoAck { stream } => PublishError::NoAck { subject, stream, id },
            SendFailure::WrongSequence { last } => PublishError::WrongSequence { subject, expected: self.expect, last },
            // That the last attempt stored nothing says nothing about those before it.
            failure if attempts > 1 => unacknowledged(Cause::about("the last attempt", failure)),
            SendFailure::NoStream => PublishError::NoStream { subject },
            SendFailure::Denied(denied) => PublishError::Denied(denied),
            SendFailure::NoJetStream(reason) => PublishError::NoJetStream { subject, reason },
            SendFailure::TooLarge { size, limit } => PublishError::TooLarge { subject, size, limit },
            SendFailure::SubjectTooLong { size, limit } => {
                PublishError::SubjectTooLong { subject: clip(subject.into_owned()), size, limit }
            }
            SendFailure::Refused { code: Some(ATOMIC_DISABLED), .. } => PublishError::AtomicDisabled { subject },
            SendFailure::Refused { code, reason } => PublishError::Refused { subject, code, reason },
            SendFailure::AtomicUnsupported { server } => PublishError::AtomicUnsupported { server },
            SendFailure::QueueFull { limit } => PublishError::QueueFull { limit },
            SendFailure::Closed => PublishError::Closed,
        }
    }
}
