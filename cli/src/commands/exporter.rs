//! `eventsmith exporter`: what no service tells, for Prometheus.

mod advisories;
mod figures;
mod growth;
mod watch;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use clap::Args;
use eventsmith::{Bus, Config, shutdown_signal};
use eventsmith_codegen::manifest;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::catalogue::Schemas;
use crate::connect::Connection;
use crate::exit::ExitStatus;
use crate::landscape::landscape;
use crate::output::note;
use crate::topology::topology;
use figures::Figures;
use watch::Watch;

/// After how long a connection that could not be made is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Export what no service tells, for Prometheus: streams, consumers whose service is down, dead letters, drift, the cluster
///
/// GET /metrics answers at once with what was last read of the server, which is looked at every so often, however many ask. What cannot be
/// read has no figures, and eventsmith_exporter_read says so. GET /healthz says that the exporter runs. The guide is docs/exporter.md.
#[derive(Args)]
pub(crate) struct Exporter {
    #[command(flatten)]
    schemas: Schemas,
    /// Where to listen, such as 0.0.0.0:9464; with port 0 at one that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// How often to look at the server, such as 15s
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = manifest::duration)]
    every: Duration,
    #[command(flatten)]
    connection: Connection,
}

impl Exporter {
    pub(crate) fn run(&self) -> anyhow::Result<ExitStatus> {
        if self.every < Duration::from_millis(100) {
            bail!("--every must be 100ms or more: each look is some requests to the server");
        }
        let loaded = self.schemas.load_sound()?;
        let topology = topology(&loaded);
        let landscape = landscape(&loaded, &topology);
        let config = self.connection.config()?;
        let figures = Arc::new(Mutex::new(Figures::new(&landscape, self.every)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context("cannot start the runtime of the exporter")?.block_on(async {
            let shutdown = shutdown_signal();
            let listener = TcpListener::bind(self.listen).await;
            let listener = listener.with_context(|| format!("cannot listen at {}; is the port taken?", self.listen))?;
            let address = listener.local_addr().context("cannot tell where it listens")?;
            note(format_args!("listening at http://{address}/metrics"));
            let watch = Watch { topology, root: landscape.root.clone(), every: self.every, figures: Arc::clone(&figures) };
            tokio::select! {
                served = axum::serve(listener, routes(figures)).into_future() => served.context("cannot serve any more")?,
                () = follow(config, &watch) => {}
                () = shutdown => {}
            }
            Ok(ExitStatus::Clean)
        })
    }
}

fn routes(figures: Arc<Mutex<Figures>>) -> Router {
    let metrics = move || {
        // A panic cannot leave a figure half written.
        let text = figures.lock().unwrap_or_else(PoisonError::into_inner).text(Instant::now());
        std::future::ready(([(CONTENT_TYPE, TEXT)], text))
    };
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(|| std::future::ready("ok\n")))
}

/// Connects, as often as it takes, and looks at the server for ever.
async fn follow(config: Config, watch: &Watch) {
    loop {
        match Bus::connect(config.clone()).await {
            Ok(bus) => watch.run(&bus).await,
            Err(error) => note(format_args!("not connected, and trying again: {error}")),
        }
        sleep(AGAIN).await;
    }
}
