//! Why a transport did not do something.

use std::time::Duration;

use super::Denied;
use super::message::LONGEST_SUBJECT;
use crate::cause::Cause;

/// Why one attempt to store a message failed.
#[derive(Debug, thiserror::Error)]
pub enum SendFailure {
    /// It may be stored or not, or it is not stored for a reason that passes: to be sent again with the same id.
    #[error("not acknowledged: {0}")]
    Transient(#[source] Cause),
    /// No stream captures the subject.
    #[error("no stream captures the subject")]
    NoStream,
    /// It may be stored, by a stream that acknowledges nothing.
    #[error("the stream {stream} acknowledges nothing (no_ack)")]
    NoAck {
        /// The name of the stream.
        stream: String,
    },
    /// The server does not let this user publish there, or receive the ack. It is not stored.
    // Not transparent: that would pass over the denial, which `Denied::behind` looks for among the sources.
    #[error("{0}")]
    Denied(#[source] Denied),
    /// There is no JetStream.
    #[error("{0}")]
    NoJetStream(String),
    /// The server takes no message of this size, in bytes.
    #[error("it has {size} bytes, the server takes {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The server's limit in bytes.
        limit: usize,
    },
    /// The subject is longer than any that is published to, [`LONGEST_SUBJECT`]. Nothing was sent.
    #[error("its subject has {size} bytes, and no more than {limit} are sent")]
    SubjectTooLong {
        /// Its size in bytes.
        size: usize,
        /// The most that it may have.
        limit: usize,
    },
    /// The stream, or the subject in it, does not end where the message expects.
    #[error("the last one has the number {last}, not the one that is expected")]
    WrongSequence {
        /// The number of the last message.
        last: u64,
    },
    /// The server knows no atomic batches.
    #[error("the server {server} knows no atomic batches")]
    AtomicUnsupported {
        /// The version of the server.
        server: String,
    },
    /// As many wait for a connection as may; nothing was sent.
    #[error("{limit} wait for a connection already")]
    QueueFull {
        /// How many may wait.
        limit: usize,
    },
    /// The stream refuses it, and would again.
    #[error("refused: {reason}")]
    Refused {
        /// The server's error code.
        code: Option<u64>,
        /// The server's description.
        #[source]
        reason: Cause,
    },
    /// The bus was shut down.
    #[error("the bus is shut down")]
    Closed,
}

/// Checks that a subject is short enough to be published to.
///
/// # Errors
/// [`SendFailure::SubjectTooLong`].
pub fn check_subject(subject: &str) -> Result<(), SendFailure> {
    match subject.len() {
        size if size > LONGEST_SUBJECT => Err(SendFailure::SubjectTooLong { size, limit: LONGEST_SUBJECT }),
        _ => Ok(()),
    }
}

/// The server did not answer, or with an error.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(pub Cause);

/// Why a durable consumer can no longer be read.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// It is not there any more, in these words.
    #[error(transparent)]
    Deleted(Cause),
    /// The server has not let this program in for as long as is waited for.
    #[error(transparent)]
    LockedOut(LockedOut),
}

/// The server has refused the login for longer than is waited for (`login_timeout`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server refused the login for {0:?}")]
pub struct LockedOut(pub Duration);

/// Why nothing comes to a subscription any more, which has not ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unheard {
    /// The server does not let this user listen.
    #[error(transparent)]
    Denied(Denied),
    /// It does not let this program in.
    #[error(transparent)]
    LockedOut(LockedOut),
}

/// Why the server did not do what it was asked about a stream or a consumer.
#[derive(Debug, thiserror::Error)]
pub enum ServerFailure {
    /// It refused, with a code.
    #[error("{reason}")]
    Refused {
        /// The server's error code.
        code: u64,
        /// The server's description.
        #[source]
        reason: Cause,
    },
    /// It did not answer.
    #[error(transparent)]
    Unavailable(Cause),
    /// It was not asked: a setting has a value that this crate cannot write for it.
    #[error("{setting} has a value that this version of eventsmith does not know: {value}")]
    Unsupported {
        /// The setting, as `eventsmith.toml` names it.
        setting: &'static str,
        /// The value.
        value: String,
    },
}

impl ServerFailure {
    /// That a setting has a value that is unknown here.
    pub fn unsupported(setting: &'static str, value: impl std::fmt::Debug) -> Self {
        Self::Unsupported { setting, value: format!("{value:?}") }
    }

    /// The server's code for a consumer that is to be created and exists in another shape. (nats-server,
    /// server/errors.json, as all codes.)
    pub const CONSUMER_EXISTS: u64 = 10148;
    /// The server's code for subjects that two streams would capture.
    pub const SUBJECTS_OVERLAP: u64 = 10065;
    /// The server's code for a stream that does not exist.
    pub const NO_STREAM: u64 = 10059;
    /// The server's code for a consumer that does not exist.
    pub const NO_CONSUMER: u64 = 10014;
}

impl From<ServerFailure> for Unavailable {
    fn from(failure: ServerFailure) -> Self {
        match failure {
            ServerFailure::Refused { reason, .. } | ServerFailure::Unavailable(reason) => Self(reason),
            failure @ ServerFailure::Unsupported { .. } => Self(Cause::of(failure)),
        }
    }
}

impl From<Unavailable> for ServerFailure {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error.0)
    }
}
