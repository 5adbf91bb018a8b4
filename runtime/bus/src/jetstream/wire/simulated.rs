//! The client of a simulation. For tests of this repository; nothing here is promised.

use std::fmt::Debug;
use std::task::{Context, Poll};

use async_nats::client::{FlushError, PublishError, RequestError, SubscribeError};
use async_nats::message::OutboundMessage;
use async_nats::{HeaderMap, Message, ServerInfo, Subject, ToSubject};
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Stands in for the client of a server. Each method does what that of the same name of `async_nats::Client` does.
pub trait SimulatedClient: Debug + Send + Sync {
    /// Puts a message into the client's queue.
    fn publish(&self, message: OutboundMessage) -> BoxFuture<'_, Result<(), PublishError>>;

    /// Waits for one answer.
    fn request(&self, subject: Subject, payload: Bytes) -> BoxFuture<'_, Result<Message, RequestError>>;

    /// Begins to receive what is sent to a subject.
    fn subscribe(&self, subject: Subject) -> BoxFuture<'_, Result<Box<dyn SimulatedSubscriber>, SubscribeError>>;

    /// Begins to receive a share of what is sent to a subject.
    fn queue_subscribe(
        &self,
        subject: Subject,
        queue: String,
    ) -> BoxFuture<'_, Result<Box<dyn SimulatedSubscriber>, SubscribeError>>;

    /// A subject that nobody else uses.
    fn new_inbox(&self) -> String;

    /// Waits until what was published before is written.
    fn flush(&self) -> BoxFuture<'_, Result<(), FlushError>>;

    /// Begins to end all subscriptions, and then the connection.
    fn drain(&self) -> BoxFuture<'_, ()>;

    /// What the server said of itself.
    fn server_info(&self) -> ServerInfo;
}

/// Stands in for a subscription, which ends when it is dropped.
pub trait SimulatedSubscriber: Debug + Send + Sync {
    /// The next message; `None` once it has ended.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>>;

    /// Lets it end after so many messages, counted from its beginning.
    fn unsubscribe_after(&mut self, count: u64) -> BoxFuture<'_, ()>;
}

pub(super) fn outbound(
    subject: impl ToSubject,
    reply: Option<Subject>,
    headers: Option<HeaderMap>,
    payload: Bytes,
) -> OutboundMessage {
    OutboundMessage { subject: subject.to_subject(), reply, payload, headers }
}

/// Whether a version, `2.12.1`, is this one or a later one.
pub(super) fn is_at_least(version: &str, least: [i64; 3]) -> bool {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or_default());
    let found: [i64; 3] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    found >= least
}
