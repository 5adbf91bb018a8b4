//! Writing a dead letter: once for each event and consumer, however often it is tried.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::letter::{self, DeadReason, STORED};
use crate::transport::{Headers, Kept, Message, Select, SendFailure, Stored, Transport, Unavailable};

/// For how long a message is sent again that is not stored for the moment.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before it is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// An event that a consumer gives up on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) stream: &'a str,
    pub(crate) consumer: &'a str,
    pub(crate) sequence: u64,
    pub(crate) stored: Timestamp,
    /// How often it was delivered.
    pub(crate) attempts: u64,
    pub(crate) message: &'a Message,
}

/// Where the letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buried {
    /// It was stored by this call, under this number.
    Now(u64),
    /// It was stored before. Perhaps it is no longer there, as somebody replayed or purged it.
    Before,
}

/// Stores the letter about an event in the stream that captures `{root}.dlq.>`, and returns when that is acknowledged.
///
/// There is at most one letter about an event, as it must be the first on its subject. An error says that the letter may
/// be stored or not; whoever tries again stores it once.
pub(crate) async fn bury(
    transport: &Transport,
    root: &str,
    origin: &Origin<'_>,
    reason: DeadReason,
    error: &str,
) -> Result<Buried, Unavailable> {
    let mut letter = letter::write(root, origin, reason, error);
    letter.headers.push(Headers::ID, letter::id(origin));
    store(transport, letter).await
}

/// Stores a letter unless it is there. One that has no id is stored even if it was there a moment ago.
pub(super) async fn store(transport: &Transport, letter: Message) -> Result<Buried, Unavailable> {
    let subject = &*letter.subject;
    let mut expected = 0;
    // A second look is enough, unless others keep changing what is there.
    for _ in 0..3 {
        let mut attempt = letter.clone();
        attempt.headers.push(Headers::EXPECTED_LAST_OF_SUBJECT, expected.to_string());
        match send_letter(transport, attempt).await {
            // Its id was stored within the duplicate window, and yet it is not there: it was replayed or purged.
            Ok(Stored { duplicate: true, .. }) => return Ok(Buried::Before),
            Ok(Stored { sequence, .. }) => return Ok(Buried::Now(sequence)),
            Err(SendFailure::WrongSequence { .. }) => {
                // Either this letter, or one about an event of the same number in an earlier stream of the same name.
                let last = last_of(transport, subject).await?;
                if last.as_ref().is_some_and(|last| last.message.headers.get(STORED) == letter.headers.get(STORED)) {
                    return Ok(Buried::Before);
                }
                expected = last.map_or(0, |last| last.sequence);
            }
            Err(failure) => return Err(Unavailable(format!("{subject}: {failure}"))),
        }
    }
    Err(Unavailable(format!("others write on {subject} at the same time")))
}

/// Sends a letter; with less in it if the server takes none of its size, as an event may be as large as that by itself.
pub(super) async fn send_letter(transport: &Transport, letter: Message) -> Result<Stored, SendFailure> {
    let mut outcome = send(transport, letter.clone()).await;
    for shorten in [letter::without_error, letter::without_payload] {
        if !matches!(outcome, Err(SendFailure::TooLarge { .. })) {
            break;
        }
        outcome = send(transport, shorten(&letter)).await;
    }
    outcome
}

/// Sends a message and waits until it is stored. An answer that it is not for the moment, as a cluster gives while somebody
/// else stores the same, is not taken at once; but who waited in vain does not wait again.
pub(super) async fn send(transport: &Transport, message: Message) -> Result<Stored, SendFailure> {
    let begun = Instant::now();
    loop {
        let outcome = async { transport.send(&message).await?.outcome().await }.await;
        if !matches!(outcome, Err(SendFailure::Transient(_))) || begun.elapsed() > PATIENCE {
            return outcome;
        }
        sleep(PAUSE).await;
    }
}

/// The last message on a subject, in the stream that captures it.
pub(super) async fn last_of(transport: &Transport, subject: &str) -> Result<Option<Kept>, Unavailable> {
    match transport.streams_of(subject).await?.first() {
        Some(stream) => transport.message(stream, Select::LastOf(subject)).await,
        None => Ok(None),
    }
}
