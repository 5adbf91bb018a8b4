//! The bus: what a service holds to publish and to consume.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_event::descriptor::EventDescriptor;
use eventsmith_event::event::{Event, Request};
use eventsmith_event::reply::AnyReply;
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;

use crate::config::Config;
use crate::dead_letters::runs::is_run_count;
use crate::jetstream::{ConnectError, JetStream, ShutdownError};
use crate::memory::{Memory, Reading, Starting, StoredMessage};
use crate::observe::{Component, ComponentKind, ComponentState, Figure, FigureKind, Observer, Observers, TraceContext};
use crate::outgoing::Sender;
use crate::publish::{
    Append, BulkError, BulkPublished, BulkPublisher, PublishAllError, PublishBatch, PublishError, PublishOptions,
    Published, Publisher,
};
use crate::request::{Described, RequestError, RequestOptions, Requester, Typed};
use crate::transport::{ConnectionState, Headers, Transport};

/// A connection to NATS JetStream, or its stand-in in memory, through which events are published and consumed.
///
/// Cheap to clone: all clones share one connection. See [`Config`] for how to connect.
///
/// ```
/// use eventsmith::{Bus, Config, Event};
///
/// async fn store<E: Event>(event: &E) -> Result<(), Box<dyn std::error::Error>> {
///     let bus = Bus::connect(Config::from_env()?).await?; // in tests: Bus::in_memory()
///     let stored = bus.publish(event).await?;
///     println!("number {} of {}", stored.sequence, stored.stream);
///     bus.shutdown().await?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    publisher: Publisher,
    backend: Backend,
    ack_timeout: Duration,
    replicas: Option<u8>,
    create_consumers: bool,
}

/// What carries the messages of a bus: for what not every transport can do.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum Backend {
    /// A server.
    JetStream(Arc<JetStream>),
    /// Memory.
    Memory(Memory),
}

impl Backend {
    fn transport(&self) -> Arc<dyn Transport> {
        match self {
            Self::JetStream(jetstream) => Arc::new(Arc::clone(jetstream)),
            Self::Memory(memory) => Arc::new(memory.clone()),
        }
    }
}

impl Bus {
    /// Connects to NATS. The first connection must succeed; lost later, it is made again for ever.
    ///
    /// # Errors
    /// [`ConnectError`] when the configuration contradicts itself, no server can be reached or none lets us in.
    pub async fn connect(config: Config) -> Result<Self, ConnectError> {
        if let Some((setting, reason)) = config.senseless() {
            return Err(ConnectError::Config { setting, reason: reason.into() });
        }
        let config = config.bounded();
        let jetstream = JetStream::connect(&config).await?;
        Ok(Self::over(Backend::JetStream(jetstream), config))
    }

    /// A bus over the client of a simulation, and what takes in that client's events. For tests of this repository.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "simulation")]
    #[doc(hidden)]
    pub async fn simulated(
        config: Config,
        client: Arc<dyn crate::jetstream::SimulatedClient>,
    ) -> Result<(Self, impl Fn(&crate::jetstream::ClientEvent) + Send + Sync + use<>), ConnectError> {
        let config = config.bounded();
        let (jetstream, events) = JetStream::simulate(&config, client).await?;
        Ok((Self::over(Backend::JetStream(jetstream), config), events))
    }

    /// A bus without a server, for tests and first steps: the same calls, the same rules.
    ///
    /// Streams must be provisioned. Services create the consumers that they need, until services have been provisioned: then each
    /// needs its own as it was provisioned, as on a server. Ids are stored once within the duplicate window; consumers are durable for as long
    /// as the bus (or a clone of it) lives, and redeliver what was nakked or not acked in time. The
    /// clock is tokio's; [`settle`](Self::settle) puts it forward, so that tests wait for no retry.
    pub fn in_memory() -> Self {
        Self::over(Backend::Memory(Memory::default()), Config::default())
    }

    fn over(backend: Backend, config: Config) -> Self {
        let publisher = Publisher {
            transport: backend.transport(),
            sender: Sender { source: config.name, observers: Observers::default() },
            budget: config.publish_timeout,
            max_in_flight: config.max_in_flight,
        };
        Self {
            inner: Arc::new(Inner {
                publisher,
                backend,
                ack_timeout: config.ack_timeout,
                replicas: config.replicas,
                create_consumers: config.create_consumers,
            }),
        }
    }

    /// The same bus, and whatever is done with it from now on is told to an observer, too: publishing, and the consumers, services,
    /// projections and sagas that are made of it. Telemetry is such an observer.
    #[must_use = "the bus itself is observed by nobody new"]
    pub fn observed_by(&self, observer: Arc<dyn Observer>) -> Self {
        let Inner { publisher, backend, ack_timeout, replicas, create_consumers } = &*self.inner;
        let connection: Arc<dyn Component> =
            Arc::new(Connection { name: publisher.sender.source.clone(), transport: Arc::clone(&publisher.transport) });
        Observers::default().and(Arc::clone(&observer)).introduce(&connection);
        let sender = Sender { observers: publisher.sender.observers.and(observer), ..publisher.sender.clone() };
        Self {
            inner: Arc::new(Inner {
                publisher: Publisher { sender, ..publisher.clone() },
                backend: backend.clone(),
                ack_timeout: *ack_timeout,
                replicas: *replicas,
                create_consumers: *create_consumers,
            }),
        }
    }

    /// The trace that is to go on in what is sent next: that of the present span, where an observer knows it; what headers say,
    /// otherwise.
    #[doc(hidden)]
    pub fn present_trace(&self, headers: &Headers) -> TraceContext {
        let present = self.observers().context(TraceContext::default());
        if present.traceparent.is_some() { present } else { TraceContext::of(headers) }
    }

    /// Whoever listens to this bus.
    #[doc(hidden)]
    pub fn observers(&self) -> &Observers {
        &self.inner.publisher.sender.observers
    }

    /// Validates an event, stores it, and returns once the stream has acknowledged it.
    ///
    /// An acknowledgement that does not come in time is no proof of failure. The message is sent again under the same
    /// id, for as long as [`Config::publish_timeout`] says, and the stream stores it once.
    ///
    /// Commands and queries are requests, not events, and cannot be published:
    ///
    /// ```compile_fail,E0277
    /// async fn wrong<R: eventsmith::Request>(bus: eventsmith::Bus, request: R) {
    ///     let _ = bus.publish(&request).await;
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PublishError`]; with [`Unacknowledged`](PublishError::Unacknowledged) and [`NoAck`](PublishError::NoAck) alone the event may be
    /// stored all the same.
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

    /// Publishes events one after the other without waiting for each acknowledgement, and returns where each is stored, in
    /// order.
    ///
    /// At most [`Config::max_in_flight`] events are unacknowledged at a time. They are stored in the order given, with
    /// one exception that JetStream does not let a client exclude: when the acknowledgement of an event fails, events
    /// that were in flight behind it may have been stored before it is sent again. Nothing new is sent until all that
    /// was in flight is settled. If an event cannot be settled, those behind it that were not sent yet get
    /// [`PublishError::NotSent`]. An event that is invalid or refused keeps none behind it from being stored.
    ///
    /// # Errors
    /// [`PublishAllError`] when an event is not known to be stored; it says which are, and why each of the others is not.
    pub async fn publish_all<'a, E: Event>(
        &self,
        events: impl IntoIterator<Item = &'a E, IntoIter: Send>,
    ) -> Result<Vec<Published>, PublishAllError> {
        self.inner.publisher.publish_all(events.into_iter()).await
    }

    /// An empty batch, for [`publish_atomic`](Self::publish_atomic).
    pub fn batch(&self) -> PublishBatch {
        PublishBatch::new(&self.inner.publisher.sender)
    }

    /// Stores all events of a batch, one after the other, or none of them.
    ///
    /// All must belong into one stream, which must allow it (`atomic = true` in `eventsmith.toml`), on nats-server 2.12.1 or
    /// later. As with [`publish`](Self::publish), the batch is sent again until it is known what became of it, and is
    /// stored once; so it is when the caller publishes the same batch again, within the duplicate window.
    ///
    /// # Errors
    /// [`PublishError`]; with [`Unacknowledged`](PublishError::Unacknowledged) and [`NoAck`](PublishError::NoAck) alone the events may all
    /// be stored.
    pub async fn publish_atomic(&self, batch: &PublishBatch) -> Result<Vec<Published>, PublishError> {
        self.inner.publisher.publish_atomic(batch).await
    }

    /// No events yet, to be stored behind number `last`, if that is still the last message of the subjects that a filter matches (0
    /// for none): for [`append`](Self::append).
    #[doc(hidden)]
    pub fn append_behind(&self, filter: &str, last: u64) -> Append {
        Append::new(&self.inner.publisher.sender, filter, last)
    }

    /// Stores events one after the other, or none of them; [`PublishError::WrongSequence`] where the subjects end elsewhere.
    #[doc(hidden)]
    pub async fn append(&self, append: &Append) -> Result<Vec<Published>, PublishError> {
        self.inner.publisher.append(append).await
    }

    /// Publishes many events with few acknowledgements, for imports and replays, and returns how many there are.
    ///
    /// They are stored one after the other, in the order given, and at most 16 times [`Config::max_in_flight`] are on their
    /// way at a time. The first event that cannot be stored ends the call. On nats-server 2.14 or later a stream that allows it
    /// (`bulk = true` in `eventsmith.toml`) takes fast batches, several of them if connections or leaders are lost; all else
    /// is published as by [`publish_all`](Self::publish_all), and what a batch left behind, too. [`bulk`](Self::bulk) takes events of several types, with ids,
    /// and from sources that have to be waited for.
    ///
    /// ```
    /// use eventsmith::bulk::BulkError;
    /// use eventsmith::{Bus, Event};
    ///
    /// async fn import<E: Event>(bus: &Bus, events: impl Iterator<Item = E> + Send) -> Result<(), BulkError> {
    ///     let published = bus.publish_bulk(events).await.inspect_err(|error| {
    ///         eprintln!("{} events are stored, the next one is not: {}", error.stored(), error.reason());
    ///     })?;
    ///     println!("{} events are stored", published.events);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`BulkError`] when an event is not known to be stored; it says how many are.
    pub async fn publish_bulk<E: Event>(
        &self,
        events: impl IntoIterator<Item = E, IntoIter: Send>,
    ) -> Result<BulkPublished, BulkError> {
        self.inner.publisher.publish_bulk(events.into_iter()).await
    }

    /// [`publish_bulk`](Self::publish_bulk) for events that are pushed one by one.
    pub fn bulk(&self) -> BulkPublisher {
        BulkPublisher::new(&self.inner.publisher)
    }

    /// Asks whoever answers a command or query, and returns the reply.
    ///
    /// The request is validated before it is sent, and the reply before it is returned. No reply within 5 s is an error; a query
    /// is sent again after half of that time, a command never where it may be under way. If nobody answers, or there is no
    /// room for the request, it is sent again for a while, as nothing was done.
    ///
    /// Events are no requests:
    ///
    /// ```compile_fail,E0277
    /// async fn wrong<E: eventsmith::Event>(bus: eventsmith::Bus, event: E) {
    ///     let _ = bus.request(&event).await;
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`]; [`may_be_done`](RequestError::may_be_done) tells whether the request may have been done all the same.
    pub async fn request<R: Request>(&self, request: &R) -> Result<R::Reply, RequestError<R::Error>> {
        self.request_with(request, RequestOptions::default()).await
    }

    /// [`request`](Self::request) with a time of one's own, an id, or other members of the envelope.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn request_with<R: Request>(
        &self,
        request: &R,
        options: RequestOptions,
    ) -> Result<R::Reply, RequestError<R::Error>> {
        let Publisher { transport, sender, .. } = &self.inner.publisher;
        Requester { transport: &**transport, sender }.request(&Typed(request), &options).await
    }

    /// [`request`](Self::request) for programs that do not know the type, only its descriptor: gateways that take requests from elsewhere
    /// as JSON. The payload is validated and sent with all digits of its numbers, and the reply, or the refusal, is validated and returned
    /// as it came.
    ///
    /// ```
    /// use eventsmith::catalogue::EventDescriptor;
    /// use eventsmith::{Bus, RequestError, RequestOptions};
    ///
    /// async fn forward(bus: &Bus, catalogue: &[EventDescriptor], name: &str, body: &[u8]) -> Option<String> {
    ///     let request = catalogue.iter().find(|described| described.event_type == name)?;
    ///     match bus.request_described(request, body, RequestOptions::default()).await {
    ///         Ok(reply) => Some(reply.as_str().to_owned()),
    ///         Err(RequestError::Refused(refusal)) => Some(refusal.as_str().to_owned()),
    ///         Err(error) => Some(error.to_string()),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`request`](Self::request); [`RequestError::Invalid`] for the descriptor of an event, too.
    pub async fn request_described(
        &self,
        request: &EventDescriptor,
        data: &[u8],
        options: RequestOptions,
    ) -> Result<AnyReply, RequestError<AnyReply>> {
        let Publisher { transport, sender, .. } = &self.inner.publisher;
        let question = Described::new(request, data)?;
        Requester { transport: &**transport, sender }.request(&question, &options).await
    }

    /// Asks for all of them, some at a time ([`max_in_flight`](Config::max_in_flight)), and returns what came of each, in their order.
    ///
    /// Each has the time of a single [`request`](Self::request), from when it is sent.
    pub async fn request_all<'a, R: Request + 'a>(
        &self,
        requests: impl IntoIterator<Item = &'a R>,
    ) -> Vec<Result<R::Reply, RequestError<R::Error>>> {
        let asked = requests.into_iter().map(|request| self.request(request));
        stream::iter(asked).buffered(self.inner.publisher.max_in_flight.max(1)).collect().await
    }

    /// What a bus in memory has stored, by stream and in order; nothing for a bus over NATS.
    pub fn published(&self) -> Vec<StoredMessage> {
        match self.backend() {
            // What the bus notes for itself is nobody's event.
            Backend::Memory(memory) => {
                memory.stored().into_iter().filter(|stored| !is_run_count(&stored.subject)).collect()
            }
            Backend::JetStream(_) => Vec::new(),
        }
    }

    /// Waits until every consumer that was made of this bus in memory has settled all it can get: handled or
    /// dead-lettered, and the same for what its handlers published; and until every projection that runs has projected all that its
    /// streams hold. Nobody waits for retries: the clock of the bus is put
    /// forward instead. At once for a bus over NATS, which cannot know.
    ///
    /// A consumer that cannot settle, because it is never run, its handler hangs or its breaker is open, is waited for.
    pub async fn settle(&self) {
        if let Backend::Memory(memory) = self.backend() {
            memory.settle().await;
        }
    }

    /// The time of day by the clock that says when messages were stored, as far as that is known here: over NATS the servers', or that of
    /// this machine where they have not told it yet; in memory the one that [`settle`](Self::settle) puts forward. Handlers that ask it, and
    /// not the machine, are tested without waiting.
    pub fn now(&self) -> Timestamp {
        self.transport().time()
    }

    /// Sends what is still on its way and closes the connection, for all clones. Stop consumers first.
    ///
    /// # Errors
    /// [`ShutdownError`] when the server does not confirm. The connection is closed all the same; one that is down at
    /// the moment, as soon as it is made again.
    pub async fn shutdown(&self) -> Result<(), ShutdownError> {
        self.transport().close().await.map_err(|error| ShutdownError { reason: error.0 })
    }

    /// Whether services create the consumers that they need. In memory they do until services have been provisioned.
    #[doc(hidden)]
    pub fn creates_consumers(&self) -> bool {
        match self.backend() {
            Backend::JetStream(_) => self.inner.create_consumers,
            Backend::Memory(memory) => !memory.has_provisioned_consumers(),
        }
    }

    /// Says that a consumer is about to read, until it does: for those who wait until all is settled.
    #[doc(hidden)]
    pub fn starting(&self) -> Option<Starting> {
        match self.backend() {
            Backend::Memory(memory) => Some(memory.starting()),
            Backend::JetStream(_) => None,
        }
    }

    /// Says that somebody reads a subject of a stream, from behind a number on: for those who wait until all is settled.
    #[doc(hidden)]
    pub fn reading(&self, stream: &str, subject: &str, sequence: u64) -> Option<Reading> {
        match self.backend() {
            Backend::Memory(memory) => Some(memory.reading(stream, subject, sequence)),
            Backend::JetStream(_) => None,
        }
    }

    /// What stores messages until they are known to be stored.
    pub(crate) fn publisher(&self) -> &Publisher {
        &self.inner.publisher
    }

    #[doc(hidden)]
    pub fn transport(&self) -> &dyn Transport {
        &*self.inner.publisher.transport
    }

    /// The transport, to be kept.
    #[doc(hidden)]
    pub fn shared_transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.inner.publisher.transport)
    }

    #[doc(hidden)]
    pub fn backend(&self) -> &Backend {
        &self.inner.backend
    }

    /// [`Config::replicas`].
    #[doc(hidden)]
    pub fn replicas(&self) -> Option<u8> {
        self.inner.replicas
    }

    /// After how long the last attempt to publish may still store a message.
    #[doc(hidden)]
    pub fn longest_publish(&self) -> Duration {
        // The last attempt begins within the budget, give or take one delay of 4 s at most, and waits for its answer.
        self.inner.publisher.budget + self.inner.ack_timeout * 2 + Duration::from_secs(4)
    }
}

impl fmt::Debug for Bus {
    /// The name alone: what lies below holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.inner.publisher.sender.source).finish()
    }
}

/// The connection of a bus, for whoever asks how it fares. The client tells of changes in the thread of the connection, where nothing may
/// wait for observers; so they ask.
struct Connection {
    name: String,
    transport: Arc<dyn Transport>,
}

impl Component for Connection {
    fn kind(&self) -> ComponentKind {
        ComponentKind::Connection
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> ComponentState {
        match self.transport.connection() {
            ConnectionState { is_closed: true, .. } => ComponentState::Ended,
            ConnectionState { is_connected: true, .. } => ComponentState::Working,
            ConnectionState { .. } => ComponentState::Starting,
        }
    }

    fn trouble(&self) -> Option<String> {
        let ConnectionState { is_connected, .. } = self.transport.connection();
        (!is_connected).then(|| "there is no connection to the server; it is made again".to_owned())
    }

    fn figures(&self) -> Vec<Figure> {
        let ConnectionState { losses, .. } = self.transport.connection();
        vec![Figure { kind: FigureKind::Losses, of: String::new(), value: losses }]
    }
}
