//! Reading from a durable consumer, and telling it what became of a message.

use std::time::Duration;

use jiff::Timestamp;

use super::{Message, Unavailable};
use crate::consumer::ConsumeError;
use crate::dead_letters::DeadReason;
use crate::jetstream;
use crate::memory;

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
    /// Where one reader at a time is served, the first is news.
    pub(crate) async fn next(&mut self, want: usize) -> Result<Arrival, ConsumeError> {
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

    /// Takes back what was asked for, until [`next`](Self::next) asks anew, and returns what was on its way. An error is final.
    pub(crate) async fn recall(&mut self) -> Result<Vec<Delivery>, ConsumeError> {
        match self {
            Self::Memory(_) => Ok(Vec::new()),
            Self::JetStream(deliveries) => deliveries.recall().await,
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

/// What comes from a durable consumer: a message, or news where one reader at a time is served.
#[derive(Debug)]
pub(crate) enum Arrival {
    Message(Delivery),
    /// It is somebody else's turn now, or ours again.
    Turn,
    /// Messages may have been lost on their way, so that others come before them.
    Gap,
}

#[cfg(test)]
impl Arrival {
    /// The message that it must be.
    pub(crate) fn message(self) -> Delivery {
        match self {
            Self::Message(delivery) => delivery,
            news => panic!("{news:?} instead of a message"),
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
        let (headers, payload) = (super::Headers::default(), bytes::Bytes::new());
        let message = Message { subject: "x".into(), headers, payload };
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
