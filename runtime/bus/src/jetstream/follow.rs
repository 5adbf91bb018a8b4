//! Reading a stream in its order by a consumer that the server pushes from and forgets, as ordered consumers of other clients do.
//! (NATS ADR-17.) It acknowledges nothing: whatever is missing is seen by the numbers of the deliveries, and another consumer
//! begins behind the last message that was read.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::ack::{parse_position, parse_reply};
use super::client::{AskFailure, JetStream, PAUSE, Settings, nanos};
use super::convert::from_nats;
use super::wire::Subscriber;
use crate::cause::Cause;
use crate::environment;
use crate::transport::{Follow, FollowStart, Follower, MessageSelector, ServerFailure, StreamMessage};

/// How often the server says that it has nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After how long without a word the consumer is taken to be gone.
const SILENCE: Duration = Duration::from_secs(12);
/// After how long without a reader the server forgets the consumer.
const FORGET_AFTER: Duration = Duration::from_secs(30);
/// The number of the last delivery, in a heartbeat.
const LAST_DELIVERY: &str = "Nats-Last-Consumer";
/// Where to answer so that the server goes on, in a heartbeat.
const STALLED: &str = "Nats-Consumer-Stalled";
/// After as many connections that were lost over the same message, it is read in a way that no message disturbs.
const LOSSES: u32 = 2;

/// Reads a stream.
#[derive(Debug)]
pub(super) struct Following {
    jetstream: Arc<JetStream>,
    wanted: Follow,
    consumer: Option<Consumer>,
    /// The number of the last message that was returned.
    last: u64,
    pending: u64,
    /// How often the connection was lost since a message was returned.
    losses: u32,
}

/// A consumer at the server, and where it sends.
#[derive(Debug)]
struct Consumer {
    subscriber: Subscriber,
    /// How many messages it delivered.
    deliveries: u64,
    heard: Instant,
    /// How often the connection had been lost when it was made.
    losses: u64,
}

/// What is to be done with what came.
enum Arrival {
    Message {
        message: StreamMessage,
        pending: u64,
    },
    /// The server waits for an answer there.
    Question(String),
    Nothing,
    /// Something is missing.
    Gap,
}

/// What the server answers when a consumer is created, as far as it matters here.
#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    num_pending: u64,
}

impl Following {
    pub(super) async fn begin(jetstream: Arc<JetStream>, wanted: Follow) -> Result<Self, ServerFailure> {
        let mut following = Self { jetstream, wanted, consumer: None, last: 0, pending: 0, losses: 0 };
        following.create().await?;
        Ok(following)
    }

    /// Creates a consumer that begins behind the last message.
    async fn create(&mut self) -> Result<(), ServerFailure> {
        let Follow { stream, subject, start, headers_only } = &self.wanted;
        let client = &self.jetstream.client;
        let losses = self.jetstream.link.borrow().losses;
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(inbox.clone()).await;
        let subscriber = subscribed.map_err(|error| ServerFailure::Unavailable(Cause::of(error)))?;
        let name = format!("eventsmith-{:016x}", environment::random());
        let (policy, from) = match start {
            FollowStart::All => ("all", None),
            FollowStart::LastOfEach => ("last_per_subject", None),
            FollowStart::New => ("new", None),
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
                ("num_replicas", json!(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        config.extend(from.map(|(name, value)| (name.to_owned(), value)));
        // That the subject names the filter lets permissions speak of it.
        let create = format!("CONSUMER.CREATE.{stream}.{name}.{subject}");
        let request = json!({ "stream_name": stream, "config": config, "action": "create" });
        let created: Created = self.jetstream.try_ask(create, &request).await.map_err(unanswered)??;
        self.pending = created.num_pending;
        self.consumer = Some(Consumer { subscriber, deliveries: 0, heard: Instant::now(), losses });
        Ok(())
    }

    /// Creates a consumer again, however long it takes until there is a connection.
    async fn create_again(&mut self) -> Result<(), ServerFailure> {
        if self.last > 0 {
            self.wanted.start = FollowStart::Sequence(self.last + 1);
        }
        loop {
            let mut link = self.jetstream.link.clone();
            let closed = link.wait_for(|link| link.connected || link.closed).await.map_or(true, |link| link.closed);
            if closed {
                return Err(ServerFailure::Unavailable("the bus is shut down".into()));
            }
            let begun = async {
                self.check_stream().await?;
                self.create().await
            };
            match begun.await {
                Err(ServerFailure::Unavailable(reason)) => {
                    tracing::debug!(stream = self.wanted.stream, %reason, "reading along again");
                    sleep(PAUSE).await;
                }
                begun => return begun,
            }
        }
    }

    /// Whether the stream is still the one that was read: one that was made anew counts from 1 again.
    async fn check_stream(&self) -> Result<(), ServerFailure> {
        let stream = &self.wanted.stream;
        match self.jetstream.find_extent(stream).await {
            Ok(Some(extent)) if extent.last < self.last => {
                let reason = format!("the stream {stream} was deleted and made anew; read it from its beginning");
                Err(ServerFailure::Refused { code: ServerFailure::NO_STREAM, reason: reason.into() })
            }
            // Who may not ask is told when the consumer is created, or never.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Reads the next message without a consumer: it may be one that the client cannot read.
    async fn read_singly(&mut self) -> Result<Option<StreamMessage>, ServerFailure> {
        let next = MessageSelector::NextOf { subject: &self.wanted.subject, from: self.last + 1 };
        Ok(self.jetstream.stored_message(&self.wanted.stream, next).await?)
    }

    fn took(&mut self, message: &StreamMessage) {
        self.last = message.sequence;
        self.losses = 0;
    }

    async fn next_message(&mut self) -> Result<StreamMessage, ServerFailure> {
        loop {
            let Some(consumer) = &mut self.consumer else {
                if self.losses >= LOSSES
                    && let Some(message) = self.read_singly().await?
                {
                    self.took(&message);
                    return Ok(message);
                }
                self.create_again().await?;
                continue;
            };
            let mut link = self.jetstream.link.clone();
            let losses = consumer.losses;
            let arrived = tokio::select! {
                biased;
                message = consumer.subscriber.next() => message,
                lost = link.wait_for(|link| link.losses != losses || link.closed) => {
                    let is_closed = lost.map_or(true, |link| link.closed);
                    self.losses += u32::from(!is_closed);
                    self.consumer = None;
                    continue;
                }
                () = sleep_until(consumer.heard + SILENCE) => {
                    self.consumer = None;
                    continue;
                }
            };
            let Some(arrived) = arrived else {
                self.consumer = None;
                continue;
            };
            consumer.heard = Instant::now();
            match consumer.look_at(arrived) {
                Arrival::Message { message, pending } => {
                    self.pending = pending;
                    self.took(&message);
                    return Ok(message);
                }
                Arrival::Question(subject) => {
                    // If it does not get there, the connection is lost.
                    let _ = self.jetstream.client.publish(subject, Bytes::new()).await;
                }
                Arrival::Nothing => {}
                Arrival::Gap => self.consumer = None,
            }
        }
    }
}

impl Consumer {
    /// What came from the server. Its deliveries are numbered without a gap.
    fn look_at(&mut self, message: Message) -> Arrival {
        if message.status == Some(StatusCode::IDLE_HEARTBEAT) {
            let header = |name| message.headers.as_ref().and_then(|headers| headers.get(name)).map(ToString::to_string);
            let last = header(LAST_DELIVERY).and_then(|number| number.parse().ok());
            return match (message.reply.as_ref(), header(STALLED)) {
                // What flow control asks comes in its turn among the messages: they have been read by now.
                (Some(reply), _) => Arrival::Question(reply.to_string()),
                (None, Some(stalled)) => Arrival::Question(stalled),
                (None, None) if last.is_some_and(|last: u64| last > self.deliveries) => Arrival::Gap,
                (None, None) => Arrival::Nothing,
            };
        }
        let read = message.reply.as_deref().and_then(|reply| Some((parse_reply(reply)?, parse_position(reply)?)));
        // Nobody else knows where to send; whatever it is, it is none of the stream's.
        let Some((ack, (delivery, pending))) = read else { return Arrival::Nothing };
        if delivery != self.deliveries + 1 {
            return Arrival::Gap;
        }
        self.deliveries = delivery;
        let message = StreamMessage { sequence: ack.sequence, stored: ack.stored, message: from_nats(message) };
        Arrival::Message { message, pending }
    }
}

impl Follower for Following {
    fn next(&mut self) -> BoxFuture<'_, Result<StreamMessage, ServerFailure>> {
        self.next_message().boxed()
    }

    fn pending(&self) -> u64 {
        self.pending
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
