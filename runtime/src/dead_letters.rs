//! Dead letters: events that a consumer gave up on, kept with the reason until somebody replays or purges them.

mod burial;
mod filter;
mod letter;
mod list;
mod recovery;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::topology::DEAD_LETTERS;
use crate::transport::{Failure, Select, Transport, Unavailable};

pub(crate) use burial::{Buried, Origin, bury};
pub use filter::DeadLetterFilter;
pub use letter::{DeadLetter, DeadReason};
pub use list::Letters;
pub use recovery::Recovered;
pub use replay::{ReplayTo, Replayed};

/// The dead letters of a catalogue: to look at, to replay, to purge. See [`Bus::dead_letters`](crate::Bus::dead_letters).
///
/// ```
/// use eventsmith::{Bus, DeadLetterError, DeadLetterFilter, DeadReason, ReplayTo};
///
/// async fn mended(bus: &Bus) -> Result<(), DeadLetterError> {
///     let letters = bus.dead_letters("rules").await?;
///     let exhausted = DeadLetterFilter { reason: Some(DeadReason::Exhausted), ..DeadLetterFilter::default() };
///     let mut list = letters.list(&exhausted);
///     while let Some(letter) = list.next().await? {
///         println!("{} {}: {}", letter.sequence, letter.subject, letter.error);
///         letters.replay(letter.sequence, ReplayTo::Consumer).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct DeadLetters {
    transport: Transport,
    root: String,
    /// The stream that holds them.
    stream: String,
}

/// Why something could not be done about dead letters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterError {
    /// No stream holds dead letters of this catalogue.
    #[error("no stream captures {subject}; declare one in eventsmith.toml and provision it")]
    NoStream {
        /// The subjects of dead letters.
        subject: String,
    },
    /// A letter could not be replayed, and is still there. Its event may be back on its subject; replaying the letter
    /// again finds out.
    #[error("the dead letter {sequence} was not replayed: {reason}")]
    Replay {
        /// The letter's number.
        sequence: u64,
        /// Why not.
        reason: String,
    },
    /// The server did not answer, or with an error.
    #[error("the server did not answer about dead letters: {reason}; is JetStream enabled, and may this user use it?")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
}

impl From<Unavailable> for DeadLetterError {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable { reason: error.0 }
    }
}

impl From<Failure> for DeadLetterError {
    fn from(failure: Failure) -> Self {
        let (Failure::Server { reason, .. } | Failure::Unavailable(reason)) = failure;
        Self::Unavailable { reason }
    }
}

impl DeadLetters {
    pub(crate) async fn open(transport: &Transport, root: &str) -> Result<Self, DeadLetterError> {
        let subject = format!("{root}.{DEAD_LETTERS}.>");
        match transport.streams_of(&subject).await?.into_iter().next() {
            Some(stream) => Ok(Self { transport: transport.clone(), root: root.to_owned(), stream }),
            None => Err(DeadLetterError::NoStream { subject }),
        }
    }

    /// The name of the stream that holds the letters.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The letters that a filter selects, oldest first, of those that are there when the list is begun. They are fetched
    /// one by one, so that a list of a million takes no more memory than one of ten.
    pub fn list(&self, filter: &DeadLetterFilter) -> Letters {
        Letters::new(self.clone(), filter.clone())
    }

    /// One letter by its number; `None` if there is none of this number.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`].
    pub async fn get(&self, sequence: u64) -> Result<Option<DeadLetter>, DeadLetterError> {
        let kept = self.transport.message(&self.stream, Select::Sequence(sequence)).await?;
        Ok(kept.and_then(letter::read))
    }

    /// Deletes a letter, and with it what the stream knows of its event. One that is not there is no error.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`].
    pub async fn delete(&self, sequence: u64) -> Result<(), DeadLetterError> {
        Ok(self.transport.delete_message(&self.stream, sequence).await?)
    }

    /// Deletes the letters that a filter selects, and returns how many.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`]; what was deleted before is deleted.
    pub async fn purge(&self, filter: &DeadLetterFilter) -> Result<u64, DeadLetterError> {
        let (mut list, mut purged) = (self.list(filter), 0);
        while let Some(letter) = list.next().await? {
            self.delete(letter.sequence).await?;
            purged += 1;
        }
        Ok(purged)
    }

    /// Counts the letters that a filter selects, by consumer and reason.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`].
    pub async fn count(
        &self,
        filter: &DeadLetterFilter,
    ) -> Result<BTreeMap<(String, DeadReason), u64>, DeadLetterError> {
        let (mut list, mut counts) = (self.list(filter), BTreeMap::new());
        while let Some(letter) = list.next().await? {
            *counts.entry((letter.consumer, letter.reason)).or_default() += 1;
        }
        Ok(counts)
    }
}

/// The subjects of a consumer's letters.
pub(crate) fn subjects_of(root: &str, consumer: &str) -> String {
    format!("{root}.{DEAD_LETTERS}.{consumer}.>")
}

/// See [`DeadLetters::recover`].
pub(crate) async fn recover(
    transport: &Transport,
    root: &str,
    stream: &str,
    consumer: &str,
) -> Result<Recovered, DeadLetterError> {
    DeadLetters::open(transport, root).await?.recover(stream, consumer).await
}
