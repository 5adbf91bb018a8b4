//! The consumer by which a stream is read, and what comes from it.

use async_nats::{Message, StatusCode};
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;

use crate::jetstream::ack::{parse_position, parse_reply};
use crate::jetstream::convert::from_nats;
use crate::jetstream::wire::Subscriber;
use crate::transport::{Denied, StreamMessage};

/// The number of the last delivery, in a heartbeat.
const LAST_DELIVERY: &str = "Nats-Last-Consumer";
/// Where to answer so that the server goes on, in a heartbeat.
const STALLED: &str = "Nats-Consumer-Stalled";
/// A consumer at the server, and where it sends.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) name: String,
    pub(super) subscriber: Subscriber,
    /// How many messages it delivered, and how many there were when it was made.
    pub(super) deliveries: u64,
    pub(super) initial: u64,
    /// Whether one of them was a message that had not come before.
    pub(super) brought_news: bool,
    pub(super) heard: Instant,
    /// How often the connection had been lost when it was made.
    pub(super) losses: u64,
    /// Resolves when the server does not let us say that it may go on.
    pub(super) denied: Shared<BoxFuture<'static, Denied>>,
}

/// What is to be done with what came.
pub(super) enum Arrival {
    Message(StreamMessage),
    /// The server waits for an answer there.
    Question(String),
    /// There is nothing that was not delivered.
    Idle,
    Nothing,
    /// Something is missing.
    Gap,
}

impl Consumer {
    /// What came from the server. Its deliveries are numbered without a gap.
    pub(super) fn look_at(&mut self, message: Message) -> Arrival {
        // A stored message may have a status of its own, so what says where it is acknowledged counts first.
        let read = message.reply.as_deref().and_then(|reply| Some((parse_reply(reply)?, parse_position(reply)?)));
        if let Some((ack, (delivery, _))) = read {
            if delivery != self.deliveries + 1 {
                return Arrival::Gap;
            }
            self.deliveries = delivery;
            let message = StreamMessage { sequence: ack.sequence, stored: ack.stored, message: from_nats(message) };
            return Arrival::Message(message);
        }
        if message.status != Some(StatusCode::IDLE_HEARTBEAT) {
            return Arrival::Nothing;
        }
        let header = |name| message.headers.as_ref().and_then(|headers| headers.get(name)).map(ToString::to_string);
        let last: Option<u64> = header(LAST_DELIVERY).and_then(|number| number.parse().ok());
        match (message.reply.as_ref(), header(STALLED)) {
            // What flow control asks comes in its turn among the messages: they have been read by now.
            (Some(reply), _) => Arrival::Question(reply.to_string()),
            (None, Some(stalled)) => Arrival::Question(stalled),
            (None, None) => match last {
                Some(last) if last > self.deliveries => Arrival::Gap,
                Some(last) if last == self.deliveries => Arrival::Idle,
                _ => Arrival::Nothing,
            },
        }
    }
}
