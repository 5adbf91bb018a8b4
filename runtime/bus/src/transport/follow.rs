//! Reading a stream in its order, from some place on and without an end.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{ServerFailure, StreamMessage};

/// What is read of a stream.
#[derive(Debug, Clone)]
pub struct Follow {
    /// The name of the stream.
    pub stream: String,
    /// The subject of the messages, which may have wildcards.
    pub subject: String,
    /// Which message is the first.
    pub start: FollowStart,
    /// Whether payloads are left out.
    pub headers_only: bool,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowStart {
    /// With the first message that the stream holds.
    All,
    /// With the last message on each subject.
    LastOfEach,
    /// With the message that has this number, or the next one.
    Sequence(u64),
    /// With what was stored at this time or later.
    Time(Timestamp),
}

/// What comes of reading a stream.
#[derive(Debug)]
pub enum Followed {
    /// The next message.
    Message(StreamMessage),
    /// All that the stream held when reading began has come. Said once.
    Current,
}

/// Reads a stream in its order. No message is left out and none comes twice, whatever becomes of the connection meanwhile. From
/// [`FollowStart::LastOfEach`] none comes before [`Followed::Current`] that another on its subject has replaced when it is asked for; of one
/// that changes meanwhile, the last is enough.
pub trait Follower: Debug + Send {
    /// The next message, once there is one. May be dropped without losing a message.
    ///
    /// It goes on after the connection was lost, and without a bound for as long as there is none. It fails when the stream is no
    /// longer there, was deleted and made anew, or may no longer be read.
    fn next(&mut self) -> BoxFuture<'_, Result<Followed, ServerFailure>>;
}
