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

mod delivery;
mod failure;
mod message;

use std::sync::Arc;

use crate::DeadReason;
use crate::consumer::ConsumeError;
use crate::jetstream::{self, JetStream};
use crate::memory::{self, Memory};
use crate::provision::{FoundConsumer, FoundStream};
use crate::topology::{ConsumerSettings, StreamSettings};

pub(crate) use delivery::{Acker, Arrival, Deliveries, Delivery, Word};
pub(crate) use failure::{Failure, SendFailure, Unavailable};
pub(crate) use message::{Headers, Kept, Message, Select};

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
