//! What passes on subjects, as it is: for tools, which know no types.

use bytes::Bytes;
use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::{Follow, FollowStart, Follower, Message, ServerFailure, StreamMessage, Subscription};
use eventsmith_event::filter;
use futures_util::future::select_all;
use jiff::Timestamp;

use crate::requests::AskError;

/// How many messages may wait for a slow reader.
const ROOM: usize = 65_536;

/// Messages, one after the other: those that pass, or those that streams hold and then those that are stored.
#[derive(Debug)]
pub struct Tail {
    subjects: Vec<String>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Live(Box<dyn Subscription>),
    Stored(Vec<(String, Box<dyn Follower>)>),
}

/// A message as it passed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PassedMessage {
    /// The subject that it was sent to.
    pub subject: String,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its payload.
    pub payload: Bytes,
    /// When it was stored, or came here.
    pub time: Timestamp,
    /// The stream that holds it and its number there, if it was read from a stream.
    pub stored: Option<(String, u64)>,
    /// Whether its sender waits for an answer: a request, or what a stream is to acknowledge.
    pub is_answered: bool,
}

impl Tail {
    pub(crate) async fn open(bus: &Bus, subjects: Vec<String>, since: Option<Timestamp>) -> Result<Self, AskError> {
        let subjects = filter::without_covered(subjects);
        let unavailable = |reason| AskError::Unavailable { subject: subjects.join(", "), reason };
        let transport = bus.transport();
        let Some(since) = since else {
            let live = transport.subscribe(&subjects, None, ROOM).await.map_err(|error| unavailable(error.0))?;
            return Ok(Self { subjects, source: Source::Live(live) });
        };
        let mut followers = Vec::new();
        for subject in &subjects {
            for stream in transport.streams_of(subject).await.map_err(|error| unavailable(error.0))? {
                let start = FollowStart::Time(since);
                let wanted = Follow { stream: stream.clone(), subject: subject.clone(), start, headers_only: false };
                let follower = transport.follow(&wanted).await;
                followers.push((stream, follower.map_err(|failure| unavailable(Cause::of(failure)))?));
            }
        }
        if followers.is_empty() {
            return Err(unavailable("no stream holds what is sent there".into()));
        }
        Ok(Self { subjects, source: Source::Stored(followers) })
    }

    /// The next message, once there is one; `None` once the bus is shut down. May be dropped without losing a message.
    ///
    /// # Errors
    /// [`AskError::Unavailable`] when nothing comes any more: the server does not allow it, or a stream is gone.
    pub async fn next(&mut self) -> Option<Result<PassedMessage, AskError>> {
        let unavailable = |reason| AskError::Unavailable { subject: self.subjects.join(", "), reason };
        match &mut self.source {
            Source::Live(live) => {
                let denied = live.denied();
                let message = tokio::select! {
                    biased;
                    denied = denied => return Some(Err(unavailable(Cause::of(denied)))),
                    message = live.next() => message?,
                };
                Some(Ok(passed(message.message, Timestamp::now(), None, message.reply.is_some())))
            }
            Source::Stored(followers) => {
                let next = followers.iter_mut().map(|(stream, follower)| {
                    let next = follower.next();
                    let stream = &*stream;
                    Box::pin(async move { (stream.clone(), next.await) })
                });
                let ((stream, next), ..) = select_all(next).await;
                let read = next.map_err(|failure: ServerFailure| unavailable(Cause::about(&stream, failure)));
                Some(read.map(|StreamMessage { sequence, stored, message }| {
                    passed(message, stored, Some((stream, sequence)), false)
                }))
            }
        }
    }

    /// How many messages were missed so far, as they were not taken in time.
    pub fn missed(&self) -> u64 {
        match &self.source {
            Source::Live(live) => live.missed(),
            Source::Stored(_) => 0,
        }
    }
}

fn passed(message: Message, time: Timestamp, stored: Option<(String, u64)>, is_answered: bool) -> PassedMessage {
    let headers = message.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let Message { subject, payload, .. } = message;
    PassedMessage { subject: subject.into_owned(), headers, payload, time, stored, is_answered }
}
