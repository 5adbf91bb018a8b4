//! Messages beside the streams: requests and their answers, and what comes to whoever listens.

use std::fmt;
use std::future::pending;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use async_nats::client::{PublishError, PublishErrorKind};
use async_nats::{HeaderMap, StatusCode, UnsubscribeError};
use bytes::Bytes;
use eventsmith_event::filter;
use futures_util::future::{BoxFuture, Shared, ready};
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::JetStream;
use super::convert::{WritableHeaders, from_nats};
use super::link::Link;
use super::send::{check_size, subject_of};
use super::wire::{Subscriber, Wire};
use crate::cause::Cause;
use crate::environment::watch;
use crate::transport::{
    DeniedAction, LiveMessage, LockedOut, Message, PendingReply, RequestFailure, SendFailure, Subscription,
    Unavailable, Unheard,
};

/// Within this time more messages come than are on their way at a time.
const WINDOW: Duration = Duration::from_millis(50);
/// How many times as many are waited for, and how many more.
const MARGIN: (u64, u64) = (8, 64);
/// For how long at most it takes until no more messages come.
const LONGEST_LEAVE: Duration = Duration::from_secs(3);
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
        check_size(&message.headers, &message.payload, self.client.server_info().max_payload)?;
        self.connected(latest).await?;
        // The time that is left is that after waiting for a connection.
        let headers = self.writable(&message.with_timeout(latest))?;
        let subject = subject_of(message);
        let (reply, receiver) = self.acks.expect(&subject).map_err(RequestFailure::Denied)?;
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

    /// Resolves once the server has refused the login for longer than is waited for.
    pub(super) fn locked_out(&self) -> impl Future<Output = LockedOut> + Send + use<> {
        let (mut link, patience) = (self.link.clone(), self.config.login_timeout);
        async move {
            let is_open = link.wait_for(|link| link.is_locked_out).await.is_ok();
            // Whoever listens sees that all is over.
            if is_open { LockedOut(patience) } else { pending().await }
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

    /// Begins to receive what is sent to subjects.
    pub(super) async fn listen(
        &self,
        subjects: &[String],
        queue: Option<&str>,
        room: usize,
    ) -> Result<Box<dyn Subscription>, Unavailable> {
        let wanted = subjects.to_vec();
        let (subscribed, link) = (Instant::now(), self.link.clone());
        let denied = self.denials.wait(move |denied| match denied.action {
            DeniedAction::Subscribe => wanted.contains(&denied.subject),
            // What is refused later is another's: nothing says whose.
            DeniedAction::SubscribeMore => link.borrow().may_refuse(subscribed, Instant::now()),
            DeniedAction::Publish => false,
        });
        let mut subscribers = SelectAll::new();
        for (index, subject) in subjects.iter().enumerate() {
            let subscriber = match queue {
                Some(queue) => self.client.queue_subscribe(subject.clone(), queue.to_owned()).await,
                None => self.client.subscribe(subject.clone()).await,
            };
            let subscriber = subscriber.map_err(|error| Unavailable(Cause::of(error)))?;
            // Of a queue the server chooses one subscription, whatever its subject.
            let before = if queue.is_some() { Vec::new() } else { subjects[..index].to_vec() };
            subscribers.push(Counted { subscriber, before, came: 0, marked: 0 });
        }
        let (sender, messages) = mpsc::channel(room.clamp(1, Semaphore::MAX_PERMITS));
        let (end, ended) = oneshot::channel();
        let missed = Arc::new(AtomicU64::new(0));
        let client = self.client.clone();
        let (link, losses) = (self.link.clone(), self.link.borrow().losses);
        let pump = Pump { subscribers, sender, ended, missed: Arc::clone(&missed), losses, link, client };
        self.thread.handle().spawn(pump.run());
        let locked_out = self.locked_out();
        let unheard = async move {
            tokio::select! {
                biased;
                denied = denied => Unheard::Denied(denied),
                locked_out = locked_out => Unheard::LockedOut(locked_out),
            }
        };
        Ok(Box::new(Listening { messages, missed, end: Some(end), unheard: unheard.boxed().shared() }))
    }
}

/// What comes on a subject, taken from the client as it comes: there it would be dropped without a count.
struct Listening {
    messages: mpsc::Receiver<LiveMessage>,
    missed: Arc<AtomicU64>,
    end: Option<oneshot::Sender<()>>,
    unheard: Shared<BoxFuture<'static, Unheard>>,
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

    fn unheard(&self) -> BoxFuture<'static, Unheard> {
        self.unheard.clone().boxed()
    }
}

/// A subscriber that counts what came.
struct Counted {
    subscriber: Subscriber,
    /// The subjects of the subscriptions before it: what they cover comes there, too, and is taken from them.
    before: Vec<String>,
    came: u64,
    /// How many had come when it was looked at.
    marked: u64,
}

impl Stream for Counted {
    type Item = async_nats::Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let next = self.subscriber.poll_next_unpin(context);
            let Poll::Ready(Some(message)) = &next else { return next };
            self.came += 1;
            if !self.before.iter().any(|before| filter::covers(before, &message.subject)) {
                return next;
            }
        }
    }
}

/// Takes messages from the client and hands them over as long as there is room.
///
/// The client forgets a subscription soon after it wrote that it wants no more, whatever is still on its way. So it first wants a
/// number of messages more than came, which is more than can be on their way: with these, client and server end it together. Where
/// fewer come, it waits until none come for a while, and only then wants no more at all.
///
/// After the connection was lost the server counts from 0 again, and the client does not. Then nothing ends by count, and a message
/// that is on its way at the end may be lost.
struct Pump {
    subscribers: SelectAll<Counted>,
    sender: mpsc::Sender<LiveMessage>,
    ended: oneshot::Receiver<()>,
    missed: Arc<AtomicU64>,
    link: watch::Receiver<Link>,
    /// How often the connection had been lost at the beginning.
    losses: u64,
    client: Wire,
}

impl Pump {
    async fn run(mut self) {
        loop {
            let message = tokio::select! {
                biased;
                _ = &mut self.ended => break,
                () = self.sender.closed() => return,
                message = self.subscribers.next() => message,
            };
            if message.is_none_or(|message| self.hand_over(message, Instant::now()).is_break()) {
                return;
            }
        }
        // Without a connection nothing is on its way.
        if self.link.borrow().connected {
            // Whatever came until then was handed over.
            let _ = timeout(LONGEST_LEAVE, self.leave()).await;
            self.rest().await;
        }
    }

    fn hand_over(&self, message: async_nats::Message, arrived: Instant) -> ControlFlow<()> {
        let reply = message.reply.as_ref().map(ToString::to_string);
        // A message of somebody's may have a status of its own, and the server says this without a body.
        let is_unanswered = message.status == Some(StatusCode::NO_RESPONDERS) && message.payload.is_empty();
        let live = LiveMessage { reply, message: from_nats(message), arrived, is_unanswered };
        match self.sender.try_send(live) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(self.missed.fetch_add(1, Ordering::Relaxed)),
            Err(TrySendError::Closed(_)) => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Hands over what comes within a time. Whether anything did; nothing if no more can come.
    async fn take_for(&mut self, time: Duration) -> Option<bool> {
        let (until, mut came) = (Instant::now() + time, false);
        while let Ok(next) = timeout_at(until, self.subscribers.next()).await {
            came = true;
            if self.hand_over(next?, Instant::now()).is_break() {
                return None;
            }
        }
        Some(came)
    }

    /// Hands over what comes while a message is on its way to the server and back. How long that took, and whether anything came;
    /// nothing if no more can come.
    async fn round_trip(&mut self) -> Option<(Duration, bool)> {
        let client = self.client.clone();
        let mut round_trip = std::pin::pin!(round_trip(&client));
        let mut came = false;
        loop {
            tokio::select! {
                biased;
                message = self.subscribers.next() => {
                    came = true;
                    if self.hand_over(message?, Instant::now()).is_break() {
                        return None;
                    }
                }
                took = &mut round_trip => return Some((took.unwrap_or_default(), came)),
            }
        }
    }

    /// Hands over what comes until no more does. Nothing once it has ended.
    async fn leave(&mut self) -> Option<()> {
        self.subscribers.iter_mut().for_each(|counted| counted.marked = counted.came);
        self.take_for(WINDOW).await?;
        if self.link.borrow().losses == self.losses {
            for counted in self.subscribers.iter_mut() {
                let (times, more) = MARGIN;
                let on_their_way = (counted.came - counted.marked) * times + more;
                counted.subscriber.unsubscribe_after(counted.came + on_their_way).await.ok()?;
            }
        }
        loop {
            let (round_trip, came) = self.round_trip().await?;
            let came_then = self.take_for(SHORTEST_FENCE + round_trip).await?;
            if !came && !came_then {
                return Some(());
            }
        }
    }

    /// Wants no more at all, and hands over what came until the server knew.
    async fn rest(mut self) {
        let Some((round_trip, _)) = self.round_trip().await else { return };
        // What comes meanwhile is read afterwards: it counts as having come before.
        let arrived = Instant::now();
        if fence(&mut self.subscribers, &self.client, round_trip * 4).await.is_ok() {
            while let Some(message) = self.subscribers.next().await {
                if self.hand_over(message, arrived).is_break() {
                    return;
                }
            }
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
