//! The seam between the bus and what carries its messages: all that a transport does, on one page.
//!
//! What a transport guarantees:
//! - Messages are stored in the order of the calls to [`send`](Transport::send), as long as all of them succeed.
//! - A message whose acknowledgement arrived survives the transport's faults. One whose acknowledgement did not arrive
//!   may be stored or not; sent again with the same `Nats-Msg-Id` within the stream's duplicate window it is stored once.
//! - A durable consumer delivers each message of its subjects at least once, until it is acknowledged: again when it was
//!   handed back, and when nothing was heard of it for `ack_wait`.
//! - All methods may be called from any task at any time, and futures may be dropped: a message on its way then counts
//!   as not acknowledged.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::consumer::ConsumeError;
use crate::jetstream::{self, JetStream};
use crate::memory::{self, Memory};
use crate::provision::ProvisionError;
use crate::topology::{ConsumerSettings, StreamSettings};

/// One of the two transports. An enum, as there is no third and nobody outside needs to write one.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Memory(Memory),
    JetStream(Arc<JetStream>),
}

impl Transport {
    /// Sends a message once. The outer result says that it is on its way, the acknowledgement that it is stored; the
    /// transport bounds how long that takes.
    pub(crate) async fn send(&self, message: &Message) -> Result<Ack, SendFailure> {
        match self {
            Self::Memory(memory) => memory.send(message).map(Ack::Memory),
            Self::JetStream(jetstream) => jetstream.send(message).await.map(Ack::JetStream),
        }
    }

    /// Sends messages once that one stream stores all together or not at all. The id must be new; the acknowledgement is
    /// that of the last message.
    pub(crate) async fn send_batch(&self, messages: &[Message], id: &str) -> Result<Ack, SendFailure> {
        match self {
            Self::Memory(memory) => memory.send_batch(messages).map(Ack::Memory),
            Self::JetStream(jetstream) => jetstream.send_batch(messages, id).await.map(Ack::JetStream),
        }
    }

    /// Creates a stream or brings it to these settings.
    pub(crate) async fn provision(&self, settings: &StreamSettings) -> Result<(), ProvisionError> {
        match self {
            Self::Memory(memory) => memory.provision(settings),
            Self::JetStream(jetstream) => jetstream.provision(settings).await,
        }
    }

    /// One message of a stream, if there is such a message.
    pub(crate) async fn message(&self, stream: &str, select: Select<'_>) -> Result<Option<Kept>, Unavailable> {
        match self {
            Self::Memory(memory) => memory.message(stream, select),
            Self::JetStream(jetstream) => jetstream.message(stream, select).await,
        }
    }

    /// The names of the streams that capture a subject, which may have wildcards, or a part of it.
    pub(crate) async fn streams_of(&self, subject: &str) -> Result<Vec<String>, Unavailable> {
        match self {
            Self::Memory(memory) => Ok(memory.streams_of(subject)),
            Self::JetStream(jetstream) => jetstream.streams_of(subject).await,
        }
    }

    /// Creates a durable consumer of a stream, or brings it to this specification, and begins to read from it.
    pub(crate) async fn consume(&self, spec: &ConsumerSettings) -> Result<Deliveries, ConsumeError> {
        match self {
            Self::Memory(memory) => memory.consume(spec).map(Deliveries::Memory),
            Self::JetStream(jetstream) => jetstream.consume(spec).await.map(Box::new).map(Deliveries::JetStream),
        }
    }

    /// Waits until everything sent before has reached the server, then closes. Nothing can be sent afterwards.
    pub(crate) async fn close(&self) -> Result<(), Unavailable> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::JetStream(jetstream) => jetstream.close().await,
        }
    }
}

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
        message.headers.0.retain(|(name, _)| !expects(name));
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

/// Headers in the order they were set. Names are compared as NATS does, with regard to case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    pub(crate) const ID: &'static str = "Nats-Msg-Id";
    pub(crate) const TYPE: &'static str = "Eventsmith-Type";
    pub(crate) const VERSION: &'static str = "Eventsmith-Version";
    pub(crate) const CONTENT_TYPE: &'static str = "Content-Type";
    pub(crate) const TRACEPARENT: &'static str = "traceparent";
    pub(crate) const EXPECTED_LAST: &'static str = "Nats-Expected-Last-Sequence";
    pub(crate) const EXPECTED_LAST_ID: &'static str = "Nats-Expected-Last-Msg-Id";
    pub(crate) const EXPECTED_LAST_OF_SUBJECT: &'static str = "Nats-Expected-Last-Subject-Sequence";

    pub(crate) fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries().map(|(name, value)| (&**name, value))
    }

    /// The same, with names that tell whether they are ours or came from outside.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Cow<'static, str>, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// How many bytes they are on the wire: `NATS/1.0`, a line for each, an empty line.
    pub(crate) fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 12
    }
}

/// An acknowledgement to come.
#[derive(Debug)]
pub(crate) enum Ack {
    Memory(Stored),
    JetStream(jetstream::Ack),
}

impl Ack {
    /// Resolves once the message is stored, or is not known to be in time.
    pub(crate) async fn outcome(self) -> Result<Stored, SendFailure> {
        match self {
            Self::Memory(stored) => Ok(stored),
            Self::JetStream(ack) => ack.outcome().await,
        }
    }
}

/// Where a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) stream: String,
    pub(crate) sequence: u64,
    pub(crate) duplicate: bool,
}

/// Why one attempt to store a message failed.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// It may be stored or not, or it is not stored for a reason that passes: to be sent again with the same id.
    Transient(String),
    /// No stream captures the subject.
    NoStream,
    /// The server takes no message of this size, in bytes.
    TooLarge { size: usize, limit: usize },
    /// The stream, or the subject in it, does not end where the message expects.
    WrongSequence { last: u64 },
    /// The server knows no atomic batches.
    AtomicUnsupported { server: String },
    /// As many wait for a connection as may; nothing was sent.
    QueueFull { limit: usize },
    /// The stream refuses it, and would again.
    Refused { code: Option<u64>, reason: String },
    /// The bus was shut down.
    Closed,
}

/// The server did not answer, or with an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

/// Reads from a durable consumer.
#[derive(Debug)]
pub(crate) enum Deliveries {
    Memory(memory::Deliveries),
    JetStream(Box<jetstream::Deliveries>),
}

impl Deliveries {
    /// The next message. The transport has at most `want` on their way to the caller; with 0 it fetches none, but still
    /// delivers what it fetched before. Waits out what passes, such as a lost connection; an error is final. May be
    /// dropped without losing a message.
    pub(crate) async fn next(&mut self, want: usize) -> Result<Delivery, ConsumeError> {
        match self {
            Self::Memory(_) if want == 0 => std::future::pending().await,
            Self::Memory(deliveries) => Ok(deliveries.next().await),
            Self::JetStream(deliveries) => deliveries.next(want).await,
        }
    }

    /// Fetches no more, and returns what was fetched and not yet taken.
    pub(crate) async fn stop(&mut self) -> Vec<Delivery> {
        match self {
            Self::Memory(_) => Vec::new(),
            Self::JetStream(deliveries) => deliveries.stop().await,
        }
    }

    /// Waits until the server has received every acknowledgement sent before.
    pub(crate) async fn confirm(&self) -> Result<(), Unavailable> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::JetStream(deliveries) => deliveries.confirm().await,
        }
    }
}

/// A message as it was delivered.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// Its number in the stream.
    pub(crate) sequence: u64,
    /// How often it was delivered to this consumer, this time included: 1 at first.
    pub(crate) attempt: u64,
    pub(crate) acker: Acker,
}

/// Tells the consumer what became of a delivery.
#[derive(Debug)]
pub(crate) enum Acker {
    Memory(memory::Acker),
    JetStream(jetstream::Acker),
}

impl Acker {
    /// Sends word. Not confirmed: if it is lost, the message is delivered again after `ack_wait`.
    pub(crate) async fn send(&self, word: Word) -> Result<(), Unavailable> {
        match self {
            Self::Memory(acker) => {
                acker.send(word);
                Ok(())
            }
            Self::JetStream(acker) => acker.send(word).await,
        }
    }
}

/// What a consumer can be told about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Done.
    Ack,
    /// Deliver it again after this long.
    Nak(Duration),
    /// Deliver it again, now, and to whoever asks.
    GiveBack,
    /// Still at work: `ack_wait` begins anew.
    Progress,
}
