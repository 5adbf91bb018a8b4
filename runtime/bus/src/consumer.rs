//! Consuming events: handlers by type, durable consumers by stream.

mod attempts;
pub(crate) mod blocking;
pub(crate) mod breaker;
pub(crate) mod component;
mod config;
pub(crate) mod confine;
mod dispatch;
mod dropped;
mod durable;
mod error;
mod fitness;
mod handover;
mod keeper;
mod letter;
mod look;
mod malformed;
mod monitor;
mod note_deletion;
mod overseer;
mod pace;
mod pause;
mod queue;
mod retry;
mod route;
mod routing_headers;
mod run;
mod settle;
mod stop;
mod tell;
mod told;
mod type_name;
mod unstored;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith_event::event::Event;
use eventsmith_event::filter;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::Service;

use crate::bus::Bus;
use crate::config::duration::LONGEST;
use crate::dead_letters::advisories::{AdvisoryHandler, HandledAdvisories};
use crate::dead_letters::reason::DeadReason;
use crate::dead_letters::runs::RunCounts;
use crate::dead_letters::{stream_of, subjects_of};
use crate::environment::{of_program, watch};
use crate::handler::{HandlerError, Received};
use crate::memory::Starting;
use crate::observe::{Component, ComponentState, MessageType, Occurrence};
use crate::settings::{ConsumerSettings, Progress, is_legal_name};
use crate::transport::{ConsumerPhase, Unavailable};
use attempts::Attempts;
use blocking::Blocking;
use breaker::Breaker;
use component::ConsumerComponent;
use dispatch::Dispatch;
use dropped::DropWatch;
use fitness::Fitness;
use keeper::{InHand, Keeper};
use malformed::MalformedInHand;
use monitor::StreamView;
use overseer::DispatchTask;
use pace::Pace;
use route::{Route, Routes};
use run::Worker;
use stop::Stop;
use unstored::Unstored;

pub use breaker::{BreakerConfig, BreakerState};
pub use config::{ConsumerConfig, HandlerConfig, Order};
pub use error::ConsumeError;
pub use monitor::{Monitor, Summary};
pub use retry::RetryPolicy;

/// How often to handle the server's advisories.
const RECOVER_EVERY: Duration = Duration::from_secs(60);

/// Handlers of a service, and how its events come to them.
///
/// ```
/// # use eventsmith::{Bus, Event, HandlerError, Received};
/// # async fn example<RuleActivated: Event>(bus: Bus) -> Result<(), Box<dyn std::error::Error>> {
/// async fn activated<RuleActivated: Event>(event: Received<RuleActivated>) -> Result<(), HandlerError> {
///     println!("{} came {} times", event.envelope().id, event.attempt());
///     Ok(())
/// }
///
/// let shutdown = std::future::pending::<()>(); // in a service: eventsmith::shutdown_signal()
/// let summary = bus.consumer("promotions").on(activated::<RuleActivated>).run(shutdown).await?;
/// println!("{summary:?}");
/// # Ok(())
/// # }
/// ```
///
/// Every event is handled at least once, and may be handled again: after an error, and when its ack
/// was lost. What is tried too often, rejected or undecodable is dead-lettered, and goes nowhere from there by
/// itself. With a concurrency of 1 events are handled in the order of their stream, those aside that failed and are redelivered;
/// [`Order::Key`] keeps the order of each key whatever happens.
#[must_use = "a consumer does nothing before it runs"]
#[derive(Debug)]
pub struct Consumer {
    bus: Bus,
    service: String,
    routes: Routes,
    config: ConsumerConfig,
    monitor: Monitor,
    starting: Option<Starting>,
}

impl Bus {
    /// A consumer for this service, to be given handlers and run. Its name is that of its durable consumers.
    pub fn consumer(&self, service: impl Into<String>) -> Consumer {
        Consumer::new(self.clone(), service.into())
    }
}

impl Consumer {
    fn new(bus: Bus, service: String) -> Self {
        let (config, monitor) = (ConsumerConfig::default(), Monitor::default());
        let starting = bus.starting();
        let component = ConsumerComponent { name: service.clone(), monitor: monitor.clone() };
        bus.observers().introduce(&(Arc::new(component) as Arc<dyn Component>));
        Self { bus, service, routes: Routes::default(), config, monitor, starting }
    }

    /// Handles the events of one type by a function. What the function needs beside the event, it captures.
    pub fn on<E, F, R>(self, handler: F) -> Self
    where
        E: Event,
        F: FnMut(Received<E>) -> R + Clone + Send + 'static,
        R: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.on_service(tower::service_fn(handler))
    }

    /// Handles the events of one type by a [`tower::Service`], so that any of tower's layers can be around it.
    ///
    /// The service is cloned for every event; what clones must share, such as a limit, it has to share by itself, as
    /// tower's own layers do.
    pub fn on_service<E, S>(mut self, service: S) -> Self
    where
        E: Event,
        S: Service<Received<E>, Response = ()> + Clone + Send + 'static,
        S::Error: Into<HandlerError> + Send,
        S::Future: Send + 'static,
    {
        self.routes.push(Route::new(service));
        self
    }

    /// Everything about how events are consumed.
    pub fn config(mut self, config: ConsumerConfig) -> Self {
        self.config = config;
        self
    }

    /// When and how often to try again what failed; see [`ConsumerConfig::retry`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.config.retry = policy;
        self
    }

    /// How many events are handled at the same time; see [`ConsumerConfig::concurrency`].
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.config.concurrency = handlers;
        self
    }

    /// A view of what the consumer does, to be kept while it runs.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Consumes until `shutdown` resolves: then fetches no more, naks what was fetched and not begun, waits for the
    /// handlers that run, and for the server to have received all acks. [`shutdown_signal`](crate::signal::shutdown_signal) is the
    /// one that services want.
    ///
    /// For every stream that holds events of these handlers there is one durable consumer, named after the service. It must
    /// be as the handlers need it, unless the bus may [create it](crate::config::Config::create_consumers).
    ///
    /// Dropping the future instead stops at once: handlers are dropped, and their events redelivered after `ack_wait`.
    ///
    /// # Errors
    /// [`ConsumeError`] when the configuration contradicts itself, when there is no consumer, or not the one that is needed,
    /// when there is no stream for dead letters, when the server denies what the consumer needs, such as fetching or acking, or
    /// when the consumer was deleted meanwhile. Interruptions of the connection are no
    /// errors: they are waited out.
    pub async fn run<T>(mut self, shutdown: impl Future<Output = T> + Send) -> Result<Summary, ConsumeError> {
        let monitor = self.monitor.clone();
        let state = AtWork::begin(&monitor);
        if !is_legal_name(&self.service) {
            return Err(ConsumeError::InvalidName { name: self.service });
        }
        let (bus, service) = (self.bus.clone(), self.service.clone());
        let denial = |denied| ConsumeError::Denied { consumer: service.clone(), denied };
        let mut shutdown = pin!(shutdown);
        let (dispatches, _recovery) = tokio::select! {
            biased;
            denied = bus.transport().denied(&service, ConsumerPhase::Starting) => return Err(denial(denied)),
            // The answer to a request that was denied may come here first.
            started = self.start() => started.map_err(|error| match error.denial() {
                Some(denied) => denial(denied),
                None => error,
            })?,
            _ = &mut shutdown => return Ok(self.monitor.summary()),
        };
        state.set(ComponentState::Working);
        let denied = bus.transport().denied(&service, ConsumerPhase::Reading);
        // One stream's failure ends the others too, but in good order.
        let (stop, background) = (Stop::new(), bus.transport().background());
        let running = dispatches.into_iter().map(|dispatch| {
            let (stop, task) = (stop.clone(), DispatchTask::start(dispatch, stop.signal(), &background));
            async move {
                let outcome = task.end().await;
                stop.ask();
                outcome
            }
        });
        let mut all = pin!(futures_util::future::join_all(running));
        let signal = shutdown.then(|_| {
            state.set(ComponentState::Stopping);
            stop.ask();
            std::future::pending::<Infallible>()
        });
        let outcomes = tokio::select! {
            biased;
            // To go on would be to handle the same events again and again, and to dead-letter them in the end.
            denied = denied => {
                stop.ask();
                all.await;
                return Err(denial(denied));
            }
            outcomes = &mut all => outcomes,
            never = signal => match never {},
        };
        outcomes.into_iter().collect::<Result<(), _>>()?;
        let summary = self.monitor.summary();
        tracing::info!(consumer = self.service, ?summary, "stopped consuming");
        Ok(summary)
    }

    /// Finds everything that is needed, and begins to read. The tasks end with the set.
    async fn start(&mut self) -> Result<(Vec<Dispatch>, JoinSet<()>), ConsumeError> {
        let changed = watch::Sender::new(());
        let max_deliver = self.bus.creates_consumers().then_some(self.config.max_deliver);
        let breakers = self.routes.configure(&self.config, max_deliver, &changed)?;
        self.monitor.show(breakers.clone());
        let roots = self.routes.roots();
        let first = *roots.first().ok_or(ConsumeError::NoHandlers)?;
        let wanted = self.wanted().await?;
        let mut dead_letters = BTreeMap::new();
        for root in roots {
            dead_letters.insert(root, self.find_dead_letters(root).await?);
        }
        let mut dispatches = Vec::new();
        let mut recovery = JoinSet::new();
        for wanted in wanted {
            let own: BTreeSet<_> = wanted.filters.iter().filter_map(|filter| self.routes.root_of(filter)).collect();
            let root = own.first().copied().unwrap_or(first);
            let dispatch = self.open(wanted, root, &dead_letters[root], &breakers, &changed).await?;
            for root in own {
                let recovering = recover(self.bus.clone(), root, dispatch.worker.stream.clone(), self.service.clone());
                recovery.spawn(of_program(recovering));
            }
            let (bus, monitor) = (self.bus.clone(), self.monitor.clone());
            let (stream, consumer) = (dispatch.worker.stream.clone(), self.service.clone());
            recovery.spawn(of_program(DropWatch { bus, stream, consumer, monitor }.begin().await));
            dispatches.push(dispatch);
        }
        drop(self.starting.take());
        Ok((dispatches, recovery))
    }

    /// The stream of the dead letters. What cannot be handled must have a place to go to before anything is taken.
    async fn find_dead_letters(&self, root: &str) -> Result<String, ConsumeError> {
        let subject = subjects_of(root, &self.service);
        let streams = self.bus.transport().streams_of(&subject).await.map_err(|error| ConsumeError::Unavailable {
            about: format!("the stream that captures {subject}"),
            reason: error.0,
        })?;
        streams.into_iter().next().ok_or(ConsumeError::NoDeadLetters { subject })
    }

    /// The durable consumers that the handlers need.
    async fn wanted(&self) -> Result<Vec<ConsumerSettings>, ConsumeError> {
        let streams = self.routes.by_stream(self.bus.transport()).await?;
        let settings = |(stream, filters)| ConsumerSettings {
            stream,
            name: self.service.clone(),
            filters,
            deliver: self.config.deliver,
            ack_wait: self.config.ack_wait.min(LONGEST),
            max_ack_pending: self.config.max_ack_pending,
            max_deliver: Some(self.config.max_deliver),
            ordered: self.config.order == Order::Key,
        };
        Ok(streams.into_iter().map(settings).collect())
    }

    /// Finds the durable consumer, or creates it where that is wanted, and begins to read from it.
    async fn open(
        &self,
        wanted: ConsumerSettings,
        root: &'static str,
        dead_letters: &str,
        breakers: &[Arc<Breaker>],
        changed: &watch::Sender<()>,
    ) -> Result<Dispatch, ConsumeError> {
        let transport = self.bus.transport();
        let handled = wanted.filters.clone();
        let settings = if self.bus.creates_consumers() {
            durable::ensure(transport, &wanted).await?
        } else {
            let needed = ConsumerSettings { max_deliver: Some(self.routes.max_attempts()), ..wanted };
            durable::check(transport, &needed).await?
        };
        let deliveries = transport.read(&settings).await.map_err(|error| ConsumeError::Unavailable {
            about: format!("the consumer {} of {}", settings.name, settings.stream),
            reason: error.0,
        })?;
        let in_hand = Arc::new(Mutex::new(InHand::new(settings.ack_wait)));
        let seen = Arc::downgrade(&in_hand);
        self.monitor.show_stream(StreamView {
            stream: settings.stream.clone(),
            concurrency: self.config.concurrency,
            prefetch: self.config.prefetch,
            in_hand: Box::new(move || seen.upgrade().map_or((0, 0), |in_hand| keeper::lock(&in_hand).counts())),
            lag: AtomicU64::new(u64::MAX),
            ack_pending: AtomicU64::new(u64::MAX),
        });
        let fitness = Fitness::new(self.bus.shared_transport(), settings.clone(), self.routes.max_attempts());
        let cut_off = watch::Sender::new(false);
        let keeper = Keeper::start(
            Arc::clone(&in_hand),
            self.bus.shared_transport(),
            &settings,
            cut_off.clone(),
            self.monitor.clone(),
            Arc::clone(&fitness),
        );
        let ConsumerSettings { stream, filters, ack_wait, .. } = settings;
        tracing::info!(stream, consumer = self.service, ?filters, "consuming");
        let unhandled = filter::beyond(&filters, &handled);
        if !unhandled.is_empty() {
            tracing::warn!(
                stream,
                consumer = self.service,
                ?unhandled,
                "the consumer delivers events that no handler here is for; they are nakked with the delays of the retry policy, \
                 for an instance that has one, and dead-lettered as unrouted after its attempts"
            );
        }
        let counts = RunCounts::new(dead_letters.to_owned(), root, &self.service, &stream);
        let worker = Worker {
            bus: self.bus.clone(),
            in_hand,
            attempts: Attempts::new(self.bus.shared_transport(), counts),
            routes: self.routes.clone(),
            unstored: Unstored::default(),
            blocking: Blocking::default(),
            fitness,
            retry: self.config.retry.clone(),
            stream,
            service: self.service.clone(),
            root,
            ack_wait: ack_wait.min(LONGEST),
            monitor: self.monitor.clone(),
            cut_off,
        };
        Ok(Dispatch {
            worker: Arc::new(worker),
            config: Arc::new(self.config.clone()),
            breakers: breakers.to_vec(),
            changes: changed.subscribe(),
            deliveries,
            _keeper: keeper,
            running: JoinSet::new(),
            looking: JoinSet::new(),
            malformed: MalformedInHand::default(),
            pace: Pace::new(self.config.concurrency, self.config.prefetch, Instant::now()),
            // Where keys are ordered, events wait for others that must be fetched first.
            is_careful: self.config.order == Order::None,
        })
    }
}

/// A consumer that runs, until this is dropped.
struct AtWork<'a>(&'a Monitor);

impl<'a> AtWork<'a> {
    fn begin(monitor: &'a Monitor) -> Self {
        monitor.state().set(ComponentState::Starting);
        Self(monitor)
    }

    fn set(&self, state: ComponentState) {
        self.0.state().set(state);
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.set(ComponentState::Ended);
    }
}

/// Dead-letters what the server no longer delivers, as its advisories report, at first and from time to time.
async fn recover(bus: Bus, root: &'static str, stream: String, consumer: String) {
    let mut handled = HandledAdvisories::default();
    loop {
        if let Err(error) = handle_advisories(&bus, root, &stream, &consumer, &mut handled).await {
            tracing::warn!(stream, consumer, %error, "cannot look for what the server no longer delivers");
        }
        tokio::time::sleep(RECOVER_EVERY).await;
    }
}

async fn handle_advisories(
    bus: &Bus,
    root: &str,
    stream: &str,
    consumer: &str,
    handled: &mut HandledAdvisories,
) -> Result<(), Unavailable> {
    let transport = bus.transport();
    let Some(dead_letters) = stream_of(transport, root).await? else { return Ok(()) };
    let advisories = AdvisoryHandler { root, dead_letters: &dead_letters, stream, consumer };
    let counts = advisories.handle_advisories(transport, handled).await?;
    let (message, reason) = (MessageType::OTHER, DeadReason::MaxDeliveries.as_str());
    for _ in 0..counts.dead_lettered {
        bus.observers().tell(&Occurrence::DeadLettered { consumer, stream, message, sequence: 0, reason });
    }
    if counts.dead_lettered > 0 {
        tracing::warn!(stream, consumer, ?counts, "dead-lettered events that the server no longer delivers");
    }
    // Whoever handled an event may not have lived to delete how often it was run.
    let found = transport.consumer(stream, consumer).await?;
    if let Some(found) = &found {
        let counts = RunCounts::new(dead_letters.clone(), root, consumer, stream);
        counts.delete_done(transport, found.progress.ack_floor).await?;
    }
    // What was redelivered and is neither pending nor acked, the server no longer delivers, and no advisory says what it is.
    let progress = found.map(|found| found.progress);
    if let Some(Progress { redelivered, .. }) = progress.filter(|it| it.ack_pending == 0 && it.redelivered > 0) {
        tracing::error!(
            stream,
            consumer,
            unaccounted = redelivered,
            "the server no longer delivers events that have no dead letter; `eventsmith dlq recover` searches for them"
        );
    }
    Ok(())
}
