//! Health and metrics over HTTP.

use std::fmt::Write;
use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use eventsmith_bus::observe::{ComponentKind, ComponentState};
use prometheus::TextEncoder;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::time::{Instant, sleep};

use crate::bounded::Bounded;
use crate::telemetry::Telemetry;

/// How long what is at work may take to end before health is served no longer.
const LINGER: Duration = Duration::from_secs(60);
/// How often to look whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Why health is not served.
///
/// ```
/// use eventsmith_telemetry::{ServeError, Telemetry};
///
/// async fn serve(telemetry: Telemetry) {
///     if let Err(ServeError { address, .. }) = telemetry.serve("0.0.0.0:9464", std::future::pending::<()>()).await {
///         eprintln!("{address} is in use");
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("health and metrics cannot be served on {address}: {source}; is another program listening there?")]
pub struct ServeError {
    /// Where they were to be served.
    pub address: String,
    /// What went wrong.
    pub source: io::Error,
}

impl Telemetry {
    /// Serves `/healthz`, `/readyz` and `/metrics` until `shutdown` resolves, and a little longer: from then on `/readyz` says no, so
    /// that nothing new is sent here, while consumers and services finish what they have in hand. It returns once all of them have ended.
    ///
    /// - `/healthz` says that the process answers.
    /// - `/readyz` says whether it is connected and all that was made of its bus is at work: consumers that found their streams and durable
    ///   consumers, services that are subscribed, projections and runners of sagas. Otherwise 503, and what is missing.
    /// - `/metrics` has the metrics as Prometheus reads them.
    ///
    /// Whoever connects cannot hold it up: 64 connections are open at a time, others wait, and one in which nothing is answered for 30
    /// seconds is cut off, whatever it sends.
    ///
    /// # Errors
    /// [`ServeError`] when nothing can listen on the address.
    pub async fn serve<T>(
        &self,
        address: impl ToSocketAddrs + std::fmt::Debug,
        shutdown: impl Future<Output = T>,
    ) -> Result<(), ServeError> {
        let name = format!("{address:?}");
        match TcpListener::bind(address).await {
            Ok(listener) => self.serve_on(listener, shutdown).await,
            Err(source) => Err(ServeError { address: name, source }),
        }
    }

    /// [`serve`](Self::serve) on a listener of one's own.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub async fn serve_on<T>(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = T>,
    ) -> Result<(), ServeError> {
        let address = listener.local_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
        let serving = async { axum::serve(Bounded::new(listener), self.router()).await };
        let ended = async {
            shutdown.await;
            self.stop();
            let until = Instant::now() + LINGER;
            while !self.has_ended() && Instant::now() < until {
                sleep(LOOK_AGAIN).await;
            }
        };
        tokio::select! {
            served = serving => served.map_err(|source| ServeError { address, source }),
            () = ended => Ok(()),
        }
    }

    /// The same three pages, for a server of one's own. Call [`stop`](Self::stop) when that is asked to end.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(readiness))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    /// What keeps the process from being ready, a line each; nothing if it is.
    pub fn unready(&self) -> Vec<String> {
        let stopping = self.is_stopping().then(|| "the process is asked to stop".to_owned());
        let components = self.components().all();
        let is_observed = components.iter().any(|component| component.kind() == ComponentKind::Connection);
        let unobserved = (!is_observed).then(|| "no bus is observed yet".to_owned());
        let idle = components.iter().filter(|component| component.state() != ComponentState::Working);
        let idle = idle.map(|component| {
            let (kind, name, state) = (component.kind().as_str(), component.name(), component.state().as_str());
            match component.trouble() {
                Some(trouble) => format!("{kind} {name}: {state}: {trouble}"),
                None => format!("{kind} {name}: {state}"),
            }
        });
        stopping.into_iter().chain(unobserved).chain(idle).collect()
    }

    /// Whether nothing is at work any more.
    fn has_ended(&self) -> bool {
        let components = self.components().all();
        let mut works = components.iter().filter(|component| component.kind() != ComponentKind::Connection);
        works.all(|component| matches!(component.state(), ComponentState::Ended | ComponentState::Made))
    }

    /// The metrics as Prometheus reads them.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        // What cannot be written is left out with the rest of it; there is no writer that fails.
        if TextEncoder::new().encode_utf8(&self.registry().gather(), &mut text).is_err() {
            text.clear();
        }
        text
    }
}

async fn readiness(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    let unready = telemetry.unready();
    if unready.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let mut text = "not ready\n".to_owned();
    for line in unready {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{line}");
    }
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

async fn metrics(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry.prometheus())
}
