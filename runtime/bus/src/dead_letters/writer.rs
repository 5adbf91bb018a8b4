//! Dead-lettering: a dead letter is stored once for each event and consumer, however often it is tried.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::origin::Origin;
use super::reason::DeadReason;
use super::record::{self, STORED};
use crate::cause::Cause;
use crate::transport::{
    Headers, Message, MessageSelector, PublishAck, SendFailure, StreamMessage, Transport, Unavailable,
};

/// For how long a message is sent again that is not stored for the moment.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before it is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// The server's codes for a message that is larger than its stream takes, and for headers that are larger than any stream takes.
/// (nats-server, server/errors.json)
const MESSAGE_TOO_LARGE: u64 = 10054;
const HEADERS_TOO_LARGE: u64 = 10097;

/// Where the dead letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLettered {
    /// It was stored by this call, under this number.
    Now(u64),
    /// It was stored before. Perhaps it is no longer there, as somebody replayed or purged it.
    Before,
}

/// Stores the dead letter of an event in the stream that captures `{root}.dlq.>`, and returns when that is acked.
///
/// There is at most one dead letter of an event, as it must be the first on its subject.
///
/// # Errors
/// [`Unavailable`] when the dead letter may be stored or not; whoever tries again stores it once.
pub async fn dead_letter(
    transport: &dyn Transport,
    root: &str,
    origin: &Origin<'_>,
    reason: DeadReason,
    error: &str,
) -> Result<DeadLettered, Unavailable> {
    let mut dead_letter = record::write(root, origin, reason, error);
    dead_letter.headers.push(Headers::ID, record::id(origin));
    store(transport, dead_letter).await
}

/// Whether the dead letter of an event is stored, whoever stored it.
///
/// # Errors
/// [`Unavailable`] when the server does not answer.
pub async fn is_dead_lettered(transport: &dyn Transport, root: &str, origin: &Origin<'_>) -> Result<bool, Unavailable> {
    let last = last_of(transport, &record::address(root, origin)).await?;
    Ok(last.is_some_and(|last| last.message.headers.get(STORED) == Some(&record::nanoseconds(origin.stored))))
}

/// Stores a dead letter unless it is there. One that has no id is stored even if it was there a moment ago.
///
/// # Errors
/// As [`dead_letter`].
pub async fn store(transport: &dyn Transport, dead_letter: Message) -> Result<DeadLettered, Unavailable> {
    let subject = &*dead_letter.subject;
    let mut expected = 0;
    // A second look is enough, unless others keep changing what is there.
    for _ in 0..3 {
        let mut attempt = dead_letter.clone();
        attempt.headers.push(Headers::EXPECTED_LAST_OF_SUBJECT, expected.to_string());
        match send_shortened(transport, attempt).await {
            // Its id was stored within the duplicate window, and yet it is not there: it was replayed or purged.
            Ok(PublishAck { duplicate: true, .. }) => return Ok(DeadLettered::Before),
            Ok(PublishAck { sequence, .. }) => return Ok(DeadLettered::Now(sequence)),
            Err(SendFailure::WrongSequence { .. }) => {
                // Either this dead letter, or one about an event of the same number in an earlier stream of the same name.
                let last = last_of(transport, subject).await?;
                if last.as_ref().is_some_and(|last| last.message.headers.get(STORED) == dead_letter.headers.get(STORED))
                {
                    return Ok(DeadLettered::Before);
                }
                expected = last.map_or(0, |last| last.sequence);
            }
            Err(failure) => return Err(Unavailable(Cause::about(subject, failure))),
        }
    }
    Err(Unavailable(format!("others write on {subject} at the same time").into()))
}

/// Sends a dead letter; with less in it if the server takes none of its size, as an event may be as large as that by itself, or if
/// the stream takes no message or no headers as large.
///
/// # Errors
/// As [`send`].
pub async fn send_shortened(transport: &dyn Transport, mut dead_letter: Message) -> Result<PublishAck, SendFailure> {
    let mut outcome = send(transport, dead_letter.clone()).await;
    if matches!(outcome, Err(SendFailure::Refused { code: Some(HEADERS_TOO_LARGE), .. })) {
        dead_letter = record::without_headers(&dead_letter);
        outcome = send(transport, dead_letter.clone()).await;
    }
    for shorten in [record::without_error, record::without_payload, bare] {
        let is_too_large = matches!(
            outcome,
            Err(SendFailure::TooLarge { .. }
                | SendFailure::Refused { code: Some(MESSAGE_TOO_LARGE | HEADERS_TOO_LARGE), .. })
        );
        if !is_too_large {
            break;
        }
        outcome = send(transport, shorten(&dead_letter)).await;
    }
    outcome
}

/// The dead letter without payload and headers of its event: only what happened to it.
fn bare(dead_letter: &Message) -> Message {
    record::without_headers(&record::without_payload(dead_letter))
}

/// Sends a message and waits until it is stored. An answer that it is not for the moment, as a cluster gives while somebody
/// else stores the same, is not taken at once; but who waited in vain does not wait again.
///
/// # Errors
/// [`SendFailure`] of the last attempt.
pub async fn send(transport: &dyn Transport, message: Message) -> Result<PublishAck, SendFailure> {
    let begun = Instant::now();
    loop {
        let outcome = async { transport.send(&message).await?.await }.await;
        if !matches!(outcome, Err(SendFailure::Transient(_))) || begun.elapsed() > PATIENCE {
            return outcome;
        }
        sleep(PAUSE).await;
    }
}

/// The last message on a subject, in the stream that captures it.
///
/// # Errors
/// [`Unavailable`] when the server does not answer.
pub async fn last_of(transport: &dyn Transport, subject: &str) -> Result<Option<StreamMessage>, Unavailable> {
    match transport.streams_of(subject).await?.first() {
        Some(stream) => transport.message(stream, MessageSelector::LastOf(subject)).await,
        None => Ok(None),
    }
}
