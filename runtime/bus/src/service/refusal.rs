//! What a handler of requests returns instead of a reply.

use std::fmt;
use std::time::Duration;

use crate::handler::HandlerError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request is not done: it is refused for a reason that the catalogue knows, or the handler failed.
///
/// A refusal is an answer like another: the caller gets it typed. Every error becomes a failure with `?`; its caller learns its
/// text, so let no secrets into it.
///
/// ```
/// use eventsmith::{Received, Refusal, Request};
///
/// async fn answer<R: Request>(request: Received<R>, reply: R::Reply, not_found: R::Error) -> Result<R::Reply, Refusal<R::Error>> {
///     let limit: u32 = "12".parse()?; // an error here is a failure
///     if limit > 10 {
///         return Err(Refusal::new(not_found));
///     }
///     Ok(reply)
/// }
/// ```
pub struct Refusal<E>(Inner<E>);

enum Inner<E> {
    Refused(E),
    Failed { source: BoxError, is_passing: bool, retry_after: Option<Duration> },
}

/// A refusal taken apart.
pub(super) enum Parts<E> {
    Refused(E),
    Failed { error: HandlerError, is_passing: bool, retry_after: Option<Duration> },
}

impl<E> Refusal<E> {
    /// The request is refused, for this reason or one of its alternatives: code 409.
    pub fn new(reason: impl Into<E>) -> Self {
        Self(Inner::Refused(reason.into()))
    }

    /// The handler failed: code 500.
    pub fn failed(source: impl Into<BoxError>) -> Self {
        Self(Inner::Failed { source: source.into(), is_passing: false, retry_after: None })
    }

    /// Nothing was done, and it makes sense to ask again after this time: code 503. [`Bus::request`](crate::bus::Bus::request) does.
    pub fn unavailable(retry_after: Duration, source: impl Into<BoxError>) -> Self {
        Self(Inner::Failed { source: source.into(), is_passing: true, retry_after: Some(retry_after) })
    }

    /// The reason, if the request is refused for one.
    pub fn reason(&self) -> Option<&E> {
        match &self.0 {
            Inner::Refused(reason) => Some(reason),
            Inner::Failed { .. } => None,
        }
    }

    pub(super) fn into_parts(self) -> Parts<E> {
        match self.0 {
            Inner::Refused(reason) => Parts::Refused(reason),
            Inner::Failed { source, is_passing, retry_after } => {
                Parts::Failed { error: HandlerError::retry(source), is_passing, retry_after }
            }
        }
    }
}

impl<E, T: Into<BoxError>> From<T> for Refusal<E> {
    fn from(source: T) -> Self {
        Self::failed(source)
    }
}

impl<E: fmt::Debug> fmt::Debug for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Refused(reason) => f.debug_tuple("Refused").field(reason).finish(),
            Inner::Failed { source, .. } => f.debug_tuple("Failed").field(source).finish(),
        }
    }
}
