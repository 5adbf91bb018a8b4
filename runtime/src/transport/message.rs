//! What a transport carries and keeps.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;

use crate::jetstream;

/// What is published: also what is stored and delivered.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) subject: Cow<'static, str>,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
}

impl Message {
    /// The same message, but it is refused where it would be stored: only a duplicate is acknowledged.
    pub(crate) fn unless_new(&self) -> Self {
        let mut message = self.clone();
        let expects = |name: &str| [Headers::EXPECTED_LAST, Headers::EXPECTED_LAST_OF_SUBJECT].contains(&name);
        message.headers.own.retain(|(name, _)| !expects(name));
        message.headers.push(Headers::EXPECTED_LAST_ID, "none");
        message
    }
}

/// Which message of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Select<'a> {
    /// The one with this number.
    Sequence(u64),
    /// The last on a subject, which may have wildcards.
    LastOf(&'a str),
    /// The first on a subject, which may have wildcards, with this number or a later one.
    NextOf { subject: &'a str, from: u64 },
}

/// A message as a stream keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) sequence: u64,
    pub(crate) stored: Timestamp,
    pub(crate) message: Message,
}

/// Headers: those that came with a message, then those that were set, in order. Names are compared as NATS does, with
/// regard to case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers {
    /// As the client has them, since most are never looked at.
    received: Option<Box<jetstream::Received>>,
    own: Vec<(Cow<'static, str>, String)>,
}

impl From<jetstream::Received> for Headers {
    fn from(received: jetstream::Received) -> Self {
        Self { received: Some(Box::new(received)), own: Vec::new() }
    }
}

impl Headers {
    pub(crate) const ID: &'static str = "Nats-Msg-Id";
    pub(crate) const TYPE: &'static str = "Eventsmith-Type";
    pub(crate) const VERSION: &'static str = "Eventsmith-Version";
    pub(crate) const CONTENT_TYPE: &'static str = "Content-Type";
    /// Of a replayed event: the dead letter that it comes from, `STREAM:SEQUENCE`.
    pub(crate) const REPLAY_OF: &'static str = "Eventsmith-Replay-Of";
    /// Of an event that was replayed for one consumer: its name. All others acknowledge it unhandled.
    pub(crate) const ONLY: &'static str = "Eventsmith-Only";
    /// Makes the stream refuse the message unless the last one on its subject has this number; 0 for none.
    pub(crate) const EXPECTED_LAST_OF_SUBJECT: &'static str = "Nats-Expected-Last-Subject-Sequence";
    pub(crate) const TRACEPARENT: &'static str = "traceparent";
    pub(crate) const EXPECTED_LAST: &'static str = "Nats-Expected-Last-Sequence";
    pub(crate) const EXPECTED_LAST_ID: &'static str = "Nats-Expected-Last-Msg-Id";

    pub(crate) fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.own.push((name.into(), value.into()));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let received = self.received.iter().flat_map(|received| received.iter());
        received.chain(self.own.iter().map(|(name, value)| (&**name, value.as_str())))
    }

    /// A name that is ours and needs no copy, if this is one.
    pub(crate) fn static_name(&self, index: usize) -> Option<&'static str> {
        match self.own.get(index) {
            Some((Cow::Borrowed(name), _)) if self.received.is_none() => Some(name),
            _ => None,
        }
    }

    /// How many bytes they are on the wire: `NATS/1.0`, a line for each, an empty line.
    pub(crate) fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 12
    }
}
