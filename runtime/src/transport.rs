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
use crate::dead_letters::DeadReason;
use crate::jetstream::{self, JetStream};
use crate::memory::{self, Memory};
use crate::provision::{FoundConsumer, FoundStream};
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

    /// A stream as it is, if there is one.
    pub(crate) async fn stream(&self, name: &str) -> Result<Option<FoundStream>, Failure> {
        match self {
            Self::Memory(memory) => Ok(memory.stream(name)),
            Self::JetStream(jetstream) => jetstream.stream(name).await,
        }
    }

    /// Creates a stream, or brings one that exists to these settings and leaves all others as they are.
    pub(crate) async fn put_stream(&self, wanted: &StreamSettings, exists: bool) -> Result<(), Failure> {
        match self {
            Self::Memory(memory) => memory.put_stream(wanted),
            Self::JetStream(jetstream) => jetstream.put_stream(wanted, exists).await,
        }
    }

    /// All streams.
    pub(crate) async fn streams(&self) -> Result<Vec<FoundStream>, Failure> {
        match self {
            Self::Memory(memory) => Ok(memory.all()),
            Self::JetStream(jetstream) => jetstream.streams().await,
        }
    }

    /// All consumers of a stream.
    pub(crate) async fn consumers(&self, stream: &str) -> Result<Vec<FoundConsumer>, Failure> {
        match self {
            Self::Memory(memory) => Ok(memory.consumers(stream)),
            Self::JetStream(jetstream) => jetstream.consumers(stream).await,
        }
    }

    /// Whether the server is of this version, or a later one.
    pub(crate) fn supports(&self, major: u8, minor: u8) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::JetStream(jetstream) => jetstream.supports(major, minor),
        }
    }

    /// The version of the server.
    pub(crate) fn version(&self) -> String {
        match self {
            Self::Memory(_) => env!("CARGO_PKG_VERSION").to_owned(),
            Self::JetStream(jetstream) => jetstream.version(),
        }
    }

    /// One message of a stream, if there is such a message.
    pub(crate) async fn message(&self, stream: &str, select: Select<'_>) -> Result<Option<Kept>, Unavailable> {
        match self {
            Self::Memory(memory) => memory.message(stream, select),
            Self::JetStream(jetstream) => jetstream.message(stream, select).await,
        }
    }

    /// Deletes a message of a stream; one that is not there is no error.
    pub(crate) async fn delete_message(&self, stream: &str, sequence: u64) -> Result<(), Unavailable> {
        match self {
            Self::Memory(memory) => {
                memory.delete_message(stream, sequence);
                Ok(())
            }
            Self::JetStream(jetstream) => jetstream.delete_message(stream, sequence).await,
        }
    }

    /// Makes a durable consumer forget a message for good, whether somebody holds it or not.
    pub(crate) async fn terminate(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), Unavailable> {
        match self {
            Self::Memory(memory) => {
                memory.hear(stream, consumer, sequence, Word::Term(DeadReason::Exhausted));
                Ok(())
            }
            Self::JetStream(jetstream) => jetstream.terminate(stream, consumer, sequence).await,
        }
    }

    /// The names of the streams that capture a subject, which may have wildcards, or a part of it.
    pub(crate) async fn streams_of(&self, subject: &str) -> Result<Vec<String>, Unavailable> {
        match self {
            Self::Memory(memory) => Ok(memory.streams_of(subject)),
            Self::JetStream(jetstream) => jetstream.streams_of(subject).await,
        }
    }

    /// A durable consumer as it is, if there is one.
    pub(crate) async fn consumer(&self, stream: &str, name: &str) -> Result<Option<FoundConsumer>, Failure> {
        match self {
            Self::Memory(memory) => Ok(memory.consumer(stream, name)),
            Self::JetStream(jetstream) => jetstream.consumer(stream, name).await,
        }
    }

    /// Creates a durable consumer, or brings one that exists to these settings and leaves all others as they are.
    pub(crate) async fn put_consumer(&self, wanted: &ConsumerSettings, exists: bool) -> Result<(), Failure> {
        match self {
            Self::Memory(memory) => memory.put_consumer(wanted),
            Self::JetStream(jetstream) => jetstream.put_consumer(wanted, exists).await,
        }
    }

    /// Deletes a durable consumer, and with it its place in the stream.
    pub(crate) async fn delete_consumer(&self, stream: &str, name: &str) -> Result<(), Failure> {
        match self {
            Self::Memory(memory) => {
                memory.delete_consumer(stream, name);
                Ok(())
            }
            Self::JetStream(jetstream) => jetstream.delete_consumer(stream, name).await,
        }
    }

    /// Says that a consumer is about to read, until it does: for those who wait until all is settled.
    pub(crate) fn starting(&self) -> Option<memory::Starting> {
        match self {
            Self::Memory(memory) => Some(memory.starting()),
            Self::JetStream(_) => None,
        }
    }

    /// Begins to read from a durable consumer that is there.
    pub(crate) async fn read(&self, consumer: &ConsumerSettings) -> Result<Deliveries, ConsumeError> {
        match self {
            Self::Memory(memory) => Ok(Deliveries::Memory(memory.read(consumer))),
            Self::JetStream(jetstream) => jetstream.read(consumer).await.map(Box::new).map(Deliveries::JetStream),
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
    /// Of a replayed event: the dead letter that it comes from, `STREAM:SEQUENCE`.
    pub(crate) const REPLAY_OF: &'static str = "Eventsmith-Replay-Of";
    /// Of an event that was replayed for one consumer: its name. All others acknowledge it unhandled.
    pub(crate) const ONLY: &'static str = "Eventsmith-Only";
    /// Makes the stream refuse the message unless the last one on its subject has this number; 0 for none.
    pub(crate) const EXPECTED_LAST_OF_SUBJECT: &'static str = "Nats-Expected-Last-Subject-Sequence";
    pub(crate) const TRACEPARENT: &'static str = "traceparent";
    pub(crate) const EXPECTED_LAST: &'static str = "Nats-Expected-Last-Sequence";
    pub(crate) const EXPECTED_LAST_ID: &'static str = "Nats-Expected-Last-Msg-Id";

    /// The headers of every event of ours.
    pub(crate) const OURS: [&'static str; 4] = [Self::ID, Self::TYPE, Self::VERSION, Self::CONTENT_TYPE];

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
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendFailure {
    /// It may be stored or not, or it is not stored for a reason that passes: to be sent again with the same id.
    #[error("not acknowledged: {0}")]
    Transient(String),
    /// No stream captures the subject.
    #[error("no stream captures the subject")]
    NoStream,
    /// The server takes no message of this size, in bytes.
    #[error("it has {size} bytes, the server takes {limit}")]
    TooLarge { size: usize, limit: usize },
    /// The stream, or the subject in it, does not end where the message expects.
    #[error("the last one has the number {last}, not the one that is expected")]
    WrongSequence { last: u64 },
    /// The server knows no atomic batches.
    #[error("the server {server} knows no atomic batches")]
    AtomicUnsupported { server: String },
    /// As many wait for a connection as may; nothing was sent.
    #[error("{limit} wait for a connection already")]
    QueueFull { limit: usize },
    /// The stream refuses it, and would again.
    #[error("refused: {reason}")]
    Refused { code: Option<u64>, reason: String },
    /// The bus was shut down.
    #[error("the bus is shut down")]
    Closed,
}

/// The server did not answer, or with an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

/// Why the server did not do what it was asked about a stream or a consumer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It refused, with a code.
    Server { code: u64, reason: String },
    /// It did not answer.
    Unavailable(String),
}

impl Failure {
    /// The server's code for a consumer that is to be created and exists in another shape. (nats-server,
    /// server/errors.json, as all codes.)
    pub(crate) const CONSUMER_EXISTS: u64 = 10148;
    /// The server's code for subjects that two streams would capture.
    pub(crate) const SUBJECTS_OVERLAP: u64 = 10065;
    /// The server's code for a stream that does not exist.
    pub(crate) const NO_STREAM: u64 = 10059;
    /// The server's code for a consumer that does not exist.
    pub(crate) const NO_CONSUMER: u64 = 10014;
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error.0)
    }
}

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
    ///
    /// Where one reader at a time is served, `None` says that it is somebody else's turn now, or ours again.
    pub(crate) async fn next(&mut self, want: usize) -> Result<Option<Delivery>, ConsumeError> {
        match self {
            Self::Memory(_) if want == 0 => std::future::pending().await,
            Self::Memory(deliveries) => Ok(deliveries.next().await),
            Self::JetStream(deliveries) => deliveries.next(want).await,
        }
    }

    /// A message that has arrived already. What is more than a message, such as news of the consumer, is left to
    /// [`next`](Self::next).
    pub(crate) fn arrived(&mut self) -> Option<Delivery> {
        match self {
            Self::Memory(_) => None,
            Self::JetStream(deliveries) => deliveries.arrived(),
        }
    }

    /// Fetches no more, and returns what was fetched and not yet taken.
    pub(crate) async fn stop(&mut self) -> Vec<Delivery> {
        match self {
            Self::Memory(_) => Vec::new(),
            Self::JetStream(deliveries) => deliveries.stop().await,
        }
    }

    /// How many messages are delivered and not acknowledged, over all who read from the consumer.
    pub(crate) async fn pending(&self) -> Result<usize, Unavailable> {
        match self {
            Self::Memory(deliveries) => Ok(deliveries.pending()),
            Self::JetStream(deliveries) => deliveries.pending().await,
        }
    }

    /// Waits until the server has received every acknowledgement sent before. Where one reader at a time is served, it is
    /// somebody else's turn from then on.
    pub(crate) async fn confirm(&self) -> Result<(), Unavailable> {
        match self {
            Self::Memory(deliveries) => {
                deliveries.leave();
                Ok(())
            }
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
    /// When it was stored.
    pub(crate) stored: Timestamp,
    pub(crate) acker: Acker,
}

#[cfg(test)]
impl Delivery {
    /// A delivery without content, from nowhere.
    pub(crate) fn for_test(sequence: u64) -> Self {
        let message = Message { subject: "x".into(), headers: Headers::default(), payload: Bytes::new() };
        let acker = Acker::Memory(memory::Acker::for_test(sequence));
        Self { message, sequence, attempt: 1, stored: Timestamp::UNIX_EPOCH, acker }
    }
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
    /// Never deliver it again: it is among the dead letters, for this reason.
    Term(DeadReason),
}
