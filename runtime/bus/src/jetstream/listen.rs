//! What comes to whoever listens.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use async_nats::{StatusCode, UnsubscribeError};
use bytes::Bytes;
use eventsmith_event::filter;
use futures_util::future::{BoxFuture, Shared, pending, ready};
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::client::{JetStream, PAUSE};
use super::convert::from_nats;
use super::link::Link;
use super::wire::{Subscriber, Wire};
use crate::cause::Cause;
use crate::environment::watch;
use crate::transport::{DeniedAction, LiveMessage, RequestFailure, Subscription, Unavailable, Unheard};

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

/// Begins to receive what is sent to subjects, over the connection [beside](JetStream::beside) that of the streams.
pub(super) async fn listen(
    jetstream: &Arc<JetStream>,
    subjects: &[String],
    queue: Option<&str>,
    room: usize,
) -> Result<Box<dyn Subscription>, Unavailable> {
    let (sender, messages) = mpsc::channel(room.clamp(1, Semaphore::MAX_PERMITS));
    let ((end, ended), (report, reported)) = (oneshot::channel(), oneshot::channel());
    let missed = Arc::new(AtomicU64::new(0));
    let wanted = Wanted { subjects: subjects.to_vec(), queue: queue.map(ToOwned::to_owned) };
    let sink = Sink { sender, ended, missed: Arc::clone(&missed) };
    let ear = wanted.begin(jetstream).await?;
    jetstream.thread.handle().spawn(wanted.go_on(Arc::clone(jetstream), ear, sink, report));
    let unheard = async move {
        match reported.await {
            Ok(unheard) => unheard,
            Err(_) => pending().await,
        }
    };
    Ok(Box::new(Listening { messages, missed, end: Some(end), unheard: unheard.boxed().shared() }))
}

/// The connection over which answers come.
pub(super) async fn asking(jetstream: &Arc<JetStream>) -> Result<Arc<JetStream>, RequestFailure> {
    if jetstream.link.borrow().closed {
        return Err(RequestFailure::Closed);
    }
    jetstream.beside().await.map_err(|Unavailable(reason)| RequestFailure::NotSent(reason))
}

/// What is listened to.
struct Wanted {
    subjects: Vec<String>,
    queue: Option<String>,
}

/// Subscriptions over one connection.
struct Ear {
    beside: Arc<JetStream>,
    subscribers: SelectAll<Counted>,
    /// How often the connection had been lost at the beginning.
    losses: u64,
    /// Resolves when nothing will come over it any more.
    unheard: BoxFuture<'static, Unheard>,
}

impl Wanted {
    async fn begin(&self, jetstream: &Arc<JetStream>) -> Result<Ear, Unavailable> {
        let beside = jetstream.beside().await?;
        let wanted = self.subjects.clone();
        let (subscribed, link) = (Instant::now(), beside.link.clone());
        let denied = beside.denials.wait(move |denied| match denied.action {
            DeniedAction::Subscribe => wanted.contains(&denied.subject),
            // What is refused later is another's: nothing says whose.
            DeniedAction::SubscribeMore => link.borrow().may_refuse(subscribed, Instant::now()),
            DeniedAction::Publish => false,
        });
        let mut subscribers = SelectAll::new();
        for (index, subject) in self.subjects.iter().enumerate() {
            let subscriber = match &self.queue {
                Some(queue) => beside.client.queue_subscribe(subject.clone(), queue.clone()).await,
                None => beside.client.subscribe(subject.clone()).await,
            };
            let subscriber = subscriber.map_err(|error| Unavailable(Cause::of(error)))?;
            // Of a queue the server chooses one subscription, whatever its subject.
            let before = if self.queue.is_some() { Vec::new() } else { self.subjects[..index].to_vec() };
            subscribers.push(Counted { subscriber, before, came: 0, marked: 0 });
        }
        let losses = beside.link.borrow().losses;
        let locked_out = beside.locked_out();
        let unheard = async move {
            tokio::select! {
                biased;
                denied = denied => Unheard::Denied(denied),
                locked_out = locked_out => Unheard::LockedOut(locked_out),
            }
        };
        let unheard = unheard.boxed();
        // What is sent from now on over the other connection is to come here.
        jetstream.meet(&beside).await;
        Ok(Ear { beside, subscribers, losses, unheard })
    }

    /// Hands over what comes, until nobody wants it any more or the bus is shut down. Somebody may send what ends the client of the
    /// connection: then there is another.
    async fn go_on(self, jetstream: Arc<JetStream>, mut ear: Ear, mut sink: Sink, report: oneshot::Sender<Unheard>) {
        let mut report = Some(report);
        loop {
            let Ear { beside, subscribers, losses, mut unheard } = ear;
            let (link, client) = (beside.link.clone(), beside.client.clone());
            let pump = Pump { subscribers, sink, link, losses, client };
            // Where the client runs.
            let mut running = beside.thread.handle().spawn(pump.run());
            let rest = loop {
                tokio::select! {
                    biased;
                    rest = &mut running => break rest.ok().flatten(),
                    unheard = &mut unheard, if report.is_some() => {
                        // Nobody need want to know.
                        let _ = report.take().map(|report| report.send(unheard));
                    }
                }
            };
            drop(beside);
            let Some(rest) = rest.filter(|_| !jetstream.link.borrow().closed) else { return };
            sink = rest;
            ear = loop {
                match self.begin(&jetstream).await {
                    Ok(ear) => {
                        let subjects = &self.subjects;
                        tracing::error!(
                            ?subjects,
                            "a message ended the connection that listens; listening over another"
                        );
                        break ear;
                    }
                    Err(_) if jetstream.link.borrow().closed || sink.sender.is_closed() => return,
                    Err(error) => tracing::warn!(%error, "nothing is heard yet"),
                }
                sleep(PAUSE).await;
            };
        }
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

/// Where messages go.
struct Sink {
    sender: mpsc::Sender<LiveMessage>,
    ended: oneshot::Receiver<()>,
    missed: Arc<AtomicU64>,
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
    sink: Sink,
    link: watch::Receiver<Link>,
    /// How often the connection had been lost at the beginning.
    losses: u64,
    client: Wire,
}

impl Pump {
    /// Returns where messages are to go if the client has ended before anybody wanted that.
    async fn run(mut self) -> Option<Sink> {
        loop {
            let message = tokio::select! {
                biased;
                _ = &mut self.sink.ended => break,
                () = self.sink.sender.closed() => return None,
                message = self.subscribers.next() => message,
            };
            let Some(message) = message else { return Some(self.sink) };
            if self.hand_over(message, Instant::now()).is_break() {
                return None;
            }
        }
        // Without a connection nothing is on its way.
        if self.link.borrow().connected {
            // Whatever came until then was handed over.
            let _ = timeout(LONGEST_LEAVE, self.leave()).await;
            self.rest().await;
        }
        None
    }

    fn hand_over(&self, message: async_nats::Message, arrived: Instant) -> ControlFlow<()> {
        let reply = message.reply.as_ref().map(ToString::to_string);
        // A message of somebody's may have a status of its own, and the server says this without a body.
        let is_unanswered = message.status == Some(StatusCode::NO_RESPONDERS) && message.payload.is_empty();
        let live = LiveMessage { reply, message: from_nats(message), arrived, is_unanswered };
        match self.sink.sender.try_send(live) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(self.sink.missed.fetch_add(1, Ordering::Relaxed)),
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
