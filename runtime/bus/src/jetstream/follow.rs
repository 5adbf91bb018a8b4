//! Reading a stream in its order by a consumer that the server pushes from and forgets, as ordered consumers of other clients do.
//! (NATS ADR-17.) It acknowledges nothing: whatever is missing is seen by the numbers of the deliveries, and another consumer
//! begins behind the last message that was read. Who may make no consumers asks for one message after the other.

mod behind;
mod consumer;
mod goal;
mod pace;
mod poll;
mod singly;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{AskFailure, JetStream, PAUSE, Settings, nanos};
use super::link::Link;
use crate::cause::Cause;
use crate::environment;
use crate::transport::{
    Denied, DeniedAction, Follow, FollowStart, Followed, Follower, LockedOut, ServerFailure, StreamMessage,
};
use consumer::{Arrival, Consumer};
use goal::Goal;
use pace::Poll;

/// How often the server says that it has nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After how long without a word the consumer is taken to be gone.
const SILENCE: Duration = Duration::from_secs(12);
/// After how long without a reader the server forgets the consumer.
const FORGET_AFTER: Duration = Duration::from_secs(30);
/// After as many connections that were lost before a consumer delivered anything, a message may be what ends them.
const LOSSES: u32 = 2;
/// As many messages are then read in a way that none disturbs: where there is one of this kind, there are more.
const SINGLY: u32 = 16;
/// How long it takes at most until another consumer is made, where one after the other misses something.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The server's codes for what passes: too many consumers, too little room. (nats-server, server/errors.json)
const PASSING: [u64; 3] = [10005, 10023, 10026];

/// Reads a stream.
#[derive(Debug)]
pub(super) struct Following {
    main: Arc<JetStream>,
    /// The connection beside it: one of the messages may end it.
    jetstream: Arc<JetStream>,
    wanted: Follow,
    consumer: Option<Consumer>,
    /// When the stream was created, where that may be asked.
    created: Option<Timestamp>,
    /// The number of the last message that was returned.
    last: u64,
    /// Whether it was said that all has come which was there at the beginning.
    is_current: bool,
    /// What has to come before.
    goal: Goal,
    /// Whether superseded messages are left out here, as the server would deliver again one that no client can read.
    is_sifting: bool,
    /// What came and is still to be sifted: kept, so that none is lost where nobody waits any more.
    unsifted: Option<StreamMessage>,
    /// How often the connection was lost before a consumer delivered anything.
    losses: u32,
    /// How many messages are still to be read without a consumer.
    singly: u32,
    /// How many consumers in a row missed something.
    gaps: u32,
    /// The way of those who may make no consumers.
    poll: Option<Poll>,
}

/// What the server answers when a consumer is created, as far as it matters here.
#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    delivered: Delivered,
}

/// What it has delivered already, where the first answer was lost.
#[derive(Default, Deserialize)]
struct Delivered {
    #[serde(default)]
    consumer_seq: u64,
}

impl Following {
    pub(super) async fn begin(main: Arc<JetStream>, wanted: Follow) -> Result<Self, ServerFailure> {
        let jetstream = main.beside().await?;
        // Who may not ask is not told that a stream was made anew.
        let extent = jetstream.find_extent(&wanted.stream).await.ok().flatten();
        let goal = Goal::of(extent.as_ref().map(|extent| extent.replicas));
        let created = extent.and_then(|extent| extent.created);
        let mut following = Self {
            main,
            jetstream,
            wanted,
            consumer: None,
            created,
            last: 0,
            is_current: false,
            goal,
            is_sifting: false,
            unsifted: None,
            losses: 0,
            singly: 0,
            gaps: 0,
            poll: None,
        };
        following.create().await?;
        Ok(following)
    }

    /// Where to go on.
    fn rest(&self) -> FollowStart {
        match (self.wanted.start, self.last) {
            // Behind the last message there are also those that a later one on their subject has replaced.
            (FollowStart::LastOfEach, _) if !self.is_current && !self.is_sifting => FollowStart::LastOfEach,
            // There was nothing at the beginning, so whatever is there has come since.
            (FollowStart::LastOfEach, 0) => FollowStart::All,
            (start, 0) => start,
            (_, last) => FollowStart::Sequence(last + 1),
        }
    }

    /// Creates a consumer that begins behind the last message.
    async fn create(&mut self) -> Result<(), ServerFailure> {
        let Follow { stream, subject, headers_only, .. } = &self.wanted;
        let client = &self.jetstream.client;
        let losses = self.jetstream.link.borrow().losses;
        if self.jetstream.polled.is_known(stream, losses) {
            return self.begin_to_poll().await.map_err(ServerFailure::from);
        }
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(inbox.clone()).await;
        let subscriber = subscribed.map_err(|error| ServerFailure::Unavailable(Cause::of(error)))?;
        let name = format!("eventsmith-{:016x}", environment::random());
        let (policy, from) = match self.rest() {
            FollowStart::All => ("all", None),
            FollowStart::LastOfEach => ("last_per_subject", None),
            FollowStart::Sequence(sequence) => ("by_start_sequence", Some(("opt_start_seq", json!(sequence)))),
            FollowStart::Time(time) => ("by_start_time", Some(("opt_start_time", json!(time)))),
        };
        let mut config = Settings::from_iter(
            [
                ("name", json!(name)),
                ("description", json!("reads along")),
                ("deliver_subject", json!(inbox)),
                ("deliver_policy", json!(policy)),
                ("ack_policy", json!("none")),
                ("max_deliver", json!(1)),
                ("filter_subject", json!(subject)),
                ("replay_policy", json!("instant")),
                ("flow_control", json!(true)),
                ("idle_heartbeat", nanos(HEARTBEAT)),
                ("inactive_threshold", nanos(FORGET_AFTER)),
                ("headers_only", json!(headers_only)),
                ("mem_storage", json!(true)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        config.extend(from.map(|(name, value)| (name.to_owned(), value)));
        // The server names the stream, and in newer forms a domain before it.
        let of_stream = format!(".{stream}.");
        let denied = self.jetstream.denials.wait(move |denied| {
            let Denied { action, subject } = denied;
            *action == DeniedAction::Publish && subject.starts_with("$JS.FC.") && subject.contains(&of_stream)
        });
        // That the subject names the filter lets permissions speak of it.
        let create = format!("CONSUMER.CREATE.{stream}.{name}.{subject}");
        let request = json!({ "stream_name": stream, "config": config, "action": "create" });
        let created = match self.jetstream.try_ask::<Created>(create, &request).await {
            Err(failure @ AskFailure::Denied(_)) => return self.instead(losses, failure).await,
            created => created.map_err(unanswered)??,
        };
        self.consumer = Some(Consumer {
            name,
            subscriber,
            deliveries: 0,
            initial: created.num_pending + created.delivered.consumer_seq,
            brought_news: false,
            heard: Instant::now(),
            losses,
            denied: denied.boxed().shared(),
        });
        Ok(())
    }

    /// Creates a consumer again, however long it takes until there is a connection.
    async fn create_again(&mut self) -> Result<(), ServerFailure> {
        loop {
            self.connected().await?;
            let begun = async {
                self.check_stream().await?;
                self.create().await
            };
            let reason = match begun.await {
                Err(ServerFailure::Unavailable(reason)) => reason,
                Err(ServerFailure::Refused { code, reason }) if PASSING.contains(&code) => reason,
                begun => return begun,
            };
            tracing::debug!(stream = self.wanted.stream, %reason, "reading along again");
            sleep(PAUSE).await;
        }
    }

    /// Waits until there is a connection.
    async fn connected(&mut self) -> Result<(), ServerFailure> {
        while let Err(error) = self.main.beside().await.map(|beside| self.jetstream = beside) {
            let Link { closed, is_locked_out, .. } = *self.main.link.borrow();
            if closed || is_locked_out {
                return Err(error.into());
            }
            sleep(PAUSE).await;
        }
        let mut link = self.jetstream.link.clone();
        let is_decided = |link: &Link| link.connected || link.closed || link.is_locked_out;
        match link.wait_for(is_decided).await.map(|link| *link) {
            Ok(Link { connected: true, closed: false, .. }) => Ok(()),
            Ok(Link { closed: false, .. }) => {
                let locked_out = LockedOut(self.jetstream.config.login_timeout);
                Err(ServerFailure::Unavailable(Cause::of(locked_out)))
            }
            Ok(_) | Err(_) => Err(ServerFailure::Unavailable("the bus is shut down".into())),
        }
    }

    /// Whether the stream is still the one that was read: one that was made anew counts from 1 again.
    async fn check_stream(&self) -> Result<(), ServerFailure> {
        let stream = &self.wanted.stream;
        match self.jetstream.find_extent(stream).await {
            Ok(Some(extent)) if self.created.is_some() && extent.created != self.created => {
                let reason = format!("the stream {stream} was deleted and made anew; read it from its beginning");
                Err(ServerFailure::Refused { code: ServerFailure::NO_STREAM, reason: reason.into() })
            }
            // Who may not ask is told when the consumer is created, or never.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Is done with a consumer. The server need not keep it until it forgets it by itself.
    fn leave(&mut self) {
        let Some(consumer) = self.consumer.take() else { return };
        let jetstream = Arc::clone(&self.jetstream);
        if !jetstream.link.borrow().connected {
            return;
        }
        let delete = format!("CONSUMER.DELETE.{}.{}", self.wanted.stream, consumer.name);
        jetstream.thread.handle().clone().spawn(async move {
            let deleted = jetstream.try_ask::<IgnoredAny>(delete, &json!({})).await;
            if !matches!(deleted, Ok(Ok(_))) {
                tracing::debug!("the server forgets a consumer by itself");
            }
        });
    }

    /// Notes that the connection was lost.
    fn lost(&mut self) {
        let delivered = self.consumer.as_ref().is_some_and(|consumer| consumer.brought_news);
        self.losses = if delivered { 0 } else { self.losses + 1 };
        if self.losses >= LOSSES {
            (self.losses, self.singly) = (0, SINGLY);
        }
        self.consumer = None;
    }

    async fn next_message(&mut self) -> Result<Followed, ServerFailure> {
        loop {
            if let Some(message) = self.sifted().await? {
                return Ok(Followed::Message(message));
            }
            if self.poll.is_some() {
                return self.polled().await;
            }
            if self.singly > 0
                && let Some(message) = self.read_singly().await?
            {
                return Ok(Followed::Message(message));
            }
            let Some(consumer) = &mut self.consumer else {
                if self.gaps > 1 {
                    sleep((PAUSE * self.gaps).min(LONGEST_PAUSE)).await;
                }
                self.create_again().await?;
                continue;
            };
            if !self.is_current && consumer.deliveries >= consumer.initial && self.has_reached().await {
                self.is_current = true;
                return Ok(Followed::Current);
            }
            let Some(consumer) = &mut self.consumer else { continue };
            let mut link = self.jetstream.link.clone();
            let losses = consumer.losses;
            let arrived = tokio::select! {
                biased;
                message = consumer.subscriber.next() => message,
                denied = consumer.denied.clone() => {
                    return Err(ServerFailure::Refused { code: 0, reason: Cause::of(denied) });
                }
                _ = link.wait_for(|link| link.losses != losses || link.closed) => {
                    self.lost();
                    continue;
                }
                () = sleep_until(consumer.heard + SILENCE) => {
                    self.leave();
                    continue;
                }
            };
            let Some(arrived) = arrived else {
                self.lost();
                continue;
            };
            consumer.heard = Instant::now();
            match consumer.look_at(arrived) {
                // It came from an earlier consumer.
                Arrival::Message(message) if message.sequence <= self.last => {}
                Arrival::Message(message) => {
                    consumer.brought_news = true;
                    self.last = message.sequence;
                    (self.losses, self.gaps) = (0, 0);
                    if !(self.is_sifting && self.wants_last()) {
                        return Ok(Followed::Message(message));
                    }
                    self.unsifted = Some(message);
                }
                Arrival::Question(subject) => {
                    // If it does not get there, the connection is lost.
                    let _ = self.jetstream.client.publish(subject, Bytes::new()).await;
                }
                Arrival::Idle => {
                    (self.losses, self.gaps) = (0, 0);
                    self.goal.doubt();
                    // What was there at the beginning and did not come is gone.
                    consumer.initial = consumer.deliveries;
                }
                Arrival::Nothing => {}
                Arrival::Gap => {
                    self.gaps += 1;
                    self.leave();
                }
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Follower for Following {
    fn next(&mut self) -> BoxFuture<'_, Result<Followed, ServerFailure>> {
        self.next_message().boxed()
    }
}

/// Why no consumer was created: what does not pass is a refusal.
fn unanswered(failure: AskFailure) -> ServerFailure {
    match failure {
        AskFailure::Silent(_) | AskFailure::NoJetStream { may_pass: true, .. } => {
            ServerFailure::Unavailable(Cause::of(failure))
        }
        AskFailure::Denied(_) | AskFailure::NoJetStream { .. } => {
            ServerFailure::Refused { code: 0, reason: Cause::of(failure) }
        }
    }
}
