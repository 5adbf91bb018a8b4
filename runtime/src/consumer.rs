//! Consuming events: handlers by type, durable consumers by stream.

mod dispatch;
mod error;
mod retry;
mod route;
mod settle;

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tower::Service;

use crate::topology::ConsumerSettings;
use crate::{Bus, Event, HandlerError, Received};
use dispatch::Dispatch;
use route::{Route, Routes};

pub use error::ConsumeError;
pub use retry::RetryPolicy;

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
/// let shutdown = std::future::pending::<()>(); // in a service: tokio::signal::ctrl_c()
/// let summary = bus.consumer("promotions").on(activated::<RuleActivated>).run(shutdown).await?;
/// println!("{summary:?}");
/// # Ok(())
/// # }
/// ```
///
/// Every event is handled at least once, and may be handled again: after an error, and when the word that it was
/// handled was lost. With a [`concurrency`](Self::concurrency) of 1 events are handled in the order of their stream,
/// those aside that failed and come again.
#[must_use = "a consumer does nothing before it runs"]
#[derive(Debug)]
pub struct Consumer {
    bus: Bus,
    service: String,
    routes: Routes,
    settings: Settings,
}

/// How events are consumed.
#[derive(Debug, Clone)]
struct Settings {
    retry: RetryPolicy,
    concurrency: usize,
    prefetch: usize,
    ack_wait: Duration,
    max_ack_pending: usize,
}

/// What became of the events that a consumer was delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Handled and acknowledged.
    pub handled: u64,
    /// Failed, and to be delivered again; counted once per attempt.
    pub failed: u64,
    /// Handed back without having been tried, as the consumer was shut down.
    pub handed_back: u64,
}

impl Consumer {
    pub(crate) fn new(bus: Bus, service: String) -> Self {
        let settings = Settings {
            retry: RetryPolicy::default(),
            concurrency: 8,
            prefetch: 128,
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 1_000,
        };
        Self { bus, service, routes: Routes::default(), settings }
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

    /// When and how often to try again what failed.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// How many events of one stream are handled at the same time; at least 1. Default: 8.
    ///
    /// Handlers become tasks of their own at their first wait; what they compute before it, they compute in turn. Move long
    /// computations to `tokio::task::spawn_blocking`.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.settings.concurrency = handlers.max(1);
        self
    }

    /// How many events are fetched ahead of the handlers. Other instances of the service cannot have them meanwhile, so
    /// make it small, or 0, where handling takes long. Default: 128.
    pub fn prefetch(mut self, events: usize) -> Self {
        self.settings.prefetch = events;
        self
    }

    /// After how long without a sign of life the server delivers an event again. Handlers may take longer: a sign is sent
    /// three times as often. It bounds how long the events of an instance that died have to wait. Default: 15 s.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.settings.ack_wait = wait;
        self
    }

    /// How many events of one stream may be delivered and not acknowledged, over all instances of the service; those that
    /// wait to be tried again count too. Default: 1,000.
    pub fn max_ack_pending(mut self, events: usize) -> Self {
        self.settings.max_ack_pending = events.max(1);
        self
    }

    /// Consumes until `shutdown` resolves: then fetches no more, hands back what was fetched and not begun, waits for the
    /// handlers that run, and for the server to have heard of all of it.
    ///
    /// For every stream that holds events of these handlers there is one durable consumer, named after the service. One
    /// that exists is updated where it differs. Changing the set of handlers changes its filter from that moment on:
    /// events that it has passed already do not come back.
    ///
    /// Dropping the future instead stops at once: handlers are cut off, and their events come again after `ack_wait`.
    ///
    /// # Errors
    /// [`ConsumeError`] when there is no consumer to be had, or it was deleted meanwhile. Interruptions of the connection
    /// are no errors: they are waited out.
    pub async fn run<T>(self, shutdown: impl Future<Output = T> + Send) -> Result<Summary, ConsumeError> {
        let Self { bus, service, routes, settings } = self;
        check_name(&service)?;
        let mut dispatches = Vec::new();
        for (stream, filters) in routes.by_stream(bus.transport()).await? {
            let spec = ConsumerSettings {
                stream: stream.clone(),
                name: service.clone(),
                filters,
                deliver: crate::DeliverFrom::All,
                ack_wait: settings.ack_wait,
                max_ack_pending: settings.max_ack_pending,
                max_deliver: None,
                ordered: false,
            };
            let deliveries = bus.transport().consume(&spec).await?;
            tracing::info!(stream, consumer = service, filters = ?spec.filters, "consuming");
            dispatches.push(Dispatch::new(&bus, &stream, &service, &routes, &settings, deliveries));
        }
        // One stream's failure ends the others too, but in good order.
        let (stop, stopped) = watch::channel(false);
        let running = dispatches.into_iter().map(|dispatch| {
            let (stop, mut stopped) = (stop.clone(), stopped.clone());
            async move {
                let outcome = dispatch.run(async move { drop(stopped.wait_for(|stop| *stop).await) }).await;
                stop.send_replace(true);
                outcome
            }
        });
        let all = futures_util::future::join_all(running);
        let signal = shutdown.then(|_| {
            stop.send_replace(true);
            std::future::pending::<Infallible>()
        });
        let outcomes = tokio::select! {
            outcomes = all => outcomes,
            never = signal => match never {},
        };
        let mut summary = Summary::default();
        for outcome in outcomes {
            let part = outcome?;
            summary.handled += part.handled;
            summary.failed += part.failed;
            summary.handed_back += part.handed_back;
        }
        tracing::info!(consumer = service, ?summary, "stopped consuming");
        Ok(summary)
    }
}

/// A durable consumer's name is one token of subjects and a folder on the server's disk.
fn check_name(service: &str) -> Result<(), ConsumeError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if service.is_empty() || !service.chars().all(legal) {
        return Err(ConsumeError::InvalidName { name: service.to_owned() });
    }
    Ok(())
}
