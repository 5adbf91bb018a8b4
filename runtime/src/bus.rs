//! The bus: what a service holds to publish and to consume.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::consumer::Consumer;
use crate::dead_letters::{DeadLetterError, DeadLetters};
use crate::jetstream::JetStream;
use crate::memory::{Memory, StoredMessage};
use crate::provision::{Plan, ProvisionError, Status};
use crate::publish::Publisher;
use crate::topology::Topology;
use crate::transport::Transport;
use crate::{Batch, Config, ConnectError, Event, PublishError, PublishOptions, Published, ShutdownError};

/// A connection to NATS JetStream, or its stand-in in memory, through which events are published and consumed.
///
/// Cheap to clone: all clones share one connection. See [`Config`] for how to connect.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    publisher: Publisher,
    ack_timeout: Duration,
    replicas: Option<u8>,
    create_consumers: bool,
}

impl Bus {
    /// Connects to NATS. The first connection must succeed; lost later, it is made again for ever.
    ///
    /// # Errors
    /// [`ConnectError`] when the configuration contradicts itself, no server can be reached or none lets us in.
    pub async fn connect(config: Config) -> Result<Self, ConnectError> {
        let config = config.bounded();
        let jetstream = JetStream::connect(&config).await?;
        Ok(Self::over(Transport::JetStream(jetstream), config))
    }

    /// A bus without a server, for tests and first steps: the same calls, the same rules.
    ///
    /// Streams must be provisioned; ids are stored once within the duplicate window; consumers are durable for as long
    /// as the bus (or a clone of it) lives, and deliver again what was handed back or not acknowledged in time. The
    /// clock is tokio's; [`settle`](Self::settle) puts it forward, so that tests wait for no retry.
    pub fn in_memory() -> Self {
        let config = Config { create_consumers: true, ..Config::default() };
        Self::over(Transport::Memory(Memory::default()), config)
    }

    fn over(transport: Transport, config: Config) -> Self {
        let publisher =
            Publisher { transport, source: config.name, budget: config.publish_timeout, window: config.max_in_flight };
        Self {
            inner: Arc::new(Inner {
                publisher,
                ack_timeout: config.ack_timeout,
                replicas: config.replicas,
                create_consumers: config.create_consumers,
            }),
        }
    }

    /// Creates and updates streams and consumers until they are as the topology says: [`plan`](Self::plan) and
    /// [`apply`](Self::apply) in one.
    ///
    /// # Errors
    /// As [`plan`](Self::plan) and [`apply`](Self::apply).
    pub async fn provision(&self, topology: impl Into<Topology>) -> Result<(), ProvisionError> {
        let plan = self.plan(topology).await?;
        self.apply(&plan).await
    }

    /// What would have to change for streams and consumers to be as the topology says; changes nothing.
    ///
    /// Settings that the topology does not speak of are none of its business and stay as they are, and so does what it
    /// does not name. With [`Config::replicas`] streams get that many replicas.
    ///
    /// # Errors
    /// [`ProvisionError::Server`] and [`ProvisionError::Unavailable`]. What cannot be changed is no error: it is in the plan.
    pub async fn plan(&self, topology: impl Into<Topology>) -> Result<Plan, ProvisionError> {
        let mut topology = topology.into();
        // The last attempt begins within the budget, give or take one delay of 4 s at most, and waits for its answer.
        let latest = self.inner.publisher.budget + self.inner.ack_timeout * 2 + Duration::from_secs(4);
        for stream in &mut topology.streams {
            stream.replicas = self.inner.replicas.map_or(stream.replicas, usize::from);
            if stream.duplicate_window <= latest {
                tracing::warn!(
                    stream = stream.name,
                    duplicate_window = ?stream.duplicate_window,
                    publish_timeout = ?self.inner.publisher.budget,
                    "the duplicate window is no longer than publishing may take: a late retry could be stored twice"
                );
            }
        }
        self.transport().plan(&topology).await
    }

    /// Does what a plan says, or nothing at all if it has something that cannot be done. Applied twice it changes nothing.
    ///
    /// # Errors
    /// [`ProvisionError::Refused`], with every setting and the reason. Another error ends it, and what came before it is done.
    pub async fn apply(&self, plan: &Plan) -> Result<(), ProvisionError> {
        self.transport().apply(plan).await
    }

    /// How streams and consumers are doing: those of a topology, or all that this user may see. Consumers that the topology does
    /// not have are among them, and marked.
    ///
    /// # Errors
    /// [`ProvisionError::Server`] and [`ProvisionError::Unavailable`].
    pub async fn status(&self, topology: Option<&Topology>) -> Result<Status, ProvisionError> {
        self.transport().status(topology).await
    }

    /// Validates an event, stores it, and returns once the stream has acknowledged it.
    ///
    /// An acknowledgement that does not come in time is no proof of failure. The message is sent again under the same
    /// id, for as long as [`Config::publish_timeout`] says, and the stream stores it once.
    ///
    /// # Errors
    /// [`PublishError`]; with [`Unacknowledged`](PublishError::Unacknowledged) alone the event may be stored all the same.
    pub async fn publish<E: Event>(&self, event: &E) -> Result<Published, PublishError> {
        self.publish_with(event, PublishOptions::default()).await
    }

    /// [`publish`](Self::publish) with an id of one's own, a correlation, or other members of the envelope.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn publish_with<E: Event>(&self, event: &E, options: PublishOptions) -> Result<Published, PublishError> {
        self.inner.publisher.publish(event, &options).await
    }

    /// Publishes events one after the other without waiting for each acknowledgement, and returns one result per event,
    /// in order.
    ///
    /// At most [`Config::max_in_flight`] events are unacknowledged at a time. They are stored in the order given, with
    /// one exception that JetStream does not let a client exclude: when the acknowledgement of an event fails, events
    /// that were in flight behind it may have been stored before it is sent again. Nothing new is sent until all that
    /// was in flight is settled. If an event cannot be settled, those behind it that were not sent yet get
    /// [`PublishError::NotSent`]. An event that is invalid or refused keeps none behind it from being stored.
    pub async fn publish_all<'a, E: Event>(
        &self,
        events: impl IntoIterator<Item = &'a E, IntoIter: Send>,
    ) -> Vec<Result<Published, PublishError>> {
        self.inner.publisher.publish_all(events.into_iter()).await
    }

    /// An empty batch, for [`publish_atomic`](Self::publish_atomic).
    pub fn batch(&self) -> Batch {
        Batch::new(&self.inner.publisher.source)
    }

    /// Stores all events of a batch, one after the other, or none of them.
    ///
    /// All must belong into one stream, which must allow it (`atomic = true` in `eventsmith.toml`), on nats-server 2.12.1 or
    /// later. As with [`publish`](Self::publish), the batch is sent again until it is known what became of it, and is
    /// stored once; so it is when the caller publishes the same batch again, within the duplicate window.
    ///
    /// # Errors
    /// [`PublishError`]; with [`Unacknowledged`](PublishError::Unacknowledged) alone the events may all be stored.
    pub async fn publish_atomic(&self, batch: &Batch) -> Result<Vec<Published>, PublishError> {
        self.inner.publisher.publish_atomic(batch).await
    }

    /// A consumer for this service, to be given handlers and run. Its name is that of its durable consumers.
    pub fn consumer(&self, service: impl Into<String>) -> Consumer {
        Consumer::new(self.clone(), service.into())
    }

    /// The dead letters of the catalogue whose subjects begin with this root. They are in the stream that captures
    /// `{root}.dlq.>`.
    ///
    /// # Errors
    /// [`DeadLetterError::NoStream`] when there is no such stream, [`DeadLetterError::Unavailable`] when that cannot be told.
    pub async fn dead_letters(&self, root: &str) -> Result<DeadLetters, DeadLetterError> {
        DeadLetters::open(self.transport(), root).await
    }

    /// What a bus in memory has stored, by stream and in order; nothing for a bus over NATS.
    pub fn published(&self) -> Vec<StoredMessage> {
        match self.transport() {
            Transport::Memory(memory) => memory.stored(),
            Transport::JetStream(_) => Vec::new(),
        }
    }

    /// Waits until every consumer that was made of this bus in memory has settled all it can get: handled, or gone to the dead
    /// letters, and the same for what its handlers published. Nobody waits for retries: the clock of the bus is put forward
    /// instead. At once for a bus over NATS, which cannot know.
    ///
    /// A consumer that cannot settle, because it is never run, its handler hangs or its breaker is open, is waited for.
    pub async fn settle(&self) {
        if let Transport::Memory(memory) = self.transport() {
            memory.settle().await;
        }
    }

    /// Sends what is still on its way and closes the connection, for all clones. Stop consumers first.
    ///
    /// # Errors
    /// [`ShutdownError`] when the server does not confirm. The connection is closed all the same; one that is down at
    /// the moment, as soon as it is made again.
    pub async fn shutdown(&self) -> Result<(), ShutdownError> {
        self.transport().close().await.map_err(|error| ShutdownError { reason: error.0 })
    }

    pub(crate) fn creates_consumers(&self) -> bool {
        self.inner.create_consumers
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.inner.publisher.transport
    }
}

impl fmt::Debug for Bus {
    /// The name alone: what lies below holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.inner.publisher.source).finish()
    }
}
