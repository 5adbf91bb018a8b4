//! The routes, as the catalogue has them.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use eventsmith::catalogue::EventDescriptor;
use eventsmith::observe::Observer;
use eventsmith::{Bus, Kind};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::ask::ask;
use super::config::ApiConfig;
use super::health::Watch;
use super::openapi::openapi;
use super::problem::Problem;
use super::route::{newest, path};
use super::shared::Shared;
use crate::serve::{Limits, serve};

/// The API of a catalogue.
///
/// ```no_run
/// use eventsmith::{Bus, Config, shutdown_signal};
/// use rules_engine_edge::api::{Api, ApiConfig};
/// use tokio::net::TcpListener;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = Bus::connect(Config::from_env()?).await?;
/// let api = Api::new(&bus, rules_events::CATALOGUE, ApiConfig::new("/run/secrets/api-tokens"));
/// api.serve(TcpListener::bind("0.0.0.0:8080").await?, shutdown_signal()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
}

impl Api {
    /// The API of all commands and queries of a catalogue, in their newest versions.
    pub fn new(bus: &Bus, catalogue: &'static [EventDescriptor], config: ApiConfig) -> Self {
        let watch = Arc::new(Watch::default());
        let bus = bus.observed_by(Arc::clone(&watch) as Arc<dyn Observer>);
        let permits = Semaphore::new(config.max_concurrent);
        Self { shared: Arc::new(Shared { bus, config, permits, catalogue, watch }) }
    }

    /// The routes, to be served with others or asked by tests.
    pub fn router(&self) -> Router {
        let mut router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(|State(shared): State<Arc<Shared>>| async move { shared.watch.readiness() }))
            .route("/openapi.json", get(document));
        for described in newest(self.shared.catalogue) {
            router = router.route(&path(described), method(described));
        }
        router.fallback(unknown).method_not_allowed_fallback(not_allowed).with_state(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` resolves, and then what is under way.
    pub async fn serve<T>(&self, listener: TcpListener, shutdown: impl Future<Output = T>) {
        serve(listener, self.router(), Limits::default(), shutdown).await;
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("bus", &self.shared.bus).finish_non_exhaustive()
    }
}

fn method(described: &'static EventDescriptor) -> MethodRouter<Arc<Shared>> {
    let handler = move |State(shared): State<Arc<Shared>>, request: Request| async move {
        ask(&shared, described, request).await
    };
    match described.kind {
        Kind::Query => get(handler).post(handler),
        _ => post(handler),
    }
}

async fn document(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "max-age=60")], Json(openapi(shared.catalogue)))
}

async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown", "There is nothing here").with("/openapi.json lists what there is.")
}

async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "The method is not one of those of this route")
}
