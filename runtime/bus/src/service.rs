//! Answering: handlers by type of request, found and called by the rules of NATS services (ADR-32).

mod address;
mod answer;
mod config;
mod discovery;
mod endpoint;
mod error;
mod monitor;
mod refusal;
mod replies;
mod route;
mod slots;
mod stats;
mod told;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_event::event::Request;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tower::Service as TowerService;

use crate::bucket::Store;
use crate::bus::{Backend, Bus};
use crate::cause::Cause;
use crate::config::duration::LONGEST;
use crate::consumer::blocking::Blocking;
use crate::consumer::breaker::Breaker;
use crate::environment::{self, watch};
use crate::handler::Received;
use crate::observe::{Component, ComponentState};
use crate::settings::{StreamSettings, bucket_stream, is_legal_name, replies_bucket};
use crate::transport::{StreamExtent, Subscription, Unavailable};
use discovery::Identity;
use endpoint::Endpoint;
use monitor::{AtWork, ServiceComponent};
use replies::Replies;
use route::Route;
use slots::Slots;
use stats::Stats;

pub use config::{EndpointConfig, ServiceConfig};
pub use error::ServiceError;
pub use monitor::{ServiceMonitor, ServiceSummary};
pub use refusal::Refusal;

/// How many messages may come faster than they are looked at: as many as a client holds.
const ROOM: usize = 65_536;
/// How long handlers may take to be dropped once they are cut off.
const CUT_OFF: Duration = Duration::from_secs(1);

/// Handlers of a service for commands and queries.
///
/// ```
/// use eventsmith::{Bus, Received, Refusal, Request};
///
/// async fn serve<Activate: Request>(bus: Bus, done: Activate::Reply) -> Result<(), eventsmith::ServiceError>
/// where
///     Activate::Reply: Clone,
/// {
///     let activate = move |request: Received<Activate>| {
///         let reply = done.clone();
///         async move {
///             println!("{} asks", request.envelope().source);
///             Ok::<_, Refusal<Activate::Error>>(reply)
///         }
///     };
///     let shutdown = std::future::pending::<()>(); // in a service: eventsmith::shutdown_signal()
///     bus.service("rules-management").answer(activate).run(shutdown).await?;
///     Ok(())
/// }
/// ```
///
/// A request is answered at most once by each instance that it comes to, and by one instance of all that share the queue
/// group. Whoever asks again under the same id is answered again.
#[must_use = "a service does nothing before it runs"]
#[derive(Debug)]
pub struct Service {
    bus: Bus,
    name: String,
    routes: Vec<Route>,
    config: ServiceConfig,
    monitor: ServiceMonitor,
}

impl Bus {
    /// A service of this name, to be given handlers and run.
    pub fn service(&self, name: impl Into<String>) -> Service {
        let (config, monitor) = (ServiceConfig::default(), ServiceMonitor::default());
        let name = name.into();
        let component = ServiceComponent { name: name.clone(), monitor: monitor.clone() };
        self.observers().introduce(&(Arc::new(component) as Arc<dyn Component>));
        Service { bus: self.clone(), name, routes: Vec::new(), config, monitor }
    }
}

impl Service {
    /// Answers the requests of one type by a function. What the function needs beside the request, it captures.
    pub fn answer<R, F, W>(self, handler: F) -> Self
    where
        R: Request,
        F: FnMut(Received<R>) -> W + Clone + Send + 'static,
        W: Future<Output = Result<R::Reply, Refusal<R::Error>>> + Send + 'static,
    {
        self.answer_service(tower::service_fn(handler))
    }

    /// Answers the requests of one type by a [`tower::Service`], so that any of tower's layers can be around it. The service is
    /// cloned for every request.
    pub fn answer_service<R, S>(mut self, service: S) -> Self
    where
        R: Request,
        S: TowerService<Received<R>, Response = R::Reply> + Clone + Send + 'static,
        S::Error: Into<Refusal<R::Error>> + Send,
        S::Future: Send + 'static,
    {
        self.routes.push(Route::new(service));
        self
    }

    /// Everything about how requests are answered.
    pub fn config(mut self, config: ServiceConfig) -> Self {
        self.config = config;
        self
    }

    /// A view of what the service does, to be kept while it runs.
    pub fn monitor(&self) -> ServiceMonitor {
        self.monitor.clone()
    }

    /// Answers until `shutdown` resolves: then takes on no more, answers what is on its way and what waits, and returns once the
    /// handlers have ended.
    ///
    /// Dropping the future instead stops at once: handlers are dropped, and who asked is told that it may be done or not.
    ///
    /// # Errors
    /// [`ServiceError`] when the configuration makes no sense, when the server does not let this user in or receive requests, or
    /// when the bus was shut down. Interruptions of the connection are no errors: they are waited out.
    pub async fn run<T>(self, shutdown: impl Future<Output = T> + Send) -> Result<ServiceSummary, ServiceError> {
        let at_work = AtWork::begin(&self.monitor);
        self.check()?;
        let Self { bus, name, routes, config, monitor } = self;
        let service: Arc<str> = name.as_str().into();
        let (cut_off, changed) = (watch::Sender::new(false), watch::Sender::new(()));
        let replies = Store::new(&bus, replies_bucket(&name));
        let endpoints: Vec<Arc<Endpoint>> = routes
            .into_iter()
            .map(|route| Arc::new(endpoint(&bus, &service, &config, route, &replies, &cut_off, &changed)))
            .collect();
        let lifetimes =
            endpoints.iter().filter_map(|endpoint| endpoint.replies.as_ref()).map(|replies| replies.lifetime());
        if let Some(longest) = lifetimes.max() {
            check_replies(&bus, &name, longest).await?;
        }
        monitor.show(&endpoints);
        let identity = Arc::new(identity(name.clone(), &config));
        let unavailable = |Unavailable(reason)| ServiceError::Unavailable { service: name.clone(), reason };
        let mut subjects: Vec<String> = endpoints.iter().map(|endpoint| endpoint.route.subject.to_owned()).collect();
        subjects.sort();
        subjects.dedup();
        let transport = bus.transport();
        let requests = transport.subscribe(&subjects, Some(&config.queue_group), ROOM).await.map_err(unavailable)?;
        let questions = transport.subscribe(&identity.subjects(), None, ROOM).await.map_err(unavailable)?;
        let unheard = (requests.unheard(), questions.unheard());
        let (stop, stopped) = watch::channel(false);
        let background = transport.background();
        let mut receiving = background.spawn(receive(requests, endpoints.clone(), stopped.clone()));
        let telling = background.spawn(tell(questions, identity, endpoints.clone(), bus.clone(), stopped));
        let running = Running { cut_off, tasks: [receiving.abort_handle(), telling.abort_handle()] };
        let undiscovered = async {
            let reason = unheard.1.await;
            tracing::warn!(service = name, %reason, "the service answers, and tools do not find it");
            std::future::pending::<()>().await
        };
        at_work.set(ComponentState::Working);
        let ended = tokio::select! {
            biased;
            unheard = unheard.0 => Err(ServiceError::unheard(name.clone(), unheard)),
            _ = shutdown => Ok(()),
            _ = &mut receiving => Err(ServiceError::Closed { service: name.clone() }),
            () = undiscovered => Ok(()),
        };
        at_work.set(ComponentState::Stopping);
        stop.send_replace(true);
        let until = Instant::now() + config.shutdown_timeout.min(LONGEST);
        if !receiving.is_finished() {
            // It ends once all has come that was on its way. If that takes too long, the rest is not answered.
            drop(timeout_at(until, receiving).await);
        }
        if !endpoint::idle(&endpoints, changed.subscribe(), until).await {
            running.cut_off.send_replace(true);
            // What is cut off needs only to say so.
            endpoint::idle(&endpoints, changed.subscribe(), Instant::now() + CUT_OFF).await;
        }
        // Without a connection there is nobody to tell.
        drop(timeout_at(until.max(Instant::now() + CUT_OFF), transport.flush()).await);
        ended?;
        let summary = monitor.summary();
        tracing::info!(service = name, ?summary, "stopped answering");
        Ok(summary)
    }

    /// Looks for what makes no sense.
    fn check(&self) -> Result<(), ServiceError> {
        if !is_legal_name(&self.name) {
            return Err(ServiceError::InvalidName { name: self.name.clone() });
        }
        if self.routes.is_empty() {
            return Err(ServiceError::NoHandlers);
        }
        for (index, &Route { event_type, .. }) in self.routes.iter().enumerate() {
            if self.routes[..index].iter().any(|other| other.event_type == event_type) {
                return Err(ServiceError::TwoHandlers { request_type: event_type });
            }
        }
        let wrong = |setting: String, reason: &str| ServiceError::Config { setting, reason: reason.to_owned() };
        if let Some((setting, reason)) = self.config.senseless() {
            return Err(wrong(setting, reason));
        }
        let unknown = |name: &&String| !self.routes.iter().any(|route| route.event_type == **name);
        match self.config.endpoints.keys().find(unknown) {
            Some(name) => {
                Err(wrong(format!("endpoints.{name}"), "no handler is for this type of request; mend the name"))
            }
            None => Ok(()),
        }
    }
}

/// What runs, until this is dropped.
struct Running {
    cut_off: watch::Sender<bool>,
    tasks: [AbortHandle; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cut_off.send_replace(true);
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn endpoint(
    bus: &Bus,
    service: &Arc<str>,
    config: &ServiceConfig,
    route: Route,
    replies: &Store,
    cut_off: &watch::Sender<bool>,
    changed: &watch::Sender<()>,
) -> Endpoint {
    let EndpointConfig { concurrency, max_queued, timeout, breaker } =
        config.endpoints.get(route.event_type).cloned().unwrap_or_default();
    let slots = Slots::new(concurrency.unwrap_or(config.concurrency), max_queued.unwrap_or(config.max_queued));
    let timeout = timeout.unwrap_or(config.timeout).min(LONGEST);
    let breaker = breaker
        .or_else(|| config.breaker.clone())
        .map(|breaker| Arc::new(Breaker::new(route.event_type.to_owned(), breaker, watch::Sender::new(()))));
    Endpoint {
        replies: route
            .idempotent
            .map(|idempotent| Arc::new(Replies::new(replies.clone(), idempotent, timeout, bus.longest_publish()))),
        metadata: discovery::metadata(&route),
        route,
        timeout,
        slots,
        breaker,
        stats: Arc::new(Stats::default()),
        blocking: Blocking::default(),
        bus: bus.clone(),
        service: Arc::clone(service),
        runtime: Handle::current(),
        cut_off: cut_off.subscribe(),
        changed: changed.clone(),
    }
}

/// Whether the bucket is there in which the service keeps its answers, and keeps claims for as long as they last. A bus in memory gets
/// one, unless an operator made it.
async fn check_replies(bus: &Bus, service: &str, longest: Duration) -> Result<(), ServiceError> {
    let bucket = replies_bucket(service);
    let stream = bucket_stream(&bucket);
    if let Backend::Memory(memory) = bus.backend()
        && memory.stream(&stream).is_none()
    {
        let made = memory.put_stream(&StreamSettings::of_replies(service, None));
        return made
            .map_err(|failure| ServiceError::Unavailable { service: service.to_owned(), reason: Cause::of(failure) });
    }
    match bus.transport().extent(&stream).await {
        Ok(None) => Err(ServiceError::NoReplies { service: service.to_owned(), bucket }),
        Ok(Some(StreamExtent { max_age: Some(max_age), .. })) if max_age < longest => Err(ServiceError::Config {
            setting: "timeout".to_owned(),
            reason: format!(
                "a claim of a request lasts for up to {longest:?}, and the bucket {bucket} drops what is older than {max_age:?}: let \
                 handlers take less time, or keep answers for longer (`x-request.idempotent`)"
            ),
        }),
        // Who may not ask is told with the first request.
        Ok(Some(_)) | Err(_) => Ok(()),
    }
}

fn identity(name: String, config: &ServiceConfig) -> Identity {
    Identity {
        name,
        id: environment::new_id().simple().to_string(),
        version: config.version.clone(),
        description: config.description.clone(),
        metadata: config.metadata.clone(),
        queue_group: config.queue_group.clone(),
        started: environment::now(),
    }
}

/// Gives each request to its endpoint, until none come any more.
async fn receive(
    mut requests: Box<dyn Subscription>,
    endpoints: Vec<Arc<Endpoint>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut is_stopping = false;
    loop {
        let live = tokio::select! {
            biased;
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) }, if !is_stopping => {
                is_stopping = true;
                if requests.end().await.is_err() {
                    return;
                }
                continue;
            }
            live = requests.next() => live,
        };
        let Some(live) = live else { return };
        let subject = &live.message.subject;
        // Its own subject says more than a wildcard that covers it.
        let exact = endpoints.iter().find(|endpoint| endpoint.route.subject == *subject);
        match exact.or_else(|| endpoints.iter().find(|endpoint| endpoint.route.is_for(subject))) {
            Some(endpoint) => endpoint.admit(live),
            None => tracing::warn!(subject = %live.message.subject, "no endpoint is for a request that came"),
        }
    }
}

/// Tells who the service is and how it fares, to whoever asks.
async fn tell(
    mut questions: Box<dyn Subscription>,
    identity: Arc<Identity>,
    endpoints: Vec<Arc<Endpoint>>,
    bus: Bus,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let asked = tokio::select! {
            biased;
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => return,
            asked = questions.next() => asked,
        };
        let Some(asked) = asked else { return };
        if let Some(answer) = identity.answer(&asked, &endpoints)
            && let Err(error) = bus.transport().tell(&answer, None).await
        {
            tracing::debug!(%error, "what a service is was not told");
        }
    }
}
