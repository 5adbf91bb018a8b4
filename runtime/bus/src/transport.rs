//! The transport contract: all that the bus asks of what carries its messages, on one page.
//!
//! What a transport guarantees:
//! - Nothing happens before a future is polled. Messages are stored in the order in which the futures of
//!   [`send`](Transport::send) are polled first, as long as all of them succeed.
//! - A message whose ack arrived survives the transport's faults. One whose ack did not arrive may be stored or not; sent
//!   again with the same `Nats-Msg-Id` within the stream's duplicate window it is stored once.
//! - A durable consumer delivers each message of its subjects at least once, until it is acked: again after a nak, and when
//!   no in-progress ack came for `ack_wait`. Until then, and as long as its [`Lease`] says, nobody else has it.
//! - All methods may be called from any task at any time, and futures may be dropped: a message on its way then counts
//!   as not acked.
//!
//! This module names no implementation: [`jetstream`](crate::jetstream) and [`memory`](crate::memory) stand above it.

mod bulk;
mod delivery;
mod denied;
mod failure;
mod follow;
mod lease;
mod live;
mod message;

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::settings::{ConsumerSettings, FoundConsumer};

pub use bulk::{BulkAck, BulkBatch, BulkEnd};
pub use delivery::{AckKind, Acker, Arrival, Deliveries, Delivery};
pub use denied::{Denied, DeniedAction};
pub use failure::{Gone, LockedOut, SendFailure, ServerFailure, Unavailable, Unheard, check_subject};
pub use follow::{Follow, FollowStart, Followed, Follower};
pub use lease::Lease;
pub use live::{LiveMessage, PendingReply, RequestFailure, Subscription};
pub use message::{
    Headers, LONGEST_SUBJECT, MalformedBlock, Message, MessageSelector, ReceivedHeaders, SetHeader, SharedHeaders,
    StreamExtent, StreamMessage, milliseconds,
};

/// Carries messages to streams and from durable consumers.
pub trait Transport: Debug + Send + Sync {
    /// Sends a message once. The outer result says that it is on its way, the ack that it is stored; the transport bounds
    /// how long that takes.
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<PendingAck, SendFailure>>;

    /// [`send`](Self::send) for several messages, one after the other.
    fn send_all<'a>(&'a self, messages: Vec<&'a Message>) -> BoxFuture<'a, Vec<Result<PendingAck, SendFailure>>>;

    /// Sends messages once that one stream stores all together or not at all. The id must be new; the ack is that of the
    /// last message.
    fn send_batch<'a>(&'a self, messages: &'a [Message], id: &'a str)
    -> BoxFuture<'a, Result<PendingAck, SendFailure>>;

    /// Begins to send messages that one stream stores in order, with at most so many unacknowledged at a time.
    fn begin_bulk(&self, max_in_flight: usize) -> BoxFuture<'_, Result<Box<dyn BulkBatch>, BulkEnd>>;

    /// One message of a stream, if there is such a message.
    fn message<'a>(
        &'a self,
        stream: &'a str,
        select: MessageSelector<'a>,
    ) -> BoxFuture<'a, Result<Option<StreamMessage>, Unavailable>>;

    /// How many messages a stream holds on a subject, which may have wildcards.
    fn count<'a>(&'a self, stream: &'a str, subject: &'a str) -> BoxFuture<'a, Result<u64, Unavailable>>;

    /// The version of a server that is too old to look at [what is expected of subjects with wildcards](Headers::EXPECTED_SUBJECT): it
    /// would store what it must refuse.
    fn without_filtered_expectations(&self) -> Option<String>;

    /// The version of a server that is too old to store [schedules](Headers::SCHEDULE) together with other messages.
    fn without_schedules(&self) -> Option<String>;

    /// Begins to read messages of a stream, beside all consumers, and goes on with those that are stored from then on.
    fn follow<'a>(&'a self, wanted: &'a Follow) -> BoxFuture<'a, Result<Box<dyn Follower>, ServerFailure>>;

    /// Where a stream begins and ends, if there is one of this name.
    fn extent<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Option<StreamExtent>, Unavailable>>;

    /// Deletes a message of a stream. One that is not there is no error.
    fn delete_message<'a>(&'a self, stream: &'a str, sequence: u64) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Removes what a stream holds on a subject, which may have wildcards, up to a number, and says how many messages that were. Nothing is
    /// left that tells of them.
    fn purge<'a>(&'a self, stream: &'a str, subject: &'a str, up_to: u64) -> BoxFuture<'a, Result<u64, ServerFailure>>;

    /// The names of the streams that capture a subject, which may have wildcards, or a part of it.
    fn streams_of<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Vec<String>, Unavailable>>;

    /// A durable consumer as it is, if there is one.
    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<FoundConsumer>, ServerFailure>>;

    /// Creates a durable consumer, or brings one that exists to these settings and leaves all others as they are.
    fn put_consumer<'a>(
        &'a self,
        wanted: &'a ConsumerSettings,
        exists: bool,
    ) -> BoxFuture<'a, Result<(), ServerFailure>>;

    /// Begins to read from a durable consumer that is there.
    fn read<'a>(&'a self, consumer: &'a ConsumerSettings) -> BoxFuture<'a, Result<Box<dyn Deliveries>, Unavailable>>;

    /// Terminates a message for a durable consumer, so that it is never delivered again, without a delivery of it.
    fn terminate<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        sequence: u64,
    ) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Sends a message that whoever listens on its subject is to answer, not later than at a given time, which it tells in the header
    /// [`Headers::TIMEOUT`]. The outer result says that it is on its way.
    fn request<'a>(
        &'a self,
        message: &'a Message,
        latest: Instant,
    ) -> BoxFuture<'a, Result<PendingReply, RequestFailure>>;

    /// Sends a message to whoever listens, without waiting for anything: it may be lost with the connection. Answers are expected
    /// at `reply`, which somebody [subscribes](Self::subscribe) to.
    fn tell<'a>(&'a self, message: &'a Message, reply: Option<&'a str>) -> BoxFuture<'a, Result<(), RequestFailure>>;

    /// A subject for answers that nobody else uses.
    fn inbox(&self) -> String;

    /// Begins to receive what is sent to subjects, which may have wildcards. Of those who subscribe to a subject under the same
    /// name of a queue, one gets each message. At most `room` messages wait to be taken; more are
    /// [missed](Subscription::missed).
    fn subscribe<'a>(
        &'a self,
        subjects: &'a [String],
        queue: Option<&'a str>,
        room: usize,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, Unavailable>>;

    /// Waits until what was told before has left this process.
    fn flush(&self) -> BoxFuture<'_, Result<(), Unavailable>>;

    /// Where to run tasks that no user code may keep waiting.
    fn background(&self) -> Handle;

    /// The time of day by the clock that says when messages were stored, as far as that is known here.
    fn time(&self) -> Timestamp;

    /// How large a message may be, in bytes, headers included.
    fn max_payload(&self) -> usize;

    /// Resolves when the server denies, from this call on, what the durable consumers of this name need. Never, where
    /// nothing is denied.
    fn denied<'a>(&'a self, consumer: &'a str, phase: ConsumerPhase) -> BoxFuture<'a, Denied>;

    /// Whether there is a connection, as far as that is known here.
    fn connection(&self) -> ConnectionState {
        ConnectionState { is_connected: true, is_closed: false, losses: 0 }
    }

    /// Waits until everything sent before has reached the server, then closes. Nothing can be sent afterwards.
    fn close(&self) -> BoxFuture<'_, Result<(), Unavailable>>;
}

/// How the connection of a transport fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionState {
    /// Whether there is one.
    pub is_connected: bool,
    /// Whether it was closed for good.
    pub is_closed: bool,
    /// How often it was lost.
    pub losses: u64,
}

/// How far a consumer is: what it needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerPhase {
    /// It looks for its streams and durable consumers.
    Starting,
    /// It fetches and acks.
    Reading,
}

/// Resolves once a message is stored, or is not known to be in time.
pub type PendingAck = BoxFuture<'static, Result<PublishAck, SendFailure>>;

/// Where a stream stored a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishAck {
    /// The name of the stream.
    pub stream: String,
    /// The number of the message in the stream.
    pub sequence: u64,
    /// Whether the stream held the id already; the number is that of the first.
    pub duplicate: bool,
}
