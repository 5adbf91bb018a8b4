//! Where the messages of a consumer arrive, and how to leave without losing those that are on their way.

use std::collections::VecDeque;

use async_nats::{Message, PublishError, SubscribeError};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::unconstrained;

use super::wire::{Subscriber, Wire};

/// A pull request that the server refuses, whatever there is to deliver: it asks for heartbeats without saying how long it
/// waits.
const INVALID_PULL: &[u8] = br#"{"batch":1,"idle_heartbeat":1}"#;
/// The last token of the subject for messages.
const MESSAGES: &str = "m";
/// How many status messages, such as heartbeats, the server may send meanwhile.
const STATUS_MESSAGES: u64 = 16;

/// A subject of our own, and all that was sent there.
#[derive(Debug)]
pub(super) struct Inbox {
    client: Wire,
    /// What the subject of all that is sent here begins with.
    prefix: String,
    /// Where messages are sent.
    subject: String,
    subscriber: Subscriber,
    /// How many messages the subscription brought.
    received: u64,
    /// Arrived and not looked at yet.
    kept: VecDeque<Message>,
}

impl Inbox {
    pub(super) async fn open(client: Wire) -> Result<Self, SubscribeError> {
        let prefix = client.new_inbox() + ".";
        let subscriber = client.subscribe(format!("{prefix}*")).await?;
        let subject = format!("{prefix}{MESSAGES}");
        Ok(Self { client, prefix, subject, subscriber, received: 0, kept: VecDeque::new() })
    }

    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    /// Sends the consumer a request that it refuses whatever there is to deliver, so that it answers at once.
    pub(super) async fn ask(&self, asked: String, number: u64) -> Result<(), PublishError> {
        let reply = format!("{}{number}", self.prefix);
        self.client.publish_with_reply(asked, reply, Bytes::from_static(INVALID_PULL)).await
    }

    /// The number of the request of this kind that a status message answers.
    pub(super) fn number_of(&self, message: &Message) -> Option<u64> {
        message.subject.strip_prefix(&self.prefix)?.parse().ok()
    }

    /// The next message; `None` when the connection is closed for good, and after we left. Nothing is lost if this is dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Message> {
        if let Some(kept) = self.kept.pop_front() {
            return Some(kept);
        }
        let message = self.subscriber.next().await?;
        self.received += 1;
        Some(message)
    }

    /// A message that has arrived already.
    pub(super) fn arrived(&mut self) -> Option<Message> {
        self.next().now_or_never()?
    }

    /// Lets a message be the next again.
    pub(super) fn keep(&mut self, message: Message) {
        self.kept.push_front(message);
    }

    /// All that has arrived already. (Unlike the others it does not give way to other tasks when it has taken many.)
    pub(super) fn take_arrived(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| unconstrained(self.next()).now_or_never().flatten()).collect()
    }

    /// Begins anew after we left, or after the connection was lost: then the server counts from 0 again, and the client does
    /// not. If it comes late, what the server sends by requests of before, which the client repeats, is redelivered after
    /// `ack_wait`. Answers to what was asked for a sign of life say nothing any more.
    pub(super) async fn renew(&mut self) -> Result<(), SubscribeError> {
        let anew = Self::open(self.client.clone()).await?;
        let mut kept = VecDeque::from(self.take_arrived());
        kept.retain(|message| self.number_of(message).is_none());
        *self = Self { kept, ..anew };
        Ok(())
    }

    /// Unsubscribes at once, so that the server delivers nothing here any more. What is on its way is lost.
    pub(super) async fn close(&mut self) {
        // Fails only when the connection is closed, which ends all subscriptions.
        let _ = self.subscriber.unsubscribe_after(self.received).await;
    }

    /// Unsubscribes, and moves what arrives until then to `rest`. Of messages no more than `expected` are to come.
    ///
    /// A client that drains a subscription forgets it at once, along with what is still on its way. If it unsubscribes after
    /// a number of messages instead, client and server both count up to that. Whatever is missing, the server sends in
    /// answer to invalid requests to `asked`. What it delivers to nobody any more, it delivers again at once.
    pub(super) async fn leave(&mut self, expected: usize, asked: &str, rest: &mut Vec<Message>) -> Option<()> {
        let missing = expected as u64 + STATUS_MESSAGES;
        self.subscriber.unsubscribe_after(self.received + missing).await.ok()?;
        for _ in 0..missing {
            let (asked, request) = (asked.to_owned(), Bytes::from_static(INVALID_PULL));
            self.client.publish_with_reply(asked, self.subject.clone(), request).await.ok()?;
        }
        while let Some(message) = self.next().await {
            rest.push(message);
        }
        Some(())
    }
}
