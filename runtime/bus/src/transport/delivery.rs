//! Reading from a durable consumer, and acknowledging what it delivered.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Gone, Lease, Message, Unavailable};

/// Reads from a durable consumer.
pub trait Deliveries: Debug + Send + Sync {
    /// The next message. The transport has at most `want` on their way to the caller; with 0 it fetches none, but still
    /// delivers what it fetched before. Waits out what passes, such as a lost connection; an error is final. May be
    /// dropped without losing a message.
    ///
    /// A pinned consumer delivers after it has said who holds the pin.
    fn next(&mut self, want: usize) -> BoxFuture<'_, Result<Arrival, Gone>>;

    /// A message that has arrived already. What is more than a message, such as a change of the pin, is left to
    /// [`next`](Self::next).
    fn arrived(&mut self) -> Option<Delivery>;

    /// Takes back what was asked for, until [`next`](Self::next) asks anew, and returns what was on its way. Who holds messages
    /// of a pinned consumer keeps the pin, for which one message is asked for from time to time. An error is final.
    fn recall(&mut self, is_holding: bool) -> BoxFuture<'_, Result<Vec<Delivery>, Gone>>;

    /// Fetches no more, and returns what was fetched and not yet taken.
    fn stop(&mut self) -> BoxFuture<'_, Vec<Delivery>>;

    /// How many messages are delivered and not acked, over all who read from the consumer.
    fn pending(&self) -> BoxFuture<'_, Result<usize, Unavailable>>;

    /// Whether what delivers was heard lately. Otherwise others may soon have what was delivered here, and nothing should
    /// begin until [`next`](Self::next) says so.
    fn is_live(&self) -> bool;

    /// Whether the server serves this reader, of several of whom it serves one; as far as is known here.
    fn is_served(&self) -> bool {
        true
    }

    /// An operator changed `ack_wait`.
    fn limit(&mut self, ack_wait: Duration) {
        // Where deliveries come at once, nothing depends on it.
        let _ = ack_wait;
    }

    /// Waits until the server has received every ack sent before. A pinned consumer releases the pin.
    fn confirm(&self) -> BoxFuture<'_, Result<(), Unavailable>>;
}

/// What comes from a durable consumer: a message, or a change where one reader at a time is served.
#[derive(Debug)]
pub enum Arrival {
    /// A message.
    Delivery(Delivery),
    /// A message that no client can read, as its stream keeps it. Its headers hold what is malformed; its attempt is 0.
    /// Perhaps it is acked already.
    Malformed(Delivery),
    /// The pin has gone to another reader, or come to this one.
    PinChanged,
    /// Messages may have been lost on their way, so that others come before them.
    Gap,
    /// What delivers is heard [again](Deliveries::is_live).
    Live,
}

#[cfg(test)]
impl Arrival {
    /// The message that it must be.
    pub(crate) fn delivery(self) -> Delivery {
        match self {
            Self::Delivery(delivery) => delivery,
            other => panic!("{other:?} instead of a message"),
        }
    }
}

/// A message as it was delivered.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Its number in the stream.
    pub sequence: u64,
    /// How often it was delivered to this consumer, this time included: 1 at first.
    pub deliveries: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// Acknowledges it.
    pub acker: Arc<dyn Acker>,
}

/// Acknowledges one delivery.
pub trait Acker: Debug + Send + Sync {
    /// Sends an ack. Not confirmed: if it is lost, the message is delivered again after `ack_wait`.
    fn send(&self, kind: AckKind) -> BoxFuture<'_, Result<(), Unavailable>>;

    /// Sends an in-progress ack and waits until the server confirms it. Whose lease has ended must not: it
    /// would prolong that of another.
    fn renew(&self) -> BoxFuture<'_, Result<(), Unavailable>>;

    /// Says that the message is never to be delivered again, and waits until the server confirms it.
    fn terminate(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.send(AckKind::Term("dead letter"))
    }

    /// For how long the delivery is ours.
    fn lease(&self) -> &Lease;

    /// Whether the consumer that made the delivery is known to be gone: then nothing begins any more, as the next one delivers it anew.
    fn is_gone(&self) -> bool {
        false
    }
}

/// What an ack says about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckKind {
    /// Done.
    Ack,
    /// Not done: redeliver it to whoever asks, after the delay or at once.
    Nak(Option<Duration>),
    /// In progress: the lease is renewed, `ack_wait` begins anew.
    InProgress,
    /// Never redeliver it, for this reason.
    Term(&'static str),
}

#[cfg(test)]
impl Delivery {
    /// A delivery without content, whose acks go nowhere.
    pub(crate) fn for_test(sequence: u64) -> Self {
        #[derive(Debug)]
        struct Nowhere(Lease);

        impl Acker for Nowhere {
            fn send(&self, _: AckKind) -> BoxFuture<'_, Result<(), Unavailable>> {
                Box::pin(std::future::ready(Ok(())))
            }

            fn renew(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
                self.send(AckKind::InProgress)
            }

            fn lease(&self) -> &Lease {
                &self.0
            }
        }

        let (headers, payload) = (super::Headers::default(), bytes::Bytes::new());
        let message = Message { subject: "x".into(), headers, payload };
        let acker = Arc::new(Nowhere(Lease::new(tokio::time::Instant::now())));
        Self { message, sequence, deliveries: 1, stored: Timestamp::UNIX_EPOCH, acker }
    }
}
