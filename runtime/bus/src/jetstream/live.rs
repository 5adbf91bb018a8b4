//! Messages beside the streams: requests and their answers, and what comes to whoever listens.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use async_nats::client::{PublishError, PublishErrorKind};
use async_nats::{HeaderMap, StatusCode, UnsubscribeError};
use bytes::Bytes;
use futures_util::future::{BoxFuture, Shared, ready};
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::acks::Acks;
use super::client::JetStream;
use super::convert::{WritableHeaders, from_nats};
use super::send::{check_size, subject_of};
use super::wire::{Subscriber, Wire};
use crate::cause::Cause;
use crate::transport::{
    Denied, DeniedAction, LiveMessage, Message, PendingReply, RequestFailure, SendFailure, Subscription, Unavailable,
};

/// More messages than are on their way to one subscription at a time.
const ON_THEIR_WAY: u64 = 1_024;
/// For how long the thread of the connection stands still at least when a subscription ends, so that what the server sent before
/// it knew has arrived.
const SHORTEST_FENCE: Duration = Duration::from_millis(25);
/// And at most: far less than any lease lasts.
const LONGEST_FENCE: Duration = Duration::from_millis(500);

impl JetStream {
    /// Sends a message and expects an answer.
    pub(super) async fn send_request(
        &self,
        message: &Message,
        latest: Instant,
    ) -> Result<PendingReply, RequestFailure> {
        let headers = self.writable(message)?;
        self.connected(latest).await?;
        let (subject, replies) = (subject_of(message), self.replies().await?);
        let (reply, receiver) = replies.expect(&subject).map_err(RequestFailure::Denied)?;
        let publish = self.client.publish_with_reply_and_headers(subject, reply, headers, message.payload.clone());
        self.in_time(latest, publish).await?;
        let pending = async move {
            match receiver.await {
                Ok(Ok(message)) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                    Err(RequestFailure::NoResponders)
                }
                Ok(Ok(message)) => Ok(from_nats(message)),
                Ok(Err(denied)) => Err(RequestFailure::Denied(denied)),
                Err(_) => Err(RequestFailure::Lost("the connection was lost meanwhile".into())),
            }
        };
        Ok(pending.boxed())
    }

    /// Sends a message and expects nothing. Without a connection it is not kept for the next one: whoever waited for it may
    /// have given up by then.
    pub(super) async fn send_core(&self, message: &Message, reply: Option<&str>) -> Result<(), RequestFailure> {
        let headers = self.writable(message)?;
        let latest = Instant::now() + self.config.request_timeout;
        self.connected(latest).await?;
        let (subject, payload) = (subject_of(message), message.payload.clone());
        match (reply, headers.is_empty()) {
            (Some(reply), _) => {
                let publish = self.client.publish_with_reply_and_headers(subject, reply.to_owned(), headers, payload);
                self.in_time(latest, publish).await
            }
            (None, true) => self.in_time(latest, self.client.publish(subject, payload)).await,
            (None, false) => self.in_time(latest, self.client.publish_with_headers(subject, headers, payload)).await,
        }
    }

    pub(super) async fn write_out(&self) -> Result<(), Unavailable> {
        match timeout(self.config.request_timeout, self.client.flush()).await {
            Ok(flushed) => flushed.map_err(|error| Unavailable(Cause::of(error))),
            Err(_) => Err(Unavailable(format!("not written within {:?}", self.config.request_timeout).into())),
        }
    }

    fn writable(&self, message: &Message) -> Result<HeaderMap, RequestFailure> {
        let limit = self.client.server_info().max_payload;
        check_size(&message.headers, &message.payload, limit)?;
        let bad_header = || RequestFailure::NotSent("a header has a character that no header may have".into());
        WritableHeaders::of(&message.headers).map(WritableHeaders::make).ok_or_else(bad_header)
    }

    async fn in_time(
        &self,
        latest: Instant,
        publish: impl Future<Output = Result<(), PublishError>>,
    ) -> Result<(), RequestFailure> {
        match timeout_at(latest, publish).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let limit = self.client.server_info().max_payload;
                Err(RequestFailure::TooLarge { size: limit + 1, limit })
            }
            Ok(Err(_)) if self.link.borrow().closed => Err(RequestFailure::Closed),
            Ok(Err(error)) => Err(RequestFailure::NotSent(Cause::of(error))),
            Err(_) => Err(RequestFailure::NotSent("there was no connection in time".into())),
        }
    }

    /// The answers to requests. They have a subscription of their own, as they may take long: who waits for acknowledgements
    /// would pay for it.
    async fn replies(&self) -> Result<&Acks, RequestFailure> {
        let listen = || async {
            let (client, link, denials) = (self.client.clone(), self.link.clone(), self.denials.clone());
            // Its task runs where it is made.
            let listening = self.thread.handle().spawn(async move { Acks::listen(&client, link, denials).await });
            match listening.await {
                Ok(Ok(replies)) => Ok(replies),
                Ok(Err(error)) => Err(RequestFailure::NotSent(Cause::of(error))),
                Err(_) => Err(RequestFailure::Closed),
            }
        };
        self.replies.get_or_try_init(listen).await
    }

    /// Begins to receive what is sent to subjects.
    pub(super) async fn listen(
        &self,
        subjects: &[String],
        queue: Option<&str>,
        room: usize,
    ) -> Result<Box<dyn Subscription>, Unavailable> {
        let wanted = subjects.to_vec();
        let denied = self.denials.wait(move |denied| match denied.action {
            DeniedAction::Subscribe => wanted.contains(&denied.subject),
            DeniedAction::SubscribeMore => true,
            DeniedAction::Publish => false,
        });
        let mut subscribers = SelectAll::new();
        for subject in subjects {
            let subscriber = match queue {
                Some(queue) => self.client.queue_subscribe(subject.clone(), queue.to_owned()).await,
                None => self.client.subscribe(subject.clone()).await,
            };
            let subscriber = subscriber.map_err(|error| Unavailable(Cause::of(error)))?;
            subscribers.push(Counted { subscriber, came: 0 });
        }
        let (sender, messages) = mpsc::channel(room.max(1));
        let (end, ended) = oneshot::channel();
        let missed = Arc::new(AtomicU64::new(0));
        let client = self.client.clone();
        self.thread.handle().spawn(pump(subscribers, sender, ended, Arc::clone(&missed), client));
        Ok(Box::new(Listening { messages, missed, end: Some(end), denied: denied.boxed().shared() }))
    }
}

/// What comes on a subject, taken from the client as it comes: there it would be dropped without a count.
struct Listening {
    messages: mpsc::Receiver<LiveMessage>,
    missed: Arc<AtomicU64>,
    end: Option<oneshot::Sender<()>>,
    denied: Shared<BoxFuture<'static, Denied>>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("missed", &self.missed).finish_non_exhaustive()
    }
}

impl Subscription for Listening {
    fn next(&mut self) -> BoxFuture<'_, Option<LiveMessage>> {
        self.messages.recv().boxed()
    }

    fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn end(&mut self) -> BoxFuture<'_, Result<(), Unavailable>> {
        if let Some(end) = self.end.take() {
            // If nobody is there, it has ended already.
            let _ = end.send(());
        }
        ready(Ok(())).boxed()
    }

    fn denied(&self) -> BoxFuture<'static, Denied> {
        self.denied.clone().boxed()
    }
}

/// How far the end of a subscription has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Listening,
    /// No more than so many messages are wanted.
    Leaving,
    /// No more at all.
    Left,
}

/// A subscriber that counts what came.
struct Counted {
    subscriber: Subscriber,
    came: u64,
}

impl Stream for Counted {
    type Item = async_nats::Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.subscriber.poll_next_unpin(context);
        self.came += u64::from(matches!(next, Poll::Ready(Some(_))));
        next
    }
}

/// Takes messages from the client and hands them over as long as there is room.
///
/// The client forgets a subscription soon after it wrote that it wants no more, whatever is still on its way. So it first wants a
/// number of messages more than came, which is more than can be on their way: with these, client and server end it together. Where
/// fewer come, it waits until none come for a while, and only then wants no more at all.
async fn pump(
    mut subscribers: SelectAll<Counted>,
    sender: mpsc::Sender<LiveMessage>,
    mut ended: oneshot::Receiver<()>,
    missed: Arc<AtomicU64>,
    client: Wire,
) {
    let mut phase = Phase::Listening;
    loop {
        let message = tokio::select! {
            biased;
            _ = &mut ended, if phase == Phase::Listening => {
                phase = Phase::Leaving;
                for Counted { subscriber, came } in subscribers.iter_mut() {
                    if subscriber.unsubscribe_after(*came + ON_THEIR_WAY).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            () = sender.closed(), if phase == Phase::Listening => return,
            message = subscribers.next() => message,
            () = sleep(SHORTEST_FENCE), if phase == Phase::Leaving => {
                let round_trip = round_trip(&client).await.unwrap_or_default();
                match subscribers.next().now_or_never() {
                    Some(message) => message,
                    None => {
                        phase = Phase::Left;
                        if fence(&mut subscribers, &client, round_trip * 4).await.is_err() {
                            return;
                        }
                        continue;
                    }
                }
            }
        };
        let Some(message) = message else { return };
        let reply = message.reply.as_ref().map(ToString::to_string);
        let live = LiveMessage { reply, message: from_nats(message), arrived: Instant::now() };
        match sender.try_send(live) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(missed.fetch_add(1, Ordering::Relaxed)),
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

/// Ends subscriptions to which nothing came for a while. As the client runs on this very thread, it does not forget them before this
/// returns: so what the server sent before it knew can be read.
async fn fence(
    subscribers: &mut SelectAll<Counted>,
    client: &Wire,
    round_trips: Duration,
) -> Result<(), UnsubscribeError> {
    for Counted { subscriber, .. } in subscribers.iter_mut() {
        subscriber.drain().await?;
    }
    // Without a connection there is nothing on its way, and nothing to wait for.
    if client.is_real() && matches!(timeout(LONGEST_FENCE, client.flush()).await, Ok(Ok(()))) {
        thread::sleep(round_trips.clamp(SHORTEST_FENCE, LONGEST_FENCE));
    }
    Ok(())
}

/// How long a message takes to the server and back; nothing if it does not come back.
async fn round_trip(client: &Wire) -> Option<Duration> {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.ok()?;
    let begun = Instant::now();
    client.publish(inbox, Bytes::new()).await.ok()?;
    timeout(LONGEST_FENCE, echo.next()).await.ok()??;
    Some(begun.elapsed())
}

impl From<SendFailure> for RequestFailure {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Denied(denied) => Self::Denied(denied),
            SendFailure::TooLarge { size, limit } => Self::TooLarge { size, limit },
            SendFailure::Closed => Self::Closed,
            other => Self::NotSent(Cause::of(other)),
        }
    }
}
