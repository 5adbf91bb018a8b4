//! What the transport asks of its client, and nothing else: the one place where another can stand in for it.

#[cfg(feature = "simulation")]
pub(super) mod simulated;

use std::pin::Pin;
use std::task::{Context, Poll};

use async_nats::client::{
    DrainError, FlushError, PublishError, PublishErrorKind, RequestError, RequestErrorKind, SubscribeError,
    SubscribeErrorKind,
};
use async_nats::{Client, HeaderMap, Message, ServerInfo, Subject, ToSubject, UnsubscribeError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// The longest line of the protocol that a client may send, in bytes: a server's `max_control_line`, as it is unless somebody changes
/// it. The server closes the connection over a longer one, and whatever is on its way is lost. (nats-server, server/parser.go.)
const LONGEST_LINE: usize = 4_096;
/// What a line has beside subjects: spaces, and the sizes of headers and payload, or the number of a subscription.
const SIZES: usize = 32;
/// What the client's own places for answers have.
const OWN_REPLY: usize = 64;

/// A line of the protocol would be longer than a server takes.
#[derive(Debug, thiserror::Error)]
#[error("its line would have {0} bytes, and a server takes {LONGEST_LINE}")]
struct LineTooLong(usize);

/// Checks that a line with these subjects is not too long. All that is sent goes through here: by itself the client sends lines of any
/// length.
fn check_line(subject: &str, other: usize) -> Result<(), LineTooLong> {
    let size = subject.len() + other + SIZES;
    if size > LONGEST_LINE { Err(LineTooLong(size)) } else { Ok(()) }
}

impl From<LineTooLong> for PublishError {
    fn from(error: LineTooLong) -> Self {
        Self::with_source(PublishErrorKind::InvalidSubject, error)
    }
}

impl From<LineTooLong> for RequestError {
    fn from(error: LineTooLong) -> Self {
        Self::with_source(RequestErrorKind::InvalidSubject, error)
    }
}

impl From<LineTooLong> for SubscribeError {
    fn from(error: LineTooLong) -> Self {
        Self::with_source(SubscribeErrorKind::InvalidSubject, error)
    }
}

/// A connection to a server.
#[derive(Debug, Clone)]
pub(super) enum Wire {
    /// A real one.
    Client(Client),
    /// That of a simulation.
    #[cfg(feature = "simulation")]
    Simulated(std::sync::Arc<dyn simulated::SimulatedClient>),
}

/// What comes on one subject.
#[derive(Debug)]
pub(super) enum Subscriber {
    Client(async_nats::Subscriber),
    #[cfg(feature = "simulation")]
    Simulated(Box<dyn simulated::SimulatedSubscriber>),
}

impl Wire {
    /// Puts a message into the client's queue; waits while that is full.
    pub(super) async fn publish(&self, subject: impl ToSubject, payload: Bytes) -> Result<(), PublishError> {
        let subject: Subject = subject.to_subject();
        check_line(&subject, 0)?;
        match self {
            Self::Client(client) => client.publish(subject, payload).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.publish(simulated::outbound(subject, None, None, payload)).await,
        }
    }

    pub(super) async fn publish_with_reply(
        &self,
        subject: impl ToSubject,
        reply: impl ToSubject,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let (subject, reply): (Subject, Subject) = (subject.to_subject(), reply.to_subject());
        check_line(&subject, reply.len())?;
        match self {
            Self::Client(client) => client.publish_with_reply(subject, reply, payload).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.publish(simulated::outbound(subject, Some(reply), None, payload)).await,
        }
    }

    pub(super) async fn publish_with_reply_and_headers(
        &self,
        subject: impl ToSubject,
        reply: impl ToSubject,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let (subject, reply): (Subject, Subject) = (subject.to_subject(), reply.to_subject());
        check_line(&subject, reply.len())?;
        match self {
            Self::Client(client) => client.publish_with_reply_and_headers(subject, reply, headers, payload).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => {
                client.publish(simulated::outbound(subject, Some(reply), Some(headers), payload)).await
            }
        }
    }

    pub(super) async fn publish_with_headers(
        &self,
        subject: impl ToSubject,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let subject: Subject = subject.to_subject();
        check_line(&subject, 0)?;
        match self {
            Self::Client(client) => client.publish_with_headers(subject, headers, payload).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.publish(simulated::outbound(subject, None, Some(headers), payload)).await,
        }
    }

    /// Waits for one answer, no longer than the client's own timeout for requests.
    pub(super) async fn request(&self, subject: impl ToSubject, payload: Bytes) -> Result<Message, RequestError> {
        let subject: Subject = subject.to_subject();
        check_line(&subject, OWN_REPLY)?;
        match self {
            Self::Client(client) => client.request(subject, payload).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.request(subject, payload).await,
        }
    }

    pub(super) async fn subscribe(&self, subject: impl ToSubject) -> Result<Subscriber, SubscribeError> {
        let subject: Subject = subject.to_subject();
        check_line(&subject, 0)?;
        match self {
            Self::Client(client) => client.subscribe(subject).await.map(Subscriber::Client),
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.subscribe(subject).await.map(Subscriber::Simulated),
        }
    }

    /// Begins to receive a share of what is sent to a subject: one of those who name the same queue gets each message.
    pub(super) async fn queue_subscribe(
        &self,
        subject: impl ToSubject,
        queue: String,
    ) -> Result<Subscriber, SubscribeError> {
        let subject: Subject = subject.to_subject();
        check_line(&subject, queue.len())?;
        match self {
            Self::Client(client) => client.queue_subscribe(subject, queue).await.map(Subscriber::Client),
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.queue_subscribe(subject, queue).await.map(Subscriber::Simulated),
        }
    }

    /// Whether there is a connection below, on a thread of its own.
    pub(super) fn is_real(&self) -> bool {
        match self {
            Self::Client(_) => true,
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => false,
        }
    }

    /// A subject that nobody else uses.
    pub(super) fn new_inbox(&self) -> String {
        match self {
            Self::Client(client) => client.new_inbox(),
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.new_inbox(),
        }
    }

    /// Waits until what was published before is written to the socket.
    pub(super) async fn flush(&self) -> Result<(), FlushError> {
        match self {
            Self::Client(client) => client.flush().await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.flush().await,
        }
    }

    /// Begins to end all subscriptions, and then the connection.
    pub(super) async fn drain(&self) -> Result<(), DrainError> {
        match self {
            Self::Client(client) => client.drain().await,
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => {
                client.drain().await;
                Ok(())
            }
        }
    }

    /// What the server said of itself when the connection was made.
    pub(super) fn server_info(&self) -> ServerInfo {
        match self {
            Self::Client(client) => client.server_info(),
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => client.server_info(),
        }
    }

    /// Whether the server is of this version or a later one.
    pub(super) fn is_server_compatible(&self, major: i64, minor: i64, patch: i64) -> bool {
        match self {
            Self::Client(client) => client.is_server_compatible(major, minor, patch),
            #[cfg(feature = "simulation")]
            Self::Simulated(client) => simulated::is_at_least(&client.server_info().version, [major, minor, patch]),
        }
    }
}

impl Stream for Subscriber {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        match self.get_mut() {
            Self::Client(subscriber) => subscriber.poll_next_unpin(context),
            #[cfg(feature = "simulation")]
            Self::Simulated(subscriber) => subscriber.poll_next(context),
        }
    }
}

impl Subscriber {
    /// The next message; `None` once the subscription or the connection has ended. Nothing is lost if this is dropped.
    pub(super) async fn next(&mut self) -> Option<Message> {
        StreamExt::next(self).await
    }

    /// Ends the subscription. What the client has taken in for it still comes.
    pub(super) async fn drain(&mut self) -> Result<(), UnsubscribeError> {
        match self {
            Self::Client(subscriber) => subscriber.drain().await,
            #[cfg(feature = "simulation")]
            Self::Simulated(subscriber) => {
                subscriber.unsubscribe_after(0).await;
                Ok(())
            }
        }
    }

    /// Lets the subscription end by itself after so many messages, counted from its beginning.
    pub(super) async fn unsubscribe_after(&mut self, count: u64) -> Result<(), UnsubscribeError> {
        match self {
            Self::Client(subscriber) => subscriber.unsubscribe_after(count).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(subscriber) => {
                subscriber.unsubscribe_after(count).await;
                Ok(())
            }
        }
    }
}
