//! What passes on subjects, as it is: for tools, which know no types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::{
    Follow, FollowStart, Followed, Follower, MalformedBlock, Message, StreamMessage, Subscription,
};
use eventsmith_event::envelope::document;
use eventsmith_event::filter;
use eventsmith_event::stream::Retention;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::requests::AskError;

/// How many messages may wait for a slow reader.
const ROOM: usize = 65_536;
/// How many messages are read ahead from streams.
const BUFFER: usize = 64;

/// Messages, one after the other: those that pass, or those that streams hold and then those that are stored.
#[derive(Debug)]
pub struct Tail {
    subjects: Vec<String>,
    skipped: Vec<String>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Live(Box<dyn Subscription>),
    /// Each stream is read by a task of its own, so that none waits for another.
    Stored {
        messages: mpsc::Receiver<Result<PassedMessage, AskError>>,
        _readers: JoinSet<()>,
    },
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
    /// Why no client can read the message as it is stored, where that is so: no consumer handles it.
    pub malformed: Option<String>,
}

impl PassedMessage {
    /// The message as one document: its envelope, or a CloudEvent with the attributes that its headers hold.
    ///
    /// # Errors
    /// Why a CloudEvent cannot be read.
    pub fn document(&self) -> Result<Cow<'_, [u8]>, String> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        document(&headers, &self.payload).map_err(|error| error.to_string())
    }
}

impl Tail {
    pub(crate) async fn open(bus: &Bus, subjects: Vec<String>, since: Option<Timestamp>) -> Result<Self, AskError> {
        let subjects = filter::without_covered(subjects);
        let unavailable = |reason| AskError::Unavailable { subject: subjects.join(", "), reason };
        let transport = bus.transport();
        let Some(since) = since else {
            let live = transport.subscribe(&subjects, None, ROOM).await.map_err(|error| unavailable(error.0))?;
            return Ok(Self { subjects, skipped: Vec::new(), source: Source::Live(live) });
        };
        let (sender, messages) = mpsc::channel(BUFFER);
        let (mut readers, mut skipped) = (JoinSet::new(), Vec::new());
        // What is read of each stream: where two subjects cover a message, it comes from the first.
        let mut followed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for subject in &subjects {
            for stream in transport.streams_of(subject).await.map_err(|error| unavailable(error.0))? {
                let extent = transport.extent(&stream).await.map_err(|error| unavailable(error.0))?;
                if extent.is_some_and(|extent| extent.retention == Retention::WorkQueue) {
                    if !skipped.contains(&stream) {
                        skipped.push(stream);
                    }
                    continue;
                }
                let start = FollowStart::Time(since);
                let wanted = Follow { stream: stream.clone(), subject: subject.clone(), start, headers_only: false };
                let follower = transport.follow(&wanted).await;
                let follower = follower.map_err(|failure| unavailable(Cause::of(failure)))?;
                let before = followed.entry(stream.clone()).or_default();
                readers.spawn(read(stream, follower, before.clone(), sender.clone()));
                before.push(subject.clone());
            }
        }
        if readers.is_empty() {
            return Err(unavailable("no stream holds what is sent there".into()));
        }
        Ok(Self { subjects, skipped, source: Source::Stored { messages, _readers: readers } })
    }

    /// The streams that hold something of what is wanted and are not read: of a work queue nobody reads but its consumer.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The next message, once there is one; `None` once the bus is shut down. May be dropped without losing a message.
    ///
    /// # Errors
    /// [`AskError::Unavailable`] when nothing comes any more: the server does not allow it, or a stream is gone.
    pub async fn next(&mut self) -> Option<Result<PassedMessage, AskError>> {
        let unavailable = |reason| AskError::Unavailable { subject: self.subjects.join(", "), reason };
        match &mut self.source {
            Source::Live(live) => {
                let unheard = live.unheard();
                let message = tokio::select! {
                    biased;
                    reason = unheard => return Some(Err(unavailable(Cause::of(reason)))),
                    message = live.next() => message?,
                };
                Some(Ok(passed(message.message, Timestamp::now(), None, message.reply.is_some())))
            }
            Source::Stored { messages, .. } => messages.recv().await,
        }
    }

    /// How many messages were missed so far, as they were not taken in time.
    pub fn missed(&self) -> u64 {
        match &self.source {
            Source::Live(live) => live.missed(),
            Source::Stored { .. } => 0,
        }
    }
}

/// Hands over what a stream holds and what it stores, until nobody wants it. What subjects cover that are read by others comes from
/// them.
async fn read(
    stream: String,
    mut follower: Box<dyn Follower>,
    before: Vec<String>,
    sender: mpsc::Sender<Result<PassedMessage, AskError>>,
) {
    loop {
        let next = match follower.next().await {
            Ok(Followed::Current) => continue,
            Ok(Followed::Message(StreamMessage { message, .. }))
                if before.iter().any(|before| filter::covers(before, &message.subject)) =>
            {
                continue;
            }
            Ok(Followed::Message(StreamMessage { sequence, stored, message })) => {
                Ok(passed(message, stored, Some((stream.clone(), sequence)), false))
            }
            Err(failure) => Err(AskError::Unavailable { subject: stream.clone(), reason: Cause::of(failure) }),
        };
        let is_last = next.is_err();
        if sender.send(next).await.is_err() || is_last {
            return;
        }
    }
}

pub(crate) fn passed(
    message: Message,
    time: Timestamp,
    stored: Option<(String, u64)>,
    is_answered: bool,
) -> PassedMessage {
    let headers = message.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let Message { subject, payload, headers: read } = message;
    let malformed = read.malformed().map(MalformedBlock::explanation);
    PassedMessage { subject: subject.into_owned(), headers, payload, time, stored, is_answered, malformed }
}
