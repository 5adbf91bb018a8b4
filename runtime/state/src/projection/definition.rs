//! What users define: which events change a read model, and how.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::handler::{HandlerError, Received};
use eventsmith_bus::observe::{Component, StateCell};
use eventsmith_event::event::{Event, State};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::config::ProjectionConfig;
use super::documents::Documents;
use super::effects::Effects;
use super::error::ProjectionError;
use super::monitor::{AtWork, Doing, ProjectionComponent, ProjectionMonitor};
use super::run;
use super::store::{ProjectionStore, Transactions};
use super::target::Target;

/// A read model that is made of events, in the order of their streams, one at a time for each stream.
///
/// [`in_bucket`](Projection::in_bucket) keeps it as documents of a bucket, [`in_store`](Projection::in_store) in a store of one's own.
/// The name is that of the projection for ever; the revision is to be raised whenever the handlers make something else of the same events:
/// then the read model is built anew beside the one that serves, and takes its place once it has caught up.
///
/// ```
/// use eventsmith::{Bus, Event, HandlerError, Received, State};
/// use eventsmith::state::{Projection, ProjectionError};
///
/// /// Counts the events of each key, until the future resolves.
/// async fn count<E: Event, S: State>(
///     bus: &Bus,
///     add_one: fn(&mut Option<S>),
///     stop: impl Future<Output = ()>,
/// ) -> Result<(), ProjectionError> {
///     let counts = Projection::in_bucket::<S>("counts", 1).on(
///         |event: &E| event.key(), // which documents an event changes
///         move |count: &mut Option<S>, _: &Received<E>| {
///             add_one(count);
///             Ok(())
///         },
///     );
///     counts.run(bus, stop).await
/// }
/// ```
pub struct Projection<T = ()> {
    name: String,
    revision: u32,
    config: ProjectionConfig,
    target: T,
    effects: Effects,
    doing: watch::Sender<Doing>,
}

impl<T: fmt::Debug> fmt::Debug for Projection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, revision, target, effects, .. } = self;
        f.debug_struct("Projection")
            .field("name", name)
            .field("revision", revision)
            .field("target", target)
            .field("effects", effects)
            .finish_non_exhaustive()
    }
}

impl Projection {
    /// A projection whose read model is documents of the bucket that holds this type. Its keys are `NAME.GENERATION.KEY`: read it by
    /// [`ReadModel`](super::model::ReadModel), which knows the generation that serves. In a bucket with a `ttl` a document goes once it
    /// was not changed for so long, and the next event of its key begins without one.
    pub fn in_bucket<S: State>(name: impl Into<String>, revision: u32) -> Projection<Documents<S>> {
        Projection::new(name.into(), revision, Documents::new())
    }

    /// A projection whose read model is in a store of one's own.
    pub fn in_store<T: ProjectionStore>(
        name: impl Into<String>,
        revision: u32,
        store: T,
    ) -> Projection<Transactions<T>> {
        Projection::new(name.into(), revision, Transactions::new(store))
    }
}

impl<S: State> Projection<Documents<S>> {
    /// How events of a type change documents: those that have the keys which the first function tells, each by itself. The second one has
    /// the document as the events before have left it, none if there is none, and leaves it as it is to be; none to remove it.
    ///
    /// It must make the same of the same event and document each time: it asks no clock, no random numbers, and nobody else. A
    /// document that violates its schema, a panic, and a [rejection](HandlerError::reject) are poison: see
    /// [`OnPoison`](super::config::OnPoison). Another error is tried again, and then stops the projection.
    #[must_use]
    pub fn on<E, K, I>(
        mut self,
        keys: impl Fn(&E) -> I + Send + Sync + 'static,
        fold: impl Fn(&mut Option<S>, &Received<E>) -> Result<(), HandlerError> + Send + Sync + 'static,
    ) -> Self
    where
        E: Event,
        K: Into<String>,
        I: IntoIterator<Item = K>,
    {
        self.target.on(keys, fold);
        self
    }
}

impl<T: ProjectionStore> Projection<Transactions<T>> {
    /// How events of a type change the store. What the handler writes must go through the transaction, which is committed behind it, with
    /// others perhaps, and with the checkpoint; anything else that it does may happen more than once.
    ///
    /// A panic and a [rejection](HandlerError::reject) are poison: see [`OnPoison`](super::config::OnPoison). Another error is tried again in
    /// a transaction of its own, and then stops the projection.
    #[must_use]
    pub fn on<E: Event>(
        mut self,
        handler: impl for<'t> Fn(&'t mut T::Transaction, Received<E>) -> BoxFuture<'t, Result<(), HandlerError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.target.on(handler);
        self
    }
}

impl<T> Projection<T> {
    fn new(name: String, revision: u32, target: T) -> Self {
        let (config, effects, doing) = (ProjectionConfig::default(), Effects::default(), watch::Sender::default());
        Self { name, revision, config, target, effects, doing }
    }

    /// The same with other settings.
    #[must_use]
    pub fn config(self, config: ProjectionConfig) -> Self {
        Self { config: config.bounded(), ..self }
    }

    /// What others are to notice of events of a type, such as a mail: once an event is in the read model that serves, in the order of its
    /// stream, at least once, and never for what was stored before the projection first had side effects, nor for what is read again.
    ///
    /// An error is tried again until it goes well, while the events behind it wait and the read model does not; a
    /// [rejection](HandlerError::reject) and a panic are logged and left out. So is the side effect of an event that the read model left out
    /// ([`OnPoison::Skip`](super::config::OnPoison::Skip)): of the last 1,000 such messages of a stream, where it is further than its side effects.
    #[must_use]
    pub fn effect<E, F>(mut self, handler: impl Fn(Received<E>) -> F + Send + Sync + 'static) -> Self
    where
        E: Event,
        F: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.effects.on(handler);
        self
    }

    /// What it is doing, live.
    pub fn monitor(&self) -> ProjectionMonitor {
        ProjectionMonitor::new(self.doing.subscribe())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T: Target> Projection<T> {
    /// Keeps the read model up to date, until a future resolves. Of several instances one does, and the others wait to take over.
    ///
    /// Servers and stores that do not answer are waited for. Dropped instead of stopped, it loses nothing, but another instance waits until the
    /// [lease](ProjectionConfig::lease) has ended.
    ///
    /// # Errors
    /// [`ProjectionError`] once it cannot go on by itself; the same is in its status (`eventsmith projections status`).
    pub async fn run(&self, bus: &Bus, stop: impl Future) -> Result<(), ProjectionError> {
        let Self { name, revision, config, target, effects, doing } = self;
        let of = run::Definition { name, revision: *revision, config, target, effects, doing };
        let state = Arc::<StateCell>::default();
        let component = ProjectionComponent { name: name.clone(), monitor: self.monitor(), state: Arc::clone(&state) };
        bus.observers().introduce(&(Arc::new(component) as Arc<dyn Component>));
        let at_work = AtWork::begin(&state);
        let stop = async {
            stop.await;
            at_work.stopping();
        };
        run::run(of, bus, stop).await
    }

    /// Brings the read model up to date and returns: with all that the streams hold, and the side effects of it; one that is to be built anew serves
    /// then. For tests and for jobs. Waits as long as another instance runs.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn catch_up(&self, bus: &Bus) -> Result<(), ProjectionError> {
        self.doing.send_replace(Doing::default());
        let mut monitor = self.monitor();
        self.run(bus, async move { monitor.built().await }).await
    }
}
