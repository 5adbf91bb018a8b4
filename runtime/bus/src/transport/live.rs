//! Messages that no stream keeps: whoever listens when they are sent has them, and nobody ever will again.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{Denied, Message, SendFailure, Unavailable, Unheard};
use crate::cause::Cause;

/// Receives what is sent to one subject or several from now on.
pub trait Subscription: Debug + Send + Sync {
    /// The next message; `None` once the subscription has ended. May be dropped without losing a message.
    fn next(&mut self) -> BoxFuture<'_, Option<LiveMessage>>;

    /// How many messages found no room, as they were not taken in time, since the subscription began.
    fn missed(&self) -> u64;

    /// Wants no more. What was sent before the server knew still comes, and then `None`.
    fn end(&mut self) -> BoxFuture<'_, Result<(), Unavailable>>;

    /// Resolves when nothing will come any more although the subscription has not ended.
    fn unheard(&self) -> BoxFuture<'static, Unheard>;
}

/// A message as whoever listens receives it.
#[derive(Debug)]
pub struct LiveMessage {
    /// The message.
    pub message: Message,
    /// Where an answer is expected, if one is.
    pub reply: Option<String>,
    /// When it came into this process.
    pub arrived: Instant,
    /// Whether it is no message, but the server's word that nobody listens where an answer was asked for. (NATS status 503.)
    pub is_unanswered: bool,
}

/// Resolves once an answer comes. It need not come: whoever waits bounds how long.
pub type PendingReply = BoxFuture<'static, Result<Message, RequestFailure>>;

/// Why a message was not sent, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum RequestFailure {
    /// Nobody listens on the subject.
    #[error("nobody listens on the subject")]
    NoResponders,
    /// The connection was lost: somebody may have received the message.
    #[error("{0}")]
    Lost(#[source] Cause),
    /// There was no connection; nothing was sent.
    #[error("{0}")]
    NotSent(#[source] Cause),
    /// The server does not let this user send there, or receive the answer.
    #[error("{0}")]
    Denied(#[source] Denied),
    /// The server takes no message of this size, in bytes; nothing was sent.
    #[error("it has {size} bytes, the server takes {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The server's limit in bytes.
        limit: usize,
    },
    /// The subject is longer than any that is sent to; nothing was sent.
    #[error("its subject has {size} bytes, and no more than {limit} are sent")]
    SubjectTooLong {
        /// Its size in bytes.
        size: usize,
        /// The most that it may have.
        limit: usize,
    },
    /// The bus was shut down.
    #[error("the bus is shut down")]
    Closed,
}

impl From<SendFailure> for RequestFailure {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Denied(denied) => Self::Denied(denied),
            SendFailure::TooLarge { size, limit } => Self::TooLarge { size, limit },
            SendFailure::SubjectTooLong { size, limit } => Self::SubjectTooLong { size, limit },
            SendFailure::Closed => Self::Closed,
            other => Self::NotSent(Cause::of(other)),
        }
    }
}
