//! Running sagas: one durable consumer for each version of each, many instances at a time.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_bus::cause::Cause;
use eventsmith_bus::config::duration::LONGEST;
use eventsmith_bus::consumer::ConsumerConfig;
use eventsmith_bus::environment::suspended;
use eventsmith_bus::observe::{self, Component, ComponentState, StateCell};
use eventsmith_bus::settings::{ConsumerSettings, saga_consumers};
use eventsmith_bus::transport::{AckKind, Acker, Arrival, Deliveries, Delivery};
use eventsmith_event::event::State;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all, try_join_all};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::client::Sagas;
use super::definition::Saga;
use super::durable::{consumer_error, find_or_create};
use super::error::SagaError;
use super::inlet::{Inlet, joined};
use super::options::StartOptions;
use super::perform::{Handled, Job};
use super::step::{Kind, Signal};
use super::store::{Store, check_server};
use super::told::{self, AtWork, RunnerComponent};
use crate::confine::confined_future;
use crate::delay::doubled;

/// How long to wait where something went wrong that is no answer: the server was not reached, or an instance is damaged.
const AFTER_TROUBLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long what is in hand may take once the runner is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How often to look for instances of versions that are not run here: where there are none, less often each time, as a server looks
/// at every instance that ever was.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));

/// How sagas are run.
///
/// ```
/// use eventsmith::state::SagaConfig;
///
/// assert_eq!(SagaConfig::default().concurrency, 64);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SagaConfig {
    /// How many requests of one version of a saga are made at the same time, and how many time-outs and inputs are taken in; at least 1.
    /// Default: 64.
    pub concurrency: usize,
    /// After how long without a sign of a runner another one takes over what it had in hand, be it requests, time-outs, or events that start
    /// sagas and go into them. Consumers that were provisioned keep what they have. Default: 15 s.
    pub ack_wait: Duration,
    /// How many requests of one version of a saga may be in hand or wait to be made again, over all runners, and how many time-outs and
    /// inputs. Default: 10,000.
    pub max_ack_pending: usize,
}

impl Default for SagaConfig {
    fn default() -> Self {
        Self { concurrency: 64, ack_wait: Duration::from_secs(15), max_ack_pending: 10_000 }
    }
}

impl SagaConfig {
    /// Nothing is zero, and no time too long for a clock.
    fn bounded(self) -> Self {
        Self {
            concurrency: self.concurrency.max(1),
            ack_wait: self.ack_wait.clamp(Duration::from_millis(10), LONGEST),
            max_ack_pending: self.max_ack_pending.max(1),
        }
    }
}

/// Runs sagas until it is stopped. Several at a time do no harm: whatever two of them do, one of them appends.
///
/// ```
/// use eventsmith::state::{Saga, SagaError, Sagas};
/// use eventsmith::State;
///
/// /// Instances that began with version 1 end with it; new ones begin with version 2.
/// async fn run<S1: State, S2: State>(sagas: &Sagas, first: Saga<S1>, second: Saga<S2>) -> Result<(), SagaError> {
///     sagas.runner("checkout").saga(first).saga(second).run(eventsmith::shutdown_signal()).await
/// }
/// ```
#[must_use = "sagas do not go on before a runner runs"]
pub struct SagaRunner {
    sagas: Sagas,
    service: String,
    config: SagaConfig,
    known: Vec<Arc<dyn AnySaga>>,
    starting: Option<eventsmith_bus::memory::Starting>,
    state: Arc<StateCell>,
}

impl fmt::Debug for SagaRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<String> = self.known.iter().map(|saga| format!("{} v{}", saga.name(), saga.version())).collect();
        f.debug_struct("SagaRunner").field("service", &self.service).field("sagas", &known).finish_non_exhaustive()
    }
}

impl Sagas {
    /// A runner, to be given sagas and run. Its name is that of the consumer of the events that start sagas and go into them.
    pub fn runner(&self, service: impl Into<String>) -> SagaRunner {
        let (service, state) = (service.into(), Arc::<StateCell>::default());
        let component = RunnerComponent { name: service.clone(), state: Arc::clone(&state) };
        self.bus().observers().introduce(&(Arc::new(component) as Arc<dyn Component>));
        SagaRunner {
            sagas: self.clone(),
            service,
            config: SagaConfig::default(),
            known: Vec::new(),
            starting: self.bus().starting(),
            state,
        }
    }
}

/// A saga of whatever state.
trait AnySaga: Send + Sync {
    fn name(&self) -> &'static str;
    fn version(&self) -> u32;
    fn state_type(&self) -> &'static str;
    fn check(&self) -> Result<(), SagaError>;
    fn perform<'a>(&'a self, store: &'a Store, delivery: &'a Delivery) -> BoxFuture<'a, Result<Handled, SagaError>>;
    /// The events that steps of it wait for, and, where it is the newest version, those that start it.
    fn inlets(self: Arc<Self>, sagas: &Sagas, is_newest: bool) -> Vec<Box<dyn Inlet>>;
}

impl<S: State> AnySaga for Saga<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn state_type(&self) -> &'static str {
        type_name::<S>()
    }

    fn check(&self) -> Result<(), SagaError> {
        Self::check(self)
    }

    fn perform<'a>(&'a self, store: &'a Store, delivery: &'a Delivery) -> BoxFuture<'a, Result<Handled, SagaError>> {
        let job = Job {
            saga: self,
            store,
            message: &delivery.message,
            sequence: delivery.sequence,
            deliveries: delivery.deliveries,
        };
        async move { job.perform().await }.boxed()
    }

    fn inlets(self: Arc<Self>, sagas: &Sagas, is_newest: bool) -> Vec<Box<dyn Inlet>> {
        let (name, is_started_by_events) = (self.name, !self.starters.is_empty());
        let waited_for = self.steps.iter().filter_map(|step| match &step.kind {
            Kind::Awaits(awaits) => {
                let sagas = sagas.clone();
                let send = move |signal: Signal| {
                    let sagas = sagas.clone();
                    async move { sagas.signal(name, signal, is_started_by_events).await }.boxed()
                };
                Some(awaits.inlet(Arc::new(send)))
            }
            Kind::Asks(_) | Kind::Waits => None,
        });
        let starts = self.starters.iter().filter(|_| is_newest).map(|starter| {
            let (saga, sagas) = (Arc::clone(&self), sagas.clone());
            let begin = move |id: String, state: S, options: StartOptions| {
                let (saga, sagas) = (Arc::clone(&saga), sagas.clone());
                async move { sagas.start_with(&saga, &id, &state, options).await.map(drop) }.boxed()
            };
            starter.inlet(Arc::new(begin))
        });
        // An instance that an event starts is there for what waits for the same event.
        starts.chain(waited_for).collect()
    }
}

impl SagaRunner {
    /// Adds a version of a saga.
    pub fn saga<S: State>(mut self, saga: Saga<S>) -> Self {
        self.known.push(Arc::new(saga));
        self
    }

    /// How they are run.
    pub fn config(mut self, config: SagaConfig) -> Self {
        self.config = config.bounded();
        self
    }

    /// Runs until `shutdown` resolves: then begins nothing more, finishes what is in hand, and returns.
    ///
    /// It creates the durable consumers of its sagas in their stream where they are not there, and updates those that are other than it needs
    /// them: `saga_NAME_vVERSION` for requests, `saga_NAME_vVERSION_inputs` for time-outs and what comes from outside, which never wait
    /// behind requests that are made again. The events that start sagas, or go into them, come by a consumer like any other, under the name
    /// of the runner.
    ///
    /// Dropping the future instead stops at once: what was in hand goes on elsewhere, or here when it runs again, after `ack_wait`.
    ///
    /// # Errors
    /// [`SagaError`] when a definition contradicts itself, a stream or consumer is not there, the server is too old, or it does not answer
    /// when the runner starts. Later interruptions of the connection are no errors: they are waited out.
    pub async fn run<T>(mut self, shutdown: impl Future<Output = T> + Send) -> Result<(), SagaError> {
        let at_work = AtWork::begin(&self.state);
        self.check()?;
        let bus = self.sagas.bus().clone();
        check_server(bus.transport())?;
        let (stop, stopped) = watch::channel(false);
        let reads = try_join_all(self.known.iter().map(|saga| self.open(saga, &stopped))).await?;
        let inlets = self.inlets();
        let others = self.others()?;
        // From here on messages are waited for by whoever reads them.
        let starting = self.starting.take();
        let events = self.consume(inlets, stopped.clone());
        drop(starting);
        let stop = Arc::new(stop);
        let mut running: Vec<BoxFuture<'_, Result<(), SagaError>>> =
            reads.into_iter().flatten().map(|read| read.run().boxed()).collect();
        running.extend(events);
        let running = running.into_iter().map(|each| {
            let stop = Arc::clone(&stop);
            async move {
                // The failure of one ends the others too, but in good order.
                let outcome = each.await;
                stop.send_replace(true);
                outcome
            }
        });
        let mut all = pin!(join_all(running));
        let mut looking = pin!(look_for_others(others));
        let mut signal = pin!(shutdown);
        let mut is_signalled = false;
        at_work.set(ComponentState::Working);
        let outcomes = loop {
            tokio::select! {
                biased;
                outcomes = &mut all => break outcomes,
                _ = &mut signal, if !is_signalled => {
                    is_signalled = true;
                    at_work.set(ComponentState::Stopping);
                    stop.send_replace(true);
                }
                never = &mut looking => match never {},
            }
        };
        outcomes.into_iter().collect()
    }

    /// Whether all can be run, each once.
    fn check(&self) -> Result<(), SagaError> {
        let mut known: BTreeMap<(&str, u32), &str> = BTreeMap::new();
        for saga in &self.known {
            saga.check()?;
            self.sagas.store(saga.name())?;
            if known.insert((saga.name(), saga.version()), saga.state_type()).is_some() {
                let reason = "the runner has it twice; raise the version of one".to_owned();
                return Err(SagaError::Definition { saga: saga.name().to_owned(), version: saga.version(), reason });
            }
        }
        Ok(())
    }

    /// Finds the durable consumers of a saga, or creates them, and begins to read.
    async fn open(&self, saga: &Arc<dyn AnySaga>, stopped: &watch::Receiver<bool>) -> Result<Vec<Reading>, SagaError> {
        let store = self.sagas.store(saga.name())?;
        let bus = self.sagas.bus();
        let SagaConfig { concurrency, ack_wait, max_ack_pending } = self.config;
        let mut readings = Vec::new();
        for consumer in saga_consumers(&store.home.stream, &store.home.root, saga.name(), saga.version()) {
            let wanted = ConsumerSettings { ack_wait, max_ack_pending, ..consumer };
            let settings = find_or_create(bus.transport(), wanted, !bus.creates_consumers()).await?;
            let deliveries = bus.transport().read(&settings).await;
            let deliveries = deliveries.map_err(|error| consumer_error(&settings, error.0))?;
            let (saga, store, stopped) = (Arc::clone(saga), store.clone(), stopped.clone());
            readings.push(Reading { saga, store, settings, deliveries, concurrency, stopped });
        }
        Ok(readings)
    }

    fn inlets(&self) -> Vec<Box<dyn Inlet>> {
        let newest = |saga: &Arc<dyn AnySaga>| {
            let versions = self.known.iter().filter(|other| other.name() == saga.name()).map(|other| other.version());
            versions.max() == Some(saga.version())
        };
        // Of versions that wait for the same event the newest finds the instance: it goes into whichever is there.
        let mut known: Vec<&Arc<dyn AnySaga>> = self.known.iter().collect();
        known.sort_by_key(|saga| std::cmp::Reverse(saga.version()));
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for saga in known {
            let is_newest = newest(saga);
            let inlets = Arc::clone(saga).inlets(&self.sagas, is_newest);
            let types: Vec<&str> = inlets.iter().map(|inlet| inlet.event_type()).collect();
            all.extend(
                inlets.into_iter().filter(|inlet| is_newest || !seen.contains(&(saga.name(), inlet.event_type()))),
            );
            seen.extend(types.into_iter().map(|event_type| (saga.name(), event_type)));
        }
        joined(all)
    }

    /// Consumes the events that start sagas and go into them, if there are some.
    fn consume(
        &self,
        inlets: Vec<Box<dyn Inlet>>,
        mut stopped: watch::Receiver<bool>,
    ) -> Option<BoxFuture<'static, Result<(), SagaError>>> {
        if inlets.is_empty() {
            return None;
        }
        let config = ConsumerConfig { ack_wait: self.config.ack_wait, ..ConsumerConfig::default() };
        let consumer = self.sagas.bus().consumer(self.service.clone()).config(config);
        let consumer = inlets.into_iter().fold(consumer, |consumer, inlet| inlet.attach(consumer));
        let service = self.service.clone();
        let run = async move {
            match consumer.run(is_stopped(&mut stopped)).await {
                Ok(_) => Ok(()),
                Err(source) => Err(SagaError::Consume { service, source: Box::new(source) }),
            }
        };
        Some(run.boxed())
    }

    /// The sagas that are run here, each with its versions.
    fn others(&self) -> Result<Vec<(Store, Vec<u32>)>, SagaError> {
        let mut versions: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for saga in &self.known {
            versions.entry(saga.name()).or_default().push(saga.version());
        }
        versions.into_iter().map(|(name, versions)| Ok((self.sagas.store(name)?, versions))).collect()
    }
}

/// Says from time to time which instances are left alone, as they began with a version that is not run here.
async fn look_for_others(sagas: Vec<(Store, Vec<u32>)>) -> Infallible {
    let mut looks = 0;
    loop {
        looks += 1;
        for (store, versions) in &sagas {
            match store.left_alone(versions).await {
                Ok(0) => {}
                Ok(instances) => {
                    looks = 1;
                    tracing::warn!(
                        saga = %store.saga,
                        ?versions,
                        instances,
                        "there are instances of versions that this runner does not have, and leaves alone; `eventsmith sagas list` shows them"
                    );
                }
                Err(error) => {
                    tracing::debug!(saga = %store.saga, %error, "cannot look for instances of other versions")
                }
            }
        }
        sleep(doubled(LOOK_EVERY.0, LOOK_EVERY.1, looks)).await;
    }
}

/// Waits until nothing more is to begin.
async fn is_stopped(stopped: &mut watch::Receiver<bool>) {
    // Without a sender nothing is to begin either.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// One version of a saga that is read.
struct Reading {
    saga: Arc<dyn AnySaga>,
    store: Store,
    settings: ConsumerSettings,
    deliveries: Box<dyn Deliveries>,
    concurrency: usize,
    stopped: watch::Receiver<bool>,
}

impl Reading {
    async fn run(mut self) -> Result<(), SagaError> {
        let mut at_work = JoinSet::new();
        let outcome = loop {
            let want = self.concurrency - at_work.len().min(self.concurrency);
            tokio::select! {
                biased;
                () = is_stopped(&mut self.stopped) => break Ok(()),
                Some(_) = at_work.join_next(), if !at_work.is_empty() => {}
                arrival = self.deliveries.next(want) => match arrival {
                    Ok(Arrival::Delivery(delivery)) => self.begin(delivery, &mut at_work),
                    Ok(Arrival::Malformed(delivery)) => {
                        let (subject, sequence) = (&delivery.message.subject, delivery.sequence);
                        tracing::error!(%subject, sequence, "passed over a message of a saga whose headers no client can read");
                        drop(delivery.acker.terminate().await);
                    }
                    // What is lost on its way is delivered again, and whatever comes twice is decided once.
                    Ok(Arrival::PinChanged | Arrival::Gap | Arrival::Live) => {}
                    Err(gone) => break Err(consumer_error(&self.settings, Cause::of(gone))),
                },
            }
        };
        for delivery in self.deliveries.stop().await {
            drop(delivery.acker.send(AckKind::Nak(None)).await);
        }
        let finish = async { while at_work.join_next().await.is_some() {} };
        if timeout(STOP_WITHIN, finish).await.is_err() {
            let consumer = &self.settings.name;
            tracing::warn!(consumer, "what was in hand did not end within {STOP_WITHIN:?}, and goes on later");
            at_work.abort_all();
        }
        drop(self.deliveries.confirm().await);
        outcome
    }

    fn begin(&self, delivery: Delivery, at_work: &mut JoinSet<()>) {
        let (saga, store, ack_wait) = (Arc::clone(&self.saga), self.store.clone(), self.settings.ack_wait);
        let consumer = self.settings.name.clone();
        at_work.spawn(async move {
            delivery.acker.lease().limit(ack_wait);
            let observers = store.bus.observers();
            let of = (saga.name(), saga.version());
            let span = told::span(observers, of, (&store.home.stream, &consumer), &delivery);
            let work = confined_future(|| saga.perform(&store, &delivery)).instrument(span.clone());
            let handled = tokio::select! {
                biased;
                handled = work => handled,
                // Somebody else has it, or will soon.
                () = hold(&*delivery.acker, ack_wait) => return,
            };
            let trouble = || doubled(AFTER_TROUBLE.0, AFTER_TROUBLE.1, delivery.deliveries);
            let subject = &delivery.message.subject;
            let ack = match handled {
                Ok(Ok(Handled::Done)) => AckKind::Ack,
                Ok(Ok(Handled::Again(delay))) => {
                    observe::failed(&span, "unanswered");
                    AckKind::Nak(Some(delay))
                }
                Ok(Err(error)) => {
                    observe::failed(&span, "failed");
                    tracing::warn!(%subject, %error, "a saga does not go on; it is tried again");
                    AckKind::Nak(Some(trouble()))
                }
                Err(panic) => {
                    observe::failed(&span, "panicked");
                    tracing::error!(%subject, panic, "the code of a saga panicked; it is tried again");
                    AckKind::Nak(Some(trouble()))
                }
            };
            // One that is lost brings the message again, which finds that it is done.
            drop(delivery.acker.send(ack).await);
        });
    }
}

/// Renews the lease until it is lost.
async fn hold(acker: &dyn Acker, ack_wait: Duration) {
    loop {
        sleep((ack_wait / 3).max(Duration::from_millis(1))).await;
        let lease = acker.lease();
        if !lease.is_held(Instant::now()) {
            return;
        }
        let (sent, suspended) = (Instant::now(), suspended());
        if acker.renew().await.is_ok() {
            lease.renewed(sent, suspended, Instant::now());
        }
    }
}
