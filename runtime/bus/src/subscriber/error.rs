//! What keeps live events from coming.

use std::borrow::Cow;

use bytes::Bytes;

use crate::cause::Cause;
use crate::transport::{Denied, Unheard};

/// Why nothing is listened to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// Nothing is wanted.
    #[error("no type of event is wanted; name one by SubscribeBuilder::on")]
    NoTypes,
    /// There is no connection, or the bus was shut down.
    #[error("{subjects} cannot be subscribed to: {reason}")]
    Unavailable {
        /// The subjects.
        subjects: String,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

/// Why what came is no event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// It is no event of its type, or of a version that is not known here. Whatever comes next may be one.
    #[error("{subject}: {reason}")]
    Undecodable {
        /// The subject that it came on.
        subject: Cow<'static, str>,
        /// What is wrong with it.
        reason: String,
        /// The message.
        raw: Bytes,
    },
    /// The server does not let this user subscribe. Nothing comes any more.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The server did not let this program in again after the connection was lost, for as long as
    /// [`login_timeout`](crate::config::Config::login_timeout) says. Nothing comes any more.
    #[error("{reason}; see that the user exists and that its credentials are current, and subscribe again")]
    Unauthorized {
        /// For how long.
        reason: String,
    },
}

impl From<Unheard> for LiveError {
    fn from(unheard: Unheard) -> Self {
        match unheard {
            Unheard::Denied(denied) => Self::Denied(denied),
            Unheard::LockedOut(locked_out) => Self::Unauthorized { reason: locked_out.to_string() },
        }
    }
}
