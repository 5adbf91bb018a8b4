//! From an event to a message, and from what a transport says of the message to what a caller learns.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use eventsmith_event::envelope::Outgoing;
use eventsmith_event::event::Event;
use uuid::Uuid;

use super::error::PublishError;
use super::expect::Expect;
use super::options::{PublishOptions, Published};
use crate::cause::Cause;
use crate::environment;
use crate::transport::{Headers, Message, PublishAck, SendFailure, SharedHeaders};

/// The server's code for a stream that takes no batches.
const ATOMIC_DISABLED: u64 = 10174;

/// Validates an event and wraps it into its envelope.
pub(super) fn prepare<E: Event>(source: &str, event: &E, options: &PublishOptions) -> Result<Prepared, PublishError> {
    event.validate()?;
    let subject = event.subject()?;
    let id = options.id.unwrap_or_else(environment::new_id);
    let mut buffer = Uuid::encode_buffer();
    let id_text = id.hyphenated().encode_lower(&mut buffer);
    let (version, shared) = type_headers::<E>();
    let envelope = Outgoing {
        id: id_text,
        event_type: E::TYPE,
        source,
        subject: &subject,
        time: environment::now().into(),
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
    let mut headers = Headers::shared(shared);
    headers.push(Headers::ID, &*id_text);
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

/// The version of an event as text, and the headers that all events of its type and version have.
fn type_headers<E: Event>() -> (Arc<str>, Arc<SharedHeaders>) {
    // There are as many as there are types in the program.
    static KNOWN: RwLock<BTreeMap<(&str, u32), TypeHeaders>> = RwLock::new(BTreeMap::new());
    let key = (E::TYPE, E::VERSION);
    // A panic cannot leave it half changed.
    if let Some((version, shared)) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return (Arc::clone(version), Arc::clone(shared));
    }
    let version = E::VERSION.to_string();
    let all = vec![
        (Headers::TYPE, Cow::Borrowed(E::TYPE)),
        (Headers::VERSION, Cow::Owned(version.clone())),
        (Headers::CONTENT_TYPE, Cow::Borrowed("application/json")),
    ];
    let new: TypeHeaders = (version.into(), Arc::new(SharedHeaders::new(all)));
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(new).clone()
}

type TypeHeaders = (Arc<str>, Arc<SharedHeaders>);

/// A message and the id that all attempts to publish it share.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) id: Uuid,
    pub(super) expect: Option<Expect>,
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
            SendFailure::Refused { code: Some(ATOMIC_DISABLED), .. } => PublishError::AtomicDisabled { subject },
            SendFailure::Refused { code, reason } => PublishError::Refused { subject, code, reason },
            SendFailure::AtomicUnsupported { server } => PublishError::AtomicUnsupported { server },
            SendFailure::QueueFull { limit } => PublishError::QueueFull { limit },
            SendFailure::Closed => PublishError::Closed,
        }
    }
}
