//! Single dead letters of a catalogue.

use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::dead_letters::record::{self, DeadLetter};
use eventsmith_bus::dead_letters::stream_of;
use eventsmith_bus::observe::Observers;
use eventsmith_bus::settings::DEAD_LETTERS;
use eventsmith_bus::transport::{MessageSelector, ServerFailure, Transport, Unavailable};

use crate::server::Server;

/// The dead letters of a catalogue: to look at, to replay, to purge. See [`BusAdmin::dead_letters`](crate::BusAdmin::dead_letters).
///
/// ```
/// use eventsmith::Bus;
/// use eventsmith::admin::{BusAdmin, DeadLetterError, DeadLetterFilter, DeadReason, ReplayTo};
///
/// async fn mended(bus: &Bus) -> Result<(), DeadLetterError> {
///     let dead_letters = bus.dead_letters("rules").await?;
///     let exhausted = DeadLetterFilter { reason: Some(DeadReason::Exhausted), ..DeadLetterFilter::default() };
///     let mut list = dead_letters.list(&exhausted);
///     while let Some(dead_letter) = list.next().await? {
///         println!("{} {}: {}", dead_letter.sequence, dead_letter.subject, dead_letter.error);
///         dead_letters.replay(dead_letter.sequence, ReplayTo::Consumer).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct DeadLetters {
    pub(super) server: Server,
    pub(super) observers: Observers,
    pub(super) root: String,
    /// The stream that holds them.
    pub(super) stream: String,
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
    /// A dead letter could not be replayed, and is still there. Its event may be back on its subject; replaying the dead
    /// letter again finds out.
    #[error("the dead letter {sequence} was not replayed: {reason}")]
    Replay {
        /// The dead letter's number.
        sequence: u64,
        /// Why not.
        #[source]
        reason: Cause,
    },
    /// The server did not answer, or with an error.
    #[error("the server did not answer about dead letters: {reason}; is JetStream enabled, and may this user use it?")]
    Unavailable {
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

impl From<Unavailable> for DeadLetterError {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable { reason: error.0 }
    }
}

impl From<ServerFailure> for DeadLetterError {
    fn from(failure: ServerFailure) -> Self {
        Unavailable::from(failure).into()
    }
}

impl DeadLetters {
    pub(crate) async fn open(bus: &Bus, root: &str) -> Result<Self, DeadLetterError> {
        let subject = format!("{root}.{DEAD_LETTERS}.>");
        let server = Server::of(bus);
        match stream_of(server.transport(), root).await? {
            Some(stream) => Ok(Self { server, observers: bus.observers().clone(), root: root.to_owned(), stream }),
            None => Err(DeadLetterError::NoStream { subject }),
        }
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        self.server.transport()
    }

    /// The name of the stream that holds the dead letters.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// One dead letter by its number; `None` if there is none of this number.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`].
    pub async fn get(&self, sequence: u64) -> Result<Option<DeadLetter>, DeadLetterError> {
        let kept = self.transport().message(&self.stream, MessageSelector::Sequence(sequence)).await?;
        Ok(kept.and_then(record::read))
    }

    /// Deletes a dead letter, and with it what the stream knows of its event, the traces of a replay that was begun included. One that is
    /// not there is no error.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`].
    pub async fn delete(&self, sequence: u64) -> Result<(), DeadLetterError> {
        match self.get(sequence).await? {
            Some(dead_letter) => self.delete_with_marks(&dead_letter).await,
            // It is gone, or is none that can be read.
            None => self.remove(sequence).await,
        }
    }

    /// Deletes a dead letter, then the copies that say that its replay was begun: left alone, they would be taken for it.
    pub(super) async fn delete_with_marks(&self, dead_letter: &DeadLetter) -> Result<(), DeadLetterError> {
        self.remove(dead_letter.sequence).await?;
        let mut from = dead_letter.sequence + 1;
        let next = |from| MessageSelector::NextOf { subject: &dead_letter.address, from };
        while let Some(kept) = self.transport().message(&self.stream, next(from)).await? {
            let copy = kept.sequence;
            from = copy + 1;
            let mark = record::read(kept).and_then(|found| found.mark);
            if mark.is_some_and(|mark| mark.of == dead_letter.sequence) {
                self.remove(copy).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn remove(&self, sequence: u64) -> Result<(), DeadLetterError> {
        Ok(self.transport().delete_message(&self.stream, sequence).await?)
    }
}
