//! Why there is no reply.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use eventsmith_event::clip::head;
use eventsmith_event::event::Reply;
use eventsmith_event::invalid::Invalid;
use uuid::Uuid;

use crate::cause::Cause;
use crate::transport::Denied;

/// How many characters of a refusal are displayed.
const LONGEST_REFUSAL: usize = 1_000;

/// Why a request has no reply. `E` is what a refusal of it looks like, [`Request::Error`](eventsmith_event::event::Request::Error).
///
/// ```
/// use eventsmith::{Bus, Request, RequestError};
///
/// async fn ask<R: Request>(bus: &Bus, request: &R) -> Option<R::Reply> {
///     match bus.request(request).await {
///         Ok(reply) => Some(reply),
///         Err(RequestError::Refused(reason)) => {
///             println!("refused: {}", serde_json::to_string(&reason).unwrap_or_default());
///             None
///         }
///         Err(error) if error.may_be_done() => {
///             println!("perhaps done: {error}"); // ask again under the same id, or look whether it is
///             None
///         }
///         Err(error) => {
///             println!("not done: {error}");
///             None
///         }
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestError<E> {
    /// The request violates its schema; nothing was sent.
    Invalid(Invalid),
    /// The request cannot be written as JSON; nothing was sent.
    Encode {
        /// The type of the request.
        request_type: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// The option `traceparent` holds what no header may; nothing was sent.
    InvalidTraceparent,
    /// The server takes no message of this size; nothing was sent.
    TooLarge {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// Its size in bytes, headers included.
        size: usize,
        /// The server's limit in bytes.
        limit: usize,
    },
    /// The subject is too long for a server, which would close the connection over it; nothing was sent.
    SubjectTooLong {
        /// The beginning of the subject of the request, and its end.
        subject: String,
        /// Its size in bytes.
        size: usize,
        /// The most that it may have, in bytes.
        limit: usize,
    },
    /// The server does not let this user send the request, or receive replies; nothing was done.
    Denied(Denied),
    /// The server does not let this user receive the reply, as it said after the request was sent. The request MAY have been done.
    ReplyDenied {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// The id of the request, for the next try.
        id: Uuid,
        /// What is not allowed.
        denied: Denied,
    },
    /// No service answers this request; nothing was done.
    NoResponders {
        /// The subject of the request.
        subject: Cow<'static, str>,
    },
    /// There was no connection; nothing was sent.
    NotConnected {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// What went wrong.
        reason: Cause,
    },
    /// No reply came in time. The request MAY have been done.
    TimedOut {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// The id of the request, for the next try.
        id: Uuid,
        /// How often it was sent.
        attempts: u32,
        /// For how long it was waited.
        elapsed: Duration,
    },
    /// The connection was lost while the reply was awaited. The request MAY have been done.
    ConnectionLost {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// The id of the request, for the next try.
        id: Uuid,
    },
    /// The service refuses the request, and says why.
    Refused(E),
    /// The service did not do it, or failed at it.
    Failed {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// The code: 400 invalid, 404 unknown in this version, 408 nobody waited any more, 429 too many at once, 500 the
        /// handler failed, 503 not available at the moment. Services of others have their own.
        code: u16,
        /// What the service says.
        message: String,
        /// After how long it makes sense to ask again, if the service says so.
        retry_after: Option<Duration>,
        /// Whether it may be done all the same: the handler was begun, another attempt may have been, or the service is one of others,
        /// which may mean anything by its code.
        may_be_done: bool,
    },
    /// A stream stores what is sent to this subject, and tells so in place of a service. The request MAY have been done.
    Stored {
        /// The subject of the request.
        subject: Cow<'static, str>,
        /// The stream.
        stream: String,
        /// The id of the request, for the next try.
        id: Uuid,
    },
    /// The reply, or the refusal, violates its schema. The request MAY have been done.
    InvalidReply(Invalid),
    /// The bus was shut down; nothing was sent.
    Closed,
}

impl<E> RequestError<E> {
    /// The kind of error in one word, for logs and metrics: `no_responders`; the code where a service answered by one.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Encode { .. } => "encode",
            Self::InvalidTraceparent => "invalid_traceparent",
            Self::TooLarge { .. } => "too_large",
            Self::SubjectTooLong { .. } => "subject_too_long",
            Self::Denied(_) => "denied",
            Self::ReplyDenied { .. } => "reply_denied",
            Self::NoResponders { .. } => "no_responders",
            Self::NotConnected { .. } => "not_connected",
            Self::TimedOut { .. } => "timed_out",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::Refused(_) => "409",
            // Services of others may answer by anything.
            Self::Failed { code, .. } => match code {
                400 => "400",
                404 => "404",
                408 => "408",
                409 => "409",
                429 => "429",
                500 => "500",
                503 => "503",
                _ => "_OTHER",
            },
            Self::Stored { .. } => "stored",
            Self::InvalidReply(_) => "invalid_reply",
            Self::Closed => "closed",
        }
    }

    /// Whether the service may have done what it was asked for, as far as is known here. Otherwise it has not.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::TimedOut { .. }
            | Self::ConnectionLost { .. }
            | Self::ReplyDenied { .. }
            | Self::Stored { .. }
            | Self::InvalidReply(_) => true,
            Self::Failed { may_be_done, .. } => *may_be_done,
            _ => false,
        }
    }
}

impl<E: Reply> fmt::Display for RequestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Encode { request_type, source } => write!(f, "{request_type} cannot be written as JSON: {source}"),
            Self::InvalidTraceparent => f.write_str(
                "the option traceparent must be printable ASCII without spaces, such as 00-4bf9...-00f0...-01",
            ),
            Self::TooLarge { subject, size, limit } => write!(
                f,
                "the request to {subject} has {size} bytes, the server takes {limit}; make it smaller or raise max_payload"
            ),
            Self::SubjectTooLong { subject, size, limit } => write!(
                f,
                "the subject {subject} has {size} bytes, and no more than {limit} are sent; shorten the values that it is filled with"
            ),
            Self::Denied(denied) => denied.fmt(f),
            Self::ReplyDenied { subject, id, denied } => {
                write!(f, "the reply of {subject} cannot be received: {denied}; it may be done or not (id {id})")
            }
            Self::NoResponders { subject } => {
                write!(
                    f,
                    "no service answers {subject}; start the one that handles it, or see whether it may subscribe"
                )
            }
            Self::NotConnected { subject, reason } => write!(f, "the request to {subject} was not sent: {reason}"),
            Self::TimedOut { subject, id, attempts, elapsed } => write!(
                f,
                "no reply from {subject} in {attempts} attempts over {elapsed:.1?}; it may be done or not (id {id})"
            ),
            Self::ConnectionLost { subject, id } => {
                write!(f, "the connection was lost while {subject} was awaited; it may be done or not (id {id})")
            }
            Self::Refused(refusal) => {
                let text = serde_json::to_string(refusal).map_err(|_| fmt::Error)?;
                write!(f, "refused: {}", head(LONGEST_REFUSAL, text))
            }
            Self::Failed { subject, code, message, .. } => write!(f, "{subject} failed with code {code}: {message}"),
            Self::Stored { subject, stream, id } => write!(
                f,
                "the stream {stream} stores what is sent to {subject}, and its acknowledgement came in place of a reply; let it have no \
                 subjects of requests, or `no_ack`; the request may be done or not (id {id})"
            ),
            Self::InvalidReply(invalid) => write!(f, "the reply violates its schema: {invalid}"),
            Self::Closed => f.write_str("the bus is shut down; ask before Bus::shutdown"),
        }
    }
}

impl<E: Reply + fmt::Debug> Error for RequestError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode { source, .. } => Some(source),
            Self::Denied(denied) | Self::ReplyDenied { denied, .. } => Some(denied),
            Self::NotConnected { reason, .. } => Some(reason),
            Self::InvalidReply(invalid) => Some(invalid),
            _ => None,
        }
    }
}

impl<E> From<Invalid> for RequestError<E> {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
